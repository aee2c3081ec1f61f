//! Errors on their way to PostgreSQL: a definition of the error table plus message, detail and hint, raised as an
//! ereport.

pub mod caught;
pub mod sqlstate;

use crate::pg::encoding;
use pgrx::pg_sys;
use std::ffi::CStr;
use stretch_core::errors::{self, Class, ErrorDef};
use stretch_core::order_by::Unreadable;

// Reporting functions that the bindings leave out.
unsafe extern "C-unwind" {
    fn errstart(elevel: i32, domain: *const std::ffi::c_char) -> bool;
    fn errcode(sqlerrcode: i32) -> i32;
    fn errfinish(filename: *const std::ffi::c_char, lineno: i32, funcname: *const std::ffi::c_char);
    fn err_generic_string(field: i32, text: *const std::ffi::c_char) -> i32;
}
unsafe extern "C-unwind" {
    fn errhint(format: *const std::ffi::c_char, ...) -> i32;
}

/// elog.h: the level that aborts the statement.
const ERROR: i32 = 21;

/// What every fallible function of the extension returns.
pub type Result<T> = std::result::Result<T, Error>;

/// An error that will reach the client with SQLSTATE, message, detail and hint.
#[derive(Debug, Clone)]
pub struct Error {
    /// Row of the error table; gives the SQLSTATE and the default hint.
    pub sqlstate: String,
    /// What happened, naming the object.
    pub message: String,
    /// More facts, if any.
    pub detail: Option<String>,
    /// The way out.
    pub hint: Option<String>,
    /// The constraint that it is about: schema, table, name.
    pub constraint: Option<Box<[String; 3]>>,
}

impl Error {
    /// An error of the table, with the table's hint.
    pub fn new(def: &ErrorDef, message: impl Into<String>) -> Self {
        let hint = (!def.hint.is_empty()).then(|| sentence(def.hint));
        Self {
            sqlstate: def.sqlstate.into(),
            message: message.into(),
            detail: None,
            hint,
            constraint: None,
        }
    }

    /// Whether it has the definition's SQLSTATE; it may be an error of the server.
    pub fn is(&self, def: &ErrorDef) -> bool {
        self.sqlstate == def.sqlstate
    }

    /// Whether its SQLSTATE is of the class.
    pub fn is_of(&self, class: Class) -> bool {
        class.holds(&self.sqlstate)
    }

    /// The row of the error table with its SQLSTATE; `None` for most errors of the server.
    pub fn definition(&self) -> Option<&'static ErrorDef> {
        errors::by_sqlstate(&self.sqlstate)
    }

    /// Adds a DETAIL.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Replaces the HINT.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the constraint, as PostgreSQL does for its own.
    pub fn constraint(mut self, schema: String, table: String, name: &str) -> Self {
        self.constraint = Some(Box::new([schema, table, name.to_string()]));
        self
    }

    /// An argument that makes no sense (22023).
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(&errors::BAD_ARGUMENT, message).without_hint()
    }

    /// A broken expectation of our own (XX000).
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            sqlstate: errors::INTERNAL.sqlstate.into(),
            message: message.into(),
            detail: None,
            hint: None,
            constraint: None,
        }
    }

    /// Drops the HINT.
    pub fn without_hint(mut self) -> Self {
        self.hint = None;
        self
    }

    /// Raises it as an ERROR; never returns.
    pub fn raise(&self) -> ! {
        self.report(ERROR);
        unreachable!("an ERROR does not return")
    }

    /// Reports it at a level (`pg_sys::WARNING`, `LOG`, `NOTICE` …); returns for levels below ERROR.
    pub fn report(&self, level: i32) {
        let (detail, hint) = (self.detail.as_deref(), self.hint.as_deref());
        let constraint = self.constraint.as_deref();
        report_about(level, &self.sqlstate, &self.message, detail, hint, constraint);
    }
}

/// The table's hints are phrases; PostgreSQL's hints are sentences.
fn sentence(phrase: &str) -> String {
    let mut chars = phrase.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase()).into_iter();
    let mut text: String = first.chain(chars).collect();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

/// Unwraps or raises: the last step of every function that PostgreSQL calls.
pub trait OrRaise<T> {
    /// The value, or an ERROR.
    fn or_raise(self) -> T;
}

/// 22023 for an `order_by` that is no list of columns.
pub fn unreadable(list: Unreadable) -> Error {
    Error::argument(list.to_string())
        .hint("Give column names, each with ASC or DESC and NULLS FIRST or NULLS LAST, separated by commas.")
}

impl<T> OrRaise<T> for Result<T> {
    fn or_raise(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => error.raise(),
        }
    }
}

/// Reports a message at `level` with a SQLSTATE of five characters.
pub fn report(level: i32, sqlstate: &str, message: &str, detail: Option<&str>, hint: Option<&str>) {
    report_about(level, sqlstate, message, detail, hint, None);
}

fn report_about(
    level: i32,
    sqlstate: &str,
    message: &str,
    detail: Option<&str>,
    hint: Option<&str>,
    constraint: Option<&[String; 3]>,
) {
    let c = encoding::message;
    let message = c(message);
    let detail = detail.map(c);
    let hint = hint.map(c);
    let constraint = constraint.map(|names| names.each_ref().map(|name| c(name)));
    // SAFETY: errstart … errfinish is PostgreSQL's protocol for a report; every text is a NUL-terminated string that
    // outlives the calls, passed through "%s" so that no character of it is a format.
    unsafe {
        if !errstart(level, std::ptr::null()) {
            return;
        }
        errcode(sqlstate::pack(sqlstate));
        pg_sys::errmsg_internal(c"%s".as_ptr(), message.as_ptr());
        if let Some(detail) = &detail {
            pg_sys::errdetail_internal(c"%s".as_ptr(), detail.as_ptr());
        }
        if let Some(hint) = &hint {
            errhint(c"%s".as_ptr(), hint.as_ptr());
        }
        if let Some([schema, table, name]) = &constraint {
            name_constraint(schema, table, name);
        }
        // The boundary turns the jump of an ERROR into an unwind, so that destructors run.
        pg_sys::ffi::pg_guard_ffi_boundary(|| errfinish(c"pg_stretch".as_ptr(), 0, std::ptr::null()));
    }
}

/// Names the constraint that the report under way is about.
unsafe fn name_constraint(schema: &CStr, table: &CStr, constraint: &CStr) {
    let fields = [
        (pg_sys::PG_DIAG_SCHEMA_NAME, schema),
        (pg_sys::PG_DIAG_TABLE_NAME, table),
        (pg_sys::PG_DIAG_CONSTRAINT_NAME, constraint),
    ];
    for (field, text) in fields {
        // SAFETY: between `errstart` and `errfinish`; the server copies the text.
        unsafe { err_generic_string(i32::from(field), text.as_ptr()) };
    }
}

/// A NOTICE to the client.
pub fn notice(message: &str) {
    report(pg_sys::NOTICE as i32, "00000", message, None, None);
}

/// A line in the server log.
pub fn log(message: &str) {
    report(pg_sys::LOG as i32, "00000", message, None, None);
}
