//! UPDATE and DELETE of cold rows: a tombstone kills the old version, and a new one goes into the heap through its
//! constraints, indexes and triggers (design §8). Row triggers of the stretched table fire as for hot rows.

pub mod callbacks;
mod heap;
mod image;
pub mod pending;
mod tuples;

use crate::catalog::rows::StretchedTable;
use crate::cold::segments;
use crate::pg::context::{Context, Inside};
use crate::pg::error::{Error, Result};
use crate::pg::gucs::{COLD_WRITES, ColdWrites};
use crate::pg::{names, shmem};
use heap::Heap;
use pending::{Kill, Pending};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;
use stretch_core::errors;
use tuples::Junk;

/// What a statement keeps for the cold side of one table that it changes.
pub struct ColdWrite {
    node: *mut pg_sys::ModifyTableState,
    statement: *mut pg_sys::EState,
    child: pg_sys::Oid,
    junk: Junk,
    traits: Traits,
    /// Made when the first cold row is met; most statements meet none.
    met: Option<Met>,
}

/// What the planner saw of a statement.
#[derive(Clone, Copy)]
pub struct Traits {
    /// It calls volatile functions, which may look at what it did so far.
    pub volatile: bool,
    /// It returns a system column, which cold rows do not have.
    pub returns_system_columns: bool,
}

struct Met {
    table: StretchedTable,
    segments: Rc<segments::List>,
    heap: Heap,
    pending: Rc<RefCell<Pending>>,
    /// For the tuples of one row; lives until the next one.
    row_context: Context,
}

