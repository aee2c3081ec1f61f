//! Claims: who owns a branch. Create-if-absent, without gaps, never deleted; the highest generation owns it.

use crate::bodies::{ClaimBody, create_or_read, decode, encode};
use crate::error::EndpointError;
use crate::keys::{Folder, Key};
use crate::store::Endpoint;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// A claim that a database holds on a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The database.
    pub db: Uuid,
    /// The branch.
    pub branch: Uuid,
    /// Counts from 1.
    pub generation: u64,
    /// As in the claim's body.
    pub nonce: Uuid,
}

impl Claim {
    /// Whether it is the highest of its branch: whoever holds it owns the branch.
    ///
    /// # Errors
    /// As of [`validate_claim`].
    pub async fn is_highest(&self, endpoint: &Endpoint) -> Result<bool, EndpointError> {
        let valid = validate_claim(endpoint, &self.db, &self.branch, self.generation, &self.nonce).await?;
        Ok(valid == Validity::Valid)
    }
}

/// What became of an attempt to claim a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The claim is ours, made now.
    Won,
    /// The claim is ours from an earlier try of the same intent, whose reply was lost (F20).
    AlreadyOurs,
    /// Another server has it.
    Lost(Box<ClaimBody>),
}

/// Whether our claim still is the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Own claim present with own nonce, and the next one absent.
    Valid,
    /// The next generation exists: we are fenced.
    Superseded,
    /// Our claim is gone or carries another nonce.
    NotOurs,
}

/// The highest claim of a branch, or `None` if it has none. Generations count from 1.
///
/// # Errors
/// `BrokenPromise` if the claims have a gap (claims are never deleted, so the listing or the store lies);
/// `Corrupt`, `NewerFormat`, the store's own.
pub async fn highest_claim(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
) -> Result<Option<(u64, ClaimBody)>, EndpointError> {
    let listed = endpoint.list(&Folder::Claim.path(db, branch)).await?;
    let mut highest = 0;
    for object in &listed {
        let Some((_, Key::Claim { generation, .. })) = Key::parse(&object.key) else {
            return Err(EndpointError::Corrupt {
                key: object.key.clone(),
                what: "it is not the name of a claim",
            });
        };
        if generation != highest + 1 {
            return Err(gap());
        }
        highest = generation;
    }
    // A listing may lag behind a claim made a moment ago on a store of weak listings; a probe is cheap.
    let mut next = read(endpoint, db, branch, highest + 1).await?;
    let mut newest = match next {
        None if highest == 0 => return Ok(None),
        None => read(endpoint, db, branch, highest).await?.ok_or_else(gap)?,
        Some(_) => {
            let mut body = None;
            while let Some(found) = next {
                highest += 1;
                body = Some(found);
                next = read(endpoint, db, branch, highest + 1).await?;
            }
            body.ok_or_else(gap)?
        }
    };
    newest.generation = highest;
    Ok(Some((highest, newest)))
}

/// The claim of one generation, or `None`.
///
/// # Errors
/// `Corrupt` if the body names another generation than the key; `NewerFormat`, the store's own.
pub async fn read(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    generation: u64,
) -> Result<Option<ClaimBody>, EndpointError> {
    let key = Key::Claim {
        branch: *branch,
        generation,
    }
    .path(db);
    match endpoint.get(&key).await {
        Ok(bytes) => checked(&key, &bytes, generation).map(Some),
        Err(EndpointError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tries to become the owner of `body.generation`. The caller has made `body.nonce` durable as its intent before
/// (F20), so that a repeated call after any failure, with the same body, is safe. The result is what the store
/// holds when read back.
///
/// # Errors
/// `BadKey` for generation 0; `BrokenPromise` if the previous generation's claim is missing or the store
/// contradicts itself; `Corrupt`, `NewerFormat`, the store's own.
pub async fn claim(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    body: &ClaimBody,
) -> Result<ClaimOutcome, EndpointError> {
    let generation = body.generation;
    if generation == 0 {
        return Err(EndpointError::BadKey("generations count from 1"));
    }
    if generation > 1 && read(endpoint, db, branch, generation - 1).await?.is_none() {
        return Err(gap());
    }
    let key = Key::Claim {
        branch: *branch,
        generation,
    }
    .path(db);
    let bytes = encode(body)?;
    let before = read(endpoint, db, branch, generation).await?;
    if let Some(found) = before {
        return Ok(outcome(found, body, ClaimOutcome::AlreadyOurs));
    }
    match create_or_read(endpoint, &key, &bytes).await? {
        None => Ok(ClaimOutcome::Won),
        Some(other) => {
            let found = checked(&key, &other, generation)?;
            Ok(outcome(found, body, ClaimOutcome::AlreadyOurs))
        }
    }
}

/// Whether the claim `generation` with `nonce` still owns the branch.
///
/// # Errors
/// `Corrupt`, `NewerFormat`, the store's own.
pub async fn validate_claim(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    generation: u64,
    nonce: &Uuid,
) -> Result<Validity, EndpointError> {
    match read(endpoint, db, branch, generation).await? {
        Some(own) if own.nonce == *nonce => {}
        _ => return Ok(Validity::NotOurs),
    }
    // Any successor fences, one that this version cannot read too: so only its presence is looked at.
    let next = Key::Claim {
        branch: *branch,
        generation: generation.saturating_add(1),
    };
    if endpoint.exists(&next.path(db)).await? {
        Ok(Validity::Superseded)
    } else {
        Ok(Validity::Valid)
    }
}

fn outcome(found: ClaimBody, ours: &ClaimBody, if_ours: ClaimOutcome) -> ClaimOutcome {
    if found.nonce == ours.nonce {
        if_ours
    } else {
        ClaimOutcome::Lost(Box::new(found))
    }
}

fn checked(key: &str, bytes: &[u8], generation: u64) -> Result<ClaimBody, EndpointError> {
    let body: ClaimBody = decode(key, bytes)?;
    if body.generation == generation {
        Ok(body)
    } else {
        Err(EndpointError::Corrupt {
            key: key.to_owned(),
            what: "it names another generation",
        })
    }
}

fn gap() -> EndpointError {
    EndpointError::BrokenPromise {
        which: "claims are never deleted, but one is missing",
    }
}
