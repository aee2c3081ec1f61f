//! A slot for cold rows that outlives the relation's own description.

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
