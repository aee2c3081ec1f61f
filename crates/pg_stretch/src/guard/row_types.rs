//! Types that columns of stretched tables are made of: segments hold their labels and attributes, which do not follow.

use super::targets::refused;
use crate::catalog::scan::Latest;
use crate::catalog::tables;
use crate::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::{list, names, spi};
use pgrx::pg_sys;
use stretch_core::command::Target;

/// Every type below a column: elements of arrays and ranges, bases of domains, attributes of composites.
const USED: &str = "
    WITH RECURSIVE used(relation, type) AS (
        SELECT attrelid, atttypid FROM pg_attribute WHERE attrelid = ANY($1) AND attnum > 0 AND NOT attisdropped
        UNION
        SELECT used.relation, part.type FROM used JOIN pg_type t ON t.oid = used.type CROSS JOIN LATERAL (
            VALUES (t.typelem), (t.typbasetype)
            UNION ALL
            SELECT atttypid FROM pg_attribute
            WHERE t.typrelid <> 0 AND attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped
            UNION ALL
            SELECT unnest(ARRAY[rngtypid, rngsubtype]) FROM pg_range WHERE t.oid IN (rngtypid, rngmultitypid)
        ) part(type)
        WHERE part.type <> 0
    )
    SELECT relation FROM used WHERE type = $2 LIMIT 1";

/// 0A000 when a stretched table has a column that holds values of the type.
pub fn check(changed: pg_sys::Oid) -> Result<()> {
    if changed == pg_sys::InvalidOid {
        return Ok(());
    }
    let tables = tables::stretched_tables(Latest::take().get())?;
    if tables.is_empty() {
        return Ok(());
    }
    let relations: Vec<pg_sys::Oid> = tables.iter().map(|table| table.relation).collect();
    let _path = LocalSettings::path();
    match spi::get::<pg_sys::Oid>(USED, &[relations.into(), changed.into()])? {
        Some(relation) => Err(refused(
            Target::StretchedTable,
            &names::relation(relation),
            "a column holds values of the type, and the cold ones do not follow the change",
            "bring the rows back with stretch.disable_table(relation, leave_remote_data => false), \
             change the type, then enable the table again; new enum values may be added at any time",
        )),
        None => Ok(()),
    }
}

/// The same for the row type of a relation: a composite type or a table.
pub fn check_row(relation: pg_sys::Oid) -> Result<()> {
    // SAFETY: syscache look-up that tolerates missing relations.
    check(unsafe { pg_sys::get_rel_type_id(relation) })
}

/// ALTER TYPE … RENAME VALUE; new values change nothing about the old ones.
pub fn check_enum(statement: &pg_sys::AlterEnumStmt) -> Result<()> {
    if statement.oldVal.is_null() {
        return Ok(());
    }
    // SAFETY: a type name made from the statement's names; the look-up tolerates missing types.
    let changed = unsafe {
        pg_sys::LookupTypeNameOid(
            std::ptr::null_mut(),
            pg_sys::makeTypeNameFromNameList(statement.typeName),
            true,
        )
    };
    check(changed)
}

/// ALTER TABLE or ALTER TYPE that changes the columns or attributes of a row type.
pub fn check_commands(relation: pg_sys::Oid, commands: *mut pg_sys::List) -> Result<()> {
    use pg_sys::AlterTableType::*;
    // SAFETY: `cmds` of an AlterTableStmt is a list of AlterTableCmd.
    let changes = unsafe { list::pointers::<pg_sys::AlterTableCmd>(commands) }
        .into_iter()
        .any(|command| {
            // SAFETY: a node of the parse tree, alive during the statement.
            let change = unsafe { (*command).subtype };
            matches!(change, AT_AddColumn | AT_DropColumn | AT_AlterColumnType)
        });
    if changes { check_row(relation) } else { Ok(()) }
}
