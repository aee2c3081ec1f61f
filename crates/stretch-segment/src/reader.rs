//! Decodes chosen columns and rows of one row group from their bytes, after checking these against the detail.

mod chunks;
mod footer;
mod pages;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, new_empty_array};
use arrow_buffer::BooleanBuffer;
use bytes::Bytes;
use parquet::arrow::FieldLevels;
use parquet::file::metadata::ParquetMetaData;

use crate::detail::{ChunkDetail, RowGroupDetail, SegmentDetail, checksum};
use crate::error::SegmentError;
use crate::row_ranges::RowRanges;
use crate::schema::arrow_type;
use chunks::Chunks;
use footer::parse_footer;
use pages::Brought;

/// Reads one segment. Cheap to clone and to share: immutable, and the footer is parsed once.
#[derive(Debug, Clone)]
pub struct SegmentReader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    detail: SegmentDetail,
    /// `None` for a segment without columns, which has nothing to decode.
    footer: Option<Footer>,
}

#[derive(Debug)]
struct Footer {
    metadata: ParquetMetaData,
    /// One per column.
    levels: Vec<FieldLevels>,
}

impl SegmentReader {
    /// Parses the footer and checks that it and the detail describe the same chunks.
    /// Errors: [`SegmentError::CorruptDetail`], [`SegmentError::Mismatch`], [`SegmentError::Parquet`].
    pub fn new(detail: SegmentDetail) -> Result<Self, SegmentError> {
        detail.check()?;
        let footer = if detail.columns.is_empty() {
            None
        } else {
            let metadata = parse_footer(&detail)?;
            let levels = pages::levels(metadata.file_metadata().schema_descr())?;
            Some(Footer { metadata, levels })
        };
        Ok(SegmentReader {
            inner: Arc::new(Inner { detail, footer }),
        })
    }

    /// The detail this reader was made from.
    pub fn detail(&self) -> &SegmentDetail {
        &self.inner.detail
    }

    /// Bytes of all values before they were compressed, as they are coded.
    pub fn uncompressed_bytes(&self) -> u64 {
        let Some(footer) = &self.inner.footer else {
            return 0;
        };
        let groups = footer.metadata.row_groups().iter();
        groups.map(|group| group.total_byte_size().max(0) as u64).sum()
    }

    /// The row groups in the order of their rows.
    pub fn row_groups(&self) -> &[RowGroupDetail] {
        &self.inner.detail.row_groups
    }

    /// Where the chunk of a column of a row group lies.
    ///
    /// # Panics
    /// When there is no such row group or column, as indexing does.
    pub fn chunk(&self, row_group: usize, column: usize) -> &ChunkDetail {
        &self.inner.detail.row_groups[row_group].chunks[column]
    }

    /// Decodes all rows of the given columns of one row group, one array per entry of `columns` in its order
    /// (repetition is allowed). `chunk_bytes[i]` is the chunk of `columns[i]`. Without columns the answer is empty; the
    /// caller knows the number of rows.
    ///
    /// Errors: [`SegmentError::Checksum`] for the first chunk that is not what the detail says, before anything
    /// is decoded; [`SegmentError::NoSuchRowGroup`], [`SegmentError::NoSuchColumn`].
    pub fn decode_row_group(
        &self,
        row_group: usize,
        columns: &[usize],
        chunk_bytes: &[Bytes],
    ) -> Result<Vec<ArrayRef>, SegmentError> {
        if columns.len() != chunk_bytes.len() {
            return Err(SegmentError::Mismatch("as many chunks as columns must be given"));
        }
        let checked =
            |(column, bytes): (&usize, &Bytes)| self.check(row_group, *column, None, std::slice::from_ref(bytes));
        let chunks = columns
            .iter()
            .zip(chunk_bytes)
            .map(checked)
            .collect::<Result<Vec<_>, _>>()?;
        self.decode(row_group, &chunks, None)
    }

    /// The bytes of the object that hold the wanted rows of a column of a row group, all of them when `wanted` is
    /// `None`: runs that ascend and do not touch. Where the pages are not known it is the whole chunk.
    ///
    /// # Panics
    /// When there is no such row group or column, as indexing does.
    pub fn ranges(&self, row_group: usize, column: usize, wanted: Option<&RowRanges>) -> Vec<Range<u64>> {
        let (group, chunk) = (&self.row_groups()[row_group], self.chunk(row_group, column));
        let whole = chunk.offset..chunk.offset + chunk.len;
        let Some(wanted) = pages_of(chunk, wanted) else {
            return vec![whole];
        };
        let mut runs: Vec<Range<u64>> = Vec::new();
        for (page, _) in chunk.pages.holding(wanted, group.rows) {
            let page = chunk.offset + page.start..chunk.offset + page.end;
            match runs.last_mut() {
                Some(last) if last.end == page.start => last.end = page.end,
                _ => runs.push(page),
            }
        }
        runs
    }

