//! Takes segments from a table. They stay on the endpoint for the retention; when they were retired is stamped by a
//! later transaction (F16, F47).

use super::rows::Segment;
use super::{changes, tables};
use crate::catalog::snapshot::Latest;
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::spi::{self, uuid_arg};
use crate::pg::user;
use stretch_core::ids::{ManifestId, TableId};
use stretch_core::manifest::{LiveSegment, Totals};

/// Retires all segments of a table. The lock comes first, as for whoever retires a segment (F2). The manifest is the
/// caller's.
pub fn segments(table: &TableId) -> Result<()> {
    changes::begin(table);
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    for sql in [
        "SELECT FROM stretch.segment WHERE table_id = $1 AND NOT retired ORDER BY segment_id FOR UPDATE",
        "UPDATE stretch.segment SET retired = true WHERE table_id = $1 AND NOT retired",
    ] {
        spi::execute(sql, &[uuid_arg(table.as_bytes())])?;
    }
    Ok(())
}

/// Takes all cold rows from a table that stays stretched, as TRUNCATE does. The caller holds ACCESS EXCLUSIVE on it, so
/// that no batch is on its way.
pub fn rows(table: &TableId) -> Result<()> {
    let is_empty = tables::manifest(table, Latest::take().get())?.is_some_and(|manifest| manifest.segments == 0);
    if is_empty {
        return Ok(());
    }
    segments(table)?;
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    write_totals(table, &Totals::default(), Cause::Truncated)
}

/// Takes one segment from a table, in the batch that moved its rows elsewhere and holds the segment alone.
pub fn segment(table: &TableId, segment: &Segment) -> Result<()> {
    changes::begin(table);
    let retired = spi::execute(
        "UPDATE stretch.segment SET retired = true WHERE segment_id = $1 AND NOT retired",
        &[uuid_arg(segment.segment_id.as_bytes())],
    )?;
    if retired != 1 {
        return Err(Error::internal(format!(
            "segment {} was retired before",
            segment.segment_id
        )));
    }
    let gone = LiveSegment {
        segment_id: segment.segment_id,
        row_count: segment.row_count as u64,
        sha256: segment.sha256,
    };
    let before = tables::manifest(table, Latest::take().get())?.ok_or_else(no_manifest)?;
    let totals = before.totals().and_then(|totals| totals.remove(&gone));
    let totals = totals.map_err(|error| Error::internal(error.to_string()))?;
    write_totals(table, &totals, Cause::Moved)
}

/// Why segments left a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Their rows are elsewhere in the table.
    Moved,
    /// Their rows are gone, from under every snapshot.
    Truncated,
}

/// Writes the totals under a new random manifest id.
fn write_totals(table: &TableId, totals: &Totals, cause: Cause) -> Result<()> {
    let id = ManifestId::from_bytes(crate::pg::random::random()?);
    let written = spi::execute(
        "UPDATE stretch.manifest SET manifest_id = $2, segments = $3, row_total = $4, digest = $5,
            truncations = truncations + $6
         WHERE table_id = $1",
        &[
            uuid_arg(table.as_bytes()),
            uuid_arg(id.as_bytes()),
            (totals.segments as i64).into(),
            (totals.rows as i64).into(),
            totals.digest.to_vec().into(),
            i64::from(cause == Cause::Truncated).into(),
        ],
    )?;
    match written {
        1 => Ok(()),
        _ => Err(no_manifest()),
    }
}

fn no_manifest() -> Error {
    Error::internal("the table has no manifest")
}
