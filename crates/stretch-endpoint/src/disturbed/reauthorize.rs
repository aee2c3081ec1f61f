//! Reauthorize: a restored database proves what the endpoint serves, and gets a branch of its own.

use super::call::ask;
use super::catalog::{DB, OWN, PARENT, branch_json, claim, claim_body};
use super::world::World;
use crate::branch::{self, Before, Held, Listing};
use crate::claim::ClaimOutcome;
use crate::error::EndpointError;
use stretch_core::reconcile::{Finding, Plan};

/// All its steps; branch and nonce are known before, as the marker keeps them.
pub(super) fn reauthorize(world: &mut World) -> Result<(), EndpointError> {
    let scratch = world.scratch().to_string();
    let endpoint = world.endpoint.clone();
    ask(world, branch::check(endpoint.clone(), DB, scratch))?;
    let first = ask(world, branch::list(endpoint.clone(), DB, world.catalog.branches()))?;
    let plan = secure(world, first)?;
    let made = branch::claim_branch(endpoint, DB, branch_json(OWN, Some(PARENT)), claim_body(1));
    match ask(world, made)? {
        ClaimOutcome::Won | ClaimOutcome::AlreadyOurs => {}
        ClaimOutcome::Lost(other) => panic!("{other:?}"),
    }
    // One transaction.
    record(world, &plan);
    world.catalog.claim = Some(claim(OWN, 1));
    Ok(())
}

/// Pins what is needed in other branches, and copies what is in doubt.
pub(super) fn secure(world: &World, first: Listing) -> Result<Plan, EndpointError> {
    secure_under(world, first, 1, Before::Counts).map(|(plan, _)| plan)
}

/// The same under a claim of that generation. Gives what was listed last, too.
pub(super) fn secure_under(
    world: &World,
    first: Listing,
    generation: u64,
    before: Before,
) -> Result<(Plan, Listing), EndpointError> {
    let (segments, hashes) = world.catalog.recorded();
    let endpoint = &world.endpoint;
    let pin_then_list = |unpinned| {
        ask(world, branch::pin(endpoint.clone(), DB, OWN, unpinned, before))?;
        ask(world, branch::list(endpoint.clone(), DB, world.catalog.branches()))
    };
    let compare = |listing: &Listing| listing.compare(&segments, false);
    let Held { listing, plan, .. } = branch::hold(&OWN, first, compare, pin_then_list)?;
    let doubtful = listing.in_doubt(&plan, &hashes, OWN, generation);
    let copies = ask(world, branch::copy(endpoint.clone(), DB, OWN, doubtful))?;
    Ok((listing.with_copies(plan, &copies), listing))
}

/// Writes the findings into the rows.
pub(super) fn record(world: &mut World, plan: &Plan) {
    for (segment, _, finding) in &plan.findings {
        let Some(row) = world.catalog.segments.get_mut(segment) else {
            continue;
        };
        row.is_lost = matches!(finding, Finding::Lost { .. });
        match finding {
            Finding::Present { key } => row.key = Some(key.clone()),
            Finding::Refill | Finding::Pending => row.key = None,
            Finding::InDoubt { .. } => panic!("{segment} is in doubt after the copies"),
            Finding::Lost { .. } => {}
        }
    }
}
