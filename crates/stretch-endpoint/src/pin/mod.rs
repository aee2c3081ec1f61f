//! Pins: lists of a branch's objects that a child branch or a named backup needs. Immutable once written.

use crate::bodies::{PinBody, create_or_read, decode, encode};
use crate::error::EndpointError;
use crate::keys::{Folder, Key, Label};
use crate::store::Endpoint;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Who pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinner {
    /// A branch made from the pinned one.
    Child(Uuid),
    /// A named backup.
    Backup(Label),
}

impl Pinner {
    /// The pin's key number `n` in the pinned branch.
    fn key(&self, branch: &Uuid, n: u64) -> Key {
        let branch = *branch;
        match self {
            Self::Child(child) => Key::BranchPin {
                branch,
                child: *child,
                n,
            },
            Self::Backup(label) => Key::BackupPin {
                branch,
                label: label.clone(),
                n,
            },
        }
    }
}

/// Writes pin number `n`. Repeating it with the same body is success. Returns its key.
///
/// # Errors
/// `Corrupt` if the number is taken by another list (take the next number); the store's own.
pub async fn write_pin(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    who: &Pinner,
    n: u64,
    body: &PinBody,
) -> Result<String, EndpointError> {
    let key = who.key(branch, n).path(db);
    match create_or_read(endpoint, &key, &encode(body)?).await? {
        None => Ok(key),
        Some(_) => Err(EndpointError::Corrupt {
            key,
            what: "the pin exists with other content",
        }),
    }
}

/// Writes a pin under the number after all that `who` has there. An old number may have been read and given up by
/// somebody, so it is never used again.
///
/// # Errors
/// `Corrupt` if another server writes pins of the same name; the store's own.
pub async fn write_next_pin(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    who: &Pinner,
    body: &PinBody,
) -> Result<(), EndpointError> {
    let there = numbers(endpoint, db, branch, who).await?;
    let next = there.into_iter().max().map_or(0, |newest| newest + 1);
    write_pin(endpoint, db, branch, who, next, body).await.map(drop)
}

/// The pins of one pinner, with their numbers.
///
/// # Errors
/// As of [`read_pins`].
pub async fn pins_of(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    who: &Pinner,
) -> Result<Vec<(u64, PinBody)>, EndpointError> {
    let mut pins = Vec::new();
    for n in numbers(endpoint, db, branch, who).await? {
        let key = who.key(branch, n).path(db);
        pins.push((n, decode(&key, &endpoint.get(&key).await?)?));
    }
    Ok(pins)
}

async fn numbers(endpoint: &Endpoint, db: &Uuid, branch: &Uuid, who: &Pinner) -> Result<Vec<u64>, EndpointError> {
    let listed = endpoint.list(&Folder::Pin.path(db, branch)).await?;
    let number = |key: &str| match Key::parse(key) {
        Some((_, Key::BranchPin { child, n, .. })) if *who == Pinner::Child(child) => Some(n),
        Some((_, Key::BackupPin { label, n, .. })) if *who == Pinner::Backup(label.clone()) => Some(n),
        _ => None,
    };
    Ok(listed.iter().filter_map(|object| number(&object.key)).collect())
}

/// All pins of a branch with their keys.
///
/// # Errors
/// `Corrupt` (also for an object that is no pin: what it protects is unknown), `NewerFormat`, the store's own.
pub async fn read_pins(endpoint: &Endpoint, db: &Uuid, branch: &Uuid) -> Result<Vec<(Key, PinBody)>, EndpointError> {
    let mut pins = Vec::new();
    for object in endpoint.list(&Folder::Pin.path(db, branch)).await? {
        let key = match Key::parse(&object.key) {
            Some((_, key @ (Key::BranchPin { .. } | Key::BackupPin { .. }))) => key,
            _ => {
                return Err(EndpointError::Corrupt {
                    key: object.key,
                    what: "it is not the name of a pin",
                });
            }
        };
        let bytes = endpoint.get(&object.key).await?;
        pins.push((key, decode(&object.key, &bytes)?));
    }
    Ok(pins)
}
