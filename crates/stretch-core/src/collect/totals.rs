//! Objects and bytes for each reason.

use super::decision::{Decision, Garbage, Keep};
use std::collections::BTreeMap;

/// A decision without its details: what totals are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    Live,
    Unstamped,
    Horizon,
    Retention,
    Pinned,
    TooYoung,
    NotOurs,
    /// Records, and heartbeats that others look at.
    Needed,
    NotUnderstood,
    ToBeMarked(Garbage),
    Waiting(Garbage),
    Due(Garbage),
}

impl From<&Decision> for Reason {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Mark(garbage) => Self::ToBeMarked(*garbage),
            Decision::Wait { garbage, .. } => Self::Waiting(*garbage),
            Decision::Due(garbage) => Self::Due(*garbage),
            Decision::Keep(keep) => match keep {
                Keep::Live => Self::Live,
                Keep::Unstamped => Self::Unstamped,
                Keep::Horizon(_) => Self::Horizon,
                Keep::Retention { .. } => Self::Retention,
                Keep::Pinned(_) => Self::Pinned,
                Keep::New | Keep::Young { .. } | Keep::JustWritten => Self::TooYoung,
                Keep::NotOurs => Self::NotOurs,
                Keep::Record | Keep::Heartbeat => Self::Needed,
                Keep::Unknown => Self::NotUnderstood,
            },
        }
    }
}

/// Number and bytes of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    pub objects: u64,
    pub bytes: u64,
}

/// The totals of a round, in the order of [`Reason`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals(BTreeMap<Reason, Sum>);

impl Totals {
    /// Counts one object.
    pub fn add(&mut self, decision: &Decision, bytes: u64) {
        let sum = self.0.entry(decision.into()).or_default();
        sum.objects += 1;
        sum.bytes = sum.bytes.saturating_add(bytes);
    }

    /// The sum of one reason.
    pub fn of(&self, reason: Reason) -> Sum {
        self.0.get(&reason).copied().unwrap_or_default()
    }

    /// All reasons that an object had.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, Sum)> + '_ {
        self.0.iter().map(|(reason, sum)| (*reason, *sum))
    }
}
