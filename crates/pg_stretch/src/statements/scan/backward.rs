//! Steps back of a scan of hot and cold rows: from the first one on the scan keeps the rows that it has shown.
//!
//! A cursor may go back wherever its plan can, and few ever do. So rows are only counted until one does. Then the scan
//! runs again up to where it was, by the same snapshot, and its rows go into a store that can be read both ways, each
//! with its identity, by which WHERE CURRENT OF finds it.

use super::cold::emptied;
use super::forward;
use super::kept::Slots;
use super::node::{Combiner, is_empty};
use crate::pg::{hook, raw, slot};
use pgrx::pg_sys::ScanDirection::{BackwardScanDirection, ForwardScanDirection};
use pgrx::prelude::*;

/// The next row in the direction in which the query runs. Without a guard until somebody went back.
///
/// # Safety
/// The node is one of ours, begun for both directions; the caller owns nothing which is to be dropped.
pub unsafe fn next(this: *mut Combiner) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the caller's promise.
    unsafe {
        let known = (*this).backward;
        let back = (*(*this).node.ss.ps.state).es_direction == BackwardScanDirection;
        if !back && (*known).kept.is_null() {
            let row = forward::next(this);
            match is_empty(row) {
                true => (*known).at_end = true,
                false => (*known).shown += 1,
            }
            return row;
        }
        if (*known).kept.is_null() && (*known).shown == 0 {
            return std::ptr::null_mut();
        }
        hook::own_part(|| {
            if (*known).kept.is_null() {
                keep(this);
            }
            let found = if back { step_back(this) } else { step_forward(this) };
            show(this, found)
        })
    }
}

/// Runs the scan again up to where it is, keeping its rows.
unsafe fn keep(this: *mut Combiner) {
    // SAFETY: the node is one of ours; store and slots live as long as the query.
    unsafe {
        let known = (*this).backward;
        let state = (*this).node.ss.ps.state;
        let outer = pg_sys::MemoryContextSwitchTo((*state).es_query_cxt);
        if (*known).slots.is_none() {
            (*known).slots = Some(slots(this));
        }
        (*known).kept = pg_sys::tuplestore_begin_heap(true, false, pg_sys::work_mem);
        pg_sys::MemoryContextSwitchTo(outer);
        (*state).es_direction = ForwardScanDirection;
        let steps = (*known).shown + u64::from((*known).at_end);
        (*known).at_end = false;
        forward::restart(this);
        for _ in 0..steps {
            pgrx::check_for_interrupts!();
            // A condition may have another outcome than before, as on a heap.
            if step_forward(this).is_none() {
                break;
            }
        }
        (*state).es_direction = BackwardScanDirection;
    }
}

unsafe fn slots(this: *mut Combiner) -> Slots {
    // SAFETY: the node is one of ours; what is made lies in the query's memory.
    unsafe {
        let node = &(*this).node.ss;
        let (state, shown) = (node.ps.state, node.ps.ps_ResultTupleDesc);
        let width = (*shown).natts as i16;
        let kept = pg_sys::CreateTemplateTupleDesc(i32::from(width) + 1);
        for column in 1..=width {
            pg_sys::TupleDescCopyEntry(kept, column, shown, column);
        }
        pg_sys::TupleDescInitEntry(kept, width + 1, std::ptr::null(), pg_sys::TIDOID, -1, 0);
        let table = (*node.ss_currentRelation).rd_att;
        Slots {
            put: pg_sys::ExecInitExtraTupleSlot(state, kept, &pg_sys::TTSOpsVirtual),
            got: pg_sys::ExecInitExtraTupleSlot(state, kept, &pg_sys::TTSOpsMinimalTuple),
            shown: pg_sys::ExecInitExtraTupleSlot(state, shown, &pg_sys::TTSOpsVirtual),
            place: pg_sys::ExecInitExtraTupleSlot(state, table, &pg_sys::TTSOpsVirtual),
        }
    }
}

/// The row before, as it came out of the store; `None` before the first.
unsafe fn step_back(this: *mut Combiner) -> Option<*mut pg_sys::TupleTableSlot> {
    // SAFETY: rows are kept.
    unsafe {
        let known = &*(*this).backward;
        let got = known.slots?.got;
        // Behind its last row the store first gives that one, which is the one that the scan is at.
        if !known.at_end && pg_sys::tuplestore_ateof(known.kept) && !pg_sys::tuplestore_advance(known.kept, false) {
            return None;
        }
        pg_sys::tuplestore_gettupleslot(known.kept, false, false, got).then_some(got)
    }
}

/// The row after, as it came out of the store or went into it; `None` behind the last.
unsafe fn step_forward(this: *mut Combiner) -> Option<*mut pg_sys::TupleTableSlot> {
    // SAFETY: rows are kept, and the query runs forward.
    unsafe {
        let known = (*this).backward;
        let slots = (*known).slots?;
        if pg_sys::tuplestore_gettupleslot((*known).kept, true, false, slots.got) {
            return Some(slots.got);
        }
        if (*known).at_end {
            return None;
        }
        let row = raw::guarded(|| forward::next(this));
        if is_empty(row) {
            (*known).at_end = true;
            return None;
        }
        (*slots.place).tts_tid = (*(*this).node.ss.ss_ScanTupleSlot).tts_tid;
        let width = (*(*slots.shown).tts_tupleDescriptor).natts as usize;
        copy(row, slots.put, width);
        (*slots.put)
            .tts_values
            .add(width)
            .write((&raw mut (*slots.place).tts_tid).into());
        (*slots.put).tts_isnull.add(width).write(false);
        pg_sys::ExecStoreVirtualTuple(slots.put);
        pg_sys::tuplestore_puttupleslot((*known).kept, slots.put);
        Some(slots.put)
    }
}

/// What the scan shows of a kept row; NULL for none.
unsafe fn show(this: *mut Combiner, row: Option<*mut pg_sys::TupleTableSlot>) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: rows are kept, and the last column of one is its identity.
    unsafe {
        let (Some(slots), own) = ((*(*this).backward).slots, (*this).own_slot) else {
            return std::ptr::null_mut();
        };
        let Some(row) = row else {
            emptied(own);
            (*this).node.ss.ss_ScanTupleSlot = own;
            return std::ptr::null_mut();
        };
        let width = (*(*slots.shown).tts_tupleDescriptor).natts as usize;
        slot::take_apart(row, width as i16 + 1);
        let place = *(*(*row).tts_values.add(width)).cast_mut_ptr::<pg_sys::ItemPointerData>();
        pg_sys::ExecStoreAllNullTuple(slots.place);
        (*slots.place).tts_tid = place;
        (*slots.place).tts_tableOid = (*(*this).node.ss.ss_currentRelation).rd_id;
        (*this).node.ss.ss_ScanTupleSlot = slots.place;
        copy(row, slots.shown, width);
        pg_sys::ExecStoreVirtualTuple(slots.shown)
    }
}

/// Fills the first columns of a virtual slot, which is left empty, with those of a row that stays.
unsafe fn copy(row: *mut pg_sys::TupleTableSlot, into: *mut pg_sys::TupleTableSlot, columns: usize) {
    // SAFETY: both have as many columns.
    unsafe {
        slot::take_apart(row, columns as i16);
        slot::clear(into);
        (*into).tts_values.copy_from_nonoverlapping((*row).tts_values, columns);
        (*into).tts_isnull.copy_from_nonoverlapping((*row).tts_isnull, columns);
    }
}
