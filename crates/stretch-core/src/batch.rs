//! Batches: when one is cut, when one is given up, and when a table is looked at again (design §6).

#[cfg(test)]
mod tests;

use crate::staging::backoff;
use std::time::Duration;

/// The settings that bound a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `stretch.batch_rows`, or fewer when the caller of `migrate` says so.
    pub rows: u64,
    /// `stretch.batch_bytes`, or less when staging has less room.
    pub bytes: u64,
    /// How long one batch may scan and encode (Appendix 1 of the design, step 1).
    pub time: Duration,
    /// `stretch.max_batch_age`: how long an eligible row may wait for others.
    pub age: Duration,
}

/// What a scan has gathered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fill {
    /// Eligible rows.
    pub rows: u64,
    /// Their encoded bytes, estimated.
    pub bytes: u64,
    /// Time since the scan began.
    pub elapsed: Duration,
}

/// Whether the scan stops here: one more row would not belong into this batch.
pub fn is_full(fill: &Fill, limits: &Limits) -> bool {
    fill.rows >= limits.rows || fill.bytes >= limits.bytes || fill.elapsed >= limits.time
}

/// Who wants the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// The worker's own round.
    Routine,
    /// `migrate` or `drain`: whatever is eligible moves now.
    Asked,
}

/// Whether the rows a scan found are moved now, or wait for more. `waiting` is how long the oldest of them is known to
/// be eligible.
pub fn is_due(fill: &Fill, limits: &Limits, waiting: Duration, demand: Demand) -> bool {
    fill.rows > 0 && (demand == Demand::Asked || is_full(fill, limits) || waiting >= limits.age)
}

/// Whether a batch is kept that moved `moved` of the `scanned` rows it encoded. Less than half: it is rolled back and
/// the table backs off, or rows that are always held would be encoded and born dead again and again (F44).
pub fn is_worth_keeping(scanned: u64, moved: u64) -> bool {
    moved >= scanned.saturating_sub(moved)
}

/// How long a table rests after the `failures`-th failed batch in a row: 1 s, doubled, at most 5 min.
pub fn table_backoff(failures: u32) -> Duration {
    backoff(failures, Duration::from_secs(1), Duration::from_secs(300))
}

/// PostgreSQL's cumulative counters of a table. Only those that can make a row eligible are here: the filter is
/// immutable, so neither deletes nor the passing of time do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated, HOT updates included.
    pub updated: u64,
}

/// What a scan that reached the end of the table left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastScan {
    /// The counters as read *before* that scan, so that rows that came during it count as new.
    pub activity: Activity,
    /// Eligible rows stayed hot: held by others, not encodable, or too few for a batch.
    pub left_rows: bool,
}

/// Whether a table is scanned again. A counter that went down was reset, which also counts as moved.
pub fn is_scan_due(last: Option<&LastScan>, now: &Activity) -> bool {
    last.is_none_or(|last| last.left_rows || last.activity != *now)
}
