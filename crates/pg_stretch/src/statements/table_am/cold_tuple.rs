//! Cold rows as tuples of the heap, for callers that know nothing else.

use crate::cold::tuples;
use pgrx::pg_sys;

/// A slot in the current memory context that holds on to nothing of the server's.
///
/// # Safety
/// The relation is open.
pub unsafe fn own_slot(relation: pg_sys::Relation) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the caller's promise; a copied description is not counted.
    unsafe {
        let description = pg_sys::CreateTupleDescCopy((*relation).rd_att);
        pg_sys::MakeSingleTupleTableSlot(description, &raw const pg_sys::TTSOpsVirtual)
    }
}

/// The row in `slot`, which a reader of cold rows filled, as a tuple in the current memory context.
///
/// # Safety
/// The slot has the layout of the open relation, and a row.
pub unsafe fn formed(relation: pg_sys::Relation, slot: *mut pg_sys::TupleTableSlot) -> pg_sys::HeapTuple {
    // SAFETY: the caller's promise.
    unsafe {
        let tuple = pg_sys::heap_form_tuple((*relation).rd_att, (*slot).tts_values, (*slot).tts_isnull);
        tuples::mark(tuple, (*relation).rd_id, (*slot).tts_tid);
        tuple
    }
}
