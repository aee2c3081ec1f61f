//! Fields of an error that pgrx does not carry: names of schema, table, column, type and constraint, context, positions.
//!
//! pgrx turns each ERROR that crosses Rust frames into a value and raises it again at the next border to C, with code, message,
//! detail and hint only. Our hooks are such frames for the errors of the whole server, and applications read the name of a
//! violated constraint. So what else an error holds is noted when pgrx copies it, and put back when the same error is raised
//! again. The linker puts both functions in front (see `build.rs`).

use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};

unsafe extern "C-unwind" {
    fn __real_CopyErrorData() -> *mut pg_sys::ErrorData;
    fn __real_errfinish(file: *const c_char, line: c_int, function: *const c_char);
    fn err_generic_string(field: c_int, text: *const c_char) -> c_int;
    fn errdetail_log(format: *const c_char, ...) -> c_int;
    fn errcontext_msg(format: *const c_char, ...) -> c_int;
    fn errposition(position: c_int) -> c_int;
    fn internalerrposition(position: c_int) -> c_int;
    fn internalerrquery(query: *const c_char) -> c_int;
    fn errhidestmt(hide: bool) -> c_int;
    fn errhidecontext(hide: bool) -> c_int;
}

/// What was copied last and not yet raised again.
struct Noted {
    code: c_int,
    message: Option<CString>,
    /// PG_DIAG_* and text.
    names: Vec<(u8, CString)>,
    detail_log: Option<CString>,
    context: Option<CString>,
    position: c_int,
    internal_position: c_int,
    internal_query: Option<CString>,
    hides_statement: bool,
    hides_context: bool,
}

thread_local! {
    static NOTED: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

/// Names the constraint that the report under way is about.
///
/// # Safety
/// Between `errstart` and `errfinish`.
pub unsafe fn name_constraint(schema: &CStr, table: &CStr, constraint: &CStr) {
    // SAFETY: the server copies the texts.
    unsafe {
        err_generic_string(pg_sys::PG_DIAG_SCHEMA_NAME as c_int, schema.as_ptr());
        err_generic_string(pg_sys::PG_DIAG_TABLE_NAME as c_int, table.as_ptr());
        err_generic_string(pg_sys::PG_DIAG_CONSTRAINT_NAME as c_int, constraint.as_ptr());
    }
}

unsafe fn owned(text: *const c_char) -> Option<CString> {
    // SAFETY: null or a string of the server.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_owned())
}

unsafe fn note(data: &pg_sys::ErrorData) -> Noted {
    // SAFETY: each field is null or a string.
    unsafe {
        let names = [
            (pg_sys::PG_DIAG_SCHEMA_NAME, data.schema_name),
            (pg_sys::PG_DIAG_TABLE_NAME, data.table_name),
            (pg_sys::PG_DIAG_COLUMN_NAME, data.column_name),
            (pg_sys::PG_DIAG_DATATYPE_NAME, data.datatype_name),
            (pg_sys::PG_DIAG_CONSTRAINT_NAME, data.constraint_name),
        ];
        Noted {
            code: data.sqlerrcode,
            message: owned(data.message),
            names: names
                .into_iter()
                .filter_map(|(field, text)| Some((field, owned(text)?)))
                .collect(),
            detail_log: owned(data.detail_log),
            context: owned(data.context),
            position: data.cursorpos,
            internal_position: data.internalpos,
            internal_query: owned(data.internalquery),
            hides_statement: data.hide_stmt,
            hides_context: data.hide_ctx,
        }
    }
}

/// In front of `CopyErrorData`: notes what pgrx will not carry.
///
/// # Safety
/// As for `CopyErrorData`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_CopyErrorData() -> *mut pg_sys::ErrorData {
    // SAFETY: the function gives a complete copy.
    unsafe {
        let data = __real_CopyErrorData();
        NOTED.set(Some(note(&*data)));
        data
    }
}

/// In front of `errfinish`: completes the report when it is the one noted.
///
/// # Safety
/// As for `errfinish`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_errfinish(file: *const c_char, line: c_int, function: *const c_char) {
    if let Some(noted) = NOTED.take() {
        // SAFETY: a report is under way: the copy is of that one.
        unsafe {
            let now = __real_CopyErrorData();
            let same = (*now).sqlerrcode == noted.code && owned((*now).message) == noted.message;
            pg_sys::FreeErrorData(now);
            if same {
                put_back(&noted);
                // The callbacks of all frames have written to the context when the error was new.
                pg_sys::error_context_stack = std::ptr::null_mut();
            }
        }
    }
    // SAFETY: as the caller promises. For an ERROR it does not return, and nothing here is left to drop.
    unsafe { __real_errfinish(file, line, function) }
}

unsafe fn put_back(noted: &Noted) {
    // SAFETY: a report is under way; the server copies the texts, passed through "%s" so that no character is a format.
    unsafe {
        for (field, text) in &noted.names {
            err_generic_string(c_int::from(*field), text.as_ptr());
        }
        if let Some(text) = &noted.detail_log {
            errdetail_log(c"%s".as_ptr(), text.as_ptr());
        }
        if let Some(text) = &noted.context {
            errcontext_msg(c"%s".as_ptr(), text.as_ptr());
        }
        if noted.position > 0 {
            errposition(noted.position);
        }
        if let Some(query) = &noted.internal_query {
            internalerrposition(noted.internal_position);
            internalerrquery(query.as_ptr());
        }
        errhidestmt(noted.hides_statement);
        errhidecontext(noted.hides_context);
    }
}
