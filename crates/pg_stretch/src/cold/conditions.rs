//! What a caller knows of the rows that he asks for.

use super::segments::Overview;
use crate::pg::names;
use pgrx::pg_sys;
use stretch_columns::conditions::{self, Clause, Field};
use stretch_columns::exact;

/// Values that a column must be equal to, of one type; they live as long as the expression's result does.
#[derive(Debug, Clone)]
pub struct Equal {
    pub attribute: i16,
    pub value_type: pg_sys::Oid,
    pub values: Vec<pg_sys::Datum>,
}

/// Conditions that all hold together.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// Those that statistics can be asked for.
    pub clauses: Vec<Clause>,
    /// Those that key filters can be asked for.
    pub equal: Vec<Equal>,
}

/// The database's encoding.
pub fn database_encoding() -> String {
    // SAFETY: a static string of the server.
    names::text(unsafe { pg_sys::GetDatabaseEncodingName() })
}

/// May any of the segments hold a matching row? `field_of` gives the field of an attribute.
pub fn may_match_any(overview: &Overview, clauses: &[Clause], field_of: &dyn Fn(i16) -> Field) -> bool {
    let encoding = database_encoding();
    let comparable = overview
        .encodings
        .iter()
        .all(|written| exact::text_comparable(&encoding, written));
    conditions::may_match_any(&overview.summary, comparable, clauses, field_of)
}
