//! Takes segments from a table. They stay on the endpoint for the retention; when they were retired is stamped by a
//! later transaction (F16, F47).

use super::{changes, tables};
use crate::catalog::snapshot::Latest;
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::spi::{self, uuid_arg};
use crate::pg::user;
use stretch_core::ids::{ManifestId, TableId};
use stretch_core::manifest::Totals;

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
    let id = ManifestId::from_bytes(crate::pg::random::random()?);
    let none = Totals::default();
    let written = spi::execute(
        "UPDATE stretch.manifest SET manifest_id = $2, segments = 0, row_total = 0, digest = $3 WHERE table_id = $1",
        &[
            uuid_arg(table.as_bytes()),
            uuid_arg(id.as_bytes()),
            none.digest.to_vec().into(),
        ],
    )?;
    match written {
        1 => Ok(()),
        _ => Err(Error::internal("the table has no manifest")),
    }
}
