//! The foreign child that holds the cold side, its CHECK, and the triggers that keep cold keys unique.

use crate::catalog::keys::names_in;
use crate::catalog::rows::UniqueKey;
use crate::pg::error::{Error, Result};
use crate::pg::text::Text;
use crate::pg::{names, spi, type_io, user};
use pgrx::pg_sys;
use stretch_core::ids::TableId;

/// Longest name of a relation in bytes.
const NAME_MAX: usize = 63;
/// The CHECK of the child.
pub const FILTER: &str = "stretch_filter";

/// `<table>_<first 8 hex digits of the table's id>`, the table's name cut to fit.
fn name_of(relation: pg_sys::Oid, table: TableId) -> String {
    let id = table.to_string();
    let mut name = names::bare_relation(relation);
    let mut end = name.len().min(NAME_MAX - 9);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    format!("{name}_{}", &id[..8])
}

/// Makes the child with the table's owner as its owner; that owner may read it, nobody else has a right on it.
pub fn create(relation: pg_sys::Oid, table: TableId, filter: Option<&str>) -> Result<pg_sys::Oid> {
    let _settings = type_io::settings();
    let child = format!("stretch_remote.{}", names::quote_ident(&name_of(relation, table)));
    let check = filter.map_or(String::new(), |filter| format!("CONSTRAINT {FILTER} CHECK ({filter})"));
    let parent = names::relation(relation);
    let owner = names::quote_ident(&names::role(user::relation_owner(relation)));
    utility(&format!(
        "CREATE FOREIGN TABLE {child} ({check}) INHERITS ({parent}) SERVER stretch"
    ))?;
    utility(&format!("ALTER FOREIGN TABLE {child} OWNER TO {owner}"))?;
    let oid = spi::get::<pg_sys::Oid>("SELECT $1::regclass::oid", &[child.as_str().into()])?
        .ok_or_else(|| Error::internal("the foreign table is not there"))?;
    // Default privileges may have granted something to anybody.
    let grantees = spi::rows(
        "SELECT DISTINCT a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $1
            AND a.grantee <> 0",
        &[oid.into()],
        |row| Ok(row.get::<Text>(1)?.unwrap_or_default()),
    )?;
    for grantee in grantees {
        utility(&format!("REVOKE ALL ON {child} FROM {}", &*grantee))?;
    }
    utility(&format!("REVOKE ALL ON {child} FROM PUBLIC, {owner}"))?;
    utility(&format!("GRANT SELECT ON {child} TO {owner}"))?;
    Ok(oid)
}

/// Replaces the CHECK of the child. The caller holds ACCESS EXCLUSIVE on the parent.
pub fn replace_filter(child: pg_sys::Oid, filter: Option<&str>) -> Result<()> {
    let _settings = type_io::settings();
    let child = names::relation(child);
    let add = filter.map_or(String::new(), |filter| {
        format!(", ADD CONSTRAINT {FILTER} CHECK ({filter})")
    });
    utility(&format!(
        "ALTER FOREIGN TABLE {child} DROP CONSTRAINT IF EXISTS {FILTER}{add}"
    ))
}

/// Makes the triggers of the uniqueness probe, when there is a key to keep unique (F28).
pub fn create_triggers(relation: pg_sys::Oid, keys: &[UniqueKey]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let table = names::relation(relation);
    utility(&format!(
        "CREATE TRIGGER stretch_unique_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS stretch_new
         FOR EACH STATEMENT EXECUTE FUNCTION stretch.unique_probe()"
    ))?;
    let condition = update_condition(relation, keys)?;
    utility(&format!(
        "CREATE TRIGGER stretch_unique_update AFTER UPDATE ON {table}
         FOR EACH ROW {condition} EXECUTE FUNCTION stretch.unique_probe()"
    ))?;
    create_deferred(relation)?;
    let always: Vec<String> = ours(relation)?
        .iter()
        .map(|trigger| format!("ENABLE ALWAYS TRIGGER {trigger}"))
        .collect();
    utility(&format!("ALTER TABLE {table} {}", always.join(", ")))
}

