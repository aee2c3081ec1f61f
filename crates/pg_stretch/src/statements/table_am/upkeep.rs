//! What builds or copies the file of a table: indexes hold hot rows alone, and cold ones are not in the file.

use super::heap::{self, as_heap, of_heap};
use super::{cold_index, new_index};
use crate::pg::error::OrRaise;
use pgrx::prelude::*;

/// `index_build_range_scan`.
#[allow(clippy::too_many_arguments)] // PostgreSQL's signature
#[pg_guard]
pub unsafe extern "C-unwind" fn index_build_range_scan(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
    allow_sync: bool,
    any_visible: bool,
    progress: bool,
    start: pg_sys::BlockNumber,
    blocks: pg_sys::BlockNumber,
    callback: pg_sys::IndexBuildCallback,
    state: *mut std::ffi::c_void,
    scan: pg_sys::TableScanDesc,
) -> f64 {
    let build = of_heap(heap::routine().index_build_range_scan);
    // SAFETY: what the server handed over, for a table of ours.
    unsafe {
        new_index::check(table, index, info).or_raise();
        if new_index::is_made(index) {
            cold_index::evaluate(table, info).or_raise();
        }
        as_heap(table, || {
            build(
                table,
                index,
                info,
                allow_sync,
                any_visible,
                progress,
                start,
                blocks,
                callback,
                state,
                scan,
            )
        })
    }
}

/// `index_validate_scan`.
#[pg_guard]
pub unsafe extern "C-unwind" fn index_validate_scan(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
    snapshot: pg_sys::Snapshot,
    state: *mut pg_sys::ValidateIndexState,
) {
    let validate = of_heap(heap::routine().index_validate_scan);
    // SAFETY: as above.
    unsafe {
        new_index::check_concurrent(table, index).or_raise();
        as_heap(table, || validate(table, index, info, snapshot, state))
    }
}

/// `relation_copy_for_cluster`: VACUUM FULL and CLUSTER.
#[allow(clippy::too_many_arguments)] // PostgreSQL's signature
#[pg_guard]
pub unsafe extern "C-unwind" fn copy_for_cluster(
    old: pg_sys::Relation,
    new: pg_sys::Relation,
    index: pg_sys::Relation,
    sort: bool,
    oldest: pg_sys::TransactionId,
    xid_cutoff: *mut pg_sys::TransactionId,
    multi_cutoff: *mut pg_sys::MultiXactId,
    tuples: *mut f64,
    vacuumed: *mut f64,
    recently_dead: *mut f64,
) {
    let copy = of_heap(heap::routine().relation_copy_for_cluster);
    // SAFETY: as above.
    unsafe {
        as_heap(old, || {
            copy(
                old,
                new,
                index,
                sort,
                oldest,
                xid_cutoff,
                multi_cutoff,
                tuples,
                vacuumed,
                recently_dead,
            )
        })
    }
}

/// `relation_toast_am`: toast tables are heaps, which VACUUM FULL and CLUSTER take for granted.
pub unsafe extern "C-unwind" fn toast_method(_table: pg_sys::Relation) -> pg_sys::Oid {
    pg_sys::HEAP_TABLE_AM_OID
}
