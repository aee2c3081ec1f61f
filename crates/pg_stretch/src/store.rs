//! Opening of the endpoint that this database is bound to.

use crate::catalog::tables;
use crate::error::{Error, Result};
use pgrx::pg_sys;
use std::sync::Arc;
use stretch_core::errors;
use stretch_endpoint::{Endpoint, EndpointError, EndpointUrl, OpenOptions};

/// The endpoint of this database.
pub fn bound(snapshot: pg_sys::Snapshot) -> Result<Arc<Endpoint>> {
    let database = tables::database(snapshot)?
        .ok_or_else(|| Error::new(&errors::DATABASE_NOT_ENABLED, "this database is not stretched"))?;
    let url = EndpointUrl::parse(&database.endpoint).map_err(|error| map_error(&error))?;
    let endpoint = Endpoint::open(&url, None, &OpenOptions::default()).map_err(|error| map_error(&error))?;
    Ok(Arc::new(endpoint))
}

/// An endpoint's failure as an error of ours.
pub fn map_error(error: &EndpointError) -> Error {
    Error::new(&errors::ENDPOINT_UNREACHABLE, error.to_string())
}
