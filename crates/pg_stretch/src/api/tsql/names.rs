//! Names of T-SQL in the catalog of PostgreSQL: as written if that exists, else in lower case; `dbo` is the search path
//! where no such schema exists.

use crate::pg::error::{Error, Result};
use crate::pg::text::Text;
use crate::pg::{names, spi};
use pgrx::prelude::*;
use stretch_core::errors;
use stretch_tsql::{Name, ObjectName};

/// Only the database of the session can be meant; SQL Server does not tell cases apart.
pub fn check_database(name: Option<&Name>) -> Result<()> {
    // SAFETY: the name of the session's own database, which exists.
    let current = names::text(unsafe { pg_sys::get_database_name(pg_sys::MyDatabaseId) });
    match name {
        Some(name) if name.text.to_lowercase() != current.to_lowercase() => Err(Error::new(
            &errors::UNSUPPORTED,
            "the statement names a database that is not the one of this session",
        )
        .hint("Connect to that database, or write CURRENT or no database.")),
        _ => Ok(()),
    }
}

/// The table of this name.
pub fn relation(name: &ObjectName) -> Result<pg_sys::Oid> {
    check_database(name.database.as_ref())?;
    let schema = name.schema.as_ref().map(|schema| schema.text.as_str());
    let object = name.object.text.as_str();
    let lower = (schema.map(str::to_lowercase), object.to_lowercase());
    let mut wanted = vec![(schema, object), (schema, &lower.1), (lower.0.as_deref(), &lower.1)];
    if schema.is_some_and(|schema| schema.eq_ignore_ascii_case("dbo")) {
        wanted.extend([(None, object), (None, lower.1.as_str())]);
    }
    for (schema, object) in wanted {
        let text = match schema {
            Some(schema) => format!("{}.{}", names::quote_ident(schema), names::quote_ident(object)),
            None => names::quote_ident(object),
        };
        let found = spi::get::<pg_sys::Oid>("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", &[text.into()])?;
        if let Some(oid) = found {
            return Ok(oid);
        }
    }
    Err(
        Error::new(&errors::NOT_FOUND, format!("table \"{object}\" does not exist"))
            .detail("Microsoft error number 4902.")
            .without_hint(),
    )
}

/// Names of columns as the catalog has them.
pub fn columns(relation: pg_sys::Oid, wanted: &[Name]) -> Result<Vec<String>> {
    let known = spi::rows(
        "SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
         WHERE a.attrelid OPERATOR(pg_catalog.=) $1 AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped",
        &[relation.into()],
        |row| Ok(row.get::<Text>(1)?.unwrap_or_default().into()),
    )?;
    let find = |name: &Name| {
        let lower = name.text.to_lowercase();
        let exact = known.iter().find(|column| **column == name.text);
        exact.or_else(|| known.iter().find(|column| **column == lower)).cloned()
    };
    wanted
        .iter()
        .map(|name| {
            find(name).ok_or_else(|| {
                Error::new(
                    &errors::NOT_FOUND,
                    format!("column \"{}\" of the table does not exist", name.text),
                )
                .detail("Microsoft error number 207.")
                .without_hint()
            })
        })
        .collect()
}
