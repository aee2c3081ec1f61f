//! Which statement of the client holds a secret.

use super::copies::{MASK, blank_all, current_statement};
use super::text::is_secret;
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::{CStr, c_char};

thread_local! {
    /// Statement (address and start time) and whether it holds a secret: texts are searched once.
    static JUDGED: Cell<(usize, i64, bool)> = const { Cell::new((0, 0, false)) };
}

/// From now on the statement that the client sent counts as one that holds a secret, whatever its text looks like.
pub fn mark() {
    if let Some((address, started)) = current_statement() {
        JUDGED.set((address, started, true));
        mask_activity();
        blank_all();
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
