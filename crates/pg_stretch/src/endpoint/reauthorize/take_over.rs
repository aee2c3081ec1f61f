//! `reauthorize(…, with_copy => false)`: the database goes on in the branch that it had. Whoever owns the branch now is
//! fenced by the next claim, and what he made since the restored moment is listed in a quarantine (F18).
//!
//! Order: choose a nonce and keep it as intent · claim · list, with the marks of the fenced collector, whose deletes
//! may be on their way (C-8) · pin what is needed in other branches, whatever is pinned there, because the fenced one
//! may be about to release it · copy what is in doubt · quarantine · one local transaction. All of it may be done
//! again.

use super::bind::{Bound, bind};
use super::recorded::{self, Recorded};
use super::report::Report;
use super::secure::{Own, Secured, asked, secure};
use crate::endpoint::identity::{Identity, claim_body, created_by};
use crate::pg::error::{Error, Result};
use crate::pg::{steps, txn};
use std::sync::Arc;
use stretch_core::errors;
use stretch_endpoint::Endpoint;
use stretch_endpoint::bodies::{ClaimBody, FORMAT, QuarantineBody};
use stretch_endpoint::branch::{self, Before};
use stretch_endpoint::claim::ClaimOutcome;
use stretch_endpoint::quarantine::quarantine;
use uuid::Uuid;

/// What a call works on.
pub struct Work<'a> {
    pub catalog: Recorded,
    pub url: String,
    pub credential: &'a str,
    pub endpoint: Arc<Endpoint>,
    pub request: Uuid,
}

/// Takes the branch over, and writes down what the endpoint can serve.
pub fn take_over(identity: &mut Identity, work: Work<'_>, report: &mut Report) -> Result<()> {
    let Work {
        catalog,
        url,
        credential,
        endpoint,
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
    // The former owner's promise holds for what he gave up.
    let branches = || catalog.branches_and(branch);
    let before = asked(branch::list(endpoint.clone(), db, branches()))?;
    let retention = catalog.database.retention_seconds.max(before.retention_seconds);
    report.tell_found(catalog.segments.len(), before.objects.len());
    drop(before);
    let body = claim(&endpoint, db, branch, claim_body(0, nonce, retention))?;
    steps::reached(steps::ReauthorizeClaimed);
    let own = Own {
        branch,
        generation: body.generation,
        pins_before: Before::MayGo,
    };
    // In the own branch nobody else collects any more: what is not marked stays.
    let listing = asked(branch::list(endpoint.clone(), db, branches()))?;
    let Secured {
        listing, plan, copied, ..
    } = secure(&endpoint, &own, &catalog, listing, url.starts_with("s3:"))?;
    report.tell_copied(copied);
    let keys = listing.ahead(&plan, &branch, &txn::run(recorded::retired)?);
    let ahead = keys.len();
    let list = QuarantineBody {
        format: FORMAT,
        generation: body.generation,
        lsn: body.lsn,
        created_by: created_by(),
        keys,
    };
    asked(async move { quarantine(&endpoint, &db, &branch, list).await })?;
    let bound = Bound {
        url: &url,
        credential,
        branch,
        body: &body,
        retention,
        request,
    };
    bind(identity, &bound, (&catalog, &listing, &plan), report)?;
    report.warnings.push(format!(
        "branch {branch} belongs to this database now: an original that still lives is disconnected, and needs a \
         branch of its own (with_copy => true); {ahead} objects that were made after the restored moment are in \
         quarantine until stretch.purge_quarantine"
    ));
    Ok(())
}

/// Claims the next generation, or finds that an earlier try of this call has.
fn claim(endpoint: &Arc<Endpoint>, db: Uuid, branch: Uuid, body: ClaimBody) -> Result<ClaimBody> {
    match asked(branch::claim_next(endpoint.clone(), db, branch, body))? {
        Some((body, ClaimOutcome::Won | ClaimOutcome::AlreadyOurs)) => Ok(body),
        Some((_, ClaimOutcome::Lost(_))) => Err(Error::new(
            &errors::NOT_NOW,
            format!("somebody else has claimed branch {branch} meanwhile"),
        )
        .without_hint()),
        None => Err(Error::new(
            &errors::NOT_NOW,
            format!("branch {branch} has no claim on this endpoint"),
        )
        .hint("Use with_copy => true, which makes a branch.")),
    }
}
