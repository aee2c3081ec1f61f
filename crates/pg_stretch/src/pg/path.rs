//! A pinned search path, for statements of ours in a session whose own path may hold anybody's operators (F4).

use pgrx::pg_sys;
use std::ffi::CStr;

/// `search_path = pg_catalog, pg_temp` until dropped; the abort of the transaction restores it as well.
pub struct Pinned(i32);

impl Pinned {
    /// Pins the path.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// Pins the path and `settings`, which any user may set.
    pub fn with(settings: &[(&CStr, &CStr)]) -> Self {
        // SAFETY: a GUC nest level of our own, closed in `drop` or by the abort.
        let level = unsafe { pg_sys::NewGUCNestLevel() };
        for (name, value) in [(c"search_path", c"pg_catalog, pg_temp")].iter().chain(settings) {
            // SAFETY: the strings live during the call; a value of this level ends with it.
            unsafe {
                pg_sys::set_config_option(
                    name.as_ptr(),
                    value.as_ptr(),
                    pg_sys::GucContext::PGC_USERSET,
                    pg_sys::GucSource::PGC_S_SESSION,
                    pg_sys::GucAction::GUC_ACTION_SAVE,
                    true,
                    0,
                    false,
                );
            }
        }
        Self(level)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: closes the level that `new` opened.
            unsafe { pg_sys::AtEOXact_GUC(true, self.0) };
        }
    }
}
