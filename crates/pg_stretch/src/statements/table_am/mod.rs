//! The table access method `stretch`: heap, with callbacks of our own where a table may have cold rows.
//!
//! A stretched table names it in `pg_class.relam`. Its file is a heap, and all that heap does for hot rows is done by
//! heap's own functions (`heap.rs`). New rows are kept from cold rows' unique keys (`insert.rs`, `index_fetch.rs`).
//! What builds or copies the file as a whole (`upkeep.rs`) sees hot rows alone, but a new index is evaluated for cold
//! ones too (`cold_index.rs`).
//! Scans of whoever reads the table as a whole (`utility_scan.rs`) see cold rows too, and so does ANALYZE
//! (`analyze.rs`). A relation that names the access method and is not in our catalog is a heap.
//!
//! A callback that is about one row looks at its tid: a cold row has one that no heap can have (`cold/identity.rs`).
//! For a hot row it goes on to heap as the last thing that it does, so that an error of heap's passes as if there were
//! nothing in between; what it does for a cold one is inside `cold::run`.

mod analyze;
mod became_cold;
pub mod cold;
mod cold_index;
mod cold_sample;
mod delete;
mod fetch;
mod filenode;
pub mod heap;
mod held;
pub mod home;
mod hot_count;
mod index_fetch;
mod insert;
mod lock;
mod new_index;
mod size;
mod update;
mod upkeep;
mod utility_scan;

use crate::pg::error::OrRaise;
use crate::pg::shmem;
use pgrx::prelude::*;
use std::sync::OnceLock;

/// Tells the server that `stretch_table_am_handler` is a version 1 function.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_stretch_table_am_handler() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// `stretch.table_am_handler()`: the table of callbacks. An error where the library is not preloaded: without its hooks
/// a query would show hot rows alone (I-13).
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn stretch_table_am_handler(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    shmem::require().or_raise();
    // SAFETY: a plain global, and a getter of a static table of callbacks.
    let methods = unsafe {
        match pg_sys::IsBinaryUpgrade {
            // The files of tables come at the end of an upgrade; until then they are empty heaps.
            true => pg_sys::GetHeapamTableAmRoutine(),
            false => std::ptr::from_ref(routine()),
        }
    };
    pg_sys::Datum::from(methods)
}

/// The callbacks, made once in each process: the server keeps a pointer to them for as long as it runs.
pub fn routine() -> &'static pg_sys::TableAmRoutine {
    static ROUTINE: OnceLock<pg_sys::TableAmRoutine> = OnceLock::new();
    ROUTINE.get_or_init(|| pg_sys::TableAmRoutine {
        scan_begin: Some(utility_scan::scan_begin),
        scan_end: Some(utility_scan::scan_end),
        scan_rescan: Some(utility_scan::scan_rescan),
        scan_getnextslot: Some(utility_scan::scan_getnextslot),
        scan_analyze_next_block: Some(analyze::next_block),
        scan_analyze_next_tuple: Some(analyze::next_tuple),
        relation_set_new_filenode: Some(filenode::relation_set_new_filenode),
        relation_nontransactional_truncate: Some(filenode::relation_nontransactional_truncate),
        relation_size: Some(size::relation_size),
        index_fetch_tuple: Some(index_fetch::index_fetch_tuple),
        tuple_insert: Some(insert::tuple_insert),
        tuple_insert_speculative: Some(insert::tuple_insert_speculative),
        tuple_complete_speculative: Some(insert::tuple_complete_speculative),
        multi_insert: Some(insert::multi_insert),
        index_build_range_scan: Some(upkeep::index_build_range_scan),
        index_validate_scan: Some(upkeep::index_validate_scan),
        relation_copy_for_cluster: Some(upkeep::copy_for_cluster),
        relation_toast_am: Some(upkeep::toast_method),
        tuple_delete: Some(delete::tuple_delete),
        tuple_fetch_row_version: Some(fetch::tuple_fetch_row_version),
        tuple_get_latest_tid: Some(fetch::tuple_get_latest_tid),
        tuple_lock: Some(lock::tuple_lock),
        tuple_satisfies_snapshot: Some(fetch::tuple_satisfies_snapshot),
        tuple_tid_valid: Some(fetch::tuple_tid_valid),
        tuple_update: Some(update::tuple_update),
        ..*heap::routine()
    })
}

/// Whether a relation, on which a lock is held, has these callbacks.
///
/// # Safety
/// Inside a transaction.
pub unsafe fn is_of(relation: pg_sys::Oid) -> bool {
    // SAFETY: opens and closes a relation that is locked.
    unsafe {
        let open = pg_sys::relation_open(relation, pg_sys::NoLock as i32);
        let is_ours = std::ptr::eq((*open).rd_tableam, routine());
        pg_sys::relation_close(open, pg_sys::NoLock as i32);
        is_ours
    }
}
