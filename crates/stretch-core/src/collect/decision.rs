//! What is decided about one object, with the reason in words.

use super::facts::{Horizon, Pin};
use super::times::StoreTime;
use std::time::Duration;

/// What is decided about one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It stays.
    Keep(Keep),
    /// It is to be marked.
    Mark(Garbage),
    /// It is marked, and the grace is not over.
    Wait { garbage: Garbage, marked: StoreTime },
    /// It may go, after a second look.
    Due(Garbage),
}

/// Why an object stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Its segment is live.
    Live,
    /// Its segment left a table, and that is not stamped yet.
    Unstamped,
    /// Somebody may not know yet that its segment left a table.
    Horizon(Horizon),
    /// Restore points inside the retention need it for so much longer.
    Retention { left: Duration },
    /// The pin at this place of the list needs it.
    Pinned(usize),
    /// An orphan that was not seen before.
    New,
    /// An orphan that was not seen for long enough.
    Young { left: Duration },
    /// It was written a moment ago.
    JustWritten,
    /// It belongs to a branch, or to a database, that is not the collector's.
    NotOurs,
    /// Objects of this kind stay for ever: claims, and what says where things are.
    Record,
    /// The newest heartbeats tell others that somebody lives.
    Heartbeat,
    /// The collector does not understand its name.
    Unknown,
}

/// What kind of thing nobody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Garbage {
    /// Its segment left its table longer ago than the retention.
    Retired,
    /// Its segment left its table, and `purge_remote` gave it up.
    Purged,
    /// The same as the first, and the table is no longer stretched.
    OfDroppedTable,
    /// No catalog row knows it: the upload's transaction was lost.
    Orphan,
    /// The same, and the catalog does not know its table either.
    OrphanOfUnknownTable,
    /// Its branch was given up.
    OfDeadBranch,
    /// A probe left it behind.
    Probe,
    /// A heartbeat of an earlier claim.
    OldHeartbeat,
    /// A mark whose object is gone.
    MarkOfNothing,
    /// The pin of a backup whose time is over.
    ExpiredPin,
    /// The pin of a branch that was given up.
    PinOfDeadBranch,
}

impl Decision {
    /// The reason in words, as `stretch.collect` shows it. `pins` is the list that the decision was made with.
    pub fn text(&self, pins: &[Pin]) -> String {
        match self {
            Self::Keep(keep) => keep.text(pins),
            Self::Mark(garbage) => format!("{}; not marked yet", garbage.text()),
            Self::Wait { garbage, marked } => {
                let seconds = marked.0.as_secs();
                format!(
                    "{}; marked at {seconds} s since 1970, waiting for the grace",
                    garbage.text()
                )
            }
            Self::Due(garbage) => format!("{}; may be deleted now", garbage.text()),
        }
    }
}

impl Keep {
    pub(super) fn text(&self, pins: &[Pin]) -> String {
        let left = |left: &Duration| format!("{} s are left", left.as_secs());
        match self {
            Self::Live => "needed by the catalog".to_owned(),
            Self::Unstamped => "retired, but not stamped yet".to_owned(),
            Self::Horizon(horizon) => format!("retired, but {}", horizon.text()),
            Self::Retention { left: time } => format!("retired within the retention; {}", left(time)),
            Self::Pinned(pin) => pins.get(*pin).map_or_else(|| "pinned".to_owned(), Pin::text),
            Self::New => "an orphan, seen for the first time".to_owned(),
            Self::Young { left: time } => format!("too young to judge; {}", left(time)),
            Self::JustWritten => "written a moment ago".to_owned(),
            Self::NotOurs => "not ours".to_owned(),
            Self::Record => "never deleted".to_owned(),
            Self::Heartbeat => "a heartbeat that others may look at".to_owned(),
            Self::Unknown => "not understood".to_owned(),
        }
    }
}

impl Horizon {
    fn text(self) -> &'static str {
        match self {
            Self::Passed => "everybody knows it",
            Self::Unflushed => "its commit is not flushed",
            Self::Standby => "a standby has not replayed it",
            Self::Snapshot => "a snapshot, a prepared transaction or a slot is older",
        }
    }
}

impl Pin {
    fn text(&self) -> String {
        match self {
            Self::Child { branch, .. } => format!("needed by child branch {branch}"),
            Self::Backup { label, .. } => format!("needed by backup {label}"),
            Self::Quarantine { number } => format!("in quarantine {number}"),
        }
    }
}

impl Garbage {
    /// The kind in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Retired => "retired longer ago than the retention",
            Self::Purged => "purged by stretch.purge_remote",
            Self::OfDroppedTable => "of a dropped table",
            Self::Orphan => "orphan of an upload that the catalog lost",
            Self::OrphanOfUnknownTable => "orphan of a table that the catalog does not know",
            Self::OfDeadBranch => "of a dead branch",
            Self::Probe => "left by a probe",
            Self::OldHeartbeat => "old heartbeat",
            Self::MarkOfNothing => "mark of an object that is gone",
            Self::ExpiredPin => "expired pin",
            Self::PinOfDeadBranch => "pin of a dead branch",
        }
    }
}
