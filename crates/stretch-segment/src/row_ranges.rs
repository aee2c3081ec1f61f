//! Ranges of rows of a row group: which of its rows somebody wants, so that only their pages are read.

use std::ops::Range;

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

/// Rows of a row group by their numbers in it: ascending ranges, none empty, none next to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RowRanges(Vec<Range<u32>>);

impl RowRanges {
    /// Of ranges that ascend by their starts; they may touch, overlap or be empty.
    pub fn new(ranges: impl IntoIterator<Item = Range<u32>>) -> Self {
        let mut merged: Vec<Range<u32>> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                _ if range.is_empty() => {}
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        RowRanges(merged)
    }

    /// Of one range.
    pub fn one(range: Range<u32>) -> Self {
        Self::new(std::iter::once(range))
    }

    /// All rows of a row group of so many.
    pub fn all(rows: u32) -> Self {
        Self::one(0..rows)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many rows they are.
    pub fn count(&self) -> usize {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// The ranges, ascending.
    pub(crate) fn ranges(&self) -> &[Range<u32>] {
        &self.0
    }

    /// The rows, ascending.
    pub fn rows(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(Range::clone)
    }

    /// Whether any of the rows lies in `range`.
    pub fn touch(&self, range: &Range<u32>) -> bool {
        let after = self.0.partition_point(|own| own.end <= range.start);
        self.0.get(after).is_some_and(|own| own.start < range.end)
    }

    /// The rows that are in both.
    pub fn and(&self, other: &RowRanges) -> RowRanges {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            both.push(a.start.max(b.start)..a.end.min(b.end));
            match a.end <= b.end {
                true => left.next(),
                false => right.next(),
            };
        }
        RowRanges::new(both.into_iter().filter(|range| range.start < range.end))
    }

    /// The rows that are in either.
    pub fn or(&self, other: &RowRanges) -> RowRanges {
        let mut all: Vec<Range<u32>> = self.0.iter().chain(&other.0).cloned().collect();
        all.sort_unstable_by_key(|range| range.start);
        RowRanges::new(all)
    }

    /// One place for each of the row group's `rows` rows, true for those of these ranges that are also `chosen`, which
    /// has one place for each row of the ranges.
    pub fn spread(&self, chosen: &BooleanBuffer, rows: usize) -> BooleanBuffer {
        let mut mask = BooleanBufferBuilder::new(rows);
        let mut taken = 0;
        for range in &self.0 {
            mask.append_n(range.start as usize - mask.len(), false);
            mask.append_buffer(&chosen.slice(taken, range.len()));
            taken += range.len();
        }
        mask.append_n(rows - mask.len(), false);
        mask.finish()
    }
}

#[cfg(test)]
mod tests;
