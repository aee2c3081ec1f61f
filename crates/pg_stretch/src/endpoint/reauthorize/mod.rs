//! The worker's part of `stretch.reauthorize` and `stretch.reconcile`: prove what the endpoint can serve of this
//! catalog, and give a restored or copied database a branch of its own (design §10).
//!
//! Order of `reauthorize`: probe · choose branch and nonce · list · pin what is needed in every branch the catalog
//! refers to · list again, with the marks of the collectors (F17), until nothing needs a pin · copy what is in doubt ·
//! `branch.json`, first claim · one local transaction.
//! Branch id and nonce are chosen once and kept as intent in the marker, so that a call that was interrupted at any
//! point is taken up by the next one and leaks nothing (F21).

mod bind;
mod findings;
mod local;
mod recorded;
mod report;
mod secure;
mod take_over;

use super::identity::enable::text_argument;
use super::identity::{Identity, claim_body, created_by};
use super::open;
use crate::catalog::tables;
use crate::pg::error::{Error, Result};
use crate::pg::{io, steps, txn};
use bind::{Bound, bind};
use findings::Scope;
use pgrx::pg_sys;
use recorded::Recorded;
use report::Report;
use secure::{Own, Secured, asked, secure};
use serde_json::{Value, json};
use stretch_core::errors;
use stretch_core::ids::{SegmentId, TableId};
use stretch_core::reconcile::Finding;
use stretch_endpoint::EndpointError;
use stretch_endpoint::bodies::{BranchJson, FORMAT};
use stretch_endpoint::branch::{self, Before};
use stretch_endpoint::claim::ClaimOutcome;
use uuid::Uuid;

/// The generation of a branch's first claim.
const FIRST_GENERATION: u64 = 1;

/// An endpoint that does not hold this database at all is the wrong one (ST007).
fn wrong_endpoint(error: &EndpointError) -> Error {
    match error {
        EndpointError::NotFound { key } if key.ends_with("/stretch.json") => {
            Error::new(&errors::WRONG_ENDPOINT, "the endpoint holds nothing of this database")
        }
        _ => open::map_error(error),
    }
}

/// Carries out the request `reauthorize`.
pub fn reauthorize(identity: &mut Identity, args: &Value) -> Result<Value> {
    if identity.claim().is_some() {
        return Err(Error::new(
            &errors::ALREADY_CONNECTED,
            "this database is connected already",
        ));
    }
    let credential = text_argument(args, "credential")?.to_string();
    let request = request_id(args)?;
    let given = args["endpoint"].as_str();
    let (catalog, url, endpoint) = txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        let catalog = Recorded::read(snapshot)?;
        let url = given.unwrap_or(&catalog.database.endpoint).to_string();
        let endpoint = open::open_existing(&url, &credential, snapshot)?;
        Ok((catalog, url, endpoint))
    })?;
    let mut report = Report::default();
    let db = catalog.database.db_id.uuid();

    let scratch = crate::pg::random::random_uuid()?.to_string();
    io::run(branch::check(endpoint.clone(), db, scratch))?.map_err(|error| wrong_endpoint(&error))?;
    if args["with_copy"].as_bool() == Some(false) {
        let work = take_over::Work {
            catalog,
            url,
            credential: &credential,
            endpoint,
            request,
        };
        take_over::take_over(identity, work, &mut report)?;
        return Ok(report.answer());
    }
    let (nonce, branch) = identity.choose_branch(&format!("reauthorize {db} at {url}"))?;
    let own = Own {
        branch,
        generation: FIRST_GENERATION,
        pins_before: Before::Counts,
    };
    steps::reached(steps::ReauthorizeChosen);
    let first = asked(branch::list(endpoint.clone(), db, catalog.branches_and(own.branch)))?;
    report.tell_found(catalog.segments.len(), first.objects.len());
    let Secured {
        listing,
        plan,
        pinned,
        copied,
    } = secure(&endpoint, &own, &catalog, first, url.starts_with("s3:"))?;
    report
        .notices
        .push(format!("{pinned} objects are pinned for branch {branch}"));
    report.tell_copied(copied);

    let retention = catalog.database.retention_seconds.max(listing.retention_seconds);
    if retention > catalog.database.retention_seconds {
        report
            .notices
            .push("the retention of the last claim is longer than the catalog's and is kept".into());
    }
    let body = claim_body(own.generation, nonce, retention);
    let branch_json = BranchJson {
        format: FORMAT,
        branch_id: branch,
        parent: catalog.parent_of(branch),
        fork_generation: catalog.binding.as_ref().map(|binding| binding.generation as u64),
        fork_lsn: Some(body.lsn),
        created_by: created_by(),
    };
    match asked(branch::claim_branch(endpoint, db, branch_json, body.clone()))? {
        ClaimOutcome::Won | ClaimOutcome::AlreadyOurs => {}
        ClaimOutcome::Lost(_) => {
            return Err(Error::new(
                &errors::STORE_BREAKS_PROMISE,
                "the first claim of a new branch belongs to another server",
            ));
        }
    }

    steps::reached(steps::ReauthorizeClaimed);
    let bound = Bound {
        url: &url,
        credential: &credential,
        branch,
        body: &body,
        retention,
        request,
    };
    bind(identity, &bound, (&catalog, &listing, &plan), &mut report)?;
    report.notices.push(format!(
        "this database is connected on branch {branch}; queries see local and remote rows, the RPO starts anew"
    ));
    Ok(report.answer())
}

