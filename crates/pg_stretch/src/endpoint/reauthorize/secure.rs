//! Pins and copies: what a database needs stays, whoever collects where it lies.

use super::recorded::Recorded;
use crate::endpoint::identity::Claim;
use crate::endpoint::open;
use crate::pg::error::Result;
use crate::pg::{io, steps};
use std::sync::Arc;
use stretch_core::reconcile::Plan;
use stretch_endpoint::branch::{self, Before, Held, Listing};
use stretch_endpoint::{Endpoint, EndpointError};
use uuid::Uuid;

/// Asks the endpoint, and waits for the answer.
pub fn asked<T: Send + 'static>(
    request: impl Future<Output = std::result::Result<T, EndpointError>> + Send + 'static,
) -> Result<T> {
    io::run(request)?.map_err(|error| open::map_error(&error))
}

/// What the endpoint serves, and goes on to serve, whoever collects there.
pub struct Secured {
    pub listing: Listing,
    pub plan: Plan,
    /// Objects of other branches.
    pub pinned: usize,
    /// Objects that were in doubt, with those that were gone before they could be copied.
    pub copied: usize,
}

/// The branch for which something is secured, and the claim under which copies are made there.
pub struct Own {
    pub branch: Uuid,
    pub generation: u64,
    pub pins_before: Before,
}

impl Own {
    pub fn of(claim: &Claim) -> Self {
        Self {
            branch: claim.branch,
            generation: claim.generation,
            pins_before: Before::Counts,
        }
    }
}

/// Pins for the own branch what is needed in other ones, and copies what is in doubt.
pub fn secure(
    endpoint: &Arc<Endpoint>,
    own: &Own,
    catalog: &Recorded,
    first: Listing,
    content_etag: bool,
) -> Result<Secured> {
    let db = catalog.database.db_id.uuid();
    let compare = |listing: &Listing| listing.compare(&catalog.segments, content_etag);
    let pin_then_list = |unpinned| {
        asked(branch::pin(endpoint.clone(), db, own.branch, unpinned, own.pins_before))?;
        steps::reached(steps::ReauthorizePinned);
        asked(branch::list(endpoint.clone(), db, catalog.branches_and(own.branch)))
    };
    let Held {
        listing,
        mut plan,
        pinned,
    } = branch::hold(&own.branch, first, compare, pin_then_list)?;
    let doubtful = listing.in_doubt(&plan, &catalog.hashes, own.branch, own.generation);
    let copied = doubtful.len();
    if copied > 0 {
        let copies = asked(branch::copy(endpoint.clone(), db, own.branch, doubtful))?;
        plan = listing.with_copies(plan, &copies);
    }
    Ok(Secured {
        listing,
        plan,
        pinned,
        copied,
    })
}
