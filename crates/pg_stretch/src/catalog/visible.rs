//! Visibility of the rows of catalog tables without predicate locks (F29, docs/decisions/0015).
//!
//! Only SERIALIZABLE transactions take such locks. In all others PostgreSQL's own scan finds the one version to be
//! seen, which costs less the more versions of a row there are.

use super::snapshot::Latest;
use pgrx::pg_sys;

/// Which versions of rows a scan is to see. Under an MVCC snapshot PostgreSQL would put predicate locks on what a scan
/// reads; so the scan reads all versions, and looks at each itself.
pub struct Visible {
    relation: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    /// The snapshot for a caller who wants the newest state.
    _latest: Option<Latest>,
    /// The scan gives all versions, and each is judged here.
    judges: bool,
    tracked: bool,
}

impl Visible {
    /// A null `snapshot` stands for the newest state. A `tracked` table is one whose unseen versions are conflicts with
    /// the reader.
    ///
    /// # Safety
    /// The relation is open as long as this lives, and the caller holds the snapshot.
    pub unsafe fn new(relation: pg_sys::Relation, snapshot: pg_sys::Snapshot, tracked: bool) -> Self {
        let latest = snapshot.is_null().then(Latest::of_catalog);
        let snapshot = latest.as_ref().map_or(snapshot, Latest::get);
        Self {
            relation,
            snapshot,
            _latest: latest,
            // SAFETY: a plain global; a snapshot that the caller holds, or our own.
            judges: unsafe {
                pg_sys::XactIsoLevel == pg_sys::XACT_SERIALIZABLE as i32
                    && (*snapshot).snapshot_type == pg_sys::SnapshotType::SNAPSHOT_MVCC
            },
            tracked,
        }
    }

    /// The snapshot for PostgreSQL's scan.
    pub fn scanned_with(&self) -> pg_sys::Snapshot {
        match self.judges {
            true => &raw mut pg_sys::SnapshotAnyData,
            false => self.snapshot,
        }
    }

    /// Whether the version in the scan's slot is one to be seen. 40001 when it is a change of another SERIALIZABLE
    /// transaction, and PostgreSQL finds ours to be the one to give up.
    ///
    /// # Safety
    /// `tuple` is what the scan of the relation gave last, and lies in `slot`.
    pub unsafe fn sees(&self, slot: *mut pg_sys::TupleTableSlot, tuple: pg_sys::HeapTuple) -> bool {
        if !self.judges {
            return true;
        }
        // SAFETY: the slot holds a version of a row of the heap and its pinned buffer, whose lock both functions want;
        // they own nothing of ours.
        unsafe {
            let buffer = (*slot.cast::<pg_sys::BufferHeapTupleTableSlot>()).buffer;
            pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
            let sees = pg_sys::HeapTupleSatisfiesVisibility(tuple, self.snapshot, buffer);
            if self.tracked {
                pg_sys::HeapCheckForSerializableConflictOut(sees, self.relation, tuple, buffer, self.snapshot);
            }
            pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_UNLOCK as i32);
            sees
        }
    }
}
