//! The state of a scan of hot and cold rows, and what its parts have in common.

use super::cold_side::ColdSide;
use super::kept::Backward;
use super::merge::Sorted;
use super::shows::Shows;
use crate::pg::error::OrRaise;
use crate::pg::raw;
use crate::statements::table_am::heap;
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::sync::atomic::AtomicU64;

/// Where a scan is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    Hot,
    Cold,
    Done,
}

/// The node's state. The server makes it of zeros, and sees the first field.
#[repr(C)]
pub struct Combiner {
    pub node: pg_sys::CustomScanState,
    /// The heap's scan.
    pub hot: *mut pg_sys::PlanState,
    /// For cold rows; `node.ss.ss_ScanTupleSlot` is that of the row shown last.
    pub own_slot: *mut pg_sys::TupleTableSlot,
    /// NULL until the first need.
    pub cold: *mut ColdSide,
    /// For rows in an order; NULL where hot rows come first. Made at the first need.
    pub merged: *mut Merged,
    /// NULL in an execution that only goes forward.
    pub backward: *mut Backward,
    /// In shared memory, where processes of a parallel query count the segments that they took; else NULL.
    pub shared: *const AtomicU64,
    pub phase: Phase,
    /// Hot and cold rows are merged into one order.
    pub ordered: bool,
    pub shows: Shows,
    /// The heap's scan was begun.
    pub begun: bool,
}

/// Where a merge is.
pub struct Merged {
    pub sorted: Sorted,
    /// The hot row that comes next, empty at the end.
    pub hot: *mut pg_sys::TupleTableSlot,
    /// The node's own slot holds the cold row that comes next.
    pub cold_waits: bool,
    pub showed_hot: bool,
}

impl Merged {
    /// Nothing yet.
    pub fn new(sorted: Sorted) -> Self {
        Self {
            sorted,
            hot: std::ptr::null_mut(),
            cold_waits: false,
            showed_hot: false,
        }
    }
}

/// Whether EvalPlanQual runs the plan again for one row of this relation: the heap's scan then shows that row.
///
/// # Safety
/// The node is one of ours, initialised.
pub unsafe fn is_rechecked(node: *mut pg_sys::CustomScanState) -> bool {
    // SAFETY: the arrays have a place for each entry of the range table.
    unsafe {
        let Some(recheck) = (*(*node).ss.ps.state).es_epq_active.as_ref() else {
            return false;
        };
        let at = (*(*node).ss.ps.plan.cast::<pg_sys::Scan>()).scanrelid as usize - 1;
        *recheck.relsubs_done.add(at)
            || !(*recheck.relsubs_slot.add(at)).is_null()
            || !(*recheck.relsubs_rowmark.add(at)).is_null()
    }
}

/// Whether a slot has no row.
///
/// # Safety
/// A slot of the executor, or NULL.
pub unsafe fn is_empty(slot: *mut pg_sys::TupleTableSlot) -> bool {
    // SAFETY: a slot or NULL.
    unsafe { slot.is_null() || (*slot).tts_flags & pg_sys::TTS_FLAG_EMPTY as u16 != 0 }
}

/// Begins a sequential scan of the heap alone. The access method would give all rows to a scan that it does not know
/// as ours.
///
/// # Safety
/// The node is one of ours, initialised.
pub unsafe fn begin_heap(this: *mut Combiner) {
    use pg_sys::ScanOptions::{SO_ALLOW_PAGEMODE, SO_ALLOW_STRAT, SO_ALLOW_SYNC, SO_TYPE_SEQSCAN};
    // SAFETY: the tag of a node tells its type; heap has each callback.
    unsafe {
        (*this).begun = true;
        if (*(*this).hot).type_ != pg_sys::NodeTag::T_SeqScanState {
            return;
        }
        let scan = (*this).hot.cast::<pg_sys::ScanState>();
        if (*scan).ss_currentScanDesc.is_null()
            && let Some(begin) = heap::routine().scan_begin
        {
            (*scan).ss_currentScanDesc = begin(
                (*scan).ss_currentRelation,
                (*(*scan).ps.state).es_snapshot,
                0,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                SO_TYPE_SEQSCAN | SO_ALLOW_STRAT | SO_ALLOW_SYNC | SO_ALLOW_PAGEMODE,
            );
        }
    }
}

/// WHERE CURRENT OF looks at the slot of the row that was shown last. That of an index-only scan has no identity of its
/// own, for which the server asks the scan itself.
///
/// # Safety
/// The node is one of ours, initialised.
pub unsafe fn show_hot(this: *mut Combiner) {
    // SAFETY: the heap's node is a scan.
    unsafe {
        let slot = (*(*this).hot.cast::<pg_sys::ScanState>()).ss_ScanTupleSlot;
        if (*(*this).hot).type_ == pg_sys::NodeTag::T_IndexOnlyScanState {
            let scan = (*(*this).hot.cast::<pg_sys::IndexOnlyScanState>()).ioss_ScanDesc;
            (*slot).tts_tid = (*scan).xs_heaptid;
        }
        (*this).node.ss.ss_ScanTupleSlot = slot;
    }
}

/// The cold side, and whether it has rows now.
///
/// # Safety
/// The node is one of ours, initialised.
pub unsafe fn start_cold<'a>(this: *mut Combiner) -> (&'a mut ColdSide, bool) {
    // SAFETY: the node is one of ours.
    unsafe {
        let node = &raw mut (*this).node;
        if (*this).cold.is_null() {
            let side = ColdSide::of_plan(node).or_raise();
            let memory = (*(*node).ss.ps.state).es_query_cxt;
            (*this).cold = PgMemoryContexts::For(memory).leak_and_drop_on_delete(side);
        }
        let cold = &mut *(*this).cold;
        let has_rows = (*this).phase == Phase::Cold
            || match (*this).shows {
                // What is above has begun.
                Shows::Rest => cold.has_begun(),
                _ => {
                    let shared = (!(*this).shared.is_null()).then_some((*this).shared);
                    cold.start(node, (*this).own_slot, shared).or_raise()
                }
            };
        (cold, has_rows)
    }
}

/// Begins the cold side of a scan whose cold rows an aggregate above takes before; false when it has none.
///
/// # Safety
/// The node is one of ours, initialised.
pub unsafe fn start_rest<'a>(this: *mut Combiner) -> (&'a mut ColdSide, bool) {
    // SAFETY: the caller's promise.
    unsafe {
        let (cold, _) = start_cold(this);
        cold.end();
        let shared = (!(*this).shared.is_null()).then_some((*this).shared);
        let has_rows = cold.start(&raw mut (*this).node, (*this).own_slot, shared).or_raise();
        (cold, has_rows)
    }
}

/// The row in our own slot, as the plan wants it.
///
/// # Safety
/// The node is one of ours, initialised.
pub unsafe fn projected(this: *mut Combiner) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node is one of ours; a projection may raise an ERROR, and nothing is owned.
    unsafe {
        let node = &raw mut (*this).node;
        (*node).ss.ss_ScanTupleSlot = (*this).own_slot;
        let projection = (*node).ss.ps.ps_ProjInfo;
        if projection.is_null() {
            return (*this).own_slot;
        }
        let row = match (*this).cold.as_ref() {
            Some(cold) => cold.shown((*this).own_slot),
            None => (*this).own_slot,
        };
        (*(*node).ss.ps.ps_ExprContext).ecxt_scantuple = row;
        raw::guarded(|| raw::ExecProject(projection))
    }
}
