//! Byte ranges of one object that lie close together travel in one request: what an endpoint asks for, and what a
//! reader counts before it asks.

#[cfg(test)]
mod tests;

use std::ops::Range;

/// Ranges with a gap up to this many bytes travel together: the gap costs less than a request.
pub const MAX_GAP: u64 = 256 * 1024;

/// The requests to make: sorted, disjoint, covering every non-empty range of `wanted` (each with start ≤ end). What a
/// gap holds travels along unasked for.
pub fn coalesce(wanted: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = wanted.iter().filter(|r| r.start < r.end).cloned().collect();
    sorted.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(MAX_GAP) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    merged
}
