//! The steps of a scan that shows hot and cold rows in one order.

use super::cold::emptied;
use super::merge::Sorted;
use super::node::{Combiner, Merged, Phase, begin_heap, is_empty, projected, show_hot, start_cold};
use super::sort_key::SortKey;
use crate::pg::error::OrRaise;
use crate::pg::{list, raw};
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;

/// The next row in the order of both sides; NULL at the end.
///
/// # Safety
/// The node is one of ours, initialised.
pub unsafe fn next(this: *mut Combiner) -> *mut pg_sys::TupleTableSlot {
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
        let has_hot = !is_empty((*(*this).merged).hot);
        bring_cold(this, has_hot);
        let merged = &mut *(*this).merged;
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

/// Brings the next cold row, unless the hot one comes before all that are not read yet: so nothing is read that nobody
/// asks for.
unsafe fn bring_cold(this: *mut Combiner, has_hot: bool) {
    // SAFETY: the node is one of ours, begun.
    unsafe {
        let (node, own, merged) = (&raw mut (*this).node, (*this).own_slot, &mut *(*this).merged);
        let Some(cold) = (*this).cold.as_mut() else { return };
        let context = (*(*node).ss.ps.ps_ExprContext).ecxt_per_tuple_memory;
        while !merged.cold_waits
            && merged.sorted.has_rest()
            && !(has_hot && merged.sorted.is_before_rest(merged.hot, context))
        {
            merged.sorted.sort_next(node, cold, own).or_raise();
            emptied(own);
            merged.cold_waits = merged.sorted.next(node, own);
        }
    }
}

/// Brings the first hot row, and finds what cold ones there are.
unsafe fn begin_merge(this: *mut Combiner) {
    // SAFETY: the node is one of ours; what the merge takes lives as long as the query.
    unsafe {
        let node = &raw mut (*this).node;
        if (*this).merged.is_null() {
            let memory = (*(*node).ss.ps.state).es_query_cxt;
            let outer = pg_sys::MemoryContextSwitchTo(memory);
            let plan = (*node).ss.ps.plan.cast::<pg_sys::CustomScan>();
            let keys = SortKey::from_list(list::nth((*plan).custom_private, 2)).or_raise();
            let merged = Merged::new(Sorted::new(node, keys));
            (*this).merged = PgMemoryContexts::For(memory).leak_and_drop_on_delete(merged);
            pg_sys::MemoryContextSwitchTo(outer);
        }
        let (cold, has_rows) = start_cold(this);
        let merged = &mut *(*this).merged;
        merged.cold_waits = false;
        match has_rows {
            true => merged.sorted.begin(cold),
            false => merged.sorted.end(),
        }
        merged.hot = raw::guarded(|| {
            if !(*this).begun {
                begin_heap(this);
            }
            raw::ExecProcNode((*this).hot)
        });
    }
}
