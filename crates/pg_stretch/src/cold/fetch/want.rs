//! What is to be read of a row group, and what came of it.

use bytes::Bytes;
use std::ops::Range;
use stretch_segment::{Checked, RowRanges, SegmentReader};

/// One row group to read.
#[derive(Clone, Debug)]
pub struct Want {
    /// Which segment of the fetcher.
    pub segment: usize,
    pub row_group: usize,
    /// The rows of it that are wanted; all of them where that is not said.
    pub rows: Option<RowRanges>,
    pub columns: Vec<Column>,
}

/// A column of it.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its place in the segment.
    pub column: usize,
    /// The bytes that hold these rows of it.
    pub ranges: Vec<Range<u64>>,
}

/// The bytes of a column, one for each of its ranges.
pub struct Brought {
    pub bytes: Vec<Bytes>,
    /// Where they were compared with the catalog already.
    pub checked: Option<Checked>,
}

impl Want {
    /// Of columns of a row group of the segment at a place.
    pub fn new(
        reader: &SegmentReader,
        (segment, row_group): (usize, usize),
        rows: Option<RowRanges>,
        columns: impl Iterator<Item = usize>,
    ) -> Self {
        let column = |column| Column {
            column,
            ranges: reader.ranges(row_group, column, rows.as_ref()),
        };
        Self {
            segment,
            row_group,
            columns: columns.map(column).collect(),
            rows,
        }
    }

    /// All ranges, column after column.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.columns.iter().flat_map(|column| column.ranges.clone()).collect()
    }

    /// Deals out the bytes of all ranges to their columns.
    pub fn deal(&self, bytes: Vec<Bytes>) -> Vec<Brought> {
        let mut bytes = bytes.into_iter();
        let brought = |column: &Column| Brought {
            bytes: bytes.by_ref().take(column.ranges.len()).collect(),
            checked: None,
        };
        self.columns.iter().map(brought).collect()
    }
}
