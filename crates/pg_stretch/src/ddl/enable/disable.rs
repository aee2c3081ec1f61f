//! Un-stretching: a table becomes an ordinary one with its hot rows; a database forgets its endpoint.

use super::{lock, rights, way_back};
use crate::catalog::rows::StretchedTable;
use crate::catalog::snapshot::Latest;
use crate::catalog::stretched::{self, Info, none_stretched};
use crate::catalog::{method, retire, tables};
use crate::pg::error::{Error, Result, notice};
use crate::pg::local_settings::LocalSettings;
use crate::pg::{names, request, shmem, spi, user};
use pgrx::pg_sys;
use stretch_core::errors;

/// `stretch.disable_table`. With `leave` the cold rows leave the table and stay on the endpoint; without, there must be
/// none.
pub fn table(relation: pg_sys::Oid, leave: bool, if_exists: bool) -> Result<()> {
    rights(relation, "disable_table")?;
    shmem::require()?;
    lock::exclusive(relation);
    rights(relation, "disable_table")?;
    let name = names::relation(relation);
    let Some(table) = tables::by_relation(relation, Latest::take().get())? else {
        let error = stretched::not_stretched(relation);
        if if_exists {
            notice(&format!("{}, skipping", error.message));
            return Ok(());
        }
        return Err(error);
    };
    let left = tables::cold_rows(&table.table_id, Latest::take().get())?;
    if !leave && left > 0 {
        return Err(Error::new(
            &errors::UNSUPPORTED,
            format!("table {name} still has {left} cold rows, which disable_table does not bring back yet"),
        )
        .detail(format!(
            "With leave_remote_data => true these {left} rows leave every query of the table for good."
        ))
        .hint(way_back::then(
            relation,
            "which makes it an ordinary table with all its rows",
        )?));
    }
    // Rows that came back need no object.
    if left > 0 {
        uploaded(&table, &name)?;
    }
    {
        let _us = user::ActAs::extension_owner();
        let _path = LocalSettings::path();
        retire(&Info::from(table))?;
        method::set(relation, method::HEAP)?;
    }
    if left > 0 {
        notice(&format!(
            "{left} cold rows left table {name} for good: no query reads them any more; their objects stay on the \
            endpoint"
        ));
    }
    Ok(())
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
pub fn retire(info: &Info) -> Result<()> {
    retire::segments(&info.table_id)?;
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let id = info.table_id.to_string();
    for sql in [
        "DELETE FROM stretch.manifest WHERE table_id = $1::uuid",
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
