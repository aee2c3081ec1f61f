//! The cold side of a scan of hot and cold rows: whether any cold row can be wanted, which are, and the conditions that
//! each must satisfy.

use super::cold::{ColdRows, emptied};
use super::note::PlanNote;
use super::{conditions, filter, quals};
use crate::catalog::stretched;
use crate::cold::counters::Counters;
use crate::cold::mode::query_mode;
use crate::cold::{segments, tuples};
use crate::pg::error::{Error, Result};
use crate::pg::{list, raw, slot};
use crate::statements::table_am::cold::refused_locally;
use pgrx::pg_sys;
use std::sync::atomic::AtomicU64;
use stretch_columns::expression::Expression;
use stretch_core::purpose::Purpose;
use stretch_core::state::QueryMode;

/// The cold side of one node, opened at its first need.
pub struct ColdSide {
    note: PlanNote,
    /// Values of the conditions that may prune.
    values: *mut pg_sys::List,
    /// What is computed of columns to be compared with them.
    operands: Vec<Expression>,
    /// All conditions; NULL for none.
    conditions: *mut pg_sys::ExprState,
    rows: Option<ColdRows>,
    /// Each condition had a value that stored values can be compared with.
    is_decided: bool,
    /// For a row as a tuple of the heap; NULL where no expression asks for who made it.
    tuple: *mut pg_sys::TupleTableSlot,
}

impl ColdSide {
    /// Of a node's plan.
    ///
    /// # Safety
    /// The node is one of ours, initialised.
    pub unsafe fn of_plan(node: *mut pg_sys::CustomScanState) -> Result<Self> {
        // SAFETY: the lists are those of `combined_plan`; expressions live as long as the query.
        unsafe {
            let plan = (*node).ss.ps.plan.cast::<pg_sys::CustomScan>();
            let note = PlanNote::from_list(list::nth((*plan).custom_private, 0))
                .ok_or_else(|| Error::internal("the plan of a scan of cold rows carries no note"))?;
            let operands = quals::operands(list::nth((*plan).custom_exprs, 3), (*plan).scan.scanrelid)
                .ok_or_else(|| Error::internal("the plan of a scan of cold rows computes what cannot be computed"))?;
            let outer = pg_sys::MemoryContextSwitchTo((*(*node).ss.ps.state).es_query_cxt);
            let parent = &raw mut (*node).ss.ps;
            let layout = (*(*node).ss.ss_currentRelation).rd_att;
            let side = Self {
                tuple: match note.shows_system {
                    true => pg_sys::ExecInitExtraTupleSlot((*node).ss.ps.state, layout, &pg_sys::TTSOpsHeapTuple),
                    false => std::ptr::null_mut(),
                },
                note,
                operands,
                values: pg_sys::ExecInitExprList(list::nth((*plan).custom_exprs, 1), parent),
                conditions: pg_sys::ExecInitQual(list::nth((*plan).custom_exprs, 0), parent),
                rows: None,
                is_decided: false,
            };
            pg_sys::MemoryContextSwitchTo(outer);
            Ok(side)
        }
    }

    /// Begins with the values that the conditions have now; false when no cold row can satisfy them. What contradicts
    /// the filter is seen without a look at the catalog (I-11).
    ///
    /// # Safety
    /// As for [`of_plan`](Self::of_plan); the slot is the node's own, and `shared` is as for [`ColdRows::start`].
    pub unsafe fn start(
        &mut self,
        node: *mut pg_sys::CustomScanState,
        slot: *mut pg_sys::TupleTableSlot,
        shared: Option<*const AtomicU64>,
    ) -> Result<bool> {
        // SAFETY: expressions and context belong to this node.
        unsafe {
            let context = (*node).ss.ps.ps_ExprContext;
            let wanted = conditions::evaluate(&self.note.quals, &self.operands, self.values, context);
            self.is_decided = wanted.clauses.len() == self.note.quals.len();
            let relation = (*node).ss.ss_currentRelation;
            if let Some(info) = stretched::lookup((*relation).rd_id)?
                && let Some(filter) = filter::of(&info)?
                && filter.contradicts(&wanted.clauses)
            {
                return Ok(false);
            }
            if self.rows.is_none() {
                self.rows = self.open(node)?;
            }
            let Some(rows) = &mut self.rows else {
                return Ok(false);
            };
            emptied(slot);
            rows.start(&wanted, slot, shared)?;
            Ok(true)
        }
    }

    /// Whether it was begun and not ended.
    pub fn has_begun(&self) -> bool {
        self.rows.as_ref().is_some_and(ColdRows::has_begun)
    }

    /// The rows, begun or not.
    pub fn begun_rows(&mut self) -> Option<&mut ColdRows> {
        self.rows.as_mut()
    }

