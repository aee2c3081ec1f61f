//! The queries that look for keys in the cold side. All texts are made under the pinned search path of a session, so that
//! names that it does not find are qualified.

use super::range::Range;
use super::search::{Argument, Search, Session};
use crate::catalog::keys::{Key, Part};
use crate::pg::error::{Error, Result};
use crate::pg::{list, names};
use pgrx::pg_sys;
use std::collections::HashSet;
use stretch_core::ids::SegmentId;

/// The transition table of the INSERT trigger.
pub const NEW: &str = "stretch_new";

/// All new rows of an INSERT or COPY at once, narrowed to the ranges of their keys; `None` when no cold row can be equal.
pub fn by_ranges<'a>(
    session: &'a Session,
    key: &Key,
    ranges: &[Range],
    ruled_out: HashSet<SegmentId>,
) -> Result<Option<Search<'a>>> {
    let mut conditions = Vec::new();
    let mut arguments = Vec::new();
    let mut equal = Vec::new();
    for (part, range) in key.parts.iter().zip(ranges) {
        equal.push(same(part, key.nulls_not_distinct)?);
        if key.nulls_not_distinct && range.has_null {
            continue;
        }
        let Some((low, high)) = range.bounds else {
            return Ok(None);
        };
        for (operator, value) in [(part.greater_or_equal, low), (part.less_or_equal, high)] {
            arguments.push((part.type_id, value));
            conditions.push(compared(part, operator, arguments.len())?);
        }
    }
    conditions.push(format!("EXISTS (SELECT FROM {NEW} n WHERE {})", equal.join(" AND ")));
    Ok(Some(search(session, &conditions, arguments, ruled_out)))
}

/// One row's key; `None` when no other row can have it, for it has a NULL. `value` gives `None` for NULL.
pub fn by_value<'a>(
    session: &'a Session,
    key: &Key,
    value: impl Fn(i16) -> Option<pg_sys::Datum>,
    ruled_out: HashSet<SegmentId>,
) -> Result<Option<Search<'a>>> {
    let mut conditions = Vec::new();
    let mut arguments = Vec::new();
    for part in &key.parts {
        if let Some(value) = value(part.column) {
            arguments.push((part.type_id, value));
            conditions.push(compared(part, part.equal, arguments.len())?);
        } else if key.nulls_not_distinct {
            conditions.push(format!("c.{} IS NULL", names::quote_ident(&part.name)));
        } else {
            return Ok(None);
        }
    }
    Ok(Some(search(session, &conditions, arguments, ruled_out)))
}

fn search<'a>(
    session: &'a Session,
    conditions: &[String],
    arguments: Vec<Argument>,
    ruled_out: HashSet<SegmentId>,
) -> Search<'a> {
    let conditions = conditions.join(" AND ");
    let from = |table: &str| format!("SELECT c.ctid FROM {table} c WHERE {conditions} LIMIT 1");
    let info = session.info();
    Search {
        sql: from(&names::relation(info.child)),
        hot_sql: from(&format!("ONLY {}", names::relation(info.relation))),
        arguments,
        ruled_out: ruled_out.into(),
        session,
    }
}

/// A column of the cold side compared with a parameter.
fn compared(part: &Part, operator: pg_sys::Oid, parameter: usize) -> Result<String> {
    let (name, collate) = (names::quote_ident(&part.name), collate(part));
    Ok(format!("c.{name}{collate} {} ${parameter}", named(operator)?))
}

/// A new row's column and that of a cold one are the same to the key.
fn same(part: &Part, nulls_not_distinct: bool) -> Result<String> {
    let name = names::quote_ident(&part.name);
    let equal = format!("n.{name}{} {} c.{name}", collate(part), named(part.equal)?);
    Ok(if nulls_not_distinct {
        format!("({equal} OR (n.{name} IS NULL AND c.{name} IS NULL))")
    } else {
        equal
    })
}

/// ` COLLATE …` of the index, or nothing.
fn collate(part: &Part) -> String {
    if part.collation == pg_sys::InvalidOid {
        return String::new();
    }
    // SAFETY: the collation of an index.
    let name = unsafe { pg_sys::generate_collation_name(part.collation) };
    format!(" COLLATE {}", names::text(name))
}

/// `OPERATOR(schema.name)`, so that no search path decides which one is meant.
fn named(operator: pg_sys::Oid) -> Result<String> {
    if operator == pg_sys::InvalidOid {
        return Err(Error::internal(
            "the operator class of a unique index lacks an operator",
        ));
    }
    let mut name = std::ptr::null_mut();
    let mut arguments = std::ptr::null_mut();
    // SAFETY: gives schema and name as two strings.
    unsafe {
        pg_sys::format_operator_parts(operator, &mut name, &mut arguments, true);
        match list::pointers::<std::ffi::c_char>(name).as_slice() {
            [schema, name] => Ok(format!(
                "OPERATOR({}.{})",
                names::text(pg_sys::quote_identifier(*schema)),
                names::text(*name)
            )),
            _ => Err(Error::internal("an operator of a unique index is gone")),
        }
    }
}
