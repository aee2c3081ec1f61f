//! What a scan of cold rows asks of stored values, for EXPLAIN, and what it did, for EXPLAIN ANALYZE: numbers only, no
//! value of a row.

use crate::cold::counters::Counters;
use crate::pg::list;
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

/// Shows the conditions that statistics and stored values are asked for, in the words of the query.
///
/// # Safety
/// A node of ours, its ancestors, and a state of EXPLAIN.
pub unsafe fn show_conditions(
    node: *mut pg_sys::CustomScanState,
    ancestors: *mut pg_sys::List,
    es: *mut pg_sys::ExplainState,
) {
    // SAFETY: the plan's third list of expressions is made by `combined_plan`; the text is a string of the server.
    unsafe {
        let plan = (*node).ss.ps.plan;
        let clauses: *mut pg_sys::List = list::nth((*plan.cast::<pg_sys::CustomScan>()).custom_exprs, 2);
        if clauses.is_null() {
            return;
        }
        let context = pg_sys::set_deparse_context_plan((*es).deparse_cxt, plan, ancestors);
        let names_tables = list::length((*es).rtable) > 1 || (*es).verbose;
        let all = pg_sys::make_ands_explicit(clauses).cast();
        let text = pg_sys::deparse_expression(all, context, names_tables, false);
        pg_sys::ExplainPropertyText(c"Cold Cond".as_ptr(), text, es);
    }
}
