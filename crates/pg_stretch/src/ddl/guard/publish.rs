//! Logical replication: no deletes of a stretched table are published, since each migration is one; it is not
//! subscribed, since the worker of a subscription does not see cold rows; and the catalog is neither (F30).

use super::targets::{Aim, What, relation_named};
use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::text::Text;
use crate::pg::{list, names, spi};
use pgrx::pg_sys;
use std::ffi::c_char;
use stretch_core::command::{Command, Target};

/// What CREATE PUBLICATION would publish that it may not.
pub fn created(statement: &pg_sys::CreatePublicationStmt) -> Result<Vec<Aim>> {
    let deletes = option_of_deletes(statement.options).unwrap_or(true);
    aims(statement.for_all_tables, statement.pubobjects, deletes)
}

/// What ALTER PUBLICATION would publish that it may not.
pub fn altered(statement: &pg_sys::AlterPublicationStmt) -> Result<Vec<Aim>> {
    let name = names::text(statement.pubname);
    if statement.action == pg_sys::AlterPublicationAction::AP_DropObjects {
        return Ok(Vec::new());
    }
    match option_of_deletes(statement.options) {
        Some(false) => Ok(Vec::new()),
        Some(true) => members(&name),
        None => aims(
            statement.for_all_tables,
            statement.pubobjects,
            publishes_deletes(&name)?,
        ),
    }
}

/// Whether an option of these says what is published, and deletes with it.
fn option_of_deletes(options: *mut pg_sys::List) -> Option<bool> {
    // SAFETY: options of a publication are DefElem nodes; one without a value is an error of the server's.
    let value = unsafe {
        let option = list::pointers::<pg_sys::DefElem>(options)
            .into_iter()
            .find(|option| names::text((**option).defname) == "publish" && !(**option).arg.is_null())?;
        names::text(pg_sys::defGetString(option))
    };
    let is_delete = |word: &str| word.trim().trim_matches('"').eq_ignore_ascii_case("delete");
    Some(value.split(',').any(is_delete))
}

/// What is published: of stretched tables only what would publish deletes, since each migration is one (F30).
fn aims(all: bool, objects: *mut pg_sys::List, deletes: bool) -> Result<Vec<Aim>> {
    if all {
        let stretched = tables::database(Latest::take().get())?.is_some();
        return Ok(stretched
            .then(|| Aim::known(Target::StretchSchema, "the catalog", Command::Publish))
            .into_iter()
            .collect());
    }
    let mut out = named(objects)?;
    if !deletes {
        out.retain(is_ours);
    }
    Ok(out)
}

/// Whether the aim is a table of our catalog.
fn is_ours(aim: &Aim) -> bool {
    let What::Relation(relation) = aim.what else {
        return true;
    };
    // SAFETY: syscache look-up that tolerates missing relations.
    let schema = unsafe { pg_sys::get_rel_namespace(relation) };
    super::targets::schema_target(schema).is_some()
}

/// What the objects of a publication name.
fn named(objects: *mut pg_sys::List) -> Result<Vec<Aim>> {
    use pg_sys::PublicationObjSpecType::*;
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

/// True when deletes in tables that move into this schema become published.
pub fn schema_publishes_deletes(name: *const c_char) -> Result<bool> {
    let _path = LocalSettings::path();
    let found = spi::get::<bool>(
        "SELECT EXISTS (SELECT FROM pg_publication_namespace JOIN pg_publication p ON p.oid = pnpubid
                        WHERE pnnspid = $1 AND pubdelete)",
        &[schema(name).into()],
    )?;
    Ok(found.unwrap_or_default())
}

/// Whether deletes in a table are published, by itself or as a part of a partitioned one.
pub fn deletes_are_published(relation: pg_sys::Oid) -> Result<bool> {
    Ok(publications(relation)?.into_iter().any(|(_, deletes)| deletes))
}

/// Publications of a table, by itself or as a part of a partitioned one, and whether they publish deletes.
fn publications(relation: pg_sys::Oid) -> Result<Vec<(String, bool)>> {
    let _path = LocalSettings::path();
    spi::rows(
        "WITH up(relation) AS (SELECT $1 UNION SELECT relid::oid FROM pg_partition_ancestors($1))
         SELECT pubname::text, pubdelete FROM pg_publication p
         WHERE puballtables
            OR EXISTS (SELECT FROM pg_publication_rel WHERE prpubid = p.oid AND prrelid IN (SELECT * FROM up))
            OR EXISTS (SELECT FROM pg_publication_namespace JOIN pg_class c ON relnamespace = pnnspid
                       WHERE pnpubid = p.oid AND c.oid IN (SELECT * FROM up))",
        &[relation.into()],
        |row| {
            Ok((
                row.get::<Text>(1)?.unwrap_or_default().into(),
                row.get::<bool>(2)?.unwrap_or_default(),
            ))
        },
    )
}

/// Stretched tables of a publication.
fn members(publication: &str) -> Result<Vec<Aim>> {
    let mut out = Vec::new();
    for table in tables::stretched_tables(Latest::take().get())? {
        if publications(table.relation)?
            .iter()
            .any(|(name, _)| name == publication)
        {
            out.push(Aim::relation(table.relation, Command::Publish));
        }
    }
    Ok(out)
}

/// Whether a publication publishes deletes; false when there is none of this name, which the server says itself.
fn publishes_deletes(publication: &str) -> Result<bool> {
    let _path = LocalSettings::path();
    let sql = "SELECT pubdelete FROM pg_publication WHERE pubname = $1";
    Ok(spi::get::<bool>(sql, &[publication.into()])?.unwrap_or_default())
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
