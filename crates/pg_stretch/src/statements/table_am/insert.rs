//! New rows and new versions of rows: their unique keys must be no cold row's (F28). What is new always goes into the
//! heap, and its indexes judge it against hot rows.

use super::heap;
use crate::pg::error::OrRaise;
use crate::pg::hook;
use crate::statements::unique;
use pgrx::pg_sys;

/// `tuple_insert`.
pub unsafe extern "C-unwind" fn tuple_insert(
    table: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    command: pg_sys::CommandId,
    options: i32,
    bulk: *mut pg_sys::BulkInsertStateData,
) {
    // SAFETY: the server hands over an open table and a filled slot; nothing is owned when heap is called.
    unsafe {
        hook::own_part(|| unique::look(table, slot).or_raise());
        heap::of_heap(heap::routine().tuple_insert)(table, slot, command, options, bulk);
    }
}

/// `multi_insert`: COPY, and whoever else brings many rows at once.
pub unsafe extern "C-unwind" fn multi_insert(
    table: pg_sys::Relation,
    slots: *mut *mut pg_sys::TupleTableSlot,
    count: i32,
    command: pg_sys::CommandId,
    options: i32,
    bulk: *mut pg_sys::BulkInsertStateData,
) {
    // SAFETY: as above, with as many slots as it says.
    unsafe {
        hook::own_part(|| {
            let slots = std::slice::from_raw_parts(slots, count.max(0) as usize);
            unique::look_for_many(table, slots).or_raise();
        });
        heap::of_heap(heap::routine().multi_insert)(table, slots, count, command, options, bulk);
    }
}

/// `tuple_insert_speculative`: INSERT … ON CONFLICT.
pub unsafe extern "C-unwind" fn tuple_insert_speculative(
    table: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    command: pg_sys::CommandId,
    options: i32,
    bulk: *mut pg_sys::BulkInsertStateData,
    token: u32,
) {
    // SAFETY: as above.
    unsafe {
        hook::own_part(|| unique::look_speculatively(table, slot, command).or_raise());
        heap::of_heap(heap::routine().tuple_insert_speculative)(table, slot, command, options, bulk, token);
    }
}

/// `tuple_complete_speculative`: the row's keys have been judged. The next row's are first looked for in the indexes,
/// and only then on the cold side: what was seen of that for this row says nothing then.
pub unsafe extern "C-unwind" fn tuple_complete_speculative(
    table: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    token: u32,
    succeeded: bool,
) {
    // SAFETY: as above.
    unsafe {
        hook::own_part(|| unique::judged((*table).rd_id));
        heap::of_heap(heap::routine().tuple_complete_speculative)(table, slot, token, succeeded);
    }
}
