//! Keeps secrets that are arguments of statements out of the server log and of `pg_stat_activity` (F31).
//!
//! PostgreSQL logs the text of a failed statement by default, and of every statement when asked to. A hook on the way
//! to the log hides it when the text names one of the functions that take a secret. What another library's hook logs
//! before ours is out of reach; `create_credential_from_file` keeps the secret out of statements altogether.

use pgrx::pg_sys;
use std::ffi::{CStr, c_char};

/// Names of the functions that take a secret, and what a T-SQL script in `DO` looks like.
const SECRET_FUNCTIONS: &[&str] = &[
    "create_master_key",
    "open_master_key",
    "rotate_master_key",
    "create_credential",
    "alter_credential",
    "master key",
    "scoped credential",
];
/// What stands where a text was.
const HIDDEN: &CStr = c"(hidden by pg_stretch: the statement names a secret)";
/// elog.h: the level from which on a report ends the statement.
const ERROR: i32 = 21;

static mut PREV_LOG: pg_sys::emit_log_hook_type = None;
static mut PREV_ANALYZE: pg_sys::post_parse_analyze_hook_type = None;

/// Puts the hooks in place; once, in the postmaster.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREV_LOG = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(emit_log);
        PREV_ANALYZE = pg_sys::post_parse_analyze_hook;
        pg_sys::post_parse_analyze_hook = Some(post_parse_analyze);
    }
}

/// Whether a text may hold a secret: it names one of the functions, in any case, or is a script of T-SQL.
pub fn names_secret(text: &[u8]) -> bool {
    let text = text.to_ascii_lowercase();
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    SECRET_FUNCTIONS.iter().any(|name| has(name.as_bytes())) || (has(b"tsql") && has(b"language"))
}

/// As [`names_secret`], for a text of PostgreSQL that may be missing.
unsafe fn hides(text: *const c_char) -> bool {
    // SAFETY: the caller passes NULL or a NUL-terminated string.
    !text.is_null() && names_secret(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Replaces the statement that `pg_stat_activity` shows for this session. Called by every function that takes a secret,
/// since the extended protocol shows the text again at each step.
pub fn hide_activity() {
    // SAFETY: copies a static text into this backend's own status.
    unsafe { pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, HIDDEN.as_ptr()) };
}

unsafe extern "C-unwind" fn post_parse_analyze(
    state: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    jumble: *mut pg_sys::JumbleState,
) {
    // SAFETY: PostgreSQL passes a live parse state; the global text is NULL or a string of this session. The hook that
    // was there before us is called without a guard, as this frame owns nothing.
    unsafe {
        if let Some(previous) = PREV_ANALYZE {
            previous(state, query, jumble);
        }
        if hides(pg_sys::debug_query_string) {
            pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, HIDDEN.as_ptr());
        }
    }
}

/// Runs just before a report goes to the log. Statement, context and logged values are dropped; a message goes as well
/// when it repeats the statement or quotes a value.
unsafe extern "C-unwind" fn emit_log(report: *mut pg_sys::ErrorData) {
    // SAFETY: PostgreSQL passes a report whose texts are NULL or palloc'd strings; replaced ones are palloc'd too,
    // since they are freed with it. Nothing here can raise an error but running out of memory.
    unsafe {
        let edata = &mut *report;
        let by_statement = hides(pg_sys::debug_query_string);
        let by_text = [edata.message, edata.detail, edata.context, edata.internalquery]
            .iter()
            .any(|text| hides(*text));
        if by_statement || by_text {
            edata.hide_stmt = true;
            edata.context = std::ptr::null_mut();
            edata.detail_log = std::ptr::null_mut();
            edata.internalquery = std::ptr::null_mut();
            let raised = edata.elevel >= ERROR;
            if !raised || values_in_detail(edata.detail) {
                edata.detail = std::ptr::null_mut();
            }
            if repeats_values(edata, raised) {
                edata.message = pg_sys::MemoryContextStrdup(edata.assoc_context, HIDDEN.as_ptr());
            }
        }
        if let Some(previous) = PREV_LOG {
            previous(report);
        }
    }
}

/// A DETAIL that PostgreSQL fills with values.
unsafe fn values_in_detail(detail: *const c_char) -> bool {
    // SAFETY: as for `hides`.
    !detail.is_null() && {
        // SAFETY: not NULL.
        let text = unsafe { CStr::from_ptr(detail) }.to_bytes();
        text.windows(11).any(|window| window == b"parameters:") || text.starts_with(b"Failing row")
    }
}

/// Whether the message has to go: log lines about statements carry their text; errors about wrong values and wrong
/// syntax quote them. Errors of class ST and the others that we raise ourselves never quote a secret.
unsafe fn repeats_values(edata: &pg_sys::ErrorData, raised: bool) -> bool {
    if edata.message.is_null() {
        return false;
    }
    // SAFETY: not NULL, a string of the report.
    let message = unsafe { CStr::from_ptr(edata.message) }.to_bytes();
    if !raised {
        return names_secret(message);
    }
    let class = crate::sqlstate::unpack(edata.sqlerrcode);
    let quotes_values = class.starts_with("22") || class == "42601" || class == "XX000";
    names_secret(message) || (quotes_values && message.iter().any(|byte| matches!(byte, b'"' | b'\'')))
}
