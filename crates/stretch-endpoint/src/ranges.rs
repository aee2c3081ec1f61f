//! Joins byte ranges that lie close together, so that few requests fetch many.

use bytes::Bytes;
use std::ops::Range;

/// Ranges with a gap up to this many bytes travel together: the gap costs less than a request.
const MAX_GAP: u64 = 256 * 1024;

/// The requests to make: sorted, disjoint, covering every non-empty range of `wanted` (each with start ≤ end).
pub(crate) fn coalesce(wanted: &[Range<u64>]) -> Vec<Range<u64>> {
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

/// Cuts the wanted ranges out of the fetched ones; `None` if one is not covered.
pub(crate) fn slice(wanted: &[Range<u64>], merged: &[Range<u64>], fetched: &[Bytes]) -> Option<Vec<Bytes>> {
    wanted
        .iter()
        .map(|range| {
            if range.start == range.end {
                return Some(Bytes::new());
            }
            let index = merged.partition_point(|m| m.start <= range.start).checked_sub(1)?;
            let (within, bytes) = (merged.get(index)?, fetched.get(index)?);
            let start = usize::try_from(range.start - within.start).ok()?;
            let end = usize::try_from(range.end.checked_sub(within.start)?).ok()?;
            (end <= bytes.len()).then(|| bytes.slice(start..end))
        })
        .collect()
}
