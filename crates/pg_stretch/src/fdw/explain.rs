//! What a scan did, for EXPLAIN ANALYZE: numbers only, no value of a row.

use super::scan;
use pgrx::prelude::*;
use std::ffi::CStr;

/// Counters of one scan, over all its rescans.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    pub segments: u64,
    pub segments_pruned: u64,
    pub row_groups: u64,
    pub row_groups_pruned: u64,
    pub remote_bytes: u64,
    pub staged_bytes: u64,
    pub requests: u64,
    pub tombstones: u64,
}

impl Counters {
    fn rows(&self) -> [(&'static CStr, Option<&'static CStr>, u64); 8] {
        [
            (c"Segments", None, self.segments),
            (c"Segments Pruned", None, self.segments_pruned),
            (c"Row Groups", None, self.row_groups),
            (c"Row Groups Pruned", None, self.row_groups_pruned),
            (c"Bytes Read", Some(c"B"), self.remote_bytes),
            (c"Staged Bytes Read", Some(c"B"), self.staged_bytes),
            (c"Requests", None, self.requests),
            (c"Tombstones", None, self.tombstones),
        ]
    }
}

/// `ExplainForeignScan`: shown under ANALYZE, for then the scan ran.
#[pg_guard]
pub unsafe extern "C-unwind" fn explain(node: *mut pg_sys::ForeignScanState, es: *mut pg_sys::ExplainState) {
    // SAFETY: EXPLAIN hands over valid states; the strings are static.
    unsafe {
        if !(*es).analyze {
            return;
        }
        let Some(counters) = scan::counters(node) else {
            return;
        };
        for (label, unit, value) in counters.rows() {
            let unit = unit.map_or(std::ptr::null(), CStr::as_ptr);
            pg_sys::ExplainPropertyInteger(label.as_ptr(), unit, value as i64, es);
        }
    }
}
