//! Relations that are open for a while.

use super::error::{Error, Result};
use pgrx::pg_sys;
use stretch_core::errors;

/// An open relation; closed when dropped. Locks stay until the transaction ends.
pub struct OpenRelation(pg_sys::Relation);

impl OpenRelation {
    /// Opens a relation on which this transaction holds a lock; 42704 when it is gone.
    pub fn locked(relation: pg_sys::Oid) -> Result<Self> {
        // SAFETY: inside a transaction; NULL when the relation is gone.
        let open = unsafe { pg_sys::try_relation_open(relation, pg_sys::NoLock as i32) };
        match open.is_null() {
            true => Err(Error::new(&errors::NOT_FOUND, "the table was dropped")),
            false => Ok(Self(open)),
        }
    }

    /// The server's name for it; not to be used after this is dropped.
    pub fn as_ptr(&self) -> pg_sys::Relation {
        self.0
    }
}

impl Drop for OpenRelation {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened by `locked`; after an ERROR the transaction closes it.
            unsafe { pg_sys::relation_close(self.0, pg_sys::NoLock as i32) };
        }
    }
}
