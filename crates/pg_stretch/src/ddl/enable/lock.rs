//! ACCESS EXCLUSIVE locks with a bounded wait: no transaction may go on with a plan that has no cold side (F1).

use pgrx::pg_sys;

/// The longest wait in milliseconds; a shorter `lock_timeout` of the session holds.
const PATIENCE: i32 = 5_000;

/// Sets `lock_timeout` for as long as it lives, also when an error unwinds.
struct Timeout(i32);

impl Timeout {
    fn short() -> Self {
        // SAFETY: the variable behind lock_timeout; the lock manager reads it when a wait begins.
        unsafe {
            let before = pg_sys::LockTimeout;
            if before == 0 || before > PATIENCE {
                pg_sys::LockTimeout = PATIENCE;
            }
            Self(before)
        }
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        // SAFETY: puts back what `short` found.
        unsafe { pg_sys::LockTimeout = self.0 };
    }
}

/// Locks the relation ACCESS EXCLUSIVE until the transaction ends, or fails with 55P03.
pub fn exclusive(relation: pg_sys::Oid) {
    let _timeout = Timeout::short();
    // SAFETY: waits in the lock manager; an ERROR unwinds through `_timeout`.
    unsafe { pg_sys::LockRelationOid(relation, pg_sys::AccessExclusiveLock as i32) };
}
