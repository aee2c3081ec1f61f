//! A branch of its own, for a database that was restored or copied.

use crate::bodies::{BranchJson, ClaimBody, create_branch, open_database};
use crate::claim::{ClaimOutcome, claim};
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
