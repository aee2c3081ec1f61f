//! The error for a segment whose bytes are not those that the catalog describes.

use crate::catalog::rows::Segment;
use crate::pg::error::Error;
use stretch_core::errors;
use stretch_segment::{SegmentError, SegmentReader};

/// ST004 for a chunk that is not what the catalog says, naming segment, row group and column (I-5).
pub fn damaged(
    error: &SegmentError,
    segment: &Segment,
    reader: &SegmentReader,
    row_group: usize,
    table: &str,
) -> Error {
    let detail = match error {
        SegmentError::Checksum { row_group, column } => {
            let name = reader.detail().columns.get(*column).map_or("?", |column| &column.name);
            format!("The checksum of row group {row_group}, column {name} differs from the catalog's.")
        }
        other => format!("Row group {row_group}: {other}."),
    };
    Error::new(
        &errors::CHECKSUM_MISMATCH,
        format!("segment {} of table {table} is damaged", segment.segment_id),
    )
    .detail(detail)
}
