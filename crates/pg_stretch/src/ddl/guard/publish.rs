//! Logical replication: a stretched table is neither published nor subscribed, nor is the catalog (F30).

use super::targets::{Aim, relation_named};
use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::{list, names, spi};
use pgrx::pg_sys;
use std::ffi::c_char;
use stretch_core::command::{Command, Target};

/// What a publication would publish.
pub fn aims(all: bool, objects: *mut pg_sys::List) -> Result<Vec<Aim>> {
    use pg_sys::PublicationObjSpecType::*;
    if all {
        let stretched = tables::database(Latest::take().get())?.is_some();
        return Ok(stretched
            .then(|| Aim::known(Target::StretchSchema, "the catalog", Command::Publish))
            .into_iter()
            .collect());
    }
    let mut out = Vec::new();
    // SAFETY: a list of PublicationObjSpec; which fields are set follows from the kind.
    for object in unsafe { list::pointers::<pg_sys::PublicationObjSpec>(objects) } {
        // SAFETY: as above.
        let object = unsafe { &*object };
        match object.pubobjtype {
            PUBLICATIONOBJ_TABLE => {
                // SAFETY: as above.
                let table = unsafe { object.pubtable.as_ref() };
                out.extend(
                    table
                        .and_then(|table| relation_named(table.relation))
                        .map(|relation| Aim::relation(relation, Command::Publish)),
                );
            }
            PUBLICATIONOBJ_TABLES_IN_SCHEMA => in_schema(schema(object.name), &mut out)?,
            PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA => {
                // SAFETY: gives the active search path as a list of OIDs.
                let path = unsafe { list::oids(pg_sys::fetch_search_path(false)) };
                in_schema(path.first().copied().unwrap_or(pg_sys::InvalidOid), &mut out)?;
            }
            _ => {}
        }
    }
    Ok(out)
}

fn schema(name: *const c_char) -> pg_sys::Oid {
    // SAFETY: look-up that tolerates missing schemas.
    unsafe { pg_sys::get_namespace_oid(name, true) }
}

fn in_schema(schema: pg_sys::Oid, out: &mut Vec<Aim>) -> Result<()> {
    if let Some(target) = super::targets::schema_target(schema) {
        // SAFETY: look-up of an existing schema.
        let name = names::text(unsafe { pg_sys::get_namespace_name(schema) });
        out.push(Aim::known(target, &format!("schema {name}"), Command::Publish));
    }
    for table in tables::stretched_tables(Latest::take().get())? {
        // SAFETY: syscache look-up that tolerates missing relations.
        if unsafe { pg_sys::get_rel_namespace(table.relation) } == schema {
            out.push(Aim::relation(table.relation, Command::Publish));
        }
    }
    Ok(())
}

/// True when tables that move into this schema become published.
pub fn schema_is_published(name: *const c_char) -> bool {
    let schema = schema(name);
    // SAFETY: syscache list look-up.
    schema != pg_sys::InvalidOid && unsafe { !pg_sys::GetSchemaPublications(schema).is_null() }
}

/// Whether a table is published, by itself or as a part of a partitioned one.
pub fn is_published(relation: pg_sys::Oid) -> Result<bool> {
    let _path = LocalSettings::path();
    let found = spi::get::<bool>(
        "WITH up(relation) AS (SELECT $1 UNION SELECT relid::oid FROM pg_partition_ancestors($1))
         SELECT EXISTS (SELECT FROM pg_publication WHERE puballtables)
            OR EXISTS (SELECT FROM pg_publication_rel WHERE prrelid IN (SELECT * FROM up))
            OR EXISTS (SELECT FROM pg_publication_namespace JOIN pg_class ON relnamespace = pnnspid
                       WHERE pg_class.oid IN (SELECT * FROM up))",
        &[relation.into()],
    )?;
    Ok(found.unwrap_or_default())
}

/// After CREATE or ALTER SUBSCRIPTION: the stretched tables that are now subscribed.
pub fn subscribed() -> Result<Vec<Aim>> {
    let relations = spi::rows(
        "SELECT DISTINCT s.srrelid FROM pg_catalog.pg_subscription_rel s",
        &[],
        |row| Ok(row.get::<pg_sys::Oid>(1)?.unwrap_or(pg_sys::InvalidOid)),
    )?;
    Ok(relations
        .into_iter()
        .map(|relation| Aim::relation(relation, Command::Subscribe))
        .collect())
}
