//! The Parquet footer that the catalog keeps, with the pages that the detail knows of.

use std::sync::Arc;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::page_index::{PageIndex, PageIndexBuilder};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::offset_index::{OffsetIndexMetaData, PageLocation};

use crate::detail::{ChunkDetail, Page, SegmentDetail};
use crate::error::SegmentError;

/// Parses the footer and checks that it and the detail describe the same chunks.
pub(super) fn parse_footer(detail: &SegmentDetail) -> Result<ArrowReaderMetadata, SegmentError> {
    let footer = ParquetMetaDataReader::decode_metadata(&detail.footer)?;
    check_footer(detail, &footer)?;
    let footer = footer
        .into_builder()
        .set_page_index(Some(Arc::new(page_index(detail))))
        .build();
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    Ok(ArrowReaderMetadata::try_new(Arc::new(footer), options)?)
}

fn check_footer(detail: &SegmentDetail, footer: &ParquetMetaData) -> Result<(), SegmentError> {
    let schema = footer.file_metadata().schema_descr();
    let flat = schema
        .root_schema()
        .get_fields()
        .iter()
        .all(|field| field.is_primitive());
    if !flat || schema.num_columns() != detail.columns.len() {
        return Err(SegmentError::Mismatch("the footer has other columns"));
    }
    if footer.num_row_groups() != detail.row_groups.len() {
        return Err(SegmentError::Mismatch("the footer has other row groups"));
    }
    for (group, described) in detail.row_groups.iter().zip(footer.row_groups()) {
        if described.num_rows() != i64::from(group.rows) || described.num_columns() != group.chunks.len() {
            return Err(SegmentError::Mismatch("the footer has other rows"));
        }
        for (chunk, described) in group.chunks.iter().zip(described.columns()) {
            if byte_range(described) != Some((chunk.offset, chunk.len)) {
                return Err(SegmentError::Mismatch("the footer has other chunk ranges"));
            }
        }
    }
    Ok(())
}

/// As the library's own function of this name, but negative numbers are no panic.
fn byte_range(chunk: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    Some((u64::try_from(start).ok()?, u64::try_from(chunk.compressed_size()).ok()?))
}

/// Where the pages of each chunk lie, as Parquet's own offset index says it.
fn page_index(detail: &SegmentDetail) -> PageIndex {
    let mut index = PageIndexBuilder::new(detail.row_groups.len(), detail.columns.len());
    for (number, group) in detail.row_groups.iter().enumerate() {
        for (column, chunk) in group.chunks.iter().enumerate() {
            if let Some(offsets) = offsets(chunk) {
                index.put_offset_index(offsets, number, column);
            }
        }
    }
    index.build()
}

/// `None` when the pages of the chunk are not known.
fn offsets(chunk: &ChunkDetail) -> Option<OffsetIndexMetaData> {
    let dictionary = chunk.pages.dictionary.map_or(0, |(len, _)| u64::from(len));
    let mut offset = chunk.offset + dictionary;
    let location = |page: &Page| {
        let start = offset;
        offset += u64::from(page.len);
        // The detail was checked: the chunk ends below 2^63.
        PageLocation {
            offset: start as i64,
            compressed_page_size: page.len as i32,
            first_row_index: page.first_row.into(),
        }
    };
    let page_locations: Vec<_> = chunk.pages.data.iter().map(location).collect();
    (!page_locations.is_empty()).then_some(OffsetIndexMetaData {
        page_locations,
        unencoded_byte_array_data_bytes: None,
    })
}
