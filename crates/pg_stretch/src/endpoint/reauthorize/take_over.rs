//! `reauthorize(…, with_copy => false)`: the database goes on in the branch that it had. Whoever owns the branch now is
//! fenced by the next claim, and what he made since the restored moment is listed in a quarantine (F18).
//!
//! Order: choose a nonce and keep it as intent · claim · pin in other branches what was given up there since · list
//! again, with the marks of the fenced collector, whose deletes may be on their way (C-8) · copy what is in doubt ·
//! quarantine · one local transaction. All of it may be done again.

use super::local;
use super::pinned::Pinned;
use super::recorded::{Recorded, branch_of};
use super::remote::{self, Listing};
use super::report::Report;
use crate::endpoint::identity::{Claim, Identity, claim_body, created_by};
use crate::endpoint::open;
use crate::pg::error::{Error, Result};
use crate::pg::{io, steps, txn};
use std::sync::Arc;
use stretch_core::errors;
use stretch_core::ids::SegmentId;
use stretch_core::reconcile::Plan;
use stretch_endpoint::Endpoint;
use stretch_endpoint::bodies::{ClaimBody, FORMAT, QuarantineBody};
use stretch_endpoint::claim::ClaimOutcome;
use stretch_endpoint::keys::Key;
use uuid::Uuid;

/// What a call works on.
pub struct Work<'a> {
    pub catalog: Recorded,
    pub url: String,
    pub credential: &'a str,
    pub endpoint: Arc<Endpoint>,
    /// What was listed when the endpoint was opened.
    pub first: Listing,
    pub request: Uuid,
}

/// Takes the branch over, and writes down what the endpoint can serve.
pub fn take_over(identity: &mut Identity, work: Work<'_>, report: &mut Report) -> Result<()> {
    let Work {
        catalog,
        url,
        credential,
        endpoint,
        first,
        request,
    } = work;
    let db = catalog.database.db_id.uuid();
    let branch = catalog.own_branch().ok_or_else(|| {
        Error::new(&errors::NOT_NOW, "the catalog names no branch that could be taken over")
            .hint("Use with_copy => true, which makes a branch.")
    })?;
    // The id that comes with the nonce is for a new branch, and is not used.
    let (nonce, _) = identity.choose_branch(&format!("take over {branch} of {db} at {url}"))?;
    steps::reached(steps::ReauthorizeChosen);
    let retention = catalog.database.retention_seconds.max(first.retention_seconds);
    let body = claim_next(&endpoint, db, branch, nonce, retention)?;
    steps::reached(steps::ReauthorizeClaimed);
    let content_etag = url.starts_with("s3:");
    let (second, plan) = settle(&endpoint, &catalog, branch, content_etag)?;
    let doubtful = second.in_doubt(&plan, &catalog);
    let plan = match doubtful.is_empty() {
        true => plan,
        false => {
            let count = doubtful.len();
            report
                .notices
                .push(format!("{count} objects are marked for collection and are copied"));
            let copies = io::run(remote::copy(endpoint.clone(), db, branch, body.generation, doubtful))?;
            second.with_copies(plan, copies.map_err(|error| open::map_error(&error))?)
        }
    };
    let keys = ahead(&plan, &second, branch)?;
    let ahead = keys.len();
    let list = QuarantineBody {
        format: FORMAT,
        generation: body.generation,
        lsn: body.lsn,
        created_by: created_by(),
        keys,
    };
    io::run(remote::quarantine(endpoint, db, branch, list))?.map_err(|error| open::map_error(&error))?;
    txn::run(|| {
        local::bind_branch(&url, credential, branch, &body, retention)?;
        local::apply(&plan, &second, &catalog, local::Scope::Reauthorize, &mut report.notices)?;
        report.rows = local::report(&plan, &catalog, None, true, &mut report.notices)?;
        steps::reached(steps::ReauthorizeRecorded);
        local::publish_rows(request, &report.rows)
    })?;
    steps::reached(steps::ReauthorizeCommitted);
    identity.bound_by_hand(Claim {
        db,
        branch,
        generation: body.generation,
        nonce,
    })?;
    report.warnings.push(format!(
        "branch {branch} belongs to this database now: an original that still lives is disconnected, and needs a \
         branch of its own (with_copy => true); {ahead} objects that were made after the restored moment are in \
         quarantine until stretch.purge_quarantine"
    ));
    Ok(())
}

/// Claims the next generation, or finds that an earlier try of this call has.
fn claim_next(endpoint: &Arc<Endpoint>, db: Uuid, branch: Uuid, nonce: Uuid, retention: i64) -> Result<ClaimBody> {
    let highest = io::run(remote::highest(endpoint.clone(), db, branch))?.map_err(|error| open::map_error(&error))?;
    let Some(highest) = highest else {
        return Err(Error::new(
            &errors::NOT_NOW,
            format!("branch {branch} has no claim on this endpoint"),
        )
        .hint("Use with_copy => true, which makes a branch."));
    };
    if highest.nonce == nonce {
        return Ok(highest);
    }
    let body = claim_body(highest.generation + 1, nonce, retention);
    let claimed = io::run(remote::claim_next(endpoint.clone(), db, branch, body.clone()))?;
    match claimed.map_err(|error| open::map_error(&error))? {
        ClaimOutcome::Won | ClaimOutcome::AlreadyOurs => Ok(body),
        ClaimOutcome::Lost(_) => Err(Error::new(
            &errors::NOT_NOW,
            format!("somebody else has claimed branch {branch} meanwhile"),
        )
        .without_hint()),
    }
}

/// Pins and lists until nothing that is needed lies unpinned in another branch. In the own one nobody else collects any
/// more: what is not marked stays.
fn settle(endpoint: &Arc<Endpoint>, catalog: &Recorded, branch: Uuid, content_etag: bool) -> Result<(Listing, Plan)> {
    let db = catalog.database.db_id.uuid();
    let mut pinned = Pinned::default();
    loop {
        let list = remote::list(endpoint.clone(), db, catalog.branches());
        let listing = io::run(list)?.map_err(|error| open::map_error(&error))?;
        let plan = listing.compare(catalog, content_etag);
        let mut needed = listing.keys_by_branch(&plan);
        needed.remove(&branch);
        let unpinned = pinned.missing(needed);
        if unpinned.is_empty() {
            return Ok((listing, plan));
        }
        pinned.add(&unpinned);
        let pin = remote::pin(endpoint.clone(), db, branch, unpinned);
        io::run(pin)?.map_err(|error| open::map_error(&error))?;
        steps::reached(steps::ReauthorizePinned);
    }
}

/// Objects of the branch whose segments the catalog does not know at all. What is marked cannot be promised to anybody,
/// and what the catalog has retired goes its own way.
fn ahead(plan: &Plan, listing: &Listing, branch: Uuid) -> Result<Vec<String>> {
    let retired = txn::run(super::recorded::retired)?;
    let is_unknown = |key: &String| match Key::parse(key) {
        Some((_, Key::Segment { name, .. })) => !retired.contains(&SegmentId::from_uuid(name.segment)),
        _ => false,
    };
    let keys = plan.ahead.iter().map(|(_, key)| key);
    let keys = keys.filter(|key| branch_of(key) == Some(branch) && is_unknown(key) && !listing.is_marked(key));
    Ok(keys.cloned().collect())
}
