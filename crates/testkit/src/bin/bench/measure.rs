//! What all parts of the bench measure with.

use std::time::Duration;

/// Rows of a batch, and so of a segment.
pub const BATCH_ROWS: u32 = 50;

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Waits until sessions find the key filters of new segments merged: the worker merges them once a second, and sessions
/// look for what it merged as often.
pub fn let_key_filters_merge() {
    std::thread::sleep(Duration::from_secs(3));
}
