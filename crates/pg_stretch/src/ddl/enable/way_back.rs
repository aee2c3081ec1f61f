//! How rows are brought back until there is a command for it: statements that an administrator can run as they stand.

use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::text::Text;
use crate::pg::{names, spi};
use pgrx::pg_sys;

/// A column that an UPDATE may set: neither generated nor an identity that is always generated.
const COLUMN: &str = "
    SELECT quote_ident(attname) FROM pg_attribute
    WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'
    ORDER BY attnum LIMIT 1";

/// Check constraints that are NOT VALID: rows may violate them, and an UPDATE of such a row fails. Each is dropped
/// where it was made, which may be above the table, and is made again afterwards.
const NOT_VALID: &str = "
    WITH RECURSIVE above AS (
        SELECT $1 AS relation
        UNION SELECT i.inhparent FROM pg_inherits i JOIN above ON i.inhrelid = above.relation)
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I; ', c.conrelid::regclass, c.conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s; ', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN above ON c.conrelid = above.relation
    WHERE c.contype = 'c' AND c.conislocal AND EXISTS (SELECT FROM pg_constraint own
        WHERE own.conrelid = $1 AND own.contype = 'c' AND own.conname = c.conname AND NOT own.convalidated)
    ORDER BY c.conname, c.oid";

/// A hint: the statements that bring all cold rows of a stretched table back and make it an ordinary one, then what
/// follows.
pub fn then(relation: pg_sys::Oid, what: &str) -> Result<String> {
    let table = names::relation(relation);
    let Some(stretched) = tables::by_relation(relation, Latest::take().get())? else {
        return Ok(format!("Bring the rows of {table} back first, {what}."));
    };
    let column = {
        let _path = LocalSettings::path();
        spi::get::<Text>(COLUMN, &[relation.into()])?
    };
    let (drops, makes) = without_checks(relation)?;
    let literal = format!("'{}'", table.replace('\'', "''"));
    let condition = stretched
        .filter
        .map(|filter| format!(" WHERE {filter}"))
        .unwrap_or_default();
    // A cold row that is updated is a hot one; while the table is paused it stays hot.
    let touch = column.map_or_else(
        || "(none of its columns can be set)".to_owned(),
        |column| format!("UPDATE {table} SET {0} = {0}{condition}", &*column),
    );
    Ok(format!(
        "Bring the rows back: SELECT stretch.set_migration_state({literal}, 'paused'); {drops}{touch}; {makes}\
         SELECT stretch.disable_table({literal}, leave_remote_data => false); {what}."
    ))
}

/// Statements that take checks which are NOT VALID away, and others that make them again.
fn without_checks(relation: pg_sys::Oid) -> Result<(String, String)> {
    let _path = LocalSettings::path();
    let statements = spi::rows(NOT_VALID, &[relation.into()], |row| {
        Ok([row.get::<Text>(1)?, row.get::<Text>(2)?].map(Option::unwrap_or_default))
    })?;
    let joined = |which: usize| statements.iter().map(|both| &*both[which]).collect::<String>();
    Ok((joined(0), joined(1)))
}
