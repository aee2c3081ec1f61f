//! Keeps secrets that stand in statements out of the server log, pg_stat_activity and pg_stat_statements (F31).
//!
//! A statement is known to hold a secret by its text, by the functions that the server resolved in it, and by the
//! nested statements that its errors show. What is written before anything ran (`log_statement`) can be judged by its
//! text only; `create_credential_from_file` keeps secrets out of statements altogether.

mod copies;
mod functions;
mod log;
mod mark;
mod text;
mod utility;

pub use copies::MASK;
pub use functions::executes;
pub use mark::{mark, mask_activity};
pub use utility::Shown;

pub use text::is_secret;

use crate::pg::hook;
use pgrx::pg_sys;
use std::ffi::CStr;

static mut PREV_ANALYZE: pg_sys::post_parse_analyze_hook_type = None;
static mut PREV_START: pg_sys::ExecutorStart_hook_type = None;
static mut PREV_RUN: pg_sys::ExecutorRun_hook_type = None;

/// Puts the hooks in front of those of other libraries; in the postmaster only.
pub fn install() {
    log::install();
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREV_ANALYZE = pg_sys::post_parse_analyze_hook;
        pg_sys::post_parse_analyze_hook = Some(analyze);
        PREV_START = pg_sys::ExecutorStart_hook;
        pg_sys::ExecutorStart_hook = Some(start);
        PREV_RUN = pg_sys::ExecutorRun_hook;
        pg_sys::ExecutorRun_hook = Some(run);
        pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_end_of_part), std::ptr::null_mut());
    }
}

/// A statement that failed in the parser while errors are not logged passed none of our hooks: what is shown is looked
/// at itself.
unsafe extern "C-unwind" fn at_end(event: pg_sys::XactEvent::Type, _: *mut std::ffi::c_void) {
    if event == pg_sys::XactEvent::XACT_EVENT_ABORT {
        mask_what_is_shown();
    }
}

/// The same after a savepoint.
unsafe extern "C-unwind" fn at_end_of_part(
    event: pg_sys::SubXactEvent::Type,
    _: pg_sys::SubTransactionId,
    _: pg_sys::SubTransactionId,
    _: *mut std::ffi::c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        mask_what_is_shown();
    }
}

fn mask_what_is_shown() {
    // SAFETY: the session's own entry, if it has one; nobody else writes to it. Its text ends with a zero.
    unsafe {
        let entry = pg_sys::MyBEEntry;
        if !entry.is_null()
            && !(*entry).st_activity_raw.is_null()
            && is_secret(CStr::from_ptr((*entry).st_activity_raw).to_bytes())
        {
            pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, MASK.as_ptr());
        }
    }
}

/// `EXECUTE name('…')`: the secret is here, the function's name in the statement that was prepared.
unsafe fn look_behind_execute(query: *mut pg_sys::Query) {
    // SAFETY: the tag is looked at before the cast; a prepared statement lives until it is deallocated.
    unsafe {
        let statement = (*query).utilityStmt;
        if statement.is_null() || (*statement).type_ != pg_sys::NodeTag::T_ExecuteStmt {
            return;
        }
        let prepared = pg_sys::FetchPreparedStatement((*statement.cast::<pg_sys::ExecuteStmt>()).name, false);
        if prepared.is_null() {
            return;
        }
        let text = (*(*prepared).plansource).query_string;
        if !text.is_null() && is_secret(CStr::from_ptr(text).to_bytes()) {
            mark();
        }
    }
}

unsafe extern "C-unwind" fn analyze(
    state: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    jumble: *mut pg_sys::JumbleState,
) {
    // SAFETY: PostgreSQL passes an analyzed query; calls the hook that was there before us.
    unsafe {
        hook::own_part(|| {
            look_behind_execute(query);
            mask_activity();
        });
        if let Some(previous) = PREV_ANALYZE {
            previous(state, query, jumble);
        }
    }
}

unsafe extern "C-unwind" fn start(query: *mut pg_sys::QueryDesc, flags: i32) {
    // SAFETY: calls the hook that was there before us, or what PostgreSQL would have called.
    unsafe {
        hook::own_part(mask_activity);
        PREV_START.unwrap_or(hook::standard_ExecutorStart)(query, flags);
    }
}

unsafe extern "C-unwind" fn run(
    query: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
    once: bool,
) {
    // SAFETY: as above.
    unsafe {
        hook::own_part(mask_activity);
        PREV_RUN.unwrap_or(hook::standard_ExecutorRun)(query, direction, count, once);
    }
}
