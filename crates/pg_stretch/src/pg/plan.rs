//! Plans of our own SELECT statements on one table.

use pgrx::pg_sys;
use std::ffi::CString;

/// Parses, analyses and plans; the rewriter (and with it row-level security) is left out, and so is the check of the
/// owner's own SELECT privilege, which he may have revoked.
///
/// # Safety
/// One SELECT of one table, in a transaction with an active snapshot.
pub unsafe fn plan(sql: &CString) -> *mut pg_sys::PlannedStmt {
    // SAFETY: one SELECT, so the list has one element and the query one range table entry.
    unsafe {
        let parsed = pg_sys::pg_parse_query(sql.as_ptr());
        let statement = (*(*parsed).elements).ptr_value.cast::<pg_sys::RawStmt>();
        let query =
            pg_sys::parse_analyze_fixedparams(statement, sql.as_ptr(), std::ptr::null(), 0, std::ptr::null_mut());
        let table = (*(*(*query).rtable).elements).ptr_value.cast::<pg_sys::RangeTblEntry>();
        (*table).requiredPerms = 0;
        pg_sys::planner(query, sql.as_ptr(), 0, std::ptr::null_mut())
    }
}

/// Rows that the planner expects of such a statement.
///
/// # Safety
/// As for [`plan`].
pub unsafe fn expected_rows(sql: &CString) -> f64 {
    // SAFETY: the caller's promise; a planned SELECT has a plan tree.
    unsafe { (*(*plan(sql)).planTree).plan_rows }
}
