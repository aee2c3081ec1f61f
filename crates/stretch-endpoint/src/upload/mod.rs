//! Uploads a segment and proves that it arrived.

use crate::error::EndpointError;
use crate::keys::{Key, SegmentName};
use crate::store::{Endpoint, PutNew};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Names taken by other bytes that are passed over before giving up.
const MAX_TAKEN: u32 = 16;

/// A segment that is on the endpoint, read back and equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Key below the endpoint's prefix.
    pub key: String,
    /// The store's entity tag, if it gave one.
    pub etag: Option<String>,
    /// The attempt that the key names.
    pub attempt: u32,
}

/// Uploads `bytes`, whose SHA-256 is `sha256`, as create-if-absent under `name`, then reads the whole object back.
/// A name that holds the same bytes already is success (a lost reply); one with other bytes (a torn write of an
/// earlier try) is passed over to the next attempt (F26).
///
/// # Errors
/// `Corrupt` if `bytes` do not have the checksum, or if the object read back differs although the store confirmed
/// it; the store's own.
pub async fn upload_segment(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    name: SegmentName,
    bytes: &Bytes,
    sha256: &[u8; 32],
) -> Result<Uploaded, EndpointError> {
    let key_of = |attempt| {
        Key::Segment {
            branch: *branch,
            name: SegmentName { attempt, ..name },
        }
        .path(db)
    };
    if !has_checksum(bytes, sha256) {
        return Err(EndpointError::Corrupt {
            key: key_of(name.attempt),
            what: "the staged bytes do not have the segment's checksum",
        });
    }
    for attempt in name.attempt..=name.attempt.saturating_add(MAX_TAKEN) {
        let key = key_of(attempt);
        let (created, mut etag) = match endpoint.put_new(&key, bytes).await? {
            PutNew::Created { etag } => (true, etag),
            PutNew::Exists => (false, None),
        };
        let there = endpoint.get(&key).await?;
        match (has_checksum(&there, sha256), created) {
            (true, created) => {
                if !created {
                    etag = endpoint.head(&key).await?.etag;
                }
                return Ok(Uploaded { key, etag, attempt });
            }
            (false, true) => {
                return Err(EndpointError::Corrupt {
                    key,
                    what: "read back after the upload, it has another checksum",
                });
            }
            (false, false) => {}
        }
    }
    Err(EndpointError::Corrupt {
        key: key_of(name.attempt),
        what: "this name and the following ones are taken by other bytes",
    })
}

/// Whether SHA-256 of `bytes` is `sha256`.
pub fn has_checksum(bytes: &[u8], sha256: &[u8; 32]) -> bool {
    Sha256::digest(bytes).as_slice() == sha256
}
