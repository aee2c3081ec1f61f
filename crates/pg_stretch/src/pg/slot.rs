//! Slots of the executor: made, emptied, and taken apart.

use super::raw;
use pgrx::pg_sys;

/// A slot for rows of a relation, in the current memory context. It holds on to nothing of the server's: its
/// description is a copy, which is not counted, so that nobody has to let go of it.
///
/// # Safety
/// The relation is open.
pub unsafe fn own(relation: pg_sys::Relation) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the caller's promise.
    unsafe { own_of((*relation).rd_att) }
}

/// The same for rows of a description.
///
/// # Safety
/// The description lives.
pub unsafe fn own_of(description: pg_sys::TupleDesc) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the caller's promise.
    unsafe {
        let description = pg_sys::CreateTupleDescCopy(description);
        pg_sys::MakeSingleTupleTableSlot(description, &raw const pg_sys::TTSOpsVirtual)
    }
}

/// Empties a slot of whatever kind.
///
/// # Safety
/// A slot of the server's.
pub unsafe fn clear(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: the caller's promise; nothing is owned inside the guard.
    unsafe {
        if let Some(clear) = (*(*slot).tts_ops).clear {
            raw::guarded(|| clear(slot));
        }
    }
}

/// Sees to it that the slot's arrays hold its first columns, so many.
///
/// # Safety
/// A filled slot, with as many columns at least.
pub unsafe fn take_apart(slot: *mut pg_sys::TupleTableSlot, columns: i16) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*slot).tts_nvalid < columns {
            pg_sys::slot_getsomeattrs_int(slot, columns.into());
        }
    }
}
