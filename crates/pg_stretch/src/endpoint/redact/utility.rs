//! The text of a utility statement as the hooks behind ours see it: pg_stat_statements keeps it as it stands.
//!
//! The text of a statement that holds a secret is blanked: a copy of the same length, so that positions in it stay
//! where they are. Of a statement that runs code (DO, CALL) it may turn out only later that it holds one; the copy is
//! blanked then, before the hooks behind ours look at it for the second time.

use super::copies::{COPIES, blank, current_statement};
use super::mark::statement_is_secret;
use super::text::is_secret;
use pgrx::pg_sys;
use std::ffi::{CStr, CString, c_char};

/// The text to pass on, and how many copies were in use before it.
pub struct Shown {
    pub text: *const c_char,
    depth: Option<usize>,
}

impl Shown {
    /// What the hooks behind ours are to see of a utility statement.
    ///
    /// # Safety
    /// `text` is null or ends with a zero.
    pub unsafe fn of(tag: pg_sys::NodeTag, text: *const c_char) -> Self {
        use pg_sys::NodeTag::{T_CallStmt, T_DoStmt};
        let as_it_is = Self { text, depth: None };
        // The text that PREPARE keeps tells later that EXECUTE has to be hidden, and pg_stat_statements leaves both
        // out.
        if text.is_null() || tag == pg_sys::NodeTag::T_PrepareStmt {
            return as_it_is;
        }
        // Many statements may stand in the text that the client sent, which is searched once for all of them.
        // SAFETY: a plain global.
        let is_nested = !std::ptr::eq(text, unsafe { pg_sys::debug_query_string });
        let runs_code = matches!(tag, T_DoStmt | T_CallStmt);
        if !statement_is_secret() && !is_nested && !runs_code {
            return as_it_is;
        }
        // SAFETY: the caller's promise.
        let original = unsafe { CStr::from_ptr(text) };
        let secret = statement_is_secret() || (is_nested && is_secret(original.to_bytes()));
        if !secret && !runs_code {
            return as_it_is;
        }
        let copy = original.to_owned().into_raw();
        if secret {
            blank(copy);
        }
        COPIES.with_borrow_mut(|copies| {
            let now = current_statement();
            if copies.of != now {
                // SAFETY: texts of a statement that is over; each was made by `into_raw` and is released once.
                copies
                    .texts
                    .drain(..)
                    .for_each(|old| drop(unsafe { CString::from_raw(old) }));
                copies.of = now;
            }
            copies.texts.push(copy);
            Self {
                text: copy,
                depth: Some(copies.texts.len() - 1),
            }
        })
    }

    /// The statement is over, without an error.
    pub fn done(&self) {
        let Some(depth) = self.depth else { return };
        COPIES.with_borrow_mut(|copies| {
            if copies.of == current_statement() && depth < copies.texts.len() {
                // SAFETY: as above; the statement and those inside it are over.
                copies
                    .texts
                    .drain(depth..)
                    .for_each(|old| drop(unsafe { CString::from_raw(old) }));
            }
        });
    }
}
