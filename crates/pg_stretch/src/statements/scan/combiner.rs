//! The scan of hot and cold rows: it owns the heap's scan, shows what that shows, and then the cold rows.
//!
//! A hot row costs one look at a flag on top of the heap's scan. The cold side (`cold_side.rs`) is opened when the heap
//! has no more rows and nothing says that no cold one is wanted.

use super::cold::emptied;
use super::cold_side::ColdSide;
use super::merge::{SortKey, Sorted};
use crate::pg::error::OrRaise;
use crate::pg::{hook, list, raw};
use crate::statements::table_am::heap;
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::ffi::{CStr, c_void};
use std::sync::atomic::AtomicU64;

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
    /// For rows in an order; NULL where hot rows come first. Made at the first need.
    merged: *mut Merged,
    /// In shared memory, where processes of a parallel query count the segments that they took; else NULL.
    shared: *const AtomicU64,
    phase: Phase,
    /// Hot and cold rows are merged into one order.
    ordered: bool,
    /// At most one row is selected, hot or cold.
    one_row: bool,
    /// The heap's scan was begun.
    begun: bool,
}

/// Where a merge is.
struct Merged {
    sorted: Sorted,
    /// The hot row that comes next, empty at the end.
    hot: *mut pg_sys::TupleTableSlot,
    /// The node's own slot holds the cold row that comes next.
    cold_waits: bool,
    showed_hot: bool,
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
    EstimateDSMCustomScan: Some(parallel::size),
    InitializeDSMCustomScan: Some(parallel::begin),
    ReInitializeDSMCustomScan: Some(parallel::begin),
    InitializeWorkerCustomScan: Some(parallel::join),
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
        (*this).ordered = list::length(list::nth((*plan).custom_private, 2)) > 0;
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
        if (*this).ordered {
            return hook::own_part(|| merged_row(this));
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
                show_hot(this);
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

/// WHERE CURRENT OF looks at the slot of the row that was shown last.
unsafe fn show_hot(this: *mut Combiner) {
    // SAFETY: the heap's node is a scan.
    unsafe {
        (*this).node.ss.ss_ScanTupleSlot = (*(*this).hot.cast::<pg_sys::ScanState>()).ss_ScanTupleSlot;
    }
}

/// The cold side, and whether it has rows now.
unsafe fn start_cold<'a>(this: *mut Combiner) -> (&'a mut ColdSide, bool) {
    // SAFETY: the node is one of ours.
    unsafe {
        let node = &raw mut (*this).node;
        if (*this).cold.is_null() {
            let side = ColdSide::of_plan(node).or_raise();
            let memory = (*(*node).ss.ps.state).es_query_cxt;
            (*this).cold = PgMemoryContexts::For(memory).leak_and_drop_on_delete(side);
        }
        let cold = &mut *(*this).cold;
        let has_rows = (*this).phase == Phase::Cold || {
            let shared = (!(*this).shared.is_null()).then_some((*this).shared);
            cold.start(node, (*this).own_slot, shared).or_raise()
        };
        (cold, has_rows)
    }
}

/// The next cold row, projected; NULL at the end.
unsafe fn cold_row(this: *mut Combiner) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node is one of ours.
    unsafe {
        let (cold, has_rows) = start_cold(this);
        (*this).phase = Phase::Cold;
        if !has_rows || !cold.next(&raw mut (*this).node, (*this).own_slot).or_raise() {
            (*this).phase = Phase::Done;
            (*this).node.ss.ss_ScanTupleSlot = (*this).own_slot;
            return std::ptr::null_mut();
        }
        projected(this)
    }
}

/// The row in our own slot, as the plan wants it.
unsafe fn projected(this: *mut Combiner) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node is one of ours; a projection may raise an ERROR, and nothing is owned.
    unsafe {
        let node = &raw mut (*this).node;
        (*node).ss.ss_ScanTupleSlot = (*this).own_slot;
        let projection = (*node).ss.ps.ps_ProjInfo;
        if projection.is_null() {
            return (*this).own_slot;
        }
        (*(*node).ss.ps.ps_ExprContext).ecxt_scantuple = (*this).own_slot;
        raw::guarded(|| raw::ExecProject(projection))
    }
}

