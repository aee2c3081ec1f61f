//! What happens in a step, and the steps that were found.

use super::state::{State, Who};

/// What happens in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Tick,
    Upload,
    Retire(Who),
    Stamp(Who),
    Settle(Who),
    PinBackup,
    UnpinBackup,
    /// The original waives the retention.
    Purge,
    /// To a moment of this age.
    Restore(u8),
    Promote(u8),
    Pin,
    Claim,
    /// Marks or objects, and whether the listing lags.
    List {
        marks: bool,
        lags: bool,
    },
    CopyObject,
    FoundAgain,
    Bind,
    /// The copy's pin leaves out what it does not need.
    ShrinkPin,
    Look(Who, bool),
    Mark(Who),
    LookAgain(Who, bool),
    Validate(Who),
    Delete(Who),
    Restart(Who),
}

impl Event {
    /// Whether time, the end of a backup, the collectors or a reauthorize that began bring it about.
    pub fn goes_by_itself(self) -> bool {
        !matches!(
            self,
            Self::Upload
                | Self::Retire(_)
                | Self::PinBackup
                | Self::Purge
                | Self::Restore(_)
                | Self::Promote(_)
                | Self::Pin
                | Self::Claim
        )
    }
}

/// The steps found so far.
#[derive(Default)]
pub struct Next(pub Vec<(Event, State)>);

impl Next {
    pub fn push(&mut self, event: Event, state: State) {
        self.0.push((event, state.canonical()));
    }
}
