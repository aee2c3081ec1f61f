//! Cuts byte ranges out of the requests that `stretch_core::ranges` joined them to.

use bytes::Bytes;
use std::ops::Range;

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
