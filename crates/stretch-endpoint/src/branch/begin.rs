//! A branch of its own for a database that was restored or copied, or that of its original.

use crate::bodies::{BranchJson, ClaimBody, create_branch, open_database};
use crate::claim::{ClaimOutcome, claim, highest_claim};
use crate::error::EndpointError;
use crate::probe;
use crate::store::Endpoint;
use std::sync::Arc;
use uuid::Uuid;

/// Checks that the endpoint belongs to this database and keeps its promises.
///
/// # Errors
/// As of [`open_database`] and [`probe::probe`].
pub async fn check(endpoint: Arc<Endpoint>, db: Uuid, scratch: String) -> Result<(), EndpointError> {
    open_database(&endpoint, &db).await?;
    probe::probe(&endpoint, &scratch).await.map(drop)
}

/// Creates the branch and its first claim. Repeating it with the same bodies is success.
///
/// # Errors
/// As of [`create_branch`] and [`claim`].
pub async fn claim_branch(
    endpoint: Arc<Endpoint>,
    db: Uuid,
    branch: BranchJson,
    body: ClaimBody,
) -> Result<ClaimOutcome, EndpointError> {
    create_branch(&endpoint, &db, &branch).await?;
    claim(&endpoint, &db, &branch.branch_id, &body).await
}

/// Claims the next generation of a branch that somebody owned, whatever generation `body` names, or finds that an
/// earlier try with the same nonce has. Gives the claim that was written, or that was tried; `None` for a branch that
/// nobody has ever claimed.
///
/// # Errors
/// As of [`highest_claim`] and [`claim`].
pub async fn claim_next(
    endpoint: Arc<Endpoint>,
    db: Uuid,
    branch: Uuid,
    mut body: ClaimBody,
) -> Result<Option<(ClaimBody, ClaimOutcome)>, EndpointError> {
    let Some((_, highest)) = highest_claim(&endpoint, &db, &branch).await? else {
        return Ok(None);
    };
    if highest.nonce == body.nonce {
        return Ok(Some((highest, ClaimOutcome::AlreadyOurs)));
    }
    body.generation = highest.generation + 1;
    let outcome = claim(&endpoint, &db, &branch, &body).await?;
    Ok(Some((body, outcome)))
}
