//! What a batch writes into the catalog but tombstones: staged pieces, the segment, its detail, the manifest.

use super::rows::StretchedTable;
use super::tables::CHUNK_BYTES;
use super::totals;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use crate::pg::spi::{self, uuid_arg};
use stretch_columns::identity::MAX_SEGMENTS;
use stretch_core::errors;
use stretch_core::ids::{SegmentId, TableId};
use stretch_core::manifest::LiveSegment;
use stretch_segment::EncodedSegment;

/// Writes an encoded segment with its staged bytes (step 2 of Appendix 1), and adds it to the manifest. The manifest
/// comes first: whoever meets another batch of the table fails there, before a number is used that is not his. The
/// answer is the segment's id and its number in the table.
pub fn segment(
    table: &StretchedTable,
    segment: &EncodedSegment,
    key_filters: Option<Vec<u8>>,
) -> Result<(SegmentId, i32)> {
    let id = SegmentId::from_bytes(crate::pg::random::random()?);
    let number = add_to_manifest(table, id, segment)?;
    for (at, piece) in segment.bytes.chunks(CHUNK_BYTES).enumerate() {
        let args = [uuid_arg(id.as_bytes()), (at as i32).into(), piece.to_vec().into()];
        spi::execute(
            "INSERT INTO stretch.staged_chunk (segment_id, chunk_no, bytes) VALUES ($1, $2, $3)",
            &args,
        )?;
    }
    spi::execute(
        "INSERT INTO stretch.segment (segment_id, table_id, number, row_count, byte_size, sha256, server_encoding,
            migrated_at)
         VALUES ($1, $2, $3, $4, $5, $6, pg_catalog.getdatabaseencoding(), pg_catalog.clock_timestamp())",
        &[
            uuid_arg(id.as_bytes()),
            uuid_arg(table.table_id.as_bytes()),
            number.into(),
            i64::from(segment.row_count).into(),
            (segment.bytes.len() as i64).into(),
            segment.sha256.to_vec().into(),
        ],
    )?;
    spi::execute(
        "INSERT INTO stretch.segment_detail (segment_id, detail, key_filters) VALUES ($1, $2, $3)",
        &[
            uuid_arg(id.as_bytes()),
            segment.detail.to_bytes().into(),
            key_filters.into(),
        ],
    )?;
    Ok((id, number))
}

/// Adds a segment to the manifest. The answer is the segment's number in its table.
fn add_to_manifest(table: &StretchedTable, segment_id: SegmentId, segment: &EncodedSegment) -> Result<i32> {
    let added = LiveSegment {
        segment_id,
        row_count: segment.row_count.into(),
        sha256: segment.sha256,
    };
    let number = totals::add(&table.table_id, &added)?;
    if u32::try_from(number).is_ok_and(|number| number < MAX_SEGMENTS) {
        return Ok(number);
    }
    Err(Error::new(
        &errors::NOT_NOW,
        format!(
            "migration of {} has ended: its segments have used all {MAX_SEGMENTS} numbers",
            names::relation(table.relation)
        ),
    )
    .detail("Rows stay hot from here on. A table that has its cold rows back and is stretched anew begins at 0 again."))
}

/// Which way a line of `stretch.migration_status` says that rows or bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Rows from the heap to a staged segment.
    Outbound,
    /// Rows from a segment back to the heap.
    Inbound,
    /// Rows from segments to another one.
    Compact,
    /// A staged segment to the endpoint.
    Upload,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "OUTBOUND",
            Self::Inbound => "INBOUND",
            Self::Compact => "COMPACT",
            Self::Upload => "UPLOAD",
        }
    }
}

/// One line of `stretch.migration_status`; `failure` is (SQLSTATE, message).
pub fn attempt(
    table: &TableId,
    direction: Direction,
    rows: u64,
    bytes: u64,
    seconds: f64,
    failure: Option<(&str, &str)>,
) -> Result<()> {
    spi::execute(
        "INSERT INTO stretch.migration_batch (table_id, direction, row_count, byte_size, start_time, end_time,
            sqlstate, message)
         VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $5),
             pg_catalog.clock_timestamp(), $6, $7)",
        &[
            uuid_arg(table.as_bytes()),
            direction.as_str().into(),
            (rows as i64).into(),
            (bytes as i64).into(),
            seconds.into(),
            failure.map(|f| f.0).into(),
            failure.map(|f| f.1).into(),
        ],
    )?;
    Ok(())
}
