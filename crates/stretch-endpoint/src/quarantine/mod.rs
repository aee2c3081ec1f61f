//! Quarantines: lists of objects that were made after a restore point with which somebody took the branch over. They
//! are hidden from nobody and deleted by nobody until the list is given up (F18).

use crate::bodies::{QuarantineBody, create_or_read, decode, encode};
use crate::disposable::Disposable;
use crate::error::EndpointError;
use crate::keys::{Folder, Key};
use crate::store::Endpoint;
use std::collections::BTreeSet;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// All quarantines of a branch with their numbers.
///
/// # Errors
/// `Corrupt` (also for an object that is none: what it holds is unknown), `NewerFormat`, the store's own.
pub async fn quarantines(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
) -> Result<Vec<(u64, QuarantineBody)>, EndpointError> {
    let mut found = Vec::new();
    for object in endpoint.list(&Folder::Quarantine.path(db, branch)).await? {
        let Some((_, Key::Quarantine { n, .. })) = Key::parse(&object.key) else {
            return Err(EndpointError::Corrupt {
                key: object.key,
                what: "it is not the name of a quarantine",
            });
        };
        let bytes = endpoint.get(&object.key).await?;
        found.push((n, decode(&object.key, &bytes)?));
    }
    Ok(found)
}

/// Writes a quarantine under the next number, of those keys that no other lists: a repeated call writes nothing new.
/// Gives the number of keys that are listed now and were not before.
///
/// # Errors
/// `Corrupt` if another server writes one of the same number; as of [`quarantines`].
pub async fn quarantine(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    mut body: QuarantineBody,
) -> Result<u64, EndpointError> {
    let there = quarantines(endpoint, db, branch).await?;
    let listed: BTreeSet<&String> = there.iter().flat_map(|(_, body)| &body.keys).collect();
    body.keys.retain(|key| !listed.contains(key));
    if body.keys.is_empty() {
        return Ok(0);
    }
    let n = there.last().map_or(1, |(newest, _)| newest + 1);
    let key = Key::Quarantine { branch: *branch, n }.path(db);
    match create_or_read(endpoint, &key, &encode(&body)?).await? {
        None => Ok(body.keys.len() as u64),
        Some(_) => Err(EndpointError::Corrupt {
            key,
            what: "the quarantine exists with other content",
        }),
    }
}

/// Gives all quarantines of the branch up: what they list is judged as any object from now on. Gives how many keys they
/// listed.
///
/// # Errors
/// As of [`quarantines`].
pub async fn give_up(endpoint: &Endpoint, db: &Uuid, branch: &Uuid) -> Result<u64, EndpointError> {
    let mut keys = 0;
    for (n, body) in quarantines(endpoint, db, branch).await? {
        endpoint.delete(&Disposable::quarantine(db, branch, n)).await?;
        keys += body.keys.len() as u64;
    }
    Ok(keys)
}
