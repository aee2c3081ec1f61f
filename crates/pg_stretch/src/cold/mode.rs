//! The database's query mode (design §9): whether queries see cold rows.

use crate::catalog::tables;
use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_core::errors;
use stretch_core::state::QueryMode;

/// The database's query mode under a snapshot. Without a binding (a restored dump) nothing restricts it.
pub fn query_mode(snapshot: pg_sys::Snapshot) -> Result<QueryMode> {
    match tables::binding(snapshot)?.map(|binding| binding.query_mode) {
        None => Ok(QueryMode::LocalAndRemote),
        // Hot rows would be read that were not asked for.
        Some(QueryMode::RemoteOnly) => Err(Error::new(
            &errors::UNSUPPORTED,
            format!("query mode {} is not supported", QueryMode::RemoteOnly),
        )),
        Some(mode) => Ok(mode),
    }
}
