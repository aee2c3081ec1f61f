//! What is shown instead of texts that hold a secret: a mask, and copies of texts that can be blanked while they are in
//! use.

use crate::pg::raw;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::{CStr, c_char};

/// What is shown instead of a statement.
pub const MASK: &CStr = c"(hidden by pg_stretch: the statement names a secret)";

thread_local! {
    /// The copies that are in use, outermost first. What an error leaves behind goes with the next statement of the
    /// client.
    pub static COPIES: RefCell<Copies> = const { RefCell::new(Copies { of: None, texts: Vec::new() }) };
}

/// Copies of texts within one statement of the client.
pub struct Copies {
    /// That statement.
    pub of: Option<(usize, i64)>,
    pub texts: Vec<*mut c_char>,
}

/// The statement that the client sent: its address and when it began. `None` outside of one.
pub fn current_statement() -> Option<(usize, i64)> {
    // SAFETY: a global, and a getter.
    unsafe {
        let statement = pg_sys::debug_query_string;
        (!statement.is_null()).then(|| (statement as usize, raw::GetCurrentStatementStartTimestamp()))
    }
}

/// The statement turned out to hold a secret while it runs.
pub fn blank_all() {
    COPIES.with_borrow(|copies| {
        if copies.of == current_statement() {
            copies.texts.iter().for_each(|copy| blank(*copy));
        }
    });
}

/// The mask, then blanks up to the old length.
pub fn blank(copy: *mut c_char) {
    // SAFETY: a copy of ours that ends with a zero, which stays.
    unsafe {
        let length = CStr::from_ptr(copy).to_bytes().len();
        let mask = MASK.to_bytes();
        for at in 0..length {
            *copy.add(at) = mask.get(at).copied().unwrap_or(b' ') as c_char;
        }
    }
}
