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
