//! The look for a hot row with a key, as it is now: what a deferred check begins with. The text is made under the
//! pinned search path of a session, so that names which it does not find are qualified.

use super::search::Session;
use crate::catalog::keys::{Key, Part};
use crate::catalog::snapshot::Latest;
use crate::pg::error::{Error, Result};
use crate::pg::{list, names, text};
use pgrx::pg_sys;

/// Whether a hot row has the key; `value` gives `None` for NULL.
pub fn has(session: &Session, key: &Key, value: impl Fn(i16) -> Option<pg_sys::Datum>) -> Result<bool> {
    let (mut conditions, mut types, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for part in &key.parts {
        match value(part.column) {
            Some(value) => {
                types.push(part.type_id);
                values.push(value);
                conditions.push(compared(part, part.equal, values.len())?);
            }
            None => conditions.push(format!("c.{} IS NULL", names::quote_ident(&part.name))),
        }
    }
    let table = names::relation(session.info().relation);
    let conditions = conditions.join(" AND ");
    found(
        &format!("SELECT FROM ONLY {table} c WHERE {conditions} LIMIT 1"),
        &mut types,
        &mut values,
    )
}

/// Whether the query finds a row as it is now.
fn found(sql: &str, types: &mut [pg_sys::Oid], values: &mut [pg_sys::Datum]) -> Result<bool> {
    let text = text::to_server(sql)?;
    let latest = Latest::take();
    // SAFETY: connects and finishes in order, and an ERROR between ends SPI with the transaction; the arrays outlive
    // the calls.
    unsafe {
        pg_sys::SPI_connect();
        let plan = pg_sys::SPI_prepare(text.as_ptr(), types.len() as i32, types.as_mut_ptr());
        if plan.is_null() {
            return Err(Error::internal("the look for a hot row could not be prepared"));
        }
        pg_sys::SPI_execute_snapshot(
            plan,
            values.as_mut_ptr(),
            std::ptr::null(),
            latest.get(),
            std::ptr::null_mut(),
            true,
            false,
            1,
        );
        let found = pg_sys::SPI_processed > 0;
        pg_sys::SPI_finish();
        Ok(found)
    }
}

/// A column compared with a parameter.
fn compared(part: &Part, operator: pg_sys::Oid, parameter: usize) -> Result<String> {
    let (name, collate) = (names::quote_ident(&part.name), collate(part));
    Ok(format!("c.{name}{collate} {} ${parameter}", named(operator)?))
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
