//! The scan of hot and cold rows: it owns the heap's scan, shows what that shows, and then the cold rows
//! (`forward.rs`); a cursor may have it go back (`backward.rs`).
//!
//! A hot row costs one look at a flag on top of the heap's scan. The cold side (`cold_side.rs`) is opened when the heap
//! has no more rows and nothing says that no cold one is wanted.

use super::cold_side::ColdSide;
use super::kept::Backward;
use super::node::{Combiner, Phase, is_rechecked};
use super::shows::Shows;
use super::{backward, forward, parallel};
use crate::pg::custom::{Methods, NO_EXECUTION};
use crate::pg::{list, raw};
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::ffi::CStr;

/// What EXPLAIN calls the node.
pub const NAME: &CStr = c"Stretch";

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
    EstimateDSMCustomScan: Some(parallel::size),
    InitializeDSMCustomScan: Some(parallel::begin),
    ReInitializeDSMCustomScan: Some(parallel::begin),
    InitializeWorkerCustomScan: Some(parallel::join),
    ExplainCustomScan: Some(explain),
    ..NO_EXECUTION
});

/// The methods of our plans.
pub fn methods() -> *const pg_sys::CustomScanMethods {
    &SCAN.0
}

/// The scan of ours that is below a node, over nodes with one input.
///
/// # Safety
/// An initialised node, or NULL.
pub unsafe fn below(mut node: *mut pg_sys::PlanState) -> Option<*mut Combiner> {
    // SAFETY: the tag of a node tells its type.
    unsafe {
        while !node.is_null() {
            if (*node).type_ == pg_sys::NodeTag::T_CustomScanState
                && std::ptr::eq((*node.cast::<pg_sys::CustomScanState>()).methods, &EXECUTION.0)
            {
                return Some(node.cast());
            }
            node = (*node).lefttree;
        }
        None
    }
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
        (*this).shows = Shows::of(list::integers(list::nth((*plan).custom_private, 1)).first());
        (*this).ordered = list::length(list::nth((*plan).custom_private, 2)) > 0;
        (*this).phase = Phase::Hot;
        if flags & pg_sys::EXEC_FLAG_BACKWARD as i32 != 0 {
            let mut memory = PgMemoryContexts::For((*state).es_query_cxt);
            (*this).backward = memory.leak_and_drop_on_delete(Backward::new());
        }
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
        if (*this).backward.is_null() {
            return forward::next(this);
        }
        backward::next(this)
    }
}

/// `ReScanCustomScan`.
#[pg_guard]
unsafe extern "C-unwind" fn rescan(node: *mut pg_sys::CustomScanState) {
    // SAFETY: the node is one of ours.
    unsafe {
        let this = node.cast::<Combiner>();
        if let Some(known) = (*this).backward.as_mut() {
            known.forget();
        }
        if !(*node).ss.ps.chgParam.is_null() {
            pg_sys::UpdateChangedParamSet((*this).hot, (*node).ss.ps.chgParam);
        }
        forward::restart(this);
    }
}

/// `EndCustomScan`: gives memory back early; after an ERROR the query's memory context does it.
#[pg_guard]
unsafe extern "C-unwind" fn end(node: *mut pg_sys::CustomScanState) {
    // SAFETY: the node is one of ours.
    unsafe {
        let this = node.cast::<Combiner>();
        (*node).ss.ss_ScanTupleSlot = (*this).own_slot;
        if let Some(known) = (*this).backward.as_mut() {
            known.forget();
        }
        pg_sys::ExecEndNode((*this).hot);
        if let Some(cold) = (*this).cold.as_mut() {
            cold.end();
        }
        if let Some(merged) = (*this).merged.as_mut() {
            merged.sorted.end();
        }
    }
}

/// `ExplainCustomScan`: what the cold side did, under ANALYZE, of a scan that opened it in this process.
#[pg_guard]
unsafe extern "C-unwind" fn explain(
    node: *mut pg_sys::CustomScanState,
    ancestors: *mut pg_sys::List,
    es: *mut pg_sys::ExplainState,
) {
    // SAFETY: EXPLAIN hands over valid states, the node is one of ours.
    unsafe {
        super::explain::show_conditions(node, ancestors, es);
        let cold = (*node.cast::<Combiner>()).cold.as_ref();
        if (*es).analyze
            && let Some(counters) = cold.and_then(ColdSide::counters)
        {
            super::explain::show(&counters, es);
        }
    }
}
