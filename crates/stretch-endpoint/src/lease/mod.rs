//! Leases: numbered heartbeats of a branch's owner, create-if-absent, so that twins notice each other (F41).
//!
//! The newest two of a claim are kept, older ones are deleted by their writer. A twin that is far behind therefore
//! finds the name of its next heartbeat free; it notices by the newer ones, which are never deleted before a still
//! newer one is there.

use crate::bodies::{LeaseBody, create_or_read, decode, encode};
use crate::disposable::{Disposable, PATIENCE, dispose};
use crate::error::EndpointError;
use crate::keys::{Folder, Key};
use crate::store::Endpoint;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// How often a listing is repeated whose newest heartbeat was replaced before it could be read.
const LOOKS: usize = 3;

/// What a heartbeat told us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heartbeat {
    /// It stands as written, now or by an earlier try, and is the newest of its generation.
    Ok,
    /// Another server writes with our nonce or number, or is ahead of us: disconnect and never write again.
    Twin(Box<LeaseBody>),
}

/// Writes the heartbeat `body.generation`, `body.sequence`. The caller has made the sequence durable in its marker
/// before, and repeats an unanswered heartbeat with the very same body: other content under the same number, or a
/// higher number of this generation, can only come from somebody else.
///
/// When it stands, the heartbeat two numbers before is deleted, if that can be had; no failure comes from it.
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
    if let Some(other) = create_or_read(endpoint, &key, &encode(body)?).await? {
        return Ok(Heartbeat::Twin(Box::new(decode(&key, &other)?)));
    }
    // Written first, looked then: of two twins the one behind sees the other now or at its next heartbeat. And before
    // anything is deleted, so that it takes nothing away from the one ahead.
    if let Some(ahead) = ahead(endpoint, db, branch, &key, body.generation).await? {
        return Ok(Heartbeat::Twin(Box::new(ahead)));
    }
    if let Some(replaced) = Disposable::replaced_by(db, branch, body) {
        dispose(endpoint, &[replaced], PATIENCE).await;
    }
    Ok(Heartbeat::Ok)
}

/// The newest heartbeat of `generation` after the one at `own`, if there is any. Later generations are for
/// [`crate::claim::validate_claim`] to notice.
async fn ahead(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    own: &str,
    generation: u64,
) -> Result<Option<LeaseBody>, EndpointError> {
    let folder = Folder::Lease.path(db, branch);
    let of_generation =
        |key: &str| matches!(Key::parse(key), Some((_, Key::Lease { generation: found, .. })) if found == generation);
    let mut looks = 0;
    loop {
        looks += 1;
        let listed = endpoint.list_after(&folder, Some(own), usize::MAX).await?;
        let Some(newest) = listed.into_iter().rfind(|object| of_generation(&object.key)) else {
            return Ok(None);
        };
        match endpoint.get(&newest.key).await {
            // Replaced since: a still newer one is there.
            Err(EndpointError::NotFound { .. }) if looks < LOOKS => {}
            read => return decode(&newest.key, &read?).map(Some),
        }
    }
}

/// The newest heartbeat of a branch, or `None` if it never had one. Only heartbeats after (`generation`,
/// `sequence`) are listed where `after` names one known to exist; without it all are, which takes one request per
/// thousand. A heartbeat that its writer has replaced between listing and reading is looked for again.
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
    let mut looks = 0;
    loop {
        looks += 1;
        match look(endpoint, &folder, known.clone()).await {
            Err(EndpointError::NotFound { .. }) if looks < LOOKS => {}
            result => return result,
        }
    }
}

/// Lists once and reads the last.
async fn look(endpoint: &Endpoint, folder: &str, known: Option<String>) -> Result<Option<LeaseBody>, EndpointError> {
    let listed = endpoint.list_after(folder, known.as_deref(), usize::MAX).await?;
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
