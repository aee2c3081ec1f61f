//! What a scan did, for EXPLAIN ANALYZE: numbers only, no value of a row.

use crate::cold::counters::Counters;
use pgrx::prelude::*;
use std::ffi::CStr;

/// What EXPLAIN calls each, with its unit.
fn rows(counters: &Counters) -> [(&'static CStr, Option<&'static CStr>, u64); 11] {
    [
        (c"Segments", None, counters.segments),
        (c"Segments Pruned", None, counters.segments_pruned),
        (c"Row Groups", None, counters.row_groups),
        (c"Row Groups Pruned", None, counters.row_groups_pruned),
        (c"Pages", None, counters.pages),
        (c"Rows Pruned", None, counters.rows_pruned),
        (c"Bytes Read", Some(c"B"), counters.remote_bytes),
        (c"Cached Bytes Read", Some(c"B"), counters.cached_bytes),
        (c"Staged Bytes Read", Some(c"B"), counters.staged_bytes),
        (c"Requests", None, counters.requests),
        (c"Tombstones", None, counters.tombstones),
    ]
}

/// Shows the counters of a scan.
///
/// # Safety
/// A state of EXPLAIN.
pub unsafe fn show(counters: &Counters, es: *mut pg_sys::ExplainState) {
    for (label, unit, value) in rows(counters) {
        let unit = unit.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: the caller's state of EXPLAIN; the strings are static.
        unsafe { pg_sys::ExplainPropertyInteger(label.as_ptr(), unit, value as i64, es) };
    }
}
