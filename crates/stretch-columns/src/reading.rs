//! Read planning: which pieces and requests bring the bytes of column chunks, and how far ahead of need to ask.
//!
//! Ranges are offsets of bytes in a segment's object, from the first byte up to the one behind the last. Nothing here
//! is trusted: the reader compares each chunk with its checksum before it decodes it (I-5).

mod window;

pub use window::Window;

use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;
use stretch_core::ranges::coalesce;

/// Bytes of one staged piece of an object; the last one of an object is shorter.
pub const PIECE_BYTES: u64 = 1024 * 1024;

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

/// What fetching ranges costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub requests: u64,
    /// Those of gaps between ranges included.
    pub bytes: u64,
}

/// What fetching these ranges costs from an endpoint where ranges up to `max_gap` bytes apart travel together.
pub fn cost(wanted: &[Range<u64>], max_gap: u64) -> Cost {
    let requests = coalesce(wanted, max_gap);
    Cost {
        requests: requests.len() as u64,
        bytes: requests.iter().map(|range| range.end - range.start).sum(),
    }
}

#[cfg(test)]
mod tests;
