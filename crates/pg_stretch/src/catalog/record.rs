//! What a batch writes into the catalog but tombstones: staged pieces, the segment, its detail, the manifest.

use super::rows::StretchedTable;
use super::tables::CHUNK_BYTES;
use crate::catalog;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{self, uuid_arg};
use pgrx::pg_sys;
use stretch_core::ids::{ManifestId, SegmentId, TableId};
use stretch_core::manifest::{LiveSegment, Totals};
use stretch_segment::EncodedSegment;

/// Writes an encoded segment with its staged bytes (step 2 of Appendix 1).
pub fn segment(table: &StretchedTable, segment: &EncodedSegment, key_filters: Option<Vec<u8>>) -> Result<SegmentId> {
    let id = SegmentId::from_bytes(crate::pg::random::random()?);
    for (number, piece) in segment.bytes.chunks(CHUNK_BYTES).enumerate() {
        let args = [uuid_arg(id.as_bytes()), (number as i32).into(), piece.to_vec().into()];
        spi::execute(
            "INSERT INTO stretch.staged_chunk (segment_id, chunk_no, bytes) VALUES ($1, $2, $3)",
            &args,
        )?;
    }
    spi::execute(
        "INSERT INTO stretch.segment (segment_id, table_id, row_count, byte_size, sha256, server_encoding, migrated_at)
         VALUES ($1, $2, $3, $4, $5, pg_catalog.getdatabaseencoding(), pg_catalog.clock_timestamp())",
        &[
            uuid_arg(id.as_bytes()),
            uuid_arg(table.table_id.as_bytes()),
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
    Ok(id)
}

/// Adds a segment to the manifest under a new random id (F12).
pub fn manifest(table: &TableId, segment_id: SegmentId, segment: &EncodedSegment) -> Result<()> {
    // SAFETY: inside a transaction.
    let snapshot = unsafe { pg_sys::GetTransactionSnapshot() };
    let before =
        catalog::tables::manifest(table, snapshot)?.ok_or_else(|| Error::internal("the table has no manifest"))?;
    let added = LiveSegment {
        segment_id,
        row_count: segment.row_count.into(),
        sha256: segment.sha256,
    };
    let totals = before
        .totals()
        .and_then(|totals| totals.add(&added))
        .map_err(|error| Error::internal(error.to_string()))?;
    write_totals(table, &totals)
}

/// Writes new totals under a new random manifest id.
fn write_totals(table: &TableId, totals: &Totals) -> Result<()> {
    let id = ManifestId::from_bytes(crate::pg::random::random()?);
    spi::execute(
        "UPDATE stretch.manifest SET manifest_id = $2, segments = $3, row_total = $4, digest = $5 WHERE table_id = $1",
        &[
            uuid_arg(table.as_bytes()),
            uuid_arg(id.as_bytes()),
            (totals.segments as i64).into(),
            (totals.rows as i64).into(),
            totals.digest.to_vec().into(),
        ],
    )?;
    Ok(())
}

/// Which way a line of `stretch.migration_status` says that rows or bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Rows from the heap to a staged segment.
    Outbound,
    /// A staged segment to the endpoint.
    Upload,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "OUTBOUND",
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
