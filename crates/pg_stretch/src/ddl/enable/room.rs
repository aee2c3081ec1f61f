//! Whether the cold rows of a table fit on its disk, before they are brought back.

use crate::catalog::rows::StretchedTable;
use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::{names, spi, steps};
use pgrx::pg_sys;
use std::ffi::CString;
use stretch_core::errors;

/// Bytes of a row besides its values, and those of an index entry (SizeofHeapTupleHeader and a line pointer; an
/// IndexTuple, its line pointer and a key of eight bytes).
const ROW: i64 = 28;
const ENTRY: i64 = 20;

/// 53100 with both numbers when the rows need more room than there is.
pub fn require(table: &StretchedTable) -> Result<()> {
    let rows = tables::cold_rows(&table.table_id, Latest::take().get())?;
    if rows == 0 {
        return Ok(());
    }
    let needed = needed(table, rows)?;
    let Some(free) = free(table.relation)? else {
        return Ok(());
    };
    if needed <= free {
        return Ok(());
    }
    Err(Error::new(
        &errors::DISK_FULL,
        format!(
            "the {rows} cold rows of table {} do not fit on its disk",
            names::relation(table.relation)
        ),
    )
    .detail(format!(
        "They need about {} MB with their index entries, and {} MB are free.",
        needed >> 20,
        free >> 20
    )))
}

/// An estimate of the bytes of so many rows and their index entries: as wide as the statistics say, else as wide as the
/// declared types.
fn needed(table: &StretchedTable, rows: i64) -> Result<i64> {
    let _path = LocalSettings::path();
    // SAFETY: a look-up in caches of the server, for a relation that exists.
    let width = unsafe { pg_sys::get_relation_data_width(table.relation, std::ptr::null_mut()) };
    let indexes = spi::get::<i64>(
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_index WHERE indrelid = $1",
        &[table.relation.into()],
    )?;
    Ok(rows.saturating_mul(i64::from(width) + ROW + ENTRY * indexes.unwrap_or(0)))
}

/// Bytes that are free where the table's file lies; `None` where nobody can tell.
fn free(relation: pg_sys::Oid) -> Result<Option<i64>> {
    if let Some(said) = steps::free_bytes() {
        return Ok(Some(said));
    }
    let _path = LocalSettings::path();
    let path = spi::get::<crate::pg::text::Text>(
        "SELECT pg_catalog.current_setting('data_directory') || '/' || pg_catalog.pg_relation_filepath($1)",
        &[relation.into()],
    )?;
    let Some(path) = path.and_then(|path| CString::new(path.as_bytes()).ok()) else {
        return Ok(None);
    };
    // SAFETY: fills in a structure of ours for a path of ours.
    let found = unsafe {
        let mut found = std::mem::zeroed::<libc::statvfs>();
        (libc::statvfs(path.as_ptr(), &raw mut found) == 0).then_some(found)
    };
    Ok(found.map(|found| (found.f_bavail as i64).saturating_mul(found.f_frsize as i64)))
}
