//! Read planning: which pieces and requests bring the bytes of column chunks, and how far ahead of need to ask.
//!
//! Ranges are offsets of bytes in a segment's object, from the first byte up to the one behind the last. Nothing here
//! is trusted: the reader compares each chunk with its checksum before it decodes it (I-5).

mod window;

pub use window::Window;

use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;

/// Bytes of one staged piece of an object; the last one of an object is shorter.
pub const PIECE_BYTES: u64 = 1024 * 1024;

/// What one request may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Ranges with a gap up to this many bytes travel in one request: the gap costs less than a request.
    pub gap: u64,
    /// Bytes of one request, at least 1.
    pub length: u64,
}

impl Limits {
    /// What an endpoint does: neighbours up to 256 KiB apart travel together, however long that gets.
    pub const ENDPOINT: Self = Self {
        gap: 256 * 1024,
        length: u64::MAX,
    };
}

fn piece_of(offset: u64) -> i32 {
    (offset / PIECE_BYTES) as i32
}

/// Numbers, from 0, of the staged pieces that a range touches.
pub fn pieces(range: &Range<u64>) -> Range<i32> {
    if range.start >= range.end {
        return 0..0;
    }
    piece_of(range.start)..piece_of(range.end - 1) + 1
}

/// The lowest piece that any of the ranges touches: those below are not needed any more when segments are read from the
/// front. 0 when no range touches one.
pub fn first_piece(ranges: &[Range<u64>]) -> i32 {
    let touched = ranges.iter().map(pieces).filter(|pieces| !pieces.is_empty());
    touched.map(|pieces| pieces.start).min().unwrap_or(0)
}

/// Cuts a range out of its pieces; shorter when pieces are missing or shorter than they should be, which the checksum
/// finds.
pub fn cut(held: &HashMap<i32, Bytes>, range: &Range<u64>) -> Bytes {
    let mut parts = pieces(range).filter_map(|number| {
        let piece = held.get(&number)?;
        let base = number as u64 * PIECE_BYTES;
        let end = (range.end - base).min(piece.len() as u64) as usize;
        let start = (range.start.saturating_sub(base) as usize).min(end);
        Some(piece.slice(start..end))
    });
    match (parts.next(), parts.next()) {
        (None, _) => Bytes::new(),
        (Some(only), None) => only,
        (Some(first), Some(second)) => {
            let mut joined = first.to_vec();
            joined.extend_from_slice(&second);
            for part in parts {
                joined.extend_from_slice(&part);
            }
            joined.into()
        }
    }
}

/// The requests that bring these ranges: sorted, disjoint, each no longer than the limit. What a gap holds travels
/// along unasked for. Ranges may overlap; empty ones need nothing.
pub fn requests(wanted: &[Range<u64>], limits: Limits) -> Vec<Range<u64>> {
    let mut sorted: Vec<&Range<u64>> = wanted.iter().filter(|range| range.start < range.end).collect();
    sorted.sort_by_key(|range| range.start);
    let longest = limits.length.max(1);
    let mut requests: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        let mut start = range.start;
        if let Some(last) = requests.last_mut() {
            // No longer than the limit, and a gap is worth bridging only where something of the range comes with it.
            let reach = last.start.saturating_add(longest);
            if start <= last.end.saturating_add(limits.gap) && start < reach {
                last.end = last.end.max(range.end.min(reach));
            }
            start = start.max(last.end);
        }
        while start < range.end {
            let end = range.end.min(start.saturating_add(longest));
            requests.push(start..end);
            start = end;
        }
    }
    requests
}

/// Number of requests and bytes that fetching these ranges from an endpoint costs.
pub fn travelling(wanted: &[Range<u64>]) -> (u64, u64) {
    let requests = requests(wanted, Limits::ENDPOINT);
    let bytes = requests.iter().map(|range| range.end - range.start).sum();
    (requests.len() as u64, bytes)
}

#[cfg(test)]
mod tests;
