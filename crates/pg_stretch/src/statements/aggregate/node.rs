//! The node that adds partial groups of cold rows to the server's of hot ones: first the cold ones, so that it is known
//! which rows are left to the scan below, then what the server's partial aggregate gives.

use super::cold::Aggregation;
use super::made::Made;
use crate::pg::custom::{Methods, NO_EXECUTION};
use crate::pg::error::{Error, OrRaise};
use crate::pg::{list, raw};
use crate::statements::scan::cold::ColdRows;
use crate::statements::scan::node::Combiner;
use crate::statements::scan::{combiner, node};
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};

/// What EXPLAIN calls the node.
pub const NAME: &CStr = c"Stretch Aggregate";

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
    ExplainCustomScan: Some(explain),
    ..NO_EXECUTION
});

/// The methods of our plans.
pub fn methods() -> *const pg_sys::CustomScanMethods {
    &SCAN.0
}

/// Where the node is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    Begin,
    Cold,
    Hot,
}

/// The node's state. The server makes it of zeros, and sees the first field.
#[repr(C)]
struct Node {
    node: pg_sys::CustomScanState,
    /// The server's partial aggregate.
    hot: *mut pg_sys::PlanState,
    /// The scan below it.
    scan: *mut Combiner,
    /// NULL until the first row is asked for.
    cold: *mut Cold,
    phase: Phase,
}

/// What the cold part has in memory.
struct Cold {
    aggregation: Aggregation,
    made: Made,
}

/// `CreateCustomScanState`.
#[pg_guard]
unsafe extern "C-unwind" fn create(_plan: *mut pg_sys::CustomScan) -> *mut pg_sys::Node {
    // SAFETY: memory of the executor, of zeros.
    unsafe {
        let this = pg_sys::palloc0(size_of::<Node>()).cast::<Node>();
        (*this).node.ss.ps.type_ = pg_sys::NodeTag::T_CustomScanState;
        (*this).node.methods = &EXECUTION.0;
        this.cast()
    }
}

/// `BeginCustomScan`.
#[pg_guard]
unsafe extern "C-unwind" fn begin(custom: *mut pg_sys::CustomScanState, state: *mut pg_sys::EState, flags: i32) {
    let not_below = (pg_sys::EXEC_FLAG_BACKWARD | pg_sys::EXEC_FLAG_MARK) as i32;
    // SAFETY: the executor hands over a node that `create` made, and its plan is one of `plan`.
    unsafe {
        let this = custom.cast::<Node>();
        let plan = (*custom).ss.ps.plan.cast::<pg_sys::CustomScan>();
        let below = list::nth::<pg_sys::Plan>((*plan).custom_plans, 0);
        (*this).hot = pg_sys::ExecInitNode(below, state, flags & !not_below);
        (*this).scan = combiner::below((*this).hot)
            .ok_or_else(|| Error::internal("an aggregate has no scan of ours below it"))
            .or_raise();
        (*custom).custom_ps = pg_sys::lappend(std::ptr::null_mut(), (*this).hot.cast());
        // Groups of hot rows come in the slots of the server's aggregate.
        (*custom).ss.ps.resultopsset = true;
        (*custom).ss.ps.resultopsfixed = false;
    }
}

/// `ExecCustomScan`.
#[pg_guard]
unsafe extern "C-unwind" fn next(custom: *mut pg_sys::CustomScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the executor hands over a node that `begin` prepared.
    unsafe {
        let this = custom.cast::<Node>();
        if (*this).phase == Phase::Begin {
            start(this);
        }
        if (*this).phase == Phase::Cold {
            let row = cold_groups(this);
            if !row.is_null() {
                return row;
            }
            (*this).phase = Phase::Hot;
        }
        let row = raw::guarded(|| raw::ExecProcNode((*this).hot));
        if node::is_empty(row) {
            return std::ptr::null_mut();
        }
        projected(custom, row)
    }
}

/// Opens the cold side of the scan below.
unsafe fn start(this: *mut Node) {
    // SAFETY: the node is one of ours; what it makes lives as long as the query.
    unsafe {
        if (*this).cold.is_null() {
            let memory = (*(*this).node.ss.ps.state).es_query_cxt;
            let outer = pg_sys::MemoryContextSwitchTo(memory);
            let plan = (*this).node.ss.ps.plan.cast::<pg_sys::CustomScan>();
            let relid = (*(*(*this).scan).node.ss.ps.plan.cast::<pg_sys::Scan>()).scanrelid;
            let cold = Cold {
                aggregation: Aggregation::of_plan(plan, relid).or_raise(),
                made: Made::default(),
            };
            (*this).cold = PgMemoryContexts::For(memory).leak_and_drop_on_delete(cold);
            pg_sys::MemoryContextSwitchTo(outer);
        }
        let (side, has_rows) = node::start_rest((*this).scan);
        (*this).phase = Phase::Hot;
        if has_rows && let Some(rows) = side.rows() {
            let cold = &mut *(*this).cold;
            cold.made = Made::default();
            cold.aggregation.start(rows).or_raise();
            (*this).phase = Phase::Cold;
        }
    }
}

