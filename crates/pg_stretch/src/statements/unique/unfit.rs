//! What an INSERT … ON CONFLICT is told of a cold row which cannot come home for it (`room.rs`): ST015 when the row was
//! cold before the statement began, 40001 when it became cold meanwhile, so that running it again finds it cold or hot.

use super::search::Search;
use crate::catalog::keys::Key;
use crate::pg::error::Error;
use crate::pg::names;
use pgrx::pg_sys;
use stretch_core::errors;

/// What an INSERT … ON CONFLICT is told of a cold row with its key.
pub fn unfit_for_on_conflict(search: &mut Search, key: &Key) -> Error {
    let table = names::relation(search.info().relation);
    // SAFETY: a statement runs under an active snapshot.
    match search.finds_under(unsafe { pg_sys::GetActiveSnapshot() }) {
        Err(error) => error,
        Ok(true) => Error::new(
            &errors::COLD_ROWS_REFUSED,
            format!("INSERT ... ON CONFLICT meets a cold row of table {table}"),
        )
        .detail(format!("The key of \"{}\" belongs to a cold row.", key.name))
        .hint(format!(
            "Run an UPDATE of {table} for that key first, which may set a column to itself: it makes the row hot, \
            and in the same \
             transaction it stays hot."
        )),
        Ok(false) => Error::new(
            &errors::MOVED,
            format!("could not serialize access: a row of table {table} became cold meanwhile"),
        )
        .detail(format!("The key of \"{}\" belongs to it.", key.name)),
    }
}
