//! Columns out of the segment cache, and into it: compared with the catalog on both ways.

use super::want::{Brought, Column, Want};
use crate::catalog::rows::Segment;
use crate::cold::cache::{self, Wanted};
use bytes::Bytes;
use std::ops::Range;
use stretch_segment::SegmentReader;

/// Columns of one row group of a segment.
pub struct Cached<'a> {
    pub segment: &'a Segment,
    pub reader: &'a SegmentReader,
    pub want: &'a Want,
}

impl Cached<'_> {
    /// Whether all ranges of a column seem to be there.
    pub fn has(&self, column: &Column) -> bool {
        let chunk = self.chunk(column);
        column.ranges.iter().all(|range| cache::has(self.wanted(range, &chunk)))
    }

    /// A column, if it is there and what the catalog says. What is there and is something else is removed.
    pub fn get(&self, column: &Column) -> Option<Brought> {
        let chunk = self.chunk(column);
        let get = |range: &Range<u64>| cache::get(self.wanted(range, &chunk));
        let bytes: Vec<Bytes> = column.ranges.iter().map(get).collect::<Option<_>>()?;
        let brought = self.checked(column, bytes);
        if brought.checked.is_none() {
            for range in &column.ranges {
                cache::forget(self.wanted(range, &chunk));
            }
            return None;
        }
        Some(brought)
    }

    /// Compares what came from the endpoint, and keeps what is right. Whoever decodes what is not right will say so.
    pub fn keep(&self, column: &Column, bytes: Vec<Bytes>) -> Brought {
        let brought = self.checked(column, bytes);
        if brought.checked.is_some() {
            for (range, bytes) in column.ranges.iter().zip(&brought.bytes) {
                cache::keep(&self.segment.segment_id, range, bytes);
            }
        }
        brought
    }

    fn checked(&self, column: &Column, bytes: Vec<Bytes>) -> Brought {
        let Want { row_group, rows, .. } = self.want;
        let checked = self.reader.check(*row_group, column.column, rows.as_ref(), &bytes);
        Brought {
            checked: checked.ok(),
            bytes,
        }
    }

    /// The range of the whole column chunk.
    fn chunk(&self, column: &Column) -> Range<u64> {
        let whole = self.reader.ranges(self.want.row_group, column.column, None);
        whole.into_iter().next().unwrap_or_default()
    }

    fn wanted<'a>(&'a self, range: &'a Range<u64>, chunk: &'a Range<u64>) -> Wanted<'a> {
        Wanted {
            segment: &self.segment.segment_id,
            range,
            chunk,
        }
    }
}
