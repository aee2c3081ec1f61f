//! The pages of a chunk as the writer left them, with their checksums and with what their values allow to say.

use std::cmp::Ordering;

use bytes::Bytes;
use parquet::file::page_index::offset_index::PageLocation;

use super::statistics::column_stats;
use crate::buffer::ColumnBuffer;
use crate::detail::{Page, Pages, checksum};
use crate::error::SegmentError;
use crate::stats::{Bound, ColumnStats};
use crate::types::StoredType;

/// So many pages at most are looked for in all others.
const SAMPLE: usize = 64;

const OUTSIDE: SegmentError = SegmentError::Mismatch("a page lies outside of its chunk");

/// The pages of a chunk that begins at `offset` of the object and has these bytes, and the statistics of all its rows.
pub(super) fn pages(
    (offset, bytes): (u64, &Bytes),
    locations: &[PageLocation],
    column: &ColumnBuffer,
    stored: StoredType,
    rows: &[u32],
) -> Result<(Pages, ColumnStats), SegmentError> {
    let start_of = |location: &PageLocation| u64::try_from(location.offset).ok()?.checked_sub(offset);
    let dictionary = match locations.first().and_then(start_of).ok_or(OUTSIDE)? {
        0 => None,
        length => Some(slice(bytes, 0, length)?),
    };
    let mut data = Vec::with_capacity(locations.len());
    for location in locations {
        let page = slice(
            bytes,
            start_of(location).ok_or(OUTSIDE)?,
            location.compressed_page_size as u64,
        )?;
        data.push(Page {
            first_row: location.first_row_index as u32,
            len: page.len() as u32,
            checksum: checksum(&page),
        });
    }
    let mut pages = Pages {
        dictionary: dictionary.map(|page| (page.len() as u32, checksum(&page))),
        data,
        stats: Vec::new(),
    };
    let (mut all, mut counted) = (ColumnStats::default(), 0);
    for page in 0..pages.data.len() {
        let range = pages.rows(page, rows.len() as u32);
        let part = rows.get(range.start as usize..range.end as usize).ok_or(OUTSIDE)?;
        let stats = column_stats(column, stored, part);
        all = all.merge(counted, &stats, part.len() as u64);
        counted += part.len() as u64;
        pages.stats.push(stats);
    }
    if !tell(&pages.stats) {
        pages.stats.clear();
    }
    Ok((pages, all))
}

fn slice(bytes: &Bytes, start: u64, length: u64) -> Result<Bytes, SegmentError> {
    let end = start
        .checked_add(length)
        .filter(|end| *end <= bytes.len() as u64)
        .ok_or(OUTSIDE)?;
    Ok(bytes.slice(start as usize..end as usize))
}

/// Whether the bounds of pages leave pages out that those of the row group do not: a value is within those of at most
/// half of the pages, on average over the lowest values of some of them. So it is in a column that the rows are in the
/// order of, or about that, as one that grew with them. Bounds that tell nothing would be carried by the catalog for
/// nothing.
fn tell(stats: &[ColumnStats]) -> bool {
    let step = stats.len().div_ceil(SAMPLE).max(1);
    let values: Vec<&Bound> = stats
        .iter()
        .step_by(step)
        .filter_map(|stats| stats.min.as_ref())
        .collect();
    let may_hold = |value: &Bound| stats.iter().filter(|stats| may_equal(stats, value)).count();
    let held: usize = values.iter().map(|value| may_hold(value)).sum();
    stats.len() > 1 && !values.is_empty() && held * 2 <= values.len() * stats.len()
}

fn may_equal(stats: &ColumnStats, value: &Bound) -> bool {
    let below = stats
        .min
        .as_ref()
        .is_none_or(|min| min.partial_cmp(value).is_none_or(Ordering::is_le));
    let above = stats
        .max
        .as_ref()
        .is_none_or(|max| max.partial_cmp(value).is_none_or(Ordering::is_ge));
    below && above
}
