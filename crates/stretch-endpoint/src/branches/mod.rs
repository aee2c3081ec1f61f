//! The branches of a database, as the endpoint shows them to whoever looks.

use crate::bodies::{BranchJson, LeaseBody, read_branch};
use crate::claim::highest_claim;
use crate::error::EndpointError;
use crate::keys::{Folder, Key};
use crate::lease::newest_lease;
use crate::pin::read_pins;
use crate::store::Endpoint;
use std::collections::BTreeSet;
use stretch_core::collect::times::StoreTime;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// How often a branch is looked at on which small objects go while it is read.
const LOOKS: usize = 3;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchSeen {
    /// Its id.
    pub branch: Uuid,
    /// Where it comes from; `None` for one that is not made to its end.
    pub made: Option<BranchJson>,
    /// The generation of its highest claim.
    pub generation: Option<u64>,
    /// The retention that its owner promised last, in seconds.
    pub retention_seconds: Option<u64>,
    /// When the newest heartbeat was written, by the clock of the store.
    pub last_heartbeat: Option<StoreTime>,
    /// How many of its objects pins list.
    pub pinned: u64,
}

/// All of them, in the order of their ids: a listing of folders, and a few requests for each.
///
/// # Errors
/// `Corrupt` and `NewerFormat` for what cannot be read; the store's own.
pub async fn branches(endpoint: &Endpoint, db: &Uuid) -> Result<Vec<BranchSeen>, EndpointError> {
    let mut seen = Vec::new();
    for name in endpoint.folders(&db.to_string()).await? {
        // A name of another kind is no branch.
        let Some(branch) = name.parse::<Uuid>().ok().filter(|id| id.to_string() == name) else {
            continue;
        };
        let mut looks = 0;
        seen.push(loop {
            looks += 1;
            match look(endpoint, db, branch).await {
                // A pin or a heartbeat has gone since it was listed.
                Err(EndpointError::NotFound { .. }) if looks < LOOKS => {}
                found => break found?,
            }
        });
    }
    Ok(seen)
}

async fn look(endpoint: &Endpoint, db: &Uuid, branch: Uuid) -> Result<BranchSeen, EndpointError> {
    let made = match read_branch(endpoint, db, &branch).await {
        Err(EndpointError::NotFound { .. }) => None,
        found => Some(found?),
    };
    let claim = highest_claim(endpoint, db, &branch).await?.map(|(_, claim)| claim);
    let beats = endpoint.list(&Folder::Lease.path(db, &branch)).await?;
    let lease = newest_lease(endpoint, db, &branch, None).await?;
    let is_here = |key: &String| matches!(Key::parse(key), Some((_, Key::Segment { branch: of, .. })) if of == branch);
    let mut pinned = BTreeSet::new();
    for (_, body) in read_pins(endpoint, db, &branch).await? {
        pinned.extend(body.keys.into_iter().filter(is_here));
    }
    Ok(BranchSeen {
        branch,
        made,
        generation: claim.as_ref().map(|claim| claim.generation),
        retention_seconds: claim.map(|claim| LeaseBody::promised(&claim, lease.as_ref())),
        last_heartbeat: beats.last().and_then(|info| info.modified),
        pinned: pinned.len() as u64,
    })
}
