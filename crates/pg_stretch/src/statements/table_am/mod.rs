//! The table access method `stretch`: heap, with callbacks of our own where a table may have cold rows.
//!
//! A stretched table names it in `pg_class.relam`. Its file is a heap, and all that heap does for hot rows is done by
//! heap's own functions (`heap.rs`). New rows are kept from cold rows' unique keys (`insert.rs`, `index_fetch.rs`).
//! What builds or copies the file as a whole (`upkeep.rs`) sees hot rows alone.

pub mod heap;
mod index_fetch;
mod insert;
mod upkeep;

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
    pg_sys::Datum::from(std::ptr::from_ref(routine()))
}

/// The callbacks, made once in each process: the server keeps a pointer to them for as long as it runs.
pub fn routine() -> &'static pg_sys::TableAmRoutine {
    static ROUTINE: OnceLock<pg_sys::TableAmRoutine> = OnceLock::new();
    ROUTINE.get_or_init(|| pg_sys::TableAmRoutine {
        index_fetch_tuple: Some(index_fetch::index_fetch_tuple),
        tuple_insert: Some(insert::tuple_insert),
        tuple_insert_speculative: Some(insert::tuple_insert_speculative),
        tuple_complete_speculative: Some(insert::tuple_complete_speculative),
        multi_insert: Some(insert::multi_insert),
        tuple_update: Some(insert::tuple_update),
        index_build_range_scan: Some(upkeep::index_build_range_scan),
        index_validate_scan: Some(upkeep::index_validate_scan),
        relation_copy_for_cluster: Some(upkeep::copy_for_cluster),
        relation_toast_am: Some(upkeep::toast_method),
        ..*heap::routine()
    })
}
