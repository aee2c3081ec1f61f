//! Settings that every worker forces on itself right after connecting (F4): what the database owner set must not
//! reach code that runs with a superuser's rights.

use crate::pg::type_io;
use pgrx::pg_sys;
use std::ffi::CStr;

const FORCED: &[(&CStr, &CStr)] = &[
    (c"search_path", c""),
    (c"default_transaction_read_only", c"off"),
    (c"default_transaction_isolation", c"read committed"),
    (c"default_transaction_deferrable", c"off"),
    (c"statement_timeout", c"0"),
    // Nothing that a worker does may hang behind an administrator's or an application's open transaction.
    (c"lock_timeout", c"5s"),
    (c"idle_in_transaction_session_timeout", c"0"),
    (c"idle_session_timeout", c"0"),
    (c"session_replication_role", c"origin"),
    (c"row_security", c"off"),
    (c"synchronize_seqscans", c"off"),
    (c"client_min_messages", c"warning"),
    (c"jit", c"off"),
    (c"max_parallel_workers_per_gather", c"0"),
];

/// Forces the settings; `synchronous_commit` is raised to `on` and otherwise kept (a stronger one stays).
pub fn force() {
    // SAFETY: a static string of the server.
    let encoding = unsafe { CStr::from_ptr(pg_sys::GetDatabaseEncodingName()) };
    set(c"client_encoding", encoding);
    for (name, value) in type_io::SETTINGS.iter().chain(FORCED) {
        set(name, value);
    }
    // SAFETY: plain global of the GUC machinery.
    let weak = unsafe { pg_sys::synchronous_commit } < pg_sys::SyncCommitLevel::SYNCHRONOUS_COMMIT_REMOTE_FLUSH as i32;
    if weak {
        set(c"synchronous_commit", c"on");
    }
}

fn set(name: &CStr, value: &CStr) {
    // SAFETY: names and values are static; an override of the postmaster's source cannot be undone by the database's
    // settings.
    unsafe {
        pg_sys::SetConfigOption(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_OVERRIDE,
        )
    };
}
