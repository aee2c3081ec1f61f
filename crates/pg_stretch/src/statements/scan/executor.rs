//! The executor's callbacks: registration and query mode at the start, pruning at the first row, then row group by row
//! group. Everything is decided under the query's own snapshot; nothing here writes, so a parallel worker may do it.

use super::cold::{ColdRows, emptied};
use super::note::PlanNote;
use super::quals::Qual;
use super::{conditions, current};
use crate::cold::counters::Counters;
use crate::cold::mode::query_mode;
use crate::cold::reader::refuse_disabled;
use crate::cold::segments;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::{list, names, ours, shmem, user};
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use stretch_core::errors;
use stretch_core::purpose::Purpose;

/// One scan of a foreign table.
struct ColdScan {
    child: pg_sys::Oid,
    /// `None`: registered after the snapshot, so there are no cold rows.
    rows: Option<ColdRows>,
    quals: Vec<Qual>,
    expressions: *mut pg_sys::List,
    /// The expression of WHERE CURRENT OF.
    at_cursor: Option<*mut pg_sys::Node>,
    shows_system: bool,
    /// What was pruned is not shown: it would tell of rows that a policy hides (F32).
    secured: bool,
    started: bool,
}

/// `BeginForeignScan`.
#[pg_guard]
pub unsafe extern "C-unwind" fn begin(node: *mut pg_sys::ForeignScanState, flags: i32) {
    if flags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32 != 0 {
        return;
    }
    // SAFETY: the executor hands over a node in the making: plan, relation and state are valid. The scan is freed with
    // the query's memory, also after an ERROR.
    unsafe {
        let scan = prepare(node).or_raise();
        let context = (*(*node).ss.ps.state).es_query_cxt;
        (*node).fdw_state = PgMemoryContexts::For(context).leak_and_drop_on_delete(scan).cast();
    }
}

unsafe fn prepare(node: *mut pg_sys::ForeignScanState) -> Result<ColdScan> {
    // SAFETY: see `begin`.
    unsafe {
        let state = (*node).ss.ps.state;
        let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
        let relation = (*node).ss.ss_currentRelation;
        let (child, snapshot) = ((*relation).rd_id, (*state).es_snapshot);
        let table = segments::registered(child, snapshot)?;
        let shown = table.as_ref().map_or(child, |table| table.relation);
        let note = PlanNote::from_list((*plan).fdw_private)
            .ok_or_else(|| Error::internal("the plan of a scan of cold rows carries no note"))?;
        let purpose = Purpose::Query(query_mode(snapshot)?);
        let rows = match table {
            Some(table) => {
                // What refuses statements that would miss cold rows are hooks, which a library has only when it is
                // preloaded.
                shmem::require()?;
                let memory = (*state).es_query_cxt;
                Some(ColdRows::open(
                    relation,
                    table,
                    &note.columns,
                    snapshot,
                    purpose,
                    memory,
                )?)
            }
            None => refuse_disabled(purpose, child).map(|()| None)?,
        };
        if note.named_directly {
            may_be_named(child, shown)?;
        }
        Ok(ColdScan {
            child,
            rows,
            at_cursor: note.at_cursor.map(|at| list::nth((*plan).fdw_exprs, at)),
            quals: note.quals,
            expressions: pg_sys::ExecInitExprList((*plan).fdw_exprs, (&raw mut (*node).ss.ps).cast()),
            shows_system: note.shows_system,
            secured: note.secured,
            started: false,
        })
    }
}

/// Policies belong to the stretched table, so nobody reads its cold rows past it (F32); only superusers, who are past
/// policies anyway, and statements of the extension itself.
fn may_be_named(child: pg_sys::Oid, table: pg_sys::Oid) -> Result<()> {
    if ours::is_ours() || user::is_superuser(user::current()) {
        return Ok(());
    }
    Err(Error::new(
        &errors::UNSUPPORTED,
        format!("foreign table {} cannot be read by itself", names::relation(child)),
    )
    .hint(format!("Read table {}, which shows its rows.", names::relation(table))))
}

/// The scan of a node; none under EXPLAIN without ANALYZE.
unsafe fn of<'a>(node: *mut pg_sys::ForeignScanState) -> Option<&'a mut ColdScan> {
    // SAFETY: `fdw_state` is NULL or what `begin` put there; nobody else holds a reference during a callback.
    unsafe { (*node).fdw_state.cast::<ColdScan>().as_mut() }
}

/// The counters of a node that ran in this process; none when a parallel worker ran it, or a policy hides rows.
pub unsafe fn counters(node: *mut pg_sys::ForeignScanState) -> Option<Counters> {
    // SAFETY: the node is one of ours.
    let scan = unsafe { of(node) }.filter(|scan| !scan.secured)?;
    let counters = scan.rows.as_ref().map(|rows| rows.counters).unwrap_or_default();
    (scan.started || counters != Counters::default()).then_some(counters)
}

/// `IterateForeignScan`.
#[pg_guard]
pub unsafe extern "C-unwind" fn iterate(node: *mut pg_sys::ForeignScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the slot has the descriptor of the foreign table; its memory is the executor's.
    unsafe {
        let slot = (*node).ss.ss_ScanTupleSlot;
        emptied(slot);
        if let Some(scan) = of(node) {
            scan.row(node, slot).or_raise();
        }
        slot
    }
}

/// `ReScanForeignScan`: parameters may have changed, so the conditions are evaluated again.
#[pg_guard]
pub unsafe extern "C-unwind" fn rescan(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: the node is one of ours.
    if let Some(scan) = unsafe { of(node) } {
        scan.started = false;
    }
}

/// `EndForeignScan`: gives memory back early; after an ERROR the query's memory context does it.
#[pg_guard]
pub unsafe extern "C-unwind" fn end(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: the node is one of ours.
    if let Some(rows) = unsafe { of(node) }.and_then(|scan| scan.rows.as_mut()) {
        rows.end();
    }
}

impl ColdScan {
    unsafe fn row(&mut self, node: *mut pg_sys::ForeignScanState, slot: *mut pg_sys::TupleTableSlot) -> Result<()> {
        let Some(rows) = &mut self.rows else {
            return Ok(());
        };
        if !self.started {
            // SAFETY: expressions and context belong to this node, and so does the slot; the values of conditions live
            // until the context is reset.
            unsafe {
                let expressions = (*node).ss.ps.ps_ExprContext;
                if let Some(expression) = self.at_cursor {
                    current::refuse_cold(expression, expressions, self.child, rows.table().relation)?;
                    rows.end();
                } else {
                    rows.start(
                        &conditions::evaluate(&self.quals, self.expressions, expressions),
                        slot,
                        None,
                    )?;
                }
            }
            self.started = true;
        }
        // SAFETY: the slot was emptied.
        if unsafe { rows.fill(slot)? } && self.shows_system {
            return Err(system_columns_refused(rows.table().relation));
        }
        Ok(())
    }
}

/// The error for a system column of a cold row: ctid, xmin and the like are those of tuples in a heap.
pub fn system_columns_refused(relation: pg_sys::Oid) -> Error {
    Error::new(
        &errors::UNSUPPORTED,
        format!(
            "cold rows of table {} have no system columns but tableoid",
            names::relation(relation)
        ),
    )
    .hint("Leave the system columns out, or read ONLY the table for its hot rows.")
}
