//! The pages of a column chunk: where each lies, which rows it holds, and what may be said of its values.

use std::ops::Range;

use crate::limits::CHECKSUM_BYTES;
use crate::row_ranges::RowRanges;
use crate::stats::ColumnStats;

/// A data page of a column chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Number of its first row within the row group.
    pub first_row: u32,
    /// Its length in bytes, header included.
    pub len: u32,
    /// The first 16 bytes of the SHA-256 of its bytes.
    pub checksum: [u8; CHECKSUM_BYTES],
}

/// The pages of a column chunk in their order, without a gap: the dictionary, then those of the data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pages {
    /// Length and checksum of the dictionary page.
    pub dictionary: Option<(u32, [u8; CHECKSUM_BYTES])>,
    /// None when the pages are not known.
    pub data: Vec<Page>,
    /// One for each data page; none when they tell no more than those of the row group.
    pub stats: Vec<ColumnStats>,
}

impl Pages {
    /// The rows of a data page of a row group that has `rows` rows.
    pub fn rows(&self, page: usize, rows: u32) -> Range<u32> {
        let end = self.data.get(page + 1).map_or(rows, |next| next.first_row);
        self.data[page].first_row..end
    }

    /// The rows of those data pages of a row group of `rows` rows that `may_hold` any that is wanted, by their
    /// statistics. All of them where nothing is known of the pages.
    pub fn wanted(&self, rows: u32, may_hold: impl Fn(&ColumnStats, u64) -> bool) -> RowRanges {
        if self.stats.is_empty() {
            return RowRanges::all(rows);
        }
        let ranges = self
            .stats
            .iter()
            .enumerate()
            .map(|(page, stats)| (self.rows(page, rows), stats));
        RowRanges::new(ranges.filter_map(|(range, stats)| may_hold(stats, range.len() as u64).then_some(range)))
    }

    /// The rows of the data pages that hold any of these rows of a row group of `rows` rows.
    pub(crate) fn rows_of_holding(&self, wanted: &RowRanges, rows: u32) -> RowRanges {
        let pages = (0..self.data.len()).map(|page| self.rows(page, rows));
        RowRanges::new(pages.filter(|rows| wanted.touch(rows)))
    }

    /// The pages, by their places in the chunk, that hold these rows of a row group of `rows` rows: their bytes and
    /// their checksums. The dictionary is needed for any row.
    pub(crate) fn holding<'a>(
        &'a self,
        wanted: &'a RowRanges,
        rows: u32,
    ) -> impl Iterator<Item = (Range<u64>, &'a [u8; CHECKSUM_BYTES])> {
        let dictionary = self.dictionary.iter().map(|(len, checksum)| (true, *len, checksum));
        let data = self.data.iter().enumerate();
        let data = data.map(move |(at, page)| (wanted.touch(&self.rows(at, rows)), page.len, &page.checksum));
        let mut end = 0u64;
        dictionary.chain(data).filter_map(move |(is_wanted, len, checksum)| {
            let start = end;
            end += u64::from(len);
            is_wanted.then_some((start..end, checksum))
        })
    }

    /// What contradicts itself, or a chunk of `len` bytes with `rows` rows.
    pub(crate) fn check(&self, len: u64, rows: u32) -> Result<(), &'static str> {
        if *self == Pages::default() {
            return Ok(());
        }
        let bytes = self.data.iter().map(|page| u64::from(page.len)).sum::<u64>();
        if bytes + self.dictionary.map_or(0, |(len, _)| len.into()) != len {
            return Err("the pages do not fill their chunk");
        }
        let starts = || self.data.iter().map(|page| page.first_row);
        if starts().next() != Some(0) || !starts().chain([rows]).is_sorted_by(|a, b| a < b) {
            return Err("the pages do not divide the rows");
        }
        if !self.stats.is_empty() && self.stats.len() != self.data.len() {
            return Err("statistics do not match the pages");
        }
        let mut counts = self.stats.iter().enumerate();
        match counts.all(|(page, stats)| stats.null_count <= self.rows(page, rows).len() as u64) {
            true => Ok(()),
            false => Err("a page has more nulls than rows"),
        }
    }
}
