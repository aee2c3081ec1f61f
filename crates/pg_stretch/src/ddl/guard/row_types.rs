//! Types that columns of stretched tables are made of: segments hold their labels and attributes, which do not follow.

use super::targets::refused;
use crate::catalog::snapshot::Latest;
use crate::catalog::{abandoned, tables};
use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::{list, names, spi};
use pgrx::pg_sys;
use stretch_core::command::{Target, WayOut};

/// Every type below a column, and whether it is reached through an array, a range or a composite type, or only as the
/// base of domains.
const USED: &str = "
    WITH RECURSIVE used(relation, type, nested) AS (
        SELECT attrelid, atttypid, false FROM pg_attribute WHERE attrelid = ANY($1) AND attnum > 0 AND NOT attisdropped
        UNION
        SELECT used.relation, part.type, used.nested OR part.inside FROM used JOIN pg_type t ON t.oid = used.type CROSS
            JOIN LATERAL (
            VALUES (t.typelem, true), (t.typbasetype, false)
            UNION ALL
            SELECT atttypid, true FROM pg_attribute
            WHERE t.typrelid <> 0 AND attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped
            UNION ALL
            SELECT unnest(ARRAY[rngtypid, rngsubtype]), true FROM pg_range WHERE t.oid IN (rngtypid, rngmultitypid)
        ) part(type, inside)
        WHERE part.type <> 0
    )
    SELECT relation FROM used WHERE type = $2 AND nested = ANY($3) LIMIT 1";

/// How a column reaches the type in question.
#[derive(Clone, Copy)]
enum Reach {
    Anyhow,
    /// Through an array, a range or a composite type.
    Inside,
}

impl Reach {
    /// Values of `nested`.
    fn nested(self) -> Vec<bool> {
        match self {
            Self::Anyhow => vec![false, true],
            Self::Inside => vec![true],
        }
    }
}

/// 0A000 when a stretched table has a column that holds values of the type.
fn check(changed: pg_sys::Oid) -> Result<()> {
    check_type(changed, Reach::Anyhow, NO_CHANGE)
}

fn check_type(changed: pg_sys::Oid, reach: Reach, reason: &str) -> Result<()> {
    if changed == pg_sys::InvalidOid {
        return Ok(());
    }
    leave_behind(changed, reach)?;
    let tables = tables::stretched_tables(Latest::take().get())?;
    if tables.is_empty() {
        return Ok(());
    }
    let relations: Vec<pg_sys::Oid> = tables.iter().map(|table| table.relation).collect();
    let _path = LocalSettings::path();
    match spi::get::<pg_sys::Oid>(USED, &[relations.into(), changed.into(), reach.nested().into()])? {
        Some(relation) => Err(refused(
            Target::StretchedTable,
            &names::relation(relation),
            Some(relation),
            reason,
            WayOut::BringBack,
        )),
        None => Ok(()),
    }
}

/// Rows that a table left behind do not fit it any more when a type changes of which it has values.
fn leave_behind(changed: pg_sys::Oid, reach: Reach) -> Result<()> {
    for relation in abandoned::relations()? {
        let _path = LocalSettings::path();
        let args = [vec![relation].into(), changed.into(), reach.nested().into()];
        if spi::get::<pg_sys::Oid>(USED, &args)?.is_some() {
            // SAFETY: the type's name is a copy.
            let name = names::text(unsafe { pg_sys::format_type_be(changed) });
            abandoned::unfit(relation, &format!("type {name} was changed, of which they hold values"))?;
        }
    }
    Ok(())
}

/// What is wrong with a change of the values or the columns of a type.
const NO_CHANGE: &str = "a column holds values of the type, and the cold ones do not follow the change";

/// A new constraint of a domain. Where a column has the domain, or one made of it, as its type, the server looks at all
/// rows, cold ones too (`table_am/utility_scan.rs`).
///
/// Inside arrays, ranges and composite types PostgreSQL refuses to look at values. There even a constraint that is NOT
/// VALID would be in the way: cold values are made anew when they are read, by functions that check every constraint of
/// the domain.
pub fn check_domain(statement: &pg_sys::AlterDomainStmt) -> Result<()> {
    const VALIDATE: u8 = b'V';
    const NOT_NULL: u8 = b'O';
    const ADD: u8 = b'C';
    match statement.subtype as u8 {
        VALIDATE | NOT_NULL | ADD => check_type(
            type_named(statement.typeName),
            Reach::Inside,
            "cold rows that violate the constraint could not be read",
        ),
        _ => Ok(()),
    }
}

/// The type of that name, or none.
fn type_named(names: *mut pg_sys::List) -> pg_sys::Oid {
    // SAFETY: a type name made from a statement's names; the look-up tolerates missing types.
    unsafe { pg_sys::LookupTypeNameOid(std::ptr::null_mut(), pg_sys::makeTypeNameFromNameList(names), true) }
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
    check(type_named(statement.typeName))
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
