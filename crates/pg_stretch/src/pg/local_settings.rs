//! Settings of our own for a while, in a session whose own ones may be anything (F4).

use pgrx::pg_sys;
use std::ffi::CStr;

/// The path that finds nobody's operators but PostgreSQL's.
pub const PATH: (&CStr, &CStr) = (c"search_path", c"pg_catalog, pg_temp");

/// Settings that hold until this is dropped, also when an error unwinds: what the error says is sent under the
/// session's own.
pub struct LocalSettings(i32);

impl LocalSettings {
    /// Sets what is not so already. Any user may set each of them.
    pub fn new(settings: &[(&CStr, &CStr)]) -> Self {
        // SAFETY: a GUC nest level of our own, closed in `drop` or by the abort.
        let level = unsafe { pg_sys::NewGUCNestLevel() };
        for (name, value) in settings {
            // SAFETY: the strings live during the calls; a value of this level ends with it.
            unsafe {
                let now = pg_sys::GetConfigOption(name.as_ptr(), true, false);
                if !now.is_null() && CStr::from_ptr(now) == *value {
                    continue;
                }
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

    /// The pinned search path alone.
    pub fn path() -> Self {
        Self::new(&[PATH])
    }
}

impl Drop for LocalSettings {
    fn drop(&mut self) {
        // SAFETY: closes the level that `new` opened, and those inside that an error left open; after an error as an
        // abort does it.
        unsafe { pg_sys::AtEOXact_GUC(!std::thread::panicking(), self.0) };
    }
}