/// Carries out the request `reconcile`.
pub fn reconcile(identity: &mut Identity, args: &Value) -> Result<Value> {
    let Some(claim) = identity.claim() else {
        super::identity::require_connected()?;
        return Err(Error::new(&errors::DISCONNECTED, "this database is not connected"));
    };
    let request = request_id(args)?;
    let dry_run = args["dry_run"].as_bool().unwrap_or(false);
    let (catalog, endpoint, only) = txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        let only = match args["relation"].as_u64() {
            None => None,
            Some(oid) => Some(stretched(pg_sys::Oid::from(oid as u32), snapshot)?),
        };
        Ok((Recorded::read(snapshot)?, open::bound(snapshot)?, only))
    })?;
    let mut catalog = catalog;
    catalog.keep_only(only);
    let listing = asked(branch::list(endpoint.clone(), claim.db, catalog.branches()))?;
    let mut report = Report::default();
    let content_etag = catalog.database.endpoint.starts_with("s3:");
    let (listing, plan) = match dry_run {
        true => {
            let plan = listing.compare(&catalog.segments, content_etag);
            (listing, plan)
        }
        // Objects of a parent's branch that serve under another name, or were missing before, need a pin like the
        // others.
        false => {
            let secured = secure(&endpoint, &Own::of(&claim), &catalog, listing, content_etag)?;
            (secured.listing, secured.plan)
        }
    };
    txn::run(|| {
        if !dry_run {
            findings::apply(&plan, &listing, &catalog, Scope::Reconcile, &mut report.notices)?;
        }
        report.rows = local::report(&plan, &catalog, only, !dry_run, &mut report.notices)?;
        local::publish_rows(request, &report.rows)
    })?;
    if !dry_run {
        steps::reached(steps::RefillCommitted);
    }
    Ok(report.answer())
}

/// Carries out the request `adopt`: what the endpoint can serve of the segments that a table left behind. They become
/// this branch's to read: a parent's collector is kept from objects there, and what is marked already is copied.
pub fn adopt(identity: &Identity, args: &Value) -> Result<Value> {
    let Some(claim) = identity.claim() else {
        super::identity::require_connected()?;
        return Err(Error::new(&errors::DISCONNECTED, "this database is not connected"));
    };
    let table = text_argument(args, "table")?
        .parse()
        .map(TableId::from_uuid)
        .map_err(|_| Error::internal("the request names no table"))?;
    let (catalog, endpoint) = txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        Ok((Recorded::abandoned(snapshot, &table)?, open::bound(snapshot)?))
    })?;
    let listing = asked(branch::list(endpoint.clone(), claim.db, catalog.branches()))?;
    let content_etag = catalog.database.endpoint.starts_with("s3:");
    let Secured { listing, plan, .. } = secure(&endpoint, &Own::of(&claim), &catalog, listing, content_etag)?;
    txn::run(|| findings::apply(&plan, &listing, &catalog, Scope::Reconcile, &mut Vec::new()))?;
    let lost: Vec<String> = plan.findings.iter().filter_map(lost).collect();
    Ok(json!({ "segments": plan.findings.len(), "lost": lost.len(), "first": lost.first() }))
}

/// A sentence about a segment that nothing can serve.
fn lost((segment, _, finding): &(SegmentId, TableId, Finding)) -> Option<String> {
    match finding {
        Finding::Lost { reason } => Some(format!("Segment {segment}: {}.", reason.text())),
        _ => None,
    }
}

fn stretched(relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<TableId> {
    let table = tables::by_relation(relation, snapshot)?;
    table
        .map(|table| table.table_id)
        .ok_or_else(|| crate::catalog::stretched::not_stretched(relation))
}

fn request_id(args: &Value) -> Result<Uuid> {
    text_argument(args, "request")?
        .parse()
        .map_err(|_| Error::internal("the request has no id"))
}