    /// The rows, where stored values can be asked for all conditions that the plan noted.
    pub fn rows(&mut self) -> Option<&mut ColdRows> {
        self.rows.as_mut().filter(|_| self.is_decided)
    }

    /// `None` when the table was stretched after the query's snapshot was taken.
    unsafe fn open(&self, node: *mut pg_sys::CustomScanState) -> Result<Option<ColdRows>> {
        // SAFETY: the node's relation and snapshot live as long as the query.
        unsafe {
            let state = (*node).ss.ps.state;
            let (relation, snapshot) = ((*node).ss.ss_currentRelation, (*state).es_snapshot);
            let purpose = Purpose::Query(query_mode(snapshot)?);
            let Some(table) = segments::registered((*relation).rd_id, snapshot)? else {
                return Ok(None);
            };
            if purpose == Purpose::Query(QueryMode::LocalOnly) && is_target(node) {
                return Err(refused_locally(table.relation));
            }
            let columns = &self.note.columns;
            ColdRows::open(relation, table, columns, snapshot, purpose, (*state).es_query_cxt).map(Some)
        }
    }

    /// Puts the next row that satisfies the conditions into the slot; false at the end.
    ///
    /// # Safety
    /// As for [`start`](Self::start), which began.
    pub unsafe fn next(
        &mut self,
        node: *mut pg_sys::CustomScanState,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> Result<bool> {
        let tuple = self.tuple;
        let Some(rows) = &mut self.rows else {
            return Ok(false);
        };
        // SAFETY: the slot and the context belong to this node.
        unsafe {
            let context = (*node).ss.ps.ps_ExprContext;
            let conditions = self.conditions;
            loop {
                emptied(slot);
                if !rows.fill(slot)? {
                    return Ok(false);
                }
                (*slot).tts_tableOid = (*(*node).ss.ss_currentRelation).rd_id;
                (*context).ecxt_scantuple = shown(tuple, slot);
                // What the row before needed goes first.
                let satisfies = raw::guarded(|| {
                    raw::MemoryContextReset((*context).ecxt_per_tuple_memory);
                    raw::check_for_interrupts();
                    conditions.is_null() || raw::ExecQual(conditions, context)
                });
                if satisfies {
                    return Ok(true);
                }
            }
        }
    }

    /// The row in the node's own slot as expressions see it.
    ///
    /// # Safety
    /// As for [`start`](Self::start); the slot has a row.
    pub unsafe fn shown(&self, slot: *mut pg_sys::TupleTableSlot) -> *mut pg_sys::TupleTableSlot {
        // SAFETY: the caller's promise.
        unsafe { shown(self.tuple, slot) }
    }

    /// What it did; none when a policy hides rows, of which the numbers would tell.
    pub fn counters(&self) -> Option<Counters> {
        let rows = self.rows.as_ref().filter(|_| !self.note.secured)?;
        Some(rows.counters)
    }

    /// Lets go of what was read.
    pub fn end(&mut self) {
        if let Some(rows) = &mut self.rows {
            rows.end();
        }
    }
}

/// Whether the statement changes rows of the relation that the node scans for it.
unsafe fn is_target(node: *mut pg_sys::CustomScanState) -> bool {
    // SAFETY: the caller's node, of a statement that has started; its targets are a list of integers.
    unsafe {
        let scan = (*node).ss.ps.plan.cast::<pg_sys::Scan>();
        let statement = (*(*node).ss.ps.state).es_plannedstmt;
        list::integers((*statement).resultRelations).contains(&((*scan).scanrelid as i32))
    }
}

/// The row in `slot`, or in `tuple` where that is a slot: there it has xmin and the like, those of a row that everybody
/// may see.
unsafe fn shown(tuple: *mut pg_sys::TupleTableSlot, slot: *mut pg_sys::TupleTableSlot) -> *mut pg_sys::TupleTableSlot {
    if tuple.is_null() {
        return slot;
    }
    // SAFETY: both slots have the layout of the table; what is formed lies in the memory of the slot, which frees it.
    unsafe {
        let layout = (*tuple).tts_tupleDescriptor;
        let outer = pg_sys::MemoryContextSwitchTo((*tuple).tts_mcxt);
        let formed = tuples::formed(layout, (*slot).tts_tableOid, slot);
        pg_sys::MemoryContextSwitchTo(outer);
        pg_sys::ExecStoreHeapTuple(formed, tuple, true);
        (*tuple).tts_tableOid = (*slot).tts_tableOid;
        // The expressions were made for slots that hold all columns.
        slot::take_apart(tuple, (*layout).natts as i16);
        tuple
    }
}