impl ColdWrite {
    /// For one node of a statement that may change rows of the cold side `target`.
    ///
    /// # Safety
    /// Node and result relation are those that `BeginForeignModify` got.
    pub unsafe fn new(node: *mut pg_sys::ModifyTableState, target: *mut pg_sys::ResultRelInfo, traits: Traits) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                node,
                statement: (*node).ps.state,
                child: (*(*target).ri_RelationDesc).rd_id,
                junk: Junk::of(node),
                traits,
                met: None,
            }
        }
    }

    /// Deletes the cold row that the plan found; its old content in `slot` when the statement returns it. NULL when
    /// there is nothing to do: a trigger said so, or the statement met the row before.
    ///
    /// # Safety
    /// Called by `ExecForeignDelete` with what it got.
    pub unsafe fn delete(
        &mut self,
        target: *mut pg_sys::ResultRelInfo,
        slot: *mut pg_sys::TupleTableSlot,
        plan_slot: *mut pg_sys::TupleTableSlot,
    ) -> Result<*mut pg_sys::TupleTableSlot> {
        // SAFETY: the caller's promise; tuples live in the row's context until the next row.
        unsafe {
            let identity = self.junk.identity(plan_slot)?;
            let old = self.junk.whole_row(plan_slot);
            let met = self.meet("DELETE")?;
            let _context = met.begin_row();
            let before = match old {
                Some(old) => Some(met.heap.parent_form(tuples::from_datum(old))),
                None => None,
            };
            if let Some(before) = before
                && !met.heap.before_delete(before)
            {
                return Ok(std::ptr::null_mut());
            }
            if met.kill(identity)? == Kill::Before {
                return Ok(std::ptr::null_mut());
            }
            if let Some(before) = before {
                met.heap.after_delete(before);
            }
            if let Some(old) = old
                && !(*target).ri_projectReturning.is_null()
            {
                pg_sys::ExecForceStoreHeapTuple(tuples::from_datum(old), slot, false);
            }
            Ok(slot)
        }
    }

    /// Replaces the cold row that the plan found by the new version in `slot`, which goes into the heap. The answer is
    /// NULL when there is nothing to do: a trigger said so, or the statement met the row before.
    ///
    /// # Safety
    /// Called by `ExecForeignUpdate` with what it got.
    pub unsafe fn update(
        &mut self,
        target: *mut pg_sys::ResultRelInfo,
        slot: *mut pg_sys::TupleTableSlot,
        plan_slot: *mut pg_sys::TupleTableSlot,
    ) -> Result<*mut pg_sys::TupleTableSlot> {
        // SAFETY: as in `delete`.
        unsafe {
            let identity = self.junk.identity(plan_slot)?;
            let old = self
                .junk
                .whole_row(plan_slot)
                .ok_or_else(|| Error::internal("an UPDATE of cold rows lacks their old content"))?;
            let met = self.meet("UPDATE")?;
            let _context = met.begin_row();
            let before = met.heap.parent_form(tuples::from_datum(old));
            let new = met.heap.new_version(slot);
            if !met.heap.before_update(before, new) {
                return Ok(std::ptr::null_mut());
            }
            met.heap.show(new, slot);
            if !(*target).ri_WithCheckOptions.is_null() {
                let kind = pg_sys::WCOKind::WCO_RLS_UPDATE_CHECK;
                pg_sys::ExecWithCheckOptions(kind, target, slot, met.heap.statement());
            }
            met.heap.check_constraints(new);
            if met.kill(identity)? == Kill::Before {
                return Ok(std::ptr::null_mut());
            }
            let recheck = met.heap.insert(new);
            met.heap.after_update(before, new, recheck);
            Ok(slot)
        }
    }

    /// Ends the statement's part: indexes and table are closed.
    pub fn end(&mut self) {
        if let Some(met) = self.met.take() {
            met.heap.close();
        }
    }

    /// The first cold row: from here on the statement changes the cold side, if it may.
    unsafe fn meet(&mut self, what: &str) -> Result<&mut Met> {
        if self.met.is_none() {
            // SAFETY: the statement runs.
            let met = unsafe { self.first(what)? };
            self.met = Some(met);
        }
        self.met.as_mut().ok_or_else(|| Error::internal("no cold side"))
    }

    unsafe fn first(&self, what: &str) -> Result<Met> {
        // SAFETY: the statement runs; contexts are children of its own.
        unsafe {
            let snapshot = (*self.statement).es_snapshot;
            let table = segments::registered(self.child, snapshot)?
                .ok_or_else(|| Error::internal("a cold row of a table that was not stretched"))?;
            // Tombstones are written by a hook at the end of the statement, which only a preloaded library has.
            shmem::require()?;
            if self.traits.returns_system_columns {
                return Err(super::scan::executor::system_columns_refused(table.relation));
            }
            if COLD_WRITES.get() == ColdWrites::Refuse {
                return Err(refused(what, table.relation));
            }
            let context = (*self.statement).es_query_cxt;
            let outer = pg_sys::MemoryContextSwitchTo(context);
            let heap = Heap::open(self.node, self.child, table.relation);
            let row_context = Context::under(context, c"pg_stretch cold write");
            pg_sys::MemoryContextSwitchTo(outer);
            let is_delete = (*self.node).operation == pg_sys::CmdType::CMD_DELETE;
            let keeps = is_delete && !self.traits.volatile && !heap.has_row_triggers();
            Ok(Met {
                segments: segments::segments(&table.table_id, table.relation, snapshot)?,
                table,
                heap,
                pending: pending::of_statement(self.statement, self.child, keeps)?,
                row_context,
            })
        }
    }
}

impl Met {
    /// Forgets the row before, and allocates in the row's context until dropped.
    unsafe fn begin_row(&self) -> Inside {
        // SAFETY: tuples of the row before are no longer looked at.
        unsafe { self.row_context.reset() };
        self.row_context.enter()
    }

    fn kill(&self, (number, row): (u32, u32)) -> Result<Kill> {
        let segment = self.segments.by_number(number).ok_or_else(|| {
            Error::internal(format!(
                "a cold row of table {} is in no segment",
                names::relation(self.table.relation)
            ))
        })?;
        self.pending.borrow_mut().kill(segment, row)
    }
}

/// Under LOCAL_ONLY a statement could overlook rows that it should meet (F36).
pub fn refused_locally(relation: pg_sys::Oid) -> Error {
    Error::new(
        &errors::COLD_ROWS_REFUSED,
        format!(
            "UPDATE and DELETE of table {} are refused in query mode LOCAL_ONLY",
            names::relation(relation)
        ),
    )
    .hint("Use ONLY to change hot rows alone, or run stretch.set_query_mode('LOCAL_AND_REMOTE').")
}

/// SQL Server's behaviour, asked for by `stretch.cold_writes`.
pub fn refused(what: &str, relation: pg_sys::Oid) -> Error {
    Error::new(
        &errors::COLD_ROWS_REFUSED,
        format!("{what} reaches a cold row of table {}", names::relation(relation)),
    )
    .hint("Leave cold rows out by a condition that contradicts the filter, or SET stretch.cold_writes = allow.")
}
