//! How our hooks stand in the way of every statement of the server, also of those that have nothing to do with us.
//!
//! A hook is a plain function without `#[pg_guard]`. It does its own part inside [`own_part`], and calls what comes
//! next outside: the hook that was there before, or the server's function. An error of that then jumps over the hook's
//! frame as if it were not there, so it stays what it is, and nobody pays for a guard around another's work. Therefore
//! a hook must own nothing that is to be dropped when it calls on. One that has to tidy up after an error calls on
//! inside its part, under [`raw::guarded`](super::raw::guarded); then the error is caught whole and thrown on whole
//! (see `pg/error/caught.rs`).

use pgrx::pg_sys;
use std::ffi::c_char;

// What comes next when there was no hook before. The bindings have these too, but inside a guard.
unsafe extern "C-unwind" {
    pub fn standard_planner(
        query: *mut pg_sys::Query,
        text: *const c_char,
        options: i32,
        params: pg_sys::ParamListInfo,
    ) -> *mut pg_sys::PlannedStmt;
    pub fn standard_ExecutorStart(query: *mut pg_sys::QueryDesc, flags: i32);
    pub fn standard_ExecutorRun(
        query: *mut pg_sys::QueryDesc,
        direction: pg_sys::ScanDirection::Type,
        count: u64,
        once: bool,
    );
    pub fn standard_ExecutorFinish(query: *mut pg_sys::QueryDesc);
    pub fn standard_ProcessUtility(
        statement: *mut pg_sys::PlannedStmt,
        query: *const c_char,
        read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        params: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        dest: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

/// Runs our part of a hook: what it owns is dropped before an error or a panic of it goes on as an ERROR of the server.
///
/// # Safety
/// Called by a function that PostgreSQL calls and that owns nothing which is to be dropped.
pub unsafe fn own_part<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { pg_sys::submodules::panic::pgrx_extern_c_guard(f) }
}
