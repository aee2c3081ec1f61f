//! The scan of hot and cold rows: it owns the heap's scan, shows what that shows, and then the cold rows.
//!
//! A hot row costs one look at a flag on top of the heap's scan. The cold side (`cold_side.rs`) is opened when the heap
//! has no more rows and nothing says that no cold one is wanted.

use super::cold_side::ColdSide;
use crate::pg::error::OrRaise;
use crate::pg::{hook, list, raw};
use crate::statements::table_am::heap;
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::ffi::CStr;

/// What EXPLAIN calls the node.
pub const NAME: &CStr = c"Stretch";

/// Where a scan is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    Hot,
    Cold,
    Done,
}

/// The node's state. The server makes it of zeros, and sees the first field.
#[repr(C)]
pub struct Combiner {
    node: pg_sys::CustomScanState,
    /// The heap's scan.
    hot: *mut pg_sys::PlanState,
    /// For cold rows; `node.ss.ss_ScanTupleSlot` is that of the row shown last.
    own_slot: *mut pg_sys::TupleTableSlot,
    /// NULL until the first need.
    cold: *mut ColdSide,
    phase: Phase,
    /// At most one row is selected, hot or cold.
    one_row: bool,
    /// The heap's scan was begun.
    begun: bool,
}

struct Methods<T>(T);

// SAFETY: addresses of static functions and a static string.
unsafe impl<T> Sync for Methods<T> {}

static SCAN: Methods<pg_sys::CustomScanMethods> = Methods(pg_sys::CustomScanMethods {
    CustomName: NAME.as_ptr(),
    CreateCustomScanState: Some(create),
});

static EXECUTION: Methods<pg_sys::CustomExecMethods> = Methods(pg_sys::CustomExecMethods {
    CustomName: NAME.as_ptr(),
    BeginCustomScan: Some(begin),
    ExecCustomScan: Some(next),
    EndCustomScan: Some(end),
    ReScanCustomScan: Some(rescan),
    MarkPosCustomScan: None,
    RestrPosCustomScan: None,
    EstimateDSMCustomScan: None,
    InitializeDSMCustomScan: None,
    ReInitializeDSMCustomScan: None,
    InitializeWorkerCustomScan: None,
    ShutdownCustomScan: None,
    ExplainCustomScan: Some(explain),
});

/// The methods of our plans.
pub fn methods() -> *const pg_sys::CustomScanMethods {
    &SCAN.0
}

/// `CreateCustomScanState`.
#[pg_guard]
unsafe extern "C-unwind" fn create(_plan: *mut pg_sys::CustomScan) -> *mut pg_sys::Node {
    // SAFETY: memory of the executor, of zeros.
    unsafe {
        let this = pg_sys::palloc0(size_of::<Combiner>()).cast::<Combiner>();
        (*this).node.ss.ps.type_ = pg_sys::NodeTag::T_CustomScanState;
        (*this).node.methods = &EXECUTION.0;
        this.cast()
    }
}

/// `BeginCustomScan`.
#[pg_guard]
unsafe extern "C-unwind" fn begin(node: *mut pg_sys::CustomScanState, state: *mut pg_sys::EState, flags: i32) {
    let not_below = (pg_sys::EXEC_FLAG_BACKWARD | pg_sys::EXEC_FLAG_MARK) as i32;
    // SAFETY: the executor hands over a node that `create` made, and its plan is one of `combined_plan`.
    unsafe {
        let this = node.cast::<Combiner>();
        let plan = (*node).ss.ps.plan.cast::<pg_sys::CustomScan>();
        let mut below = list::nth::<pg_sys::Plan>((*plan).custom_plans, 0);
        if (*plan).flags & pg_sys::CUSTOMPATH_SUPPORT_PROJECTION != 0 {
            below = with_target(below, (*plan).scan.plan.targetlist);
        }
        (*this).hot = pg_sys::ExecInitNode(below, state, flags & !not_below);
        (*this).own_slot = (*node).ss.ss_ScanTupleSlot;
        (*this).one_row = list::integers(list::nth((*plan).custom_private, 1)).first() == Some(&1);
        (*this).phase = Phase::Hot;
        (*node).custom_ps = pg_sys::lappend(std::ptr::null_mut(), (*this).hot.cast());
        // Hot rows come in the slots of the heap's scan, cold ones in one of ours: who is above must expect any kind.
        (*node).ss.ps.resultopsset = true;
        (*node).ss.ps.resultopsfixed = false;
    }
}

/// The heap's plan with another target list; the plan itself may be one that the server keeps.
unsafe fn with_target(plan: *mut pg_sys::Plan, target: *mut pg_sys::List) -> *mut pg_sys::Plan {
    // SAFETY: the tag tells the size; what the copy points at is shared, and only read.
    unsafe {
        let size = match (*plan).type_ {
            pg_sys::NodeTag::T_SeqScan => size_of::<pg_sys::SeqScan>(),
            pg_sys::NodeTag::T_IndexScan => size_of::<pg_sys::IndexScan>(),
            pg_sys::NodeTag::T_BitmapHeapScan => size_of::<pg_sys::BitmapHeapScan>(),
            pg_sys::NodeTag::T_TidRangeScan => size_of::<pg_sys::TidRangeScan>(),
            _ => crate::pg::error::Error::internal("a scan of a kind that cannot project").raise(),
        };
        let copy = pg_sys::palloc(size).cast::<pg_sys::Plan>();
        copy.cast::<u8>().copy_from_nonoverlapping(plan.cast(), size);
        (*copy).targetlist = target;
        copy
    }
}

