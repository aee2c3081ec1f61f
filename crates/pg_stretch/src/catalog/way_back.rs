//! The way back: what an administrator runs to have an ordinary table again.

use crate::pg::names;
use pgrx::pg_sys;

/// A hint: the statement that brings all cold rows of a stretched table back and makes it an ordinary one, then what
/// follows.
pub fn then(relation: pg_sys::Oid, what: &str) -> String {
    let literal = names::relation(relation).replace('\'', "''");
    format!("Bring the rows back: SELECT stretch.disable_table('{literal}', leave_remote_data => false); {what}.")
}
