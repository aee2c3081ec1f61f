//! What is said of a segment whose bytes cannot be had.

use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables;
use crate::cold::lost::rows;
use crate::endpoint::open;
use crate::pg::error::Error;
use crate::pg::names;
use stretch_core::errors;
use stretch_endpoint::EndpointError;

/// ST003 for a segment that is neither staged nor on the endpoint.
pub fn lost(table: &StretchedTable, segment: &Segment) -> Error {
    Error::new(
        &errors::SEGMENT_LOST,
        format!(
            "segment {} of table {} is neither staged nor on the endpoint",
            segment.segment_id,
            names::relation(table.relation)
        ),
    )
    .detail(rows(table, segment))
}

/// ST004 for an object of the right size with the wrong bytes.
pub fn other_bytes(table: &StretchedTable, segment: &Segment) -> Error {
    Error::new(
        &errors::CHECKSUM_MISMATCH,
        format!(
            "segment {} of table {} has other bytes on the endpoint than in the catalog",
            segment.segment_id,
            names::relation(table.relation)
        ),
    )
    .detail(rows(table, segment))
}

/// The endpoint's answer to a request for a row group of a segment.
pub fn answer(error: &EndpointError, table: &StretchedTable, segment: &Segment, row_group: usize) -> Error {
    let name = names::relation(table.relation);
    match error {
        EndpointError::NotFound { .. } => gone(table, segment),
        EndpointError::Corrupt { .. } => Error::new(
            &errors::CHECKSUM_MISMATCH,
            format!(
                "segment {} of table {name} is shorter on the endpoint than in the catalog",
                segment.segment_id,
            ),
        )
        .detail(format!("Row group {row_group} could not be read.")),
        other => {
            let error = open::map_error(other);
            let id = &segment.segment_id;
            Error {
                message: format!("segment {id} of table {name} cannot be read: {}", error.message),
                ..error
            }
        }
    }
}

/// A missing object: damage, unless the segment was retired long ago and only an old snapshot still asks for it (F49).
fn gone(table: &StretchedTable, segment: &Segment) -> Error {
    let retired = tables::segment_by_id(&segment.segment_id, LATEST)
        .ok()
        .is_none_or(|now| now.is_none_or(|now| now.retired));
    if retired {
        return Error::new(
            &errors::MOVED,
            "canceling statement because its snapshot is too old for the cold rows it needs",
        )
        .hint("Run the query again in a new transaction.");
    }
    lost(table, segment)
}