/// `ExecCustomScan`. Without a guard: for hot rows it owns nothing, and an ERROR of the heap passes through.
unsafe extern "C-unwind" fn next(node: *mut pg_sys::CustomScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the executor hands over a node that `begin` prepared.
    unsafe {
        let this = node.cast::<Combiner>();
        if is_rechecked(node) {
            return raw::ExecProcNode((*this).hot);
        }
        if (*this).phase == Phase::Hot {
            if !(*this).begun {
                begin_heap(this);
            }
            let slot = raw::ExecProcNode((*this).hot);
            if !is_empty(slot) {
                if (*this).one_row {
                    (*this).phase = Phase::Done;
                }
                // WHERE CURRENT OF looks here.
                (*node).ss.ss_ScanTupleSlot = (*(*this).hot.cast::<pg_sys::ScanState>()).ss_ScanTupleSlot;
                return slot;
            }
        }
        if (*this).phase == Phase::Done {
            return std::ptr::null_mut();
        }
        hook::own_part(|| cold_row(this))
    }
}

/// Whether EvalPlanQual runs the plan again for one row of this relation: the heap's scan then shows that row.
unsafe fn is_rechecked(node: *mut pg_sys::CustomScanState) -> bool {
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

unsafe fn is_empty(slot: *mut pg_sys::TupleTableSlot) -> bool {
    // SAFETY: a slot or NULL.
    unsafe { slot.is_null() || (*slot).tts_flags & pg_sys::TTS_FLAG_EMPTY as u16 != 0 }
}

/// Begins a sequential scan of the heap alone. The access method would give all rows to a scan that it does not know
/// as ours.
unsafe fn begin_heap(this: *mut Combiner) {
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

/// The next cold row, projected; NULL at the end.
unsafe fn cold_row(this: *mut Combiner) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node is one of ours.
    unsafe {
        let node = &raw mut (*this).node;
        (*node).ss.ss_ScanTupleSlot = (*this).own_slot;
        if (*this).cold.is_null() {
            let side = ColdSide::of_plan(node).or_raise();
            let memory = (*(*node).ss.ps.state).es_query_cxt;
            (*this).cold = PgMemoryContexts::For(memory).leak_and_drop_on_delete(side);
        }
        let cold = &mut *(*this).cold;
        if (*this).phase == Phase::Hot {
            (*this).phase = match cold.start(node, (*this).own_slot).or_raise() {
                true => Phase::Cold,
                false => Phase::Done,
            };
        }
        if (*this).phase == Phase::Done || !cold.next(node, (*this).own_slot).or_raise() {
            (*this).phase = Phase::Done;
            return std::ptr::null_mut();
        }
        let projection = (*node).ss.ps.ps_ProjInfo;
        if projection.is_null() {
            return (*this).own_slot;
        }
        (*(*node).ss.ps.ps_ExprContext).ecxt_scantuple = (*this).own_slot;
        raw::guarded(|| raw::ExecProject(projection))
    }
}

/// `ReScanCustomScan`.
#[pg_guard]
unsafe extern "C-unwind" fn rescan(node: *mut pg_sys::CustomScanState) {
    // SAFETY: the node is one of ours.
    unsafe {
        let this = node.cast::<Combiner>();
        (*node).ss.ss_ScanTupleSlot = (*this).own_slot;
        (*this).phase = Phase::Hot;
        if !(*node).ss.ps.chgParam.is_null() {
            pg_sys::UpdateChangedParamSet((*this).hot, (*node).ss.ps.chgParam);
        }
        // With changed parameters the first row runs it again.
        if (*(*this).hot).chgParam.is_null() {
            pg_sys::ExecReScan((*this).hot);
        }
    }
}

/// `EndCustomScan`: gives memory back early; after an ERROR the query's memory context does it.
#[pg_guard]
unsafe extern "C-unwind" fn end(node: *mut pg_sys::CustomScanState) {
    // SAFETY: the node is one of ours.
    unsafe {
        let this = node.cast::<Combiner>();
        (*node).ss.ss_ScanTupleSlot = (*this).own_slot;
        pg_sys::ExecEndNode((*this).hot);
        if let Some(cold) = (*this).cold.as_mut() {
            cold.end();
        }
    }
}

/// `ExplainCustomScan`: what the cold side did, under ANALYZE, of a scan that opened it in this process.
#[pg_guard]
unsafe extern "C-unwind" fn explain(
    node: *mut pg_sys::CustomScanState,
    _ancestors: *mut pg_sys::List,
    es: *mut pg_sys::ExplainState,
) {
    // SAFETY: EXPLAIN hands over valid states, the node is one of ours.
    unsafe {
        let cold = (*node.cast::<Combiner>()).cold.as_ref();
        if (*es).analyze
            && let Some(counters) = cold.and_then(ColdSide::counters)
        {
            super::explain::show(&counters, es);
        }
    }
}
