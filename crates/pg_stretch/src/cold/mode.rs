//! The database's query mode (design §9): whether queries see cold rows.

use crate::catalog::tables;
use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_core::errors;

/// How queries treat cold rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    LocalAndRemote,
    LocalOnly,
    Disabled,
}

/// The database's query mode under a snapshot. Without a binding (a restored dump) nothing restricts it.
pub fn query_mode(snapshot: pg_sys::Snapshot) -> Result<Mode> {
    if super::purpose::probing() {
        return Ok(Mode::LocalAndRemote);
    }
    match tables::binding(snapshot)?.map(|binding| binding.query_mode).as_deref() {
        None | Some("LOCAL_AND_REMOTE") => Ok(Mode::LocalAndRemote),
        Some("LOCAL_ONLY") => Ok(Mode::LocalOnly),
        Some("DISABLED") => Ok(Mode::Disabled),
        // Less would be read than was asked for, or more than is allowed.
        Some(other) => Err(Error::new(
            &errors::UNSUPPORTED,
            format!("query mode {other} is not supported"),
        )),
    }
}
