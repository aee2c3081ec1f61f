//! The only objects that are ever deleted: heartbeats that newer ones have replaced, what a probe wrote, segments that
//! a collector condemned, marks, and pins of backups. A value of [`Disposable`] names one of these and can name nothing
//! else.

use crate::bodies::LeaseBody;
use crate::keys::{Key, SegmentName};
use stretch_core::collect::again::Warrant;
use uuid::Uuid;

mod dispose;
#[cfg(test)]
mod tests;

pub(crate) use dispose::{PATIENCE, dispose};

/// Heartbeats of a claim that are kept, the newest included.
const KEPT: u64 = 2;

/// An object that nobody needs any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disposable {
    key: String,
}

impl Disposable {
    /// The heartbeat that left the kept ones when `written`, of the caller's own claim, was written: same branch, same
    /// generation, lower number. `None` while there is none.
    pub(crate) fn replaced_by(db: &Uuid, branch: &Uuid, written: &LeaseBody) -> Option<Self> {
        // Numbers count from 1.
        let sequence = written.sequence.checked_sub(KEPT).filter(|number| *number > 0)?;
        let key = Key::Lease {
            branch: *branch,
            generation: written.generation,
            sequence,
        };
        Some(Self { key: key.path(db) })
    }

    /// The object `name` of the probe `scratch_name`, both of which the probe has made up itself.
    pub(crate) fn of_probe(scratch_name: &str, name: &str) -> Self {
        Self {
            key: format!("{}/{name}", probe_folder(scratch_name)),
        }
    }

    /// The object of a segment, in the collector's branch, for which a second look has given a warrant.
    pub(crate) fn condemned(db: &Uuid, branch: &Uuid, warrant: &Warrant) -> Self {
        let key = Key::Segment {
            branch: *branch,
            name: SegmentName::from(warrant.object().name),
        };
        Self { key: key.path(db) }
    }

    /// A mark, an old heartbeat or a pin: an object of the branch that holds nobody's rows.
    pub(crate) fn small(db: &Uuid, key: &Key) -> Option<Self> {
        let holds_no_rows = matches!(
            key,
            Key::Trash { .. } | Key::Lease { .. } | Key::BackupPin { .. } | Key::BranchPin { .. }
        );
        holds_no_rows.then(|| Self { key: key.path(db) })
    }

    /// A list of objects that nobody keeps for a former owner of the branch any more.
    pub(crate) fn quarantine(db: &Uuid, branch: &Uuid, n: u64) -> Self {
        let key = Key::Quarantine { branch: *branch, n };
        Self { key: key.path(db) }
    }

    /// What a probe has left behind, by its key in a listing; `None` for anything else.
    pub(crate) fn left_by_probe(key: &str) -> Option<Self> {
        let (scratch_name, name) = key.strip_prefix("probe/")?.split_once('/')?;
        (!scratch_name.is_empty() && !name.contains('/')).then(|| Self { key: key.to_owned() })
    }

    /// The key below the endpoint's prefix.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

/// Where a probe writes. No id of a database is `probe`, so no other object lies there.
pub(crate) fn probe_folder(scratch_name: &str) -> String {
    format!("probe/{scratch_name}")
}
