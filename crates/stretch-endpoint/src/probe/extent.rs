//! How much of a store a probe tries.

/// Counts of what is tried. The fewest say whether a store can be used; more show what happens rarely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Races, each for an object of its own.
    pub races: usize,
    /// Writers of each race.
    pub racers: usize,
    /// Further objects that are created, for a listing of several pages.
    pub listed: usize,
}

impl Extent {
    /// For `enable_database` and its like: a store that looks first and writes then loses at least one of these races
    /// nearly always.
    pub const SMALL: Self = Self {
        races: 8,
        racers: 4,
        listed: 0,
    };
    /// For the tests of stores; more than a page of S3, which has 1,000 objects.
    pub const FULL: Self = Self {
        races: 200,
        racers: 8,
        listed: 1_100,
    };
}
