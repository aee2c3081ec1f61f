//! What an INSERT … ON CONFLICT is told of a cold row which cannot come home for it (`room.rs`).

use crate::catalog::keys::Key;
use crate::pg::error::Error;
use crate::pg::names;
use pgrx::pg_sys;
use stretch_core::errors;

/// 40001: when the statement began, the table was not one with cold rows, as far as the session had heard. When it runs
/// again it is.
pub fn unfit_for_on_conflict(table: pg_sys::Oid, key: &Key) -> Error {
    let table = names::relation(table);
    Error::new(
        &errors::MOVED,
        format!("could not serialize access: a row of table {table} became cold meanwhile"),
    )
    .detail(format!("The key of \"{}\" belongs to it.", key.name))
}
