//! The end of `reauthorize`: a local transaction binds the claim and writes down what was found; then the marker knows.

use super::findings::{self, Scope};
use super::local;
use super::recorded::Recorded;
use super::report::Report;
use crate::endpoint::identity::{Claim, Identity};
use crate::pg::error::Result;
use crate::pg::{steps, txn};
use stretch_core::reconcile::Plan;
use stretch_endpoint::bodies::ClaimBody;
use stretch_endpoint::branch::Listing;
use uuid::Uuid;

/// What is bound.
pub struct Bound<'a> {
    pub url: &'a str,
    pub credential: &'a str,
    pub branch: Uuid,
    /// The claim on it, which is ours.
    pub body: &'a ClaimBody,
    /// In seconds.
    pub retention: i64,
    pub request: Uuid,
}

/// Binds the database to the branch.
pub fn bind(
    identity: &mut Identity,
    bound: &Bound<'_>,
    (catalog, listing, plan): (&Recorded, &Listing, &Plan),
    report: &mut Report,
) -> Result<()> {
    txn::run(|| {
        local::bind_branch(bound.url, bound.credential, bound.branch, bound.body, bound.retention)?;
        findings::apply(plan, listing, catalog, Scope::Reauthorize, &mut report.notices)?;
        report.rows = local::report(plan, catalog, None, true, &mut report.notices)?;
        steps::reached(steps::ReauthorizeRecorded);
        local::publish_rows(bound.request, &report.rows)
    })?;
    steps::reached(steps::ReauthorizeCommitted);
    identity.bound_by_hand(Claim {
        db: catalog.database.db_id.uuid(),
        branch: bound.branch,
        generation: bound.body.generation,
        nonce: bound.body.nonce,
    })
}
