//! The steps forward of a scan of hot and cold rows: hot rows first, or both sides in one order.

use super::cold::emptied;
use super::merged;
use super::node::{Combiner, Phase, begin_heap, is_empty, projected, show_hot, start_cold};
use super::shows::Shows;
use crate::pg::error::OrRaise;
use crate::pg::{hook, raw};
use pgrx::prelude::*;

/// The next row; NULL at the end. Without a guard: for hot rows it owns nothing, and an ERROR of the heap passes
/// through.
///
/// # Safety
/// The node is one of ours, initialised; the caller owns nothing which is to be dropped.
pub unsafe fn next(this: *mut Combiner) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the caller's promise.
    unsafe {
        if (*this).ordered {
            return hook::own_part(|| merged::next(this));
        }
        if (*this).phase == Phase::Hot {
            if !(*this).begun {
                begin_heap(this);
            }
            let slot = raw::ExecProcNode((*this).hot);
            if !is_empty(slot) {
                if (*this).shows == Shows::One {
                    (*this).phase = Phase::Done;
                }
                show_hot(this);
                return slot;
            }
            if (*this).shows == Shows::Hot {
                (*this).phase = Phase::Done;
            }
        }
        if (*this).phase == Phase::Done {
            (*this).node.ss.ss_ScanTupleSlot = (*this).own_slot;
            emptied((*this).own_slot);
            return std::ptr::null_mut();
        }
        hook::own_part(|| cold_row(this))
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

/// Begins again with the first row. Where parameters changed, the next row runs the heap's scan again.
///
/// # Safety
/// As for [`next`].
pub unsafe fn restart(this: *mut Combiner) {
    // SAFETY: the caller's promise.
    unsafe {
        // No row is the current one.
        emptied((*this).own_slot);
        (*this).node.ss.ss_ScanTupleSlot = (*this).own_slot;
        (*this).phase = Phase::Hot;
        if let Some(merged) = (*this).merged.as_mut() {
            merged.sorted.end();
        }
        if (*(*this).hot).chgParam.is_null() {
            pg_sys::ExecReScan((*this).hot);
        }
    }
}