    /// How many data pages of a column of a row group hold the wanted rows, all where `wanted` is `None`; 0 where they
    /// are not known.
    ///
    /// # Panics
    /// When there is no such row group or column, as indexing does.
    pub fn pages(&self, row_group: usize, column: usize, wanted: Option<&RowRanges>) -> usize {
        let (rows, pages) = (self.row_groups()[row_group].rows, &self.chunk(row_group, column).pages);
        let is_wanted = |page: &usize| wanted.is_none_or(|wanted| wanted.touch(&pages.rows(*page, rows)));
        (0..pages.data.len()).filter(is_wanted).count()
    }

    /// The rows of a row group that lie, of all columns, in the same pages as one of them: reading these brings no more
    /// bytes than reading the one. All of them where the pages are not known.
    pub fn around(&self, row_group: usize, row: u32) -> RowRanges {
        let group = &self.row_groups()[row_group];
        let mut around = 0..group.rows;
        for chunk in &group.chunks {
            let after = chunk.pages.data.partition_point(|page| page.first_row <= row);
            let Some(page) = after.checked_sub(1) else {
                return RowRanges::all(group.rows);
            };
            let rows = chunk.pages.rows(page, group.rows);
            around = around.start.max(rows.start)..around.end.min(rows.end);
        }
        RowRanges::one(around)
    }

    /// Compares the bytes of a column of a row group with the detail: those that [`ranges`](Self::ranges) named for
    /// the same rows, in its order.
    /// Errors: [`SegmentError::Checksum`], [`SegmentError::NoSuchRowGroup`], [`SegmentError::NoSuchColumn`].
    pub fn check(
        &self,
        row_group: usize,
        column: usize,
        wanted: Option<&RowRanges>,
        bytes: &[Bytes],
    ) -> Result<Checked, SegmentError> {
        let group = self.group(row_group)?;
        let chunk = group.chunks.get(column).ok_or(SegmentError::NoSuchColumn(column))?;
        let pages = pages_of(chunk, wanted);
        let differs = SegmentError::Checksum { row_group, column };
        let ranges = self.ranges(row_group, column, wanted);
        let has_length = |(range, bytes): (&Range<u64>, &Bytes)| range.end - range.start == bytes.len() as u64;
        if ranges.len() != bytes.len() || !ranges.iter().zip(bytes).all(has_length) {
            return Err(differs);
        }
        let runs = Chunks(
            ranges
                .iter()
                .map(|range| range.start)
                .zip(bytes.iter().cloned())
                .collect(),
        );
        let is_right = match pages {
            None => runs.0.iter().all(|(_, bytes)| checksum(bytes) == chunk.checksum),
            Some(wanted) => chunk.pages.holding(wanted, group.rows).all(|(page, expected)| {
                let page = runs.part(chunk.offset + page.start, (page.end - page.start) as usize);
                page.is_ok_and(|page| checksum(&page) == *expected)
            }),
        };
        match is_right {
            true => Ok(Checked {
                column,
                rows: match pages {
                    None => RowRanges::all(group.rows),
                    Some(wanted) => chunk.pages.rows_of_holding(wanted, group.rows),
                },
                runs: bytes.to_vec(),
            }),
            false => Err(differs),
        }
    }

    /// Decodes columns of one row group that this reader checked, all rows of it or those of a selection, which has a
    /// place for each row of the row group and is true for none that was not among the wanted rows of the check. One
    /// array per column, in their order; its type is that of the column's [`crate::StoredType`].
    pub fn decode(
        &self,
        row_group: usize,
        columns: &[Checked],
        selection: Option<&BooleanBuffer>,
    ) -> Result<Vec<ArrayRef>, SegmentError> {
        let group = self.group(row_group)?;
        let Some(footer) = &self.inner.footer else {
            return Ok(Vec::new());
        };
        if selection.is_some_and(|selection| selection.len() != group.rows as usize) {
            return Err(SegmentError::Mismatch("a selection is of another number of rows"));
        }
        let rows = selection.map_or(group.rows as usize, BooleanBuffer::count_set_bits);
        let decode = |checked: &Checked| {
            let column = checked.column;
            let brought = Brought {
                metadata: &footer.metadata,
                row_group,
                column,
                runs: &checked.runs,
                rows: &checked.rows,
            };
            let stored = arrow_type(self.inner.detail.columns[column].stored);
            let array = match rows {
                0 => new_empty_array(&stored),
                _ => brought.decode(&footer.levels[column], selection, rows)?,
            };
            if array.len() != rows || *array.data_type() != stored {
                return Err(SegmentError::Mismatch("a column has another type or number of rows"));
            }
            Ok(array)
        };
        columns.iter().map(decode).collect()
    }

    fn group(&self, row_group: usize) -> Result<&RowGroupDetail, SegmentError> {
        self.row_groups()
            .get(row_group)
            .ok_or(SegmentError::NoSuchRowGroup(row_group))
    }
}

/// The wanted rows, where the pages that hold them are known.
fn pages_of<'a>(chunk: &ChunkDetail, wanted: Option<&'a RowRanges>) -> Option<&'a RowRanges> {
    wanted.filter(|_| !chunk.pages.data.is_empty())
}

/// Bytes of a column of a row group that are what the detail describes.
#[derive(Debug, Clone)]
pub struct Checked {
    column: usize,
    /// One after the other as they lie in the object.
    runs: Vec<Bytes>,
    /// The rows that they hold, within the row group.
    rows: RowRanges,
}
