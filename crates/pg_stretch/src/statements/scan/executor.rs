//! The executor's callbacks: registration and query mode at the start, pruning at the first row, then row group by row
//! group. Everything is decided under the query's own snapshot; nothing here writes, so a parallel worker may do it.

use super::note::PlanNote;
use super::quals::Qual;
use super::rows::Group;
use super::{conditions, current};
use crate::catalog::rows::StretchedTable;
use crate::cold::batches::Batches;
use crate::cold::columns::{self, Target};
use crate::cold::counters::Counters;
use crate::cold::mode::query_mode;
use crate::cold::reader::{Ask, Reader, refuse_disabled};
use crate::cold::segments;
use crate::pg::context::Context;
use crate::pg::error::{Error, OrRaise, Result, report};
use crate::pg::{list, names, ours, shmem, user};
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::rc::Rc;
use stretch_core::errors;
use stretch_core::purpose::Purpose;

/// One scan of a foreign table.
struct ColdScan {
    child: pg_sys::Oid,
    /// `None`: registered after the snapshot, so there are no cold rows.
    reader: Option<Rc<Reader>>,
    /// The columns that the query needs.
    projected: Vec<Target>,
    quals: Vec<Qual>,
    expressions: *mut pg_sys::List,
    /// The expression of WHERE CURRENT OF.
    at_cursor: Option<*mut pg_sys::Node>,
    shows_system: bool,
    /// What was pruned is not shown: it would tell of rows that a policy hides (F32).
    secured: bool,
    /// Owner of the stretched table.
    owner: pg_sys::Oid,
    /// For the datums of a slice, and for what their makers look up.
    slice_context: Context,
    group_context: Context,
    started: bool,
    warned: bool,
    batches: Option<Batches>,
    /// The batch that is shown.
    group: Option<Group>,
    counters: Counters,
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
        let reader = match table {
            Some(table) => {
                // What refuses statements that would miss cold rows are hooks, which a library has only when it is
                // preloaded.
                shmem::require()?;
                let columns = columns::targets(relation, &table)?;
                Some(Rc::new(Reader::open(table, columns, snapshot, purpose)?))
            }
            None => refuse_disabled(purpose, child).map(|()| None)?,
        };
        if note.named_directly {
            may_be_named(child, shown)?;
        }
        let is_wanted = |target: &&Target| note.columns.contain(target.attribute);
        let columns = reader.as_ref().map_or(&[][..], |reader| reader.columns());
        Ok(ColdScan {
            child,
            projected: columns.iter().filter(is_wanted).copied().collect(),
            at_cursor: note.at_cursor.map(|at| list::nth((*plan).fdw_exprs, at)),
            quals: note.quals,
            expressions: pg_sys::ExecInitExprList((*plan).fdw_exprs, (&raw mut (*node).ss.ps).cast()),
            shows_system: note.shows_system,
            secured: note.secured,
            owner: user::relation_owner(shown),
            slice_context: Context::under((*state).es_query_cxt, c"pg_stretch rows"),
            group_context: Context::under((*state).es_query_cxt, c"pg_stretch row group"),
            reader,
            started: false,
            warned: false,
            batches: None,
            group: None,
            counters: Counters::default(),
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
    unsafe { of(node) }
        .filter(|scan| !scan.secured && (scan.started || scan.counters != Counters::default()))
        .map(|scan| scan.counters)
}

/// `IterateForeignScan`.
#[pg_guard]
pub unsafe extern "C-unwind" fn iterate(node: *mut pg_sys::ForeignScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the slot has the descriptor of the foreign table; its memory is the executor's.
    unsafe {
        let slot = (*node).ss.ss_ScanTupleSlot;
        // A parent node may have made a tuple of the last row; then only the slot's own method frees it.
        if (*slot).tts_flags & pg_sys::TTS_FLAG_SHOULDFREE as u16 != 0
            && let Some(clear) = (*(*slot).tts_ops).clear
        {
            pg_sys::ffi::pg_guard_ffi_boundary(|| clear(slot));
        }
        (*slot).tts_flags |= pg_sys::TTS_FLAG_EMPTY as u16;
        (*slot).tts_nvalid = 0;
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
    if let Some(scan) = unsafe { of(node) } {
        scan.group = None;
        scan.batches = None;
    }
}

impl ColdScan {
    unsafe fn row(&mut self, node: *mut pg_sys::ForeignScanState, slot: *mut pg_sys::TupleTableSlot) -> Result<()> {
        if self.reader.is_none() {
            return Ok(());
        }
        if !self.started {
            // SAFETY: the slot's arrays have a place for each attribute; columns that are not filled stay NULL.
            unsafe {
                let width = (*(*slot).tts_tupleDescriptor).natts as usize;
                std::slice::from_raw_parts_mut((*slot).tts_isnull, width).fill(true);
                self.start((*node).ss.ps.ps_ExprContext)?;
            }
            self.started = true;
        }
        loop {
            if let Some(group) = &mut self.group {
                // SAFETY: the slot was prepared above, the context is this scan's.
                if unsafe { group.fill(slot, self.slice_context)? } {
                    return if self.shows_system {
                        Err(self.system_refused())
                    } else {
                        Ok(())
                    };
                }
            }
            if !self.advance()? {
                return Ok(());
            }
        }
    }

    /// Decides what to read: segments of the manifest, less what the conditions rule out.
    unsafe fn start(&mut self, expressions: *mut pg_sys::ExprContext) -> Result<()> {
        let Some(reader) = self.reader.clone() else {
            return Ok(());
        };
        if let Some(expression) = self.at_cursor {
            // SAFETY: expression and context belong to this node.
            unsafe { current::refuse_cold(expression, expressions, self.child, reader.table().relation)? };
            (self.batches, self.group) = (None, None);
            return Ok(());
        }
        let ask = Ask {
            columns: &self.projected,
            // SAFETY: expressions and context belong to this node.
            conditions: &unsafe { conditions::evaluate(&self.quals, self.expressions, expressions) },
            except: None,
        };
        // SAFETY: the conditions' values live until the context is reset.
        let choice = unsafe { reader.choose(&ask, &mut self.counters)? };
        if choice.left_out > 0 && !std::mem::replace(&mut self.warned, true) {
            warn_left_out(reader.table(), choice.left_out);
        }
        let batches = reader.batches(&ask, choice);
        self.begin_again(batches);
        Ok(())
    }

    /// Keeps the decoded rows when a rescan wants the one row group that is at hand.
    fn begin_again(&mut self, batches: Batches) {
        let at_hand = self.batches.as_ref().and_then(Batches::single);
        if at_hand.is_some()
            && at_hand == batches.single()
            && let Some(group) = &mut self.group
        {
            group.rewind();
            return;
        }
        self.batches = Some(batches);
        self.group = None;
    }

    /// Brings the next batch; false at the end.
    fn advance(&mut self) -> Result<bool> {
        let Some(batches) = &mut self.batches else {
            return Ok(false);
        };
        if batches.is_done() {
            return Ok(false);
        }
        // The row group before goes first: two at a time would be twice the memory.
        self.group = None;
        // SAFETY: what lived there belonged to the row group before.
        unsafe { self.group_context.reset() };
        let Some(batch) = batches.next(&mut self.counters)? else {
            return Ok(false);
        };
        self.group = Some(Group::new(batch, &self.projected, self.owner, self.group_context));
        Ok(true)
    }

    fn system_refused(&self) -> Error {
        system_columns_refused(
            self.reader
                .as_ref()
                .map_or(self.child, |reader| reader.table().relation),
        )
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

fn warn_left_out(table: &StretchedTable, rows: i64) {
    report(
        pg_sys::WARNING as i32,
        "01000",
        &format!(
            "up to {rows} cold rows of table {} are left out",
            names::relation(table.relation)
        ),
        Some("The query mode is LOCAL_ONLY and these rows are only on the endpoint."),
        Some("Run stretch.set_query_mode('LOCAL_AND_REMOTE') to read all rows."),
    );
}
