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
        "Bring the rows back: SELECT stretch.set_migration_state({literal}, 'paused'); {touch}; \
         SELECT stretch.disable_table({literal}, leave_remote_data => false); {what}."
    ))
}