/// Constraint triggers for the deferrable keys, which are deferred as their keys are (F28). Their arguments are the
/// columns of the key, by which a statement SET CONSTRAINTS finds them.
fn create_deferred(relation: pg_sys::Oid) -> Result<()> {
    let table = names::relation(relation);
    let keys = spi::rows(
        "SELECT to_json(array_agg(a.attname::text ORDER BY k.ordinality))::text, c.condeferred
         FROM pg_constraint c, unnest(c.conkey) WITH ORDINALITY k(number, ordinality), pg_attribute a
         WHERE c.conrelid = $1 AND c.contype IN ('p', 'u') AND c.condeferrable AND a.attrelid = $1
             AND a.attnum = k.number
         GROUP BY c.oid, c.condeferred ORDER BY c.oid",
        &[relation.into()],
        |row| {
            Ok((
                row.get::<Text>(1)?.unwrap_or_default(),
                row.get::<bool>(2)?.unwrap_or_default(),
            ))
        },
    )?;
    for (number, (columns, deferred)) in (1..).zip(keys) {
        let key = UniqueKey {
            columns: names_in(&columns)?,
            nulls_not_distinct: false,
        };
        let changed = update_condition(relation, std::slice::from_ref(&key))?;
        let columns: Vec<String> = key.columns.iter().map(|column| names::quote_literal(column)).collect();
        let columns = columns.join(", ");
        let mode = if deferred { "DEFERRED" } else { "IMMEDIATE" };
        for (event, condition) in [("insert", ""), ("update", changed.as_str())] {
            utility(&format!(
                "CREATE CONSTRAINT TRIGGER stretch_deferred_{number}_{event} AFTER {event} ON {table}
                 DEFERRABLE INITIALLY {mode} FOR EACH ROW {condition} EXECUTE FUNCTION stretch.unique_probe({columns})"
            ))?;
        }
    }
    Ok(())
}

/// Names of our triggers of a table, quoted.
fn ours(relation: pg_sys::Oid) -> Result<Vec<String>> {
    let [first, second] = crate::catalog::triggers::PREFIXES;
    spi::rows(
        "SELECT quote_ident(tgname) FROM pg_trigger
          WHERE tgrelid = $1 AND NOT tgisinternal AND (starts_with(tgname, $2) OR starts_with(tgname, $3))
              ORDER BY tgname",
        &[relation.into(), first.into(), second.into()],
        |row| Ok(row.get::<Text>(1)?.unwrap_or_default().into()),
    )
}

/// Drops the triggers that `create_triggers` made.
pub fn drop_triggers(relation: pg_sys::Oid) -> Result<()> {
    let table = names::relation(relation);
    ours(relation)?
        .iter()
        .try_for_each(|trigger| utility(&format!("DROP TRIGGER {trigger} ON {table}")))
}

/// Lets the row trigger queue only rows whose key changed. `IS DISTINCT FROM` finds the operator by name, so there is
/// no condition when a key has a type from outside pg_catalog; the trigger's function compares again anyway.
fn update_condition(relation: pg_sys::Oid, keys: &[UniqueKey]) -> Result<String> {
    let mut columns: Vec<&str> = keys.iter().flat_map(|key| &key.columns).map(String::as_str).collect();
    columns.sort_unstable();
    columns.dedup();
    let foreign = spi::get::<i64>(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = $1
            AND attname::text IN (SELECT json_array_elements_text($2::json)) AND atttypid >= 16384",
        &[relation.into(), serde_json::json!(columns).to_string().into()],
    )?;
    if foreign != Some(0) {
        return Ok(String::new());
    }
    let terms: Vec<String> = columns
        .iter()
        .map(|column| {
            let column = names::quote_ident(column);
            format!("OLD.{column} IS DISTINCT FROM NEW.{column}")
        })
        .collect();
    Ok(format!("WHEN ({})", terms.join(" OR ")))
}

/// Runs a statement of ours, which the guard lets pass.
pub fn utility(sql: &str) -> Result<()> {
    let _ours = crate::pg::ours::ours();
    spi::execute(sql, &[]).map(drop)
}
