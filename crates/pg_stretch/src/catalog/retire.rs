//! Takes segments from a table. They stay on the endpoint for the retention; when they were retired is stamped by a
//! later transaction (F16, F47).

use super::rows::Segment;
use super::{changes, tables, totals};
use crate::catalog::snapshot::Latest;
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::spi::{self, uuid_arg};
use crate::pg::user;
use stretch_core::ids::TableId;
use stretch_core::manifest::LiveSegment;

/// Whether rows that leave a table can be taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are elsewhere, or dead.
    Gone,
    /// They are left behind ([`super::abandoned`]).
    Abandoned,
}

/// Retires all segments of a table. The lock comes first, as for whoever retires a segment (F2). The manifest is the
/// caller's.
pub fn segments(table: &TableId, fate: Fate) -> Result<()> {
    changes::begin(table);
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let id = || uuid_arg(table.as_bytes());
    spi::execute(
        "SELECT FROM stretch.segment WHERE table_id = $1 AND NOT retired ORDER BY segment_id FOR UPDATE",
        &[id()],
    )?;
    spi::execute(
        "UPDATE stretch.segment SET retired = true, abandoned = $2 WHERE table_id = $1 AND NOT retired",
        &[id(), (fate == Fate::Abandoned).into()],
    )
    .map(drop)
}

/// Takes all cold rows from a table that stays stretched, as TRUNCATE does. The caller holds ACCESS EXCLUSIVE on it, so
/// that no batch is on its way.
pub fn rows(table: &TableId) -> Result<()> {
    let is_empty = tables::manifest(table, Latest::take().get())?.is_some_and(|manifest| manifest.segments == 0);
    if is_empty {
        return Ok(());
    }
    segments(table, Fate::Gone)?;
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    totals::truncate(table)
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
    totals::remove(table, &gone)
}
