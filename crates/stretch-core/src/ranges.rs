//! Byte ranges of one object that lie close together travel in one request: what an endpoint asks for, and what a
//! reader counts before it asks.

#[cfg(test)]
mod tests;

use std::ops::Range;

/// From a store that is asked over the network, ranges with a gap up to this many bytes travel together: the gap costs
/// less than a request.
pub const GAP_OF_REQUESTS: u64 = 256 * 1024;

/// The same for a folder, where a request is a read of a file.
pub const GAP_OF_READS: u64 = 8 * 1024;

/// The requests to make: sorted, disjoint, covering every non-empty range of `wanted` (each with start ≤ end), no two
/// of them up to `max_gap` bytes apart. What a gap holds travels along unasked for.
pub fn coalesce(wanted: &[Range<u64>], max_gap: u64) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = wanted.iter().filter(|r| r.start < r.end).cloned().collect();
    sorted.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(max_gap) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    merged
}
