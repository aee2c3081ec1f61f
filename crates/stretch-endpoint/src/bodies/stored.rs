//! Creates the small objects on an endpoint and reads them.

use super::{BranchJson, FORMAT, StretchJson, decode, encode};
use crate::error::EndpointError;
use crate::keys::Key;
use crate::store::{Endpoint, PutNew};
use bytes::Bytes;
use uuid::Uuid;

/// Creates an object with exactly these bytes, whatever became of earlier tries. `None`: they stand there now,
/// `Some`: the other bytes that were there first.
pub(crate) async fn create_or_read(
    endpoint: &Endpoint,
    key: &str,
    bytes: &Bytes,
) -> Result<Option<Bytes>, EndpointError> {
    let created = match endpoint.put_new(key, bytes).await? {
        PutNew::Created { .. } => true,
        PutNew::Exists => false,
    };
    // Read back in both cases: a store that says "created" to two writers has room for one of them only.
    let there = match endpoint.get(key).await {
        Err(EndpointError::NotFound { .. }) => {
            return Err(EndpointError::BrokenPromise {
                which: if created {
                    "an object just created is not there"
                } else {
                    "an object is said to exist but is not there"
                },
            });
        }
        other => other?,
    };
    Ok((there != *bytes).then_some(there))
}

/// Creates `stretch.json`, if the place is free or already this database's.
///
/// # Errors
/// `Foreign` if the object names another database, `NewerFormat`, `Corrupt`, and the store's own.
pub async fn create_database(endpoint: &Endpoint, db: &Uuid, created_at: &str) -> Result<StretchJson, EndpointError> {
    let body = StretchJson {
        format: FORMAT,
        db_id: *db,
        created_at: created_at.to_owned(),
    };
    let key = Key::Stretch.path(db);
    match create_or_read(endpoint, &key, &encode(&body)?).await? {
        None => Ok(body),
        Some(other) => check_owner(&key, &other, db),
    }
}

/// Reads `stretch.json` of the database.
///
/// # Errors
/// `NotFound` if this endpoint does not hold the database; `Foreign`, `NewerFormat`, `Corrupt`, the store's own.
pub async fn open_database(endpoint: &Endpoint, db: &Uuid) -> Result<StretchJson, EndpointError> {
    let key = Key::Stretch.path(db);
    let bytes = endpoint.get(&key).await?;
    check_owner(&key, &bytes, db)
}

fn check_owner(key: &str, bytes: &[u8], db: &Uuid) -> Result<StretchJson, EndpointError> {
    let found: StretchJson = decode(key, bytes)?;
    if found.db_id == *db {
        Ok(found)
    } else {
        Err(EndpointError::Foreign { found: found.db_id })
    }
}

/// Creates `branch.json`. Repeating it with the same body is success.
///
/// # Errors
/// `Corrupt` if the branch exists with another origin; the store's own.
pub async fn create_branch(endpoint: &Endpoint, db: &Uuid, body: &BranchJson) -> Result<(), EndpointError> {
    let key = Key::Branch { branch: body.branch_id }.path(db);
    match create_or_read(endpoint, &key, &encode(body)?).await? {
        None => Ok(()),
        Some(other) => {
            let found: BranchJson = decode(&key, &other)?;
            let same = found.branch_id == body.branch_id && found.parent == body.parent;
            if same {
                Ok(())
            } else {
                Err(EndpointError::Corrupt {
                    key,
                    what: "the branch exists with another origin",
                })
            }
        }
    }
}

/// Reads `branch.json`.
///
/// # Errors
/// `NotFound`, `NewerFormat`, `Corrupt`, the store's own.
pub async fn read_branch(endpoint: &Endpoint, db: &Uuid, branch: &Uuid) -> Result<BranchJson, EndpointError> {
    let key = Key::Branch { branch: *branch }.path(db);
    decode(&key, &endpoint.get(&key).await?)
}
