//! The database's query mode (design §9): whether queries see cold rows.

use crate::catalog::tables;
use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_core::errors;
use stretch_core::state::QueryMode;

/// The database's query mode under a snapshot. Without a binding (a restored dump) nothing restricts it.
pub fn query_mode(snapshot: pg_sys::Snapshot) -> Result<QueryMode> {
    let Some(binding) = tables::binding(snapshot)? else {
        return Ok(QueryMode::LocalAndRemote);
    };
    match binding.query_mode.parse() {
        Ok(mode @ (QueryMode::LocalAndRemote | QueryMode::LocalOnly | QueryMode::Disabled)) => Ok(mode),
        // Less would be read than was asked for, or more than is allowed.
        _ => Err(Error::new(
            &errors::UNSUPPORTED,
            format!("query mode {} is not supported", binding.query_mode),
        )),
    }
}
