//! Three clocks that must not be mixed up: the store's, the server's, and a steady one of the collector.

use std::time::Duration;

/// A moment by the clock by which the store stamps objects: the time since 1970.
///
/// Who gathers facts takes the present from an object that he has just written, so that it is never too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreTime(pub Duration);

impl StoreTime {
    /// How long ago this was; nothing for what is yet to come.
    pub fn age(self, now: Self) -> Duration {
        now.0.saturating_sub(self.0)
    }
}

/// A moment by the server's time of day: the time since 1970. It is compared with nothing but its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTime(pub Duration);

/// A moment by a clock of the collector's machine that never jumps, and goes on while the machine is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Steady(pub Duration);

/// A moment from which a retention is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// By the store's clock.
    pub store: StoreTime,
    /// For how long the database had been connected by then, all its life together, by steady clocks.
    pub connected: Duration,
}

impl Stamp {
    /// How long ago this was, by the clock that says less: no clock that jumps ends a retention early (F16).
    pub fn age(self, now: Self) -> Duration {
        let connected = now.connected.saturating_sub(self.connected);
        self.store.age(now.store).min(connected)
    }
}
