//! How the segments of a table are divided into runs: by their age, in groups of powers of four.

use super::{MAX_ENTRIES, MAX_SEGMENTS};
use std::ops::Range;

/// Runs that one of the next size is made of.
pub const CHILDREN: usize = 4;

/// Cuts a list of segments, oldest first, into groups of 1, 4, 16, … that begin at multiples of their size, so that a
/// group stays what it is while segments are added. `rows` are those of each segment; a run has no more than it can
/// hold.
pub fn tiers(rows: &[u64]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut from = 0;
    while from < rows.len() {
        let mut size = 1;
        loop {
            let next = size * CHILDREN;
            let fits = next <= MAX_SEGMENTS
                && from.is_multiple_of(next)
                && rows
                    .get(from..from + next)
                    .is_some_and(|rows| rows.iter().sum::<u64>() <= MAX_ENTRIES);
            if !fits {
                break;
            }
            size = next;
        }
        groups.push(from..from + size);
        from += size;
    }
    groups
}
