//! Decodes one column of a row group from the pages that were brought, which need not be all of them.
//!
//! The library takes pages apart and decodes them; we decompress them, in a context that a thread keeps: the library
//! makes one for each column that it reads, which costs more than a page of it.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups, RowSelection};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::SchemaDescriptor;
use zstd::bulk::Decompressor;

use super::chunks::Chunks;
use crate::error::SegmentError;
use crate::row_ranges::RowRanges;

/// What the library has to know of each column of a segment, made once.
pub(super) fn levels(schema: &SchemaDescriptor) -> Result<Vec<FieldLevels>> {
    (0..schema.num_columns())
        .map(|column| parquet_to_arrow_field_levels(schema, ProjectionMask::leaves(schema, [column]), None))
        .collect()
}

/// A column of a row group, as far as it was brought.
pub(super) struct Brought<'a> {
    pub metadata: &'a ParquetMetaData,
    pub row_group: usize,
    pub column: usize,
    /// Whole pages one after the other, the dictionary first where there is one.
    pub runs: &'a [Bytes],
    /// The rows of these pages, within the row group.
    pub rows: &'a RowRanges,
}

impl Brought<'_> {
    /// The values of the selected rows, of all that were brought where `selection` is `None`: `wanted` must they be. A
    /// selection has a place for each row of the row group.
    pub fn decode(
        &self,
        levels: &FieldLevels,
        selection: Option<&BooleanBuffer>,
        wanted: usize,
    ) -> std::result::Result<ArrayRef, SegmentError> {
        let parts = selection.map(|selection| self.parts(selection));
        let rows = match &parts {
            None => self.rows.count(),
            Some(parts) => parts.iter().map(BooleanArray::true_count).sum(),
        };
        if rows != wanted {
            return Err(SegmentError::Mismatch("a selected row was not brought"));
        }
        let selection = parts.map(|parts| RowSelection::from_filters(&parts));
        let batches = ParquetRecordBatchReader::try_new_with_row_groups(levels, self, rows.max(1), selection)?;
        let arrays = batches
            .map(|batch| Ok(Arc::clone(batch?.column(0))))
            .collect::<std::result::Result<Vec<_>, SegmentError>>()?;
        match arrays.as_slice() {
            [one] => Ok(Arc::clone(one)),
            many => {
                let parts: Vec<&dyn Array> = many.iter().map(|array| array.as_ref()).collect();
                Ok(arrow_select::concat::concat(&parts)?)
            }
        }
    }

    /// The selection without the places of rows that were not brought.
    fn parts(&self, selection: &BooleanBuffer) -> Vec<BooleanArray> {
        let part = |rows: &Range<u32>| selection.slice(rows.start as usize, rows.len());
        let rows = self.rows.ranges().iter();
        rows.map(|rows| BooleanArray::new(part(rows), None)).collect()
    }

    fn chunk(&self) -> &ColumnChunkMetaData {
        self.metadata.row_group(self.row_group).column(self.column)
    }
}

impl RowGroups for Brought<'_> {
    fn num_rows(&self) -> usize {
        self.rows.count()
    }

    fn column_chunks(&self, _: usize) -> Result<Box<dyn PageIterator>> {
        let mut chunks = Vec::with_capacity(self.runs.len());
        let mut offset = 0;
        for run in self.runs {
            chunks.push((offset, run.clone()));
            offset += run.len() as u64;
        }
        let is_ours = matches!(self.chunk().compression(), Compression::ZSTD(_));
        let metadata = ColumnChunkMetaData::builder(self.chunk().column_descr_ptr())
            .set_compression(match is_ours {
                true => Compression::UNCOMPRESSED,
                false => self.chunk().compression(),
            })
            .set_data_page_offset(0)
            .set_total_compressed_size(offset as i64)
            .build()?;
        let pages = SerializedPageReader::new(Arc::new(Chunks(chunks)), &metadata, self.num_rows(), None)?;
        Ok(Box::new(OneColumn(Some(match is_ours {
            true => Box::new(Decompressed(pages)),
            false => Box::new(pages),
        }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.row_group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The pages of the one row group that is read.
struct OneColumn(Option<Box<dyn PageReader>>);

impl Iterator for OneColumn {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneColumn {}

/// Pages as the library found them, decompressed.
struct Decompressed(SerializedPageReader<Chunks>);

impl PageReader for Decompressed {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.0.get_next_page()? else {
            return Ok(None);
        };
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = decompressed(buf)?,
            // We write none, and of these a part is not compressed.
            Page::DataPageV2 { .. } => return Err(ParquetError::NYI("a page of version 2".into())),
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.0.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.0.take_deferred_dictionary()? else {
            return Ok(None);
        };
        if let Page::DictionaryPage { buf, .. } = &mut page {
            *buf = decompressed(buf)?;
        }
        Ok(Some(page))
    }
}

impl Iterator for Decompressed {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

thread_local! {
    /// `None` before the first page.
    static CONTEXT: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A frame says how long its content is; the writer of segments always does.
fn decompressed(frame: &Bytes) -> Result<Bytes> {
    let length = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
    let length = length.and_then(|length| i32::try_from(length).ok());
    let length = length.ok_or_else(|| ParquetError::General("a page does not say its length".into()))? as usize;
    let content = CONTEXT.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(Decompressor::new()?),
        };
        context.decompress(frame, length)
    });
    Ok(Bytes::from(content?))
}
