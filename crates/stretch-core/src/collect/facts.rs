//! What a collector knows: the endpoint's objects, the catalog's rows, and who else needs something.

use super::times::{ServerTime, Stamp, StoreTime};
use crate::ids::{BranchId, SegmentId, TableId};
use std::collections::BTreeSet;
use std::time::Duration;

/// A segment of a table. All streams come in this order, which is that of the names of objects, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentOf {
    pub table: TableId,
    pub segment: SegmentId,
}

/// The name of a segment's object within its branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    pub of: SegmentOf,
    /// The generation under which it was uploaded.
    pub generation: u64,
    pub attempt: u32,
}

/// A segment's object that the listing of the branch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    pub name: ObjectName,
    pub size: u64,
    /// When the store says that it was written.
    pub modified: StoreTime,
}

/// A mark: the announcement that an object will be deleted. A mark of any generation counts, because everybody who pins
/// looks at all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub of: ObjectName,
    /// The generation of the claim under which it was written.
    pub generation: u64,
    pub modified: StoreTime,
}

/// A segment in the catalog of the collector's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub of: SegmentOf,
    pub life: Life,
    pub place: Place,
}

/// Whether the catalog needs a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Its rows are rows of the table.
    Live,
    /// It left the table, and no later transaction has stamped that yet: its restore points are not over (F16).
    Unstamped,
    /// It left the table.
    Retired(Retirement),
}

/// A retirement that a later transaction stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retirement {
    /// Not before the commit of the retirement.
    pub at: Stamp,
    /// Not before the commit of the retirement.
    pub lsn: u64,
    pub horizon: Horizon,
    pub promise: Promise,
}

/// Whether moments from before a retirement may be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// For the retention.
    Retention,
    /// No longer: `purge_remote` gave them up. Pins and the horizon hold all the same.
    Waived,
    /// The same, by force: backups that need it are broken. Pins of branches and the horizon hold all the same.
    WaivedWithBackups,
}

impl Promise {
    /// Whether `purge_remote` gave the segment up.
    pub fn is_purged(self) -> bool {
        match self {
            Self::Retention => false,
            Self::Waived | Self::WaivedWithBackups => true,
        }
    }
}

impl Row {
    /// Whether `purge_remote` gave the segment up.
    pub fn is_purged(&self) -> bool {
        matches!(self.life, Life::Retired(retirement) if retirement.promise.is_purged())
    }
}

/// What a round acts on. It judges everything in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Whatever nobody needs.
    Branch,
    /// Segments alone that `purge_remote` gave up.
    Purged,
}

/// Whether everybody who reads this database knows of a retirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// Its commit is flushed, all known standbys have replayed it, and it is older than every snapshot and slot.
    Passed,
    /// A crash could still undo it.
    Unflushed,
    /// A standby that is promoted now would not have it.
    Standby,
    /// A snapshot, a prepared transaction or a slot is older.
    Snapshot,
}

/// Where the catalog says that a segment's object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It was never uploaded.
    Nowhere,
    /// In the branch of the collector's database.
    Here {
        /// When the upload was recorded.
        uploaded: ServerTime,
    },
    /// In a branch from which the database descends. A pin of ours holds it there.
    Elsewhere(BranchId),
    /// It is known to be lost.
    Lost,
}

/// Who else needs objects of the branch. Which ones is another stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// A branch that descends from this one.
    Child { branch: BranchId, standing: Standing },
    /// A named backup: it needs what it lists, and whatever left a table later than it began.
    Backup {
        label: String,
        /// Where the log stood when it began.
        from: u64,
        /// The generation of the claim then.
        generation: u64,
        expires: Option<StoreTime>,
    },
    /// What was made after a restore point that somebody took over. Only `purge_quarantine` ends it (F18).
    Quarantine { number: u64 },
}

/// Whether somebody lives on a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its own database does, as far as anybody knows.
    Owned,
    /// An administrator gave it up, and the collector's database claimed it (F46).
    Adopted {
        /// When; the database that lived there is fenced since.
        since: Stamp,
        /// The longest retention that its claims promised (C-9).
        retention: Duration,
    },
}

/// A segment that a pin lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    pub of: SegmentOf,
    /// The pin's place in [`Facts::pins`].
    pub pin: usize,
}

/// When this incarnation of the database first saw objects of a segment that its catalog does not know (F46).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    pub of: SegmentOf,
    pub at: Stamp,
}

/// What holds for a whole round.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The collector's own branch, or one that it adopted.
    pub branch: Standing,
    /// The generation of the collector's claim on the branch.
    pub generation: u64,
    pub now: Stamp,
    /// The larger of what the catalog and the claims say (C-9).
    pub retention: Duration,
    pub grace: Duration,
    /// The tables that are stretched now.
    pub tables: &'a BTreeSet<TableId>,
    /// All pins and quarantines of the branch.
    pub pins: &'a [Pin],
    pub scope: Scope,
}

/// What a look covers, and how it is known that nothing was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// The whole branch.
    Whole {
        /// Live segments of all tables, as their manifests count them (F23).
        live: u64,
        /// When the listing began. What was uploaded before must be in it.
        listing_began: ServerTime,
    },
    /// Some candidates.
    Chosen,
}