/// The next group of cold rows; NULL at the end.
unsafe fn cold_groups(this: *mut Node) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node is one of ours, started.
    unsafe {
        let (custom, cold) = (&raw mut (*this).node, &mut *(*this).cold);
        let slot = (*custom).ss.ss_ScanTupleSlot;
        loop {
            if cold.made.fill(slot) {
                return projected(custom, slot);
            }
            let Some(rows) = rows_of(this) else {
                return std::ptr::null_mut();
            };
            match cold.aggregation.next(rows).or_raise() {
                Some(made) => cold.made = made,
                None => return std::ptr::null_mut(),
            }
        }
    }
}

unsafe fn rows_of<'a>(this: *mut Node) -> Option<&'a mut ColdRows> {
    // SAFETY: the scan below is one of ours.
    unsafe { (*(*this).scan).cold.as_mut().and_then(|side| side.rows()) }
}

/// The row as the plan wants it, which is as it is in all plans of today's server.
unsafe fn projected(
    custom: *mut pg_sys::CustomScanState,
    row: *mut pg_sys::TupleTableSlot,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node is one of ours; a projection may raise an ERROR, and nothing is owned.
    unsafe {
        let projection = (*custom).ss.ps.ps_ProjInfo;
        if projection.is_null() {
            return row;
        }
        (*(*custom).ss.ps.ps_ExprContext).ecxt_scantuple = row;
        raw::guarded(|| raw::ExecProject(projection))
    }
}

/// `ReScanCustomScan`: all begins anew.
#[pg_guard]
unsafe extern "C-unwind" fn rescan(custom: *mut pg_sys::CustomScanState) {
    // SAFETY: the node is one of ours.
    unsafe {
        let this = custom.cast::<Node>();
        (*this).phase = Phase::Begin;
        if !(*custom).ss.ps.chgParam.is_null() {
            pg_sys::UpdateChangedParamSet((*this).hot, (*custom).ss.ps.chgParam);
        }
        // At once, so that the scan below is at its beginning when its cold side is opened.
        pg_sys::ExecReScan((*this).hot);
    }
}

/// `EndCustomScan`: gives memory back early; after an ERROR the query's memory context does it.
#[pg_guard]
unsafe extern "C-unwind" fn end(custom: *mut pg_sys::CustomScanState) {
    // SAFETY: the node is one of ours.
    unsafe {
        let this = custom.cast::<Node>();
        if let Some(cold) = (*this).cold.as_mut() {
            cold.made = Made::default();
        }
        pg_sys::ExecEndNode((*this).hot);
    }
}

/// `ExplainCustomScan`: what is computed of cold rows, and under ANALYZE how.
#[pg_guard]
unsafe extern "C-unwind" fn explain(
    custom: *mut pg_sys::CustomScanState,
    ancestors: *mut pg_sys::List,
    es: *mut pg_sys::ExplainState,
) {
    // SAFETY: EXPLAIN hands over valid states, the node is one of ours.
    unsafe {
        let plan = (*custom).ss.ps.plan.cast::<pg_sys::CustomScan>();
        let context = pg_sys::set_deparse_context_plan((*es).deparse_cxt, plan.cast(), ancestors);
        let entries = list::pointers::<pg_sys::TargetEntry>((*plan).custom_scan_tlist);
        let aggregates = entries
            .iter()
            .filter(|entry| (*(***entry).expr.cast::<pg_sys::Node>()).type_ == pg_sys::NodeTag::T_Aggref)
            .map(|entry| {
                let text = pg_sys::deparse_expression((**entry).expr.cast(), context, false, false);
                CStr::from_ptr(text).to_string_lossy().into_owned()
            });
        let aggregates: Vec<String> = aggregates.collect();
        if let Ok(text) = CString::new(aggregates.join(", "))
            && !aggregates.is_empty()
        {
            pg_sys::ExplainPropertyText(c"Aggregates".as_ptr(), text.as_ptr(), es);
        }
        if !(*es).analyze {
            return;
        }
        let done = (*custom.cast::<Node>()).cold.as_ref().map(|cold| cold.aggregation.done);
        let done = done.unwrap_or_default();
        for (label, value) in [
            (c"Row Groups Aggregated", done.aggregated),
            (c"Row Groups Answered by Statistics", done.known),
            (c"Row Groups Read by Rows", done.left),
        ] {
            pg_sys::ExplainPropertyInteger(label.as_ptr(), std::ptr::null(), value as i64, es);
        }
    }
}
