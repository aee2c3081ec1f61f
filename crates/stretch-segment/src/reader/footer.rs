//! The Parquet footer that the catalog keeps.

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};

use crate::detail::SegmentDetail;
use crate::error::SegmentError;

/// Parses the footer and checks that it and the detail describe the same chunks.
pub(super) fn parse_footer(detail: &SegmentDetail) -> Result<ParquetMetaData, SegmentError> {
    let footer = ParquetMetaDataReader::decode_metadata(&detail.footer)?;
    check_footer(detail, &footer)?;
    Ok(footer)
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
