//! All constraints of a table, judged over its hot and its cold rows: when a table takes up cold rows for which nothing
//! was kept in order meanwhile.
//!
//! The server does it itself, by its own ALTER TABLE, whose scans see cold rows: constraints that were valid are marked
//! as not validated, columns as not yet NOT NULL, and one command makes all of it good again or fails with the server's
//! own error. For keys it would look at the hot rows alone, so those are looked for by a query. Rows that refer to this
//! table are not looked at: what comes back can only give them what they refer to.

use crate::catalog::duplicates::{self, Found};
use crate::catalog::snapshot::Latest;
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::{LocalSettings, PATH};
use crate::pg::text::Text;
use crate::pg::{names, ours, spi, user};
use pgrx::pg_sys;
use stretch_core::errors::{self, ErrorDef};

/// An error where one row, or two, violate a constraint of the table. The caller holds ACCESS EXCLUSIVE on it.
pub fn all_rows(relation: pg_sys::Oid) -> Result<()> {
    keys(relation)?;
    domains(relation)?;
    by_the_server(relation)
}

fn keys(relation: pg_sys::Oid) -> Result<()> {
    let indexes = {
        let _path = LocalSettings::path();
        spi::rows(
            "SELECT indexrelid, indisexclusion FROM pg_index
              WHERE indrelid = $1 AND (indisunique OR indisexclusion) ORDER BY indexrelid",
            &[relation.into()],
            |row| Ok((row.get::<pg_sys::Oid>(1)?, row.get::<bool>(2)?.unwrap_or_default())),
        )?
    };
    for (index, excludes) in indexes {
        let Some(index) = index else { continue };
        let latest = Latest::take();
        let found = match excludes {
            true => duplicates::excluded(relation, index, &latest)?,
            false => duplicates::unique(relation, index, &latest)?,
        };
        let name = names::bare_relation(index);
        let error = |def: &ErrorDef, what: &str| {
            let message = format!(
                "table {} cannot take up its cold rows: {what} \"{name}\"",
                names::relation(relation)
            );
            Error::new(def, message).constraint(names::schema(relation), names::bare_relation(relation), &name)
        };
        return Err(match found {
            Found::Nothing => continue,
            Found::Clash(detail) if excludes => {
                let error = error(&errors::COLD_ROW_EXCLUDES, "one of them violates exclusion constraint");
                error.detail(detail).hint(CHANGE)
            }
            Found::Clash(detail) => {
                let error = error(&errors::KEY_IS_COLD, "one of them violates unique index");
                error.detail(detail).hint(CHANGE)
            }
            Found::Unusual => error(&errors::UNSUPPORTED, "they cannot be compared by unique index")
                .detail("An operator class of the index is not the usual one of its type.")
                .hint("Drop the index, then enable the table again."),
        });
    }
    Ok(())
}

const CHANGE: &str = "Change or delete the hot row with that key, then enable the table again.";

/// A query that makes a value of its domain from each value of such a column, by which the server checks it.
const DOMAINS: &str = "
    WITH RECURSIVE base(number, type, of) AS (
        SELECT attnum, atttypid, atttypid FROM pg_attribute
         WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT number, type, typbasetype FROM base JOIN pg_type t ON t.oid = base.of WHERE typtype = 'd'
    )
    SELECT 'SELECT ' || string_agg(format('count(%I::%s::%s)', attname, format_type(base.of, NULL),
            format_type(base.type, NULL)), ', ') || format(' FROM ONLY %s', $1::regclass)
    FROM base JOIN pg_type t ON t.oid = base.of JOIN pg_attribute ON attrelid = $1 AND attnum = number
    WHERE typtype <> 'd' AND base.type <> base.of";

fn domains(relation: pg_sys::Oid) -> Result<()> {
    let _owner = user::ActAs::owner_past_policies(user::relation_owner(relation));
    let _settings = LocalSettings::new(&[PATH, (c"max_parallel_workers_per_gather", c"0")]);
    let Some(query) = spi::get::<Text>(DOMAINS, &[relation.into()])? else {
        return Ok(());
    };
    let latest = Latest::take();
    // SAFETY: the snapshot is registered as long as `latest` lives.
    unsafe { spi::text_under(&query, latest.get()) }.map(drop)
}

/// CHECK constraints and foreign keys of the table that count as validated. Where it refers to a partitioned table,
/// each partition there has a row of its own, below the one that counts.
const CONSTRAINTS: &str = "
    WITH again AS (
        UPDATE pg_constraint c SET convalidated = false
         WHERE c.conrelid = $1 AND c.contype IN ('c', 'f') AND c.convalidated
           AND NOT EXISTS (SELECT FROM pg_constraint p WHERE p.oid = c.conparentid AND p.conrelid = c.conrelid)
        RETURNING conname)
    SELECT string_agg(format('VALIDATE CONSTRAINT %I', conname), ', ' ORDER BY conname) FROM again";

const NOT_NULL: &str = "
    WITH again AS (
        UPDATE pg_attribute SET attnotnull = false
         WHERE attrelid = $1 AND attnum > 0 AND attnotnull AND NOT attisdropped
        RETURNING attname)
    SELECT string_agg(format('ALTER %I SET NOT NULL', attname), ', ' ORDER BY attname) FROM again";

/// What a partition's rows must be. Only ATTACH judges it, so a constraint of the same words is.
const BOUND: &str = "
    SELECT format('ADD CONSTRAINT %I CHECK (%s)', 'partition bound', pg_get_partition_constraintdef($1))
     WHERE pg_get_partition_constraintdef($1) IS NOT NULL";

fn by_the_server(relation: pg_sys::Oid) -> Result<()> {
    let mut commands = Vec::new();
    let bound = {
        let _us = user::ActAs::extension_owner();
        let _path = LocalSettings::path();
        for sql in [CONSTRAINTS, NOT_NULL] {
            commands.extend(spi::get::<Text>(sql, &[relation.into()])?);
        }
        spi::get::<Text>(BOUND, &[relation.into()])?
    };
    let has_bound = bound.is_some();
    commands.extend(bound);
    if commands.is_empty() {
        return Ok(());
    }
    // SAFETY: what the session remembers of the constraints is old.
    unsafe {
        pg_sys::CacheInvalidateRelcacheByRelid(relation);
        pg_sys::CommandCounterIncrement();
    }
    // What its owner wrote into the constraints runs with no more rights than his.
    let _owner = user::ActAs::role(user::relation_owner(relation), true);
    let _path = LocalSettings::path();
    let name = names::relation(relation);
    let commands: Vec<&str> = commands.iter().map(|command| &**command).collect();
    ours::utility(&format!("ALTER TABLE {name} {}", commands.join(", ")))?;
    if has_bound {
        ours::utility(&format!("ALTER TABLE {name} DROP CONSTRAINT \"partition bound\""))?;
    }
    Ok(())
}
