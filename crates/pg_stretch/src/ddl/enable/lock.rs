//! ACCESS EXCLUSIVE locks with a bounded wait: no transaction may go on with a plan that has no cold side (F1).

use pgrx::pg_sys;
use std::time::Duration;

/// The longest wait of a user's command; a shorter `lock_timeout` of the session holds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sets `lock_timeout` for as long as it lives, also when an error unwinds.
struct Timeout(i32);

impl Timeout {
    fn at_most(patience: Duration) -> Self {
        let patience = patience.as_millis() as i32;
        // SAFETY: the variable behind lock_timeout; the lock manager reads it when a wait begins.
        unsafe {
            let before = pg_sys::LockTimeout;
            if before == 0 || before > patience {
                pg_sys::LockTimeout = patience;
            }
            Self(before)
        }
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        // SAFETY: puts back what was found.
        unsafe { pg_sys::LockTimeout = self.0 };
    }
}

/// Locks the relation ACCESS EXCLUSIVE until the transaction ends, or fails with 55P03.
pub fn exclusive(relation: pg_sys::Oid) {
    exclusive_within(relation, PATIENCE);
}

/// The same for who waits no longer than this: all who come for the table meanwhile wait behind him.
pub fn exclusive_within(relation: pg_sys::Oid, patience: Duration) {
    let _timeout = Timeout::at_most(patience);
    // SAFETY: waits in the lock manager; an ERROR unwinds through `_timeout`.
    unsafe { pg_sys::LockRelationOid(relation, pg_sys::AccessExclusiveLock as i32) };
}
