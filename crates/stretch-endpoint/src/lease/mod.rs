//! Leases: numbered heartbeats of a branch's owner, create-if-absent, so that twins notice each other (F41).

use crate::bodies::{LeaseBody, create_or_read, decode, encode};
use crate::error::EndpointError;
use crate::keys::{Folder, Key};
use crate::store::Endpoint;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// What a heartbeat told us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heartbeat {
    /// It stands as written, now or by an earlier try.
    Ok,
    /// Another server writes with our nonce or number: disconnect and never write again.
    Twin(Box<LeaseBody>),
}

/// Writes the heartbeat `body.generation`, `body.sequence`. The caller has made the sequence durable in its marker
/// before, and repeats an unanswered heartbeat with the very same body: other content under the same number can
/// only come from somebody else.
///
/// # Errors
/// `Corrupt`, `NewerFormat`, the store's own.
pub async fn heartbeat(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    body: &LeaseBody,
) -> Result<Heartbeat, EndpointError> {
    let key = Key::Lease {
        branch: *branch,
        generation: body.generation,
        sequence: body.sequence,
    }
    .path(db);
    match create_or_read(endpoint, &key, &encode(body)?).await? {
        None => Ok(Heartbeat::Ok),
        Some(other) => Ok(Heartbeat::Twin(Box::new(decode(&key, &other)?))),
    }
}

/// The newest heartbeat of a branch, or `None` if it never had one. Only heartbeats after (`generation`,
/// `sequence`) are listed where `after` names one known to exist; without it all are, which takes one request per
/// thousand.
///
/// # Errors
/// `NotFound` if `after` is not there and nothing newer is; `Corrupt`, `NewerFormat`, the store's own.
pub async fn newest_lease(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    after: Option<(u64, u64)>,
) -> Result<Option<LeaseBody>, EndpointError> {
    let known = after.map(|(generation, sequence)| {
        Key::Lease {
            branch: *branch,
            generation,
            sequence,
        }
        .path(db)
    });
    let folder = Folder::Lease.path(db, branch);
    let listed = endpoint.list_after(&folder, known.as_deref(), usize::MAX).await?;
    // Names are padded with zeros: the last one listed is the newest.
    let newest = listed.into_iter().next_back().map(|object| object.key);
    let Some(key) = newest.or(known) else {
        return Ok(None);
    };
    let Some((
        _,
        Key::Lease {
            generation, sequence, ..
        },
    )) = Key::parse(&key)
    else {
        return Err(EndpointError::Corrupt {
            key,
            what: "it is not the name of a heartbeat",
        });
    };
    let body: LeaseBody = decode(&key, &endpoint.get(&key).await?)?;
    if (body.generation, body.sequence) == (generation, sequence) {
        Ok(Some(body))
    } else {
        Err(EndpointError::Corrupt {
            key,
            what: "it names another heartbeat",
        })
    }
}
