//! The log hook: statements, parameters and messages that hold a secret are replaced before they are written or sent.

use super::copies::MASK;
use super::mark::statement_is_secret;
use super::text::{self, is_secret};
use crate::pg::hook;
use pgrx::pg_sys;
use std::ffi::{CStr, CString, c_char};

static mut PREVIOUS: pg_sys::emit_log_hook_type = None;

/// The file name that `crate::pg::error` gives to its reports, whose texts never hold a secret.
const OURS: &CStr = c"pg_stretch";

/// Puts the hook in front of those of other libraries; in the postmaster only.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREVIOUS = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(emit);
    }
}

unsafe extern "C-unwind" fn emit(report: *mut pg_sys::ErrorData) {
    // SAFETY: PostgreSQL passes the report that it is about to write; the previous hook sees what is left.
    unsafe {
        hook::own_part(|| redact(&mut *report));
        if let Some(previous) = PREVIOUS {
            previous(report);
        }
    }
}

unsafe fn redact(report: &mut pg_sys::ErrorData) {
    // SAFETY: all texts of a report are null or NUL-terminated strings of its own memory context.
    let (ours, nested) = unsafe {
        let ours = !report.filename.is_null() && CStr::from_ptr(report.filename).to_bytes().ends_with(OURS.to_bytes());
        (ours, holds(report.context) || holds(report.internalquery))
    };
    // The text of a nested statement, which functions and blocks put together while they run.
    if nested {
        super::mark::mark();
    }
    let secret = statement_is_secret();
    if secret {
        hide_statement(report);
    }
    // SAFETY: both look at texts of the report alone.
    unsafe {
        match (ours, secret) {
            (true, _) => {}
            (false, true) => hide_quotes(report),
            (false, false) => hide_what_tells(report),
        }
    }
}

/// Leaves out what PostgreSQL says of the statement by itself.
fn hide_statement(report: &mut pg_sys::ErrorData) {
    // A statement that fails before it is analyzed passes no other hook.
    super::mark::mask_activity();
    report.hide_stmt = true;
    report.hide_ctx = true;
    report.context = std::ptr::null_mut();
    report.detail_log = std::ptr::null_mut();
    report.internalquery = std::ptr::null_mut();
    // A position in a text that is not there breaks the protocol for some clients.
    report.internalpos = 0;
}

/// Leaves out what quotes the statement, which has a secret.
unsafe fn hide_quotes(report: &mut pg_sys::ErrorData) {
    // SAFETY: texts of the report, and the statement's, which is null or a string that lives as long as the statement.
    unsafe {
        let statement = comparable(pg_sys::debug_query_string);
        if text::quotes(&comparable(report.message), &statement) || holds(report.message) {
            replace_message(report);
        }
    }
    // Bind parameters and pieces of the statement stand here.
    report.detail = std::ptr::null_mut();
    report.hint = std::ptr::null_mut();
}

/// A secret behind EXECUTE: the text of the report itself tells.
unsafe fn hide_what_tells(report: &mut pg_sys::ErrorData) {
    // SAFETY: texts of the report alone.
    unsafe {
        let behind = holds(report.detail) || holds(report.detail_log);
        if behind {
            report.hide_stmt = true;
        }
        if behind || holds(report.message) {
            replace_message(report);
        }
        for field in [&mut report.detail, &mut report.detail_log] {
            if holds(*field) {
                *field = std::ptr::null_mut();
            }
        }
    }
}

unsafe fn holds(field: *const c_char) -> bool {
    // SAFETY: the caller passes a text of a report, which is null or ends with a zero byte.
    unsafe { !field.is_null() && is_secret(CStr::from_ptr(field).to_bytes()) }
}

/// A text of a report for comparison with others: as it is where it is UTF-8, otherwise with a letter for each byte
/// that is not ASCII. It is not converted, because that may need the catalog, which must not be asked while an error is
/// written.
unsafe fn comparable(field: *const c_char) -> String {
    if field.is_null() {
        return String::new();
    }
    // SAFETY: a text of a report or of the statement, which ends with a zero byte; it was just seen not to be null.
    let bytes = unsafe { CStr::from_ptr(field) }.to_bytes();
    let letter = |byte: &u8| match byte {
        0..=0x7f => char::from(*byte),
        // Any letters without case will do.
        _ => char::from_u32(0x4e00 + u32::from(*byte)).unwrap_or('?'),
    };
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(letter).collect(), str::to_owned)
}

/// Keeps the duration, which tells nothing.
unsafe fn replace_message(report: &mut pg_sys::ErrorData) {
    // SAFETY: the message of a report is null or ends with a zero byte.
    let message = unsafe { comparable(report.message) };
    let duration = message
        .strip_prefix("duration: ")
        .and_then(|rest| rest.split_once(" ms"))
        .map(|(number, _)| format!("duration: {number} ms  "))
        .unwrap_or_default();
    let text = CString::new(format!("{duration}{}", MASK.to_string_lossy())).unwrap_or_default();
    // SAFETY: the copy lives in the report's own memory context.
    unsafe { report.message = pg_sys::MemoryContextStrdup(report.assoc_context, text.as_ptr()) };
}
