//! Deletions. What is not there any more is success, so that a repeated one is harmless.

use crate::disposable::Disposable;
use crate::error::EndpointError;
use crate::keys::Key;
use crate::store::{Endpoint, within};
use std::time::Duration;
use stretch_core::collect::again::Warrant;
use stretch_core::collect::facts::Mark;
use uuid::Uuid;

/// Deletes a condemned object of the branch, then its marks. The request has half a grace and no longer: what arrives
/// later could meet somebody who has pinned the object since (F17).
///
/// # Errors
/// `Unreachable` when the time is over; the store's own. The object may be there or not, then.
pub async fn delete_condemned(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    warrant: &Warrant,
    marks: &[Mark],
    grace: Duration,
) -> Result<(), EndpointError> {
    let object = Disposable::condemned(db, branch, warrant);
    within(grace / 2, endpoint.delete(&object)).await?;
    for mark in marks.iter().filter(|mark| mark.of == warrant.object().name) {
        delete_stray_mark(endpoint, db, branch, mark).await?;
    }
    Ok(())
}

/// Deletes the mark of an object that is gone.
///
/// # Errors
/// The store's own.
pub async fn delete_stray_mark(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    mark: &Mark,
) -> Result<(), EndpointError> {
    let key = Key::Trash {
        branch: *branch,
        name: mark.of.into(),
        mark: mark.generation,
    };
    delete_small(endpoint, &key.path(db)).await
}

/// Deletes an object without rows, by its key: a mark, an old heartbeat, a pin, what a probe left.
///
/// # Errors
/// `BadKey` for an object of any other kind; the store's own.
pub async fn delete_small(endpoint: &Endpoint, key: &str) -> Result<(), EndpointError> {
    let small = match Key::parse(key) {
        Some((db, parsed)) => Disposable::small(&db, &parsed),
        None => Disposable::left_by_probe(key),
    };
    let small = small.ok_or(EndpointError::BadKey(
        "an object of this kind is never deleted by its name",
    ))?;
    endpoint.delete(&small).await
}
