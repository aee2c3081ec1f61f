//! Un-stretching: a table becomes an ordinary one with its hot rows; a database forgets its endpoint.

use super::{lock, rights};
use crate::catalog::retire::Fate;
use crate::catalog::rows::StretchedTable;
use crate::catalog::snapshot::Latest;
use crate::catalog::stretched::{self, Info, none_stretched};
use crate::catalog::{abandoned, method, retire, tables};
use crate::pg::error::{self, Error, Result, notice};
use crate::pg::local_settings::LocalSettings;
use crate::pg::{names, request, shmem, snapshots, spi, user};
use pgrx::pg_sys;
use stretch_core::errors;

/// What becomes of the cold rows of a table that is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdRows {
    /// They leave the table and stay on the endpoint, where `enable_table` can take them up again.
    Stay,
    /// They come back. The worker brings them, and then makes the table an ordinary one.
    ComeBack,
}

/// `stretch.disable_table`.
pub fn table(relation: pg_sys::Oid, cold: ColdRows, if_exists: bool) -> Result<()> {
    rights(relation, "disable_table")?;
    shmem::require()?;
    lock::exclusive(relation);
    rights(relation, "disable_table")?;
    let name = names::relation(relation);
    let Some(table) = tables::by_relation(relation, Latest::take().get())? else {
        return missing(relation, if_exists);
    };
    let left = match cold {
        ColdRows::ComeBack if !is_home(&table)? => return super::start_inbound(&table),
        ColdRows::ComeBack => 0,
        ColdRows::Stay => tables::cold_rows(&table.table_id, Latest::take().get())?,
    };
    // Rows that came back need no object.
    let fate = if left > 0 {
        uploaded(&table, &name)?;
        abandoned::keep(&table.table_id)?;
        Fate::Abandoned
    } else {
        Fate::Gone
    };
    {
        let _us = user::ActAs::extension_owner();
        let _path = LocalSettings::path();
        retire(&Info::from(table), fate)?;
        method::set(relation, method::HEAP)?;
    }
    if left > 0 {
        tell(left, &name);
    }
    Ok(())
}

/// How many rows no query reads any more, and how they come back.
fn tell(left: i64, name: &str) {
    let message =
        format!("{left} cold rows left table {name}: no query reads them any more; their objects stay on the endpoint");
    let hint = format!(
        "Until the objects are collected, this takes the rows up again: \
         SELECT stretch.enable_table('{}', adopt => true);",
        name.replace('\'', "''")
    );
    error::report(pg_sys::NOTICE as i32, "00000", &message, None, Some(&hint));
}

/// ST010 for a table that is not stretched, or a notice.
pub fn missing(relation: pg_sys::Oid, if_exists: bool) -> Result<()> {
    let error = stretched::not_stretched(relation);
    if if_exists {
        notice(&format!("{}, skipping", error.message));
        return Ok(());
    }
    Err(error)
}

/// Whether a table has no segment, and no snapshot sees one that it had.
pub fn is_home(table: &StretchedTable) -> Result<bool> {
    let manifest = tables::manifest(&table.table_id, Latest::take().get())?;
    Ok(manifest.is_some_and(|it| it.segments == 0 && !snapshots::is_hidden_from_any(it.writer, &[])))
}

/// 55000 while rows that are to stay on the endpoint have not got there.
fn uploaded(table: &StretchedTable, name: &str) -> Result<()> {
    let latest = Latest::take();
    let waiting = tables::live_segments(&table.table_id, latest.get())?
        .iter()
        .filter(|segment| segment.object_key.is_none())
        .count();
    if waiting == 0 {
        return Ok(());
    }
    Err(Error::new(
        &errors::NOT_NOW,
        format!("{waiting} segments of table {name} are not on the endpoint yet"),
    )
    .hint("Pause the table and run stretch.purge_staged, which waits for the uploads, then try again."))
}

/// Takes a table out of the catalog, and its segments from it.
pub fn retire(info: &Info, fate: Fate) -> Result<()> {
    retire::segments(&info.table_id, fate)?;
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let id = info.table_id.to_string();
    for sql in [
        "DELETE FROM stretch.manifest WHERE table_id = $1::uuid",
        "DELETE FROM stretch.moving_filter WHERE table_id = $1::uuid",
        "DELETE FROM stretch.stretched_table WHERE table_id = $1::uuid",
    ] {
        spi::execute(sql, &[id.as_str().into()])?;
    }
    stretched::invalidate(info);
    Ok(())
}

/// `stretch.disable_database`, after every table was disabled. The worker does it, since it holds the marker.
pub fn database() -> Result<()> {
    shmem::require()?;
    request::refuse_in_block("disable_database")?;
    user::require_database_owner("disable_database")?;
    {
        let latest = Latest::take();
        if tables::database(latest.get())?.is_none() {
            return Err(stretched::not_enabled());
        }
        none_stretched(latest.get())?;
    }
    request::call("disable_database", &serde_json::Value::Null).map(drop)
}
