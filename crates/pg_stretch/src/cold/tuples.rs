//! Cold rows as tuples of the heap.

use super::identity;
use pgrx::pg_sys;

/// The header of a row that everybody may see, if he sees it at all.
///
/// Users ask for xmin to learn whether a row is still the version that they read. A version has one place among the
/// cold rows, and the number of its segment is never given again; so xmin comes of that number, counted down from the
/// highest transaction id, where no hot row's is unless the server is about to wrap around.
///
/// # Safety
/// The tuple was just made, and is nobody else's.
pub unsafe fn mark(tuple: pg_sys::HeapTuple, relation: pg_sys::Oid, tid: pg_sys::ItemPointerData) {
    // SAFETY: the caller's promise.
    unsafe {
        (*tuple).t_self = tid;
        (*tuple).t_tableOid = relation;
        let header = (*tuple).t_data;
        (*header).t_choice.t_heap.t_xmin = version(tid);
        (*header).t_choice.t_heap.t_xmax = pg_sys::InvalidTransactionId;
        (*header).t_choice.t_heap.t_field3.t_cid = pg_sys::FirstCommandId;
        (*header).t_ctid = tid;
        (*header).t_infomask |= (pg_sys::HEAP_XMIN_FROZEN | pg_sys::HEAP_XMAX_INVALID) as u16;
    }
}

/// What stands for xmin of a cold row.
fn version(tid: pg_sys::ItemPointerData) -> pg_sys::TransactionId {
    match identity::read(tid) {
        Ok((number, _)) => pg_sys::TransactionId::from(u32::MAX - number),
        Err(_) => pg_sys::FrozenTransactionId,
    }
}

/// A copy of a tuple, in the memory of a slot that is to show it.
///
/// # Safety
/// The tuple lives.
pub unsafe fn copied(tuple: pg_sys::HeapTuple, slot: *mut pg_sys::TupleTableSlot) -> pg_sys::HeapTuple {
    // SAFETY: the caller's promise.
    unsafe {
        let outer = pg_sys::MemoryContextSwitchTo((*slot).tts_mcxt);
        let copy = pg_sys::heap_copytuple(tuple);
        pg_sys::MemoryContextSwitchTo(outer);
        copy
    }
}

/// Shows a tuple, which lies in the memory of `slot`, in that slot of whatever kind.
///
/// # Safety
/// The slot has the tuple's layout.
pub unsafe fn show(tuple: pg_sys::HeapTuple, slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: the caller's promise. The slot of a page keeps a copy, and frees the tuple.
    unsafe {
        let (tid, relation) = ((*tuple).t_self, (*tuple).t_tableOid);
        pg_sys::ExecForceStoreHeapTuple(tuple, slot, true);
        (*slot).tts_tid = tid;
        (*slot).tts_tableOid = relation;
    }
}

/// The row in `slot`, which a reader of cold rows filled, as a tuple in the current memory context.
///
/// # Safety
/// The slot has this layout, which is that of the relation, and a row.
pub unsafe fn formed(
    layout: pg_sys::TupleDesc,
    relation: pg_sys::Oid,
    slot: *mut pg_sys::TupleTableSlot,
) -> pg_sys::HeapTuple {
    // SAFETY: the caller's promise.
    unsafe {
        let tuple = pg_sys::heap_form_tuple(layout, (*slot).tts_values, (*slot).tts_isnull);
        mark(tuple, relation, (*slot).tts_tid);
        tuple
    }
}
