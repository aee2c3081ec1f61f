//! Small objects: heartbeats, pins, probes and records. Nobody's rows are in them, so they go without a mark.

use super::decision::{Decision, Garbage, Keep};
use super::facts::{Facts, Pin};
use super::times::StoreTime;
use std::time::Duration;

/// How old a probe's object is that a crash left behind. A probe lives for seconds.
pub const PROBE: Duration = Duration::from_secs(24 * 3600);

/// What a small object is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Small {
    /// A heartbeat of the branch.
    Heartbeat { generation: u64, sequence: u64 },
    /// A pin or a quarantine of the branch, by its place in [`Facts::pins`].
    Pin(usize),
    /// `stretch.json`, `branch.json` or a claim.
    Record,
    /// What a probe wrote.
    Probe,
    /// Anything in a branch that is not the collector's.
    Foreign,
    /// No name that this version makes.
    Unknown,
}

/// What has to be known about heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beats {
    /// The newest heartbeat under the collector's own claim; `None` when there is none. Who looks at the branch then
    /// looks at that of an earlier claim.
    pub newest_own: Option<u64>,
}

/// The decision about one small object, which the store says was written at `modified`.
pub fn judge(facts: &Facts<'_>, beats: Beats, small: Small, modified: StoreTime) -> Decision {
    match garbage(facts, beats, small, modified.age(facts.now.store)) {
        Ok(garbage) => Decision::Due(garbage),
        Err(keep) => Decision::Keep(keep),
    }
}

fn garbage(facts: &Facts<'_>, beats: Beats, small: Small, age: Duration) -> Result<Garbage, Keep> {
    match small {
        Small::Record => Err(Keep::Record),
        Small::Foreign => Err(Keep::NotOurs),
        Small::Unknown => Err(Keep::Unknown),
        _ if age < facts.grace => Err(Keep::JustWritten),
        Small::Probe if age < PROBE => Err(Keep::JustWritten),
        Small::Probe => Ok(Garbage::Probe),
        // Its writer deletes those of his own claim (decision 0019).
        Small::Heartbeat { generation, .. } => match beats.newest_own {
            Some(_) if generation < facts.generation => Ok(Garbage::OldHeartbeat),
            _ => Err(Keep::Heartbeat),
        },
        Small::Pin(place) => match facts.pins.get(place) {
            None => Err(Keep::Unknown),
            Some(pin) if pin.holds(facts) => Err(Keep::Pinned(place)),
            Some(Pin::Child { .. }) => Ok(Garbage::PinOfDeadBranch),
            Some(Pin::Backup { .. }) => Ok(Garbage::ExpiredPin),
            Some(Pin::Quarantine { .. }) => Err(Keep::Pinned(place)),
        },
    }
}