/// The next row in the order of both sides; NULL at the end.
unsafe fn merged_row(this: *mut Combiner) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node is one of ours.
    unsafe {
        let (node, own) = (&raw mut (*this).node, (*this).own_slot);
        if (*this).phase == Phase::Done {
            return std::ptr::null_mut();
        }
        if (*this).phase == Phase::Hot {
            begin_merge(this);
            (*this).phase = Phase::Cold;
        } else {
            let merged = &mut *(*this).merged;
            match merged.showed_hot {
                true => merged.hot = raw::guarded(|| raw::ExecProcNode((*this).hot)),
                false => {
                    emptied(own);
                    merged.cold_waits = merged.sorted.next(node, own);
                }
            }
        }
        let merged = &mut *(*this).merged;
        let has_hot = !is_empty(merged.hot);
        merged.showed_hot = has_hot && (!merged.cold_waits || merged.sorted.hot_first(merged.hot, own));
        if merged.showed_hot {
            show_hot(this);
            return merged.hot;
        }
        if merged.cold_waits {
            return projected(this);
        }
        (*this).phase = Phase::Done;
        (*node).ss.ss_ScanTupleSlot = own;
        std::ptr::null_mut()
    }
}

/// Brings the first row of either side.
unsafe fn begin_merge(this: *mut Combiner) {
    // SAFETY: the node is one of ours; what the merge takes lives as long as the query.
    unsafe {
        let (node, own) = (&raw mut (*this).node, (*this).own_slot);
        if (*this).merged.is_null() {
            let memory = (*(*node).ss.ps.state).es_query_cxt;
            let outer = pg_sys::MemoryContextSwitchTo(memory);
            let plan = (*node).ss.ps.plan.cast::<pg_sys::CustomScan>();
            let keys = SortKey::from_list(list::nth((*plan).custom_private, 2)).or_raise();
            let merged = Merged {
                sorted: Sorted::new(node, keys),
                hot: std::ptr::null_mut(),
                cold_waits: false,
                showed_hot: false,
            };
            (*this).merged = PgMemoryContexts::For(memory).leak_and_drop_on_delete(merged);
            pg_sys::MemoryContextSwitchTo(outer);
        }
        let (cold, has_rows) = start_cold(this);
        let merged = &mut *(*this).merged;
        merged.cold_waits = false;
        if has_rows {
            merged.sorted.fill(node, cold, own).or_raise();
            emptied(own);
            merged.cold_waits = merged.sorted.next(node, own);
        }
        merged.hot = raw::guarded(|| {
            if !(*this).begun {
                begin_heap(this);
            }
            raw::ExecProcNode((*this).hot)
        });
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
        if let Some(merged) = (*this).merged.as_mut() {
            merged.sorted.end();
        }
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
        if let Some(merged) = (*this).merged.as_mut() {
            merged.sorted.end();
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

/// A parallel query: each process scans its part of the heap, and takes its part of the segments.
mod parallel {
    use super::*;

    /// `EstimateDSMCustomScan`.
    pub unsafe extern "C-unwind" fn size(
        _node: *mut pg_sys::CustomScanState,
        _context: *mut pg_sys::ParallelContext,
    ) -> pg_sys::Size {
        size_of::<AtomicU64>()
    }

    /// `InitializeDSMCustomScan` and `ReInitializeDSMCustomScan`.
    pub unsafe extern "C-unwind" fn begin(
        node: *mut pg_sys::CustomScanState,
        _context: *mut pg_sys::ParallelContext,
        place: *mut c_void,
    ) {
        // SAFETY: the server gives as much shared memory as `size` asked for, aligned; no other process looks yet.
        unsafe {
            place.cast::<AtomicU64>().write(AtomicU64::new(0));
            (*node.cast::<Combiner>()).shared = place.cast();
        }
    }

    /// `InitializeWorkerCustomScan`.
    pub unsafe extern "C-unwind" fn join(
        node: *mut pg_sys::CustomScanState,
        _contents: *mut pg_sys::shm_toc,
        place: *mut c_void,
    ) {
        // SAFETY: the place is what `begin` wrote.
        unsafe { (*node.cast::<Combiner>()).shared = place.cast() };
    }
}
