//! Snapshots for who wants the newest state.

use pgrx::pg_sys;

/// The newest state; a null snapshot makes each catalog scan take a fresh one, also in parallel mode.
pub const LATEST: pg_sys::Snapshot = std::ptr::null_mut();

/// A fresh snapshot, registered until dropped.
pub struct Latest(pg_sys::Snapshot);

impl Latest {
    /// Everything committed by now, and this transaction's own finished commands.
    pub fn take() -> Self {
        // In parallel mode the server refuses a "latest" snapshot; a catalog snapshot is as fresh.
        // SAFETY: a plain getter; registers a snapshot with the current resource owner, so a transaction must be open.
        unsafe {
            if pg_sys::IsInParallelMode() {
                Self::of_catalog()
            } else {
                Self(pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot()))
            }
        }
    }

    /// The same, and whatever this transaction has done by now, also in the command that is under way: as the check of
    /// a unique index of the heap sees it.
    pub fn with_own_changes() -> Self {
        let latest = Self::take();
        // SAFETY: what is registered is a copy that nobody else has.
        unsafe { (*latest.0).curcid = pg_sys::InvalidCommandId };
        latest
    }

    /// The same as PostgreSQL takes it for its own catalogs: the transaction's first snapshot may still come.
    pub fn of_catalog() -> Self {
        // SAFETY: as above; what is registered is a copy.
        unsafe { Self(pg_sys::RegisterSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::InvalidOid))) }
    }

    /// The snapshot.
    pub fn get(&self) -> pg_sys::Snapshot {
        self.0
    }
}

impl Drop for Latest {
    fn drop(&mut self) {
        // SAFETY: after an ERROR the abort releases it, and unregistering would touch a dead resource owner.
        if !std::thread::panicking() {
            // SAFETY: registered by `take` or `of_catalog`.
            unsafe { pg_sys::UnregisterSnapshot(self.0) };
        }
    }
}
