//! Keeps secrets that stand in statements out of the server log, pg_stat_activity and pg_stat_statements (F31).
//!
//! A statement is known to hold a secret by its text, by the functions that the server resolved in it, and by the nested statements that
//! its errors show. What is written before anything ran (`log_statement`) can be judged by its text only;
//! `create_credential_from_file` keeps secrets out of statements altogether.

mod functions;
mod log;
mod text;
mod utility;

pub use functions::executes;
pub use utility::Shown;

pub use text::is_secret;

use crate::pg::{hook, raw};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::{CStr, c_char};

/// What is shown instead of a statement.
pub const MASK: &CStr = c"(hidden by pg_stretch: the statement names a secret)";

static mut PREV_ANALYZE: pg_sys::post_parse_analyze_hook_type = None;
static mut PREV_START: pg_sys::ExecutorStart_hook_type = None;
static mut PREV_RUN: pg_sys::ExecutorRun_hook_type = None;

thread_local! {
    /// Statement (address and start time) and whether it holds a secret: texts are searched once.
    static JUDGED: Cell<(usize, i64, bool)> = const { Cell::new((0, 0, false)) };
}

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

/// The statement that the client sent: its address and when it began. `None` outside of one.
fn current_statement() -> Option<(usize, i64)> {
    // SAFETY: a global, and a getter.
    unsafe {
        let statement = pg_sys::debug_query_string;
        (!statement.is_null()).then(|| (statement as usize, raw::GetCurrentStatementStartTimestamp()))
    }
}

/// From now on the statement that the client sent counts as one that holds a secret, whatever its text looks like.
pub fn mark() {
    if let Some((address, started)) = current_statement() {
        JUDGED.set((address, started, true));
        mask_activity();
        utility::blank_all();
    }
}

/// Whether the statement that the client sent holds a secret.
pub fn statement_is_secret() -> bool {
    let Some((address, started)) = current_statement() else {
        return false;
    };
    let (known_address, known_started, known) = JUDGED.get();
    if (address, started) == (known_address, known_started) {
        return known;
    }
    // SAFETY: the address is that of a string that lives as long as the statement.
    let secret = is_secret(unsafe { CStr::from_ptr(address as *const c_char) }.to_bytes());
    JUDGED.set((address, started, secret));
    secret
}

/// Replaces what pg_stat_activity shows of this session.
pub fn mask_activity() {
    if statement_is_secret() {
        // SAFETY: copies the text into the session's own entry.
        unsafe { pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, MASK.as_ptr()) };
    }
}

/// A statement that failed in the parser while errors are not logged passed none of our hooks: what is shown is looked at itself.
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
