//! When the cut of a filter that names the present moves: a pure decision, in microseconds.

#[cfg(test)]
mod tests;

/// A cut stays for so long at least: each move waits for the table alone for a moment.
pub const SHORTEST: i64 = 60 * 1_000_000;
/// A cut stays for so long where the filter has no interval, as in `day < current_date`.
pub const WITHOUT_INTERVAL: i64 = 3600 * 1_000_000;
/// A step is this part of the filter's interval.
const PART: i64 = 30;
/// What a month counts as, in days, as the server compares intervals.
const DAYS_OF_MONTH: i64 = 30;
const DAY: i64 = 86_400 * 1_000_000;

/// The length of an interval of months, days and microseconds; that of a negative one is the same.
pub fn micros(months: i32, days: i32, time: i64) -> i64 {
    let days = i64::from(months) * DAYS_OF_MONTH + i64::from(days);
    days.saturating_mul(DAY).saturating_add(time).saturating_abs()
}

/// From one cut to the next, for a filter whose shortest interval is so long.
pub fn step(interval: Option<i64>) -> i64 {
    interval.map_or(WITHOUT_INTERVAL, |interval| (interval / PART).max(SHORTEST))
}

/// Whether a cut moves at `now`. It never goes back: not when the clock did, and not after a restore.
pub fn is_due(cut: i64, now: i64, step: i64) -> bool {
    now.saturating_sub(cut) >= step.max(1)
}
