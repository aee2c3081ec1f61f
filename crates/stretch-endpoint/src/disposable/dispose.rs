//! Deletes disposable objects, in a time that nobody minds.

use super::Disposable;
use crate::store::{Endpoint, within};
use futures::future::join_all;
use std::time::Duration;

/// How long deleting may hold up whoever does it: it is tidiness and no more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Deletes what can be deleted within `limit`. A failure leaves an object behind that harms nobody, so none is told.
pub(crate) async fn dispose(endpoint: &Endpoint, objects: &[Disposable], limit: Duration) {
    let all = async {
        join_all(objects.iter().map(|object| endpoint.delete(object))).await;
        Ok(())
    };
    let _ = within(limit, all).await;
}
