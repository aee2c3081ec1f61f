//! COPY of a stretched table: core copies the heap only, so the session is told how many cold rows are not in it (C-2).

use super::dump;
use super::targets::relation_named;
use crate::catalog::scan::{Latest, relation_oid};
use crate::catalog::tables;
use crate::error::{self, Result};
use crate::pg::names;
use crate::stretched;
use pgrx::pg_sys;
use std::ffi::CStr;

/// Reports what `COPY table TO` leaves out.
pub fn warn(statement: &pg_sys::CopyStmt) -> Result<()> {
    if statement.is_from || statement.relation.is_null() {
        return Ok(());
    }
    let Some(relation) = relation_named(statement.relation) else {
        return Ok(());
    };
    if relation == relation_oid(c"segment")? {
        dump::copied_catalog();
    }
    let Some(info) = stretched::lookup(relation)? else {
        return Ok(());
    };
    let rows = cold_rows(&info)?;
    if rows == 0 {
        return Ok(());
    }
    let table = names::relation(info.relation);
    if in_pg_dump() {
        error::notice(&format!(
            "{table}: {rows} cold rows are not in this COPY. They are in the dump only if it covers the whole database \
             (extension pg_stretch, schema stretch_remote)."
        ));
        dump::copied_table(table);
    } else {
        error::report(
            pg_sys::WARNING as i32,
            "01000",
            &format!("{table}: {rows} cold rows are not in this COPY"),
            None,
            Some("Use COPY (SELECT * FROM …) TO to copy all rows."),
        );
    }
    Ok(())
}

/// Rows of live segments without a tombstone.
fn cold_rows(info: &stretched::Info) -> Result<i64> {
    let latest = Latest::take();
    let mut rows = 0;
    for segment in tables::live_segments(&info.table_id, latest.get())? {
        rows += segment.row_count - tables::dead_rows(&segment.segment_id, latest.get())?.len() as i64;
    }
    Ok(rows)
}

/// pg_dump sets this parameter in all releases since August 2024; older ones are known by their name only.
fn in_pg_dump() -> bool {
    let setting = |name: &CStr| {
        // SAFETY: gives a string of the server or null.
        names::text(unsafe { pg_sys::GetConfigOption(name.as_ptr(), true, false) })
    };
    !setting(c"restrict_nonsystem_relation_kind").is_empty() || setting(c"application_name") == "pg_dump"
}
