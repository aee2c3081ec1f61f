//! What an exploration covers, and which rule it goes without.

/// The grace in ticks.
pub const GRACE: u8 = 1;
/// Nobody waits longer in doubt.
pub const DOUBT: u8 = 2 * GRACE;

/// What an exploration covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Segments that are live and old in the beginning.
    pub live: usize,
    /// Segments that may be uploaded.
    pub to_come: usize,
    /// The retention in ticks. Ages end there.
    pub retention: u8,
    /// Backups are pinned.
    pub backups: bool,
    /// The copy becomes a branch.
    pub branch: bool,
    /// The copy takes the branch over.
    pub takeover: bool,
    /// The original waives the retention of what left its table.
    pub purges: bool,
    /// A rule that is missing.
    pub without: Option<Rule>,
}

impl Scope {
    /// Whether a rule is missing.
    pub fn lacks(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    /// The age of what is older than anybody asks.
    pub fn old(&self) -> u8 {
        self.retention
    }
}

/// A rule that the model can go without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// What left a table stays for the retention.
    Retention,
    /// A retirement counts from a stamp of a later transaction.
    Stamp,
    /// A retirement that somebody may not know yet does not count.
    Horizon,
    /// An orphan stays for the retention after it was first seen.
    Sighting,
    /// A mark must be older than the grace.
    Grace,
    /// Pins are read again when the mark is old.
    PinsAgain,
    /// The claim is validated before a deletion.
    Claim,
    /// Readings are acted upon while they are fresh.
    Freshness,
    /// A copy lists the marks after it has pinned or claimed.
    MarksAfterPin,
    /// It lists them before the objects.
    MarksBeforeObjects,
    /// Whoever waits in doubt waits for twice the grace.
    Doubt,
    /// Pins of branches hold.
    BranchPins,
    /// Pins of backups hold.
    BackupPins,
    /// They hold what left a table since, too.
    BackupRange,
    /// Quarantines hold.
    Quarantine,
    /// A collector looks at its own branch.
    OwnBranch,
    /// An object that its catalog needs stays.
    Catalog,
    /// A standby that is promoted lags by less than the retention.
    Delay,
    /// A branch's pin leaves out what the branch needs no more. This one is needed for garbage to go.
    PinsShrink,
}
