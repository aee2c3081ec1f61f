//! What time it is in the store.

use crate::disposable::{Disposable, PATIENCE, dispose, probe_folder};
use crate::error::EndpointError;
use crate::store::{Endpoint, PutNew};
use bytes::Bytes;
use stretch_core::collect::times::StoreTime;

/// Name of the object that is stamped.
const NAME: &str = "time";

/// The present by the clock by which the store stamps objects, from one that is written for this. It is never later
/// than the answer. `scratch_name` must be new at each call.
///
/// # Errors
/// `BrokenPromise` if the store's stamps say nothing; the store's own.
pub async fn store_time(endpoint: &Endpoint, scratch_name: &str) -> Result<StoreTime, EndpointError> {
    let object = Disposable::of_probe(scratch_name, NAME);
    let written = match endpoint.put_new(object.key(), &Bytes::from_static(b"time")).await? {
        PutNew::Created { .. } | PutNew::Exists => endpoint.head(object.key()).await?,
    };
    dispose(endpoint, &[object], PATIENCE).await;
    endpoint.remove_empty_folder(&probe_folder(scratch_name)).await;
    written.modified.ok_or(EndpointError::BrokenPromise {
        which: "objects have a time at which they were written",
    })
}
