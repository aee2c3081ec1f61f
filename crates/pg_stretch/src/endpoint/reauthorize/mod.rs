//! The worker's part of `stretch.reauthorize` and `stretch.reconcile`: prove what the endpoint can serve of this
//! catalog, and give a restored or copied database a branch of its own (design §10).
//!
//! Order of `reauthorize`: probe and list · pin what is needed in every branch the catalog refers to · list again, with
//! the marks of the collectors (F17), until nothing needs a pin · copy what is in doubt · `branch.json`, first claim ·
//! one local transaction.
//! Branch id and nonce are chosen once and kept as intent in the marker, so that a call that was interrupted at any
//! point is taken up by the next one and leaks nothing (F21).

mod local;
mod pinned;
mod recorded;
mod remote;

use super::identity::enable::text_argument;
use super::identity::{Claim, Identity, claim_body, created_by};
use super::open;
use crate::catalog::tables;
use crate::pg::error::{Error, Result};
use crate::pg::{io, steps, txn};
use local::Row;
use pgrx::pg_sys;
use pinned::Pinned;
use recorded::Recorded;
pub use recorded::branch_of;
use serde_json::{Value, json};
use stretch_core::errors;
use stretch_core::ids::{SegmentId, TableId};
use stretch_core::reconcile::Finding;
use stretch_endpoint::bodies::{BranchJson, FORMAT};
use stretch_endpoint::claim::ClaimOutcome;
use uuid::Uuid;

/// The generation of a branch's first claim.
const FIRST_GENERATION: u64 = 1;

/// Answer of both requests: one row per table, and what to tell the caller.
#[derive(Default)]
struct Report {
    rows: Vec<Row>,
    notices: Vec<String>,
}

impl Report {
    fn answer(&self) -> Value {
        // A request's answer has a limited size: rows travel through stretch.reconcile_report.
        let notices: Vec<&String> = self.notices.iter().take(50).collect();
        json!({ "notices": notices })
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

    let first = io::run(remote::open(
        endpoint.clone(),
        db,
        catalog.branches(),
        crate::pg::random::random_uuid()?.to_string(),
    ))?
    .map_err(remote::error)?;
    report.notices.push(format!(
        "the endpoint keeps its promises and holds this database: {} segments of the catalog, {} objects",
        catalog.segments.len(),
        first.objects.len()
    ));

    let (nonce, branch) = identity.choose_branch(&format!("reauthorize {db} at {url}"))?;
    steps::reached(steps::ReauthorizeChosen);
    let content_etag = url.starts_with("s3:");
    // What was there before the pin may be gone or marked now, and something else may serve instead, which needs a pin
    // of its own. Once a listing shows nothing that is not pinned, no collector takes anything any more.
    let (mut second, mut pinned) = (first, Pinned::default());
    let plan = loop {
        let plan = second.compare(&catalog, content_etag);
        let unpinned = pinned.missing(second.keys_by_branch(&plan));
        if unpinned.is_empty() && pinned.is_listed_since {
            break plan;
        }
        pinned.add(&unpinned);
        let pin = remote::pin(endpoint.clone(), db, branch, unpinned);
        io::run(pin)?.map_err(|error| open::map_error(&error))?;
        steps::reached(steps::ReauthorizePinned);
        let list = remote::list(endpoint.clone(), db, catalog.branches());
        let retention_seconds = second.retention_seconds;
        second = io::run(list)?.map_err(|error| open::map_error(&error))?;
        second.retention_seconds = second.retention_seconds.max(retention_seconds);
    };
    report
        .notices
        .push(format!("{} objects are pinned for branch {branch}", pinned.len()));
    let doubtful = second.in_doubt(&plan, &catalog, branch, FIRST_GENERATION);
    let plan = if doubtful.is_empty() {
        plan
    } else {
        report.notices.push(format!(
            "{} objects are marked for collection and are copied",
            doubtful.len()
        ));
        let copies =
            io::run(remote::copy(endpoint.clone(), db, branch, doubtful))?.map_err(|error| open::map_error(&error))?;
        second.with_copies(plan, copies)
    };

    let retention = catalog.database.retention_seconds.max(second.retention_seconds);
    if retention > catalog.database.retention_seconds {
        report
            .notices
            .push("the retention of the last claim is longer than the catalog's and is kept".into());
    }
    let body = claim_body(1, nonce, retention);
    let branch_json = BranchJson {
        format: FORMAT,
        branch_id: branch,
        parent: catalog.parent_of(branch),
        fork_generation: catalog.binding.as_ref().map(|binding| binding.generation as u64),
        fork_lsn: Some(body.lsn),
        created_by: created_by(),
    };
    match io::run(remote::claim_branch(endpoint, db, branch_json, body.clone()))?
        .map_err(|error| open::map_error(&error))?
    {
        ClaimOutcome::Won | ClaimOutcome::AlreadyOurs => {}
        ClaimOutcome::Lost(_) => {
            return Err(Error::new(
                &errors::STORE_BREAKS_PROMISE,
                "the first claim of a new branch belongs to another server",
            ));
        }
    }

    steps::reached(steps::ReauthorizeClaimed);
    txn::run(|| {
        local::bind_branch(&url, &credential, branch, &body, retention)?;
        local::apply(&plan, &second, &catalog, local::Scope::Reauthorize, &mut report.notices)?;
        report.rows = local::report(&plan, &catalog, None, true, &mut report.notices)?;
        steps::reached(steps::ReauthorizeRecorded);
        local::publish_rows(request, &report.rows)
    })?;
    steps::reached(steps::ReauthorizeCommitted);
    identity.bound_by_hand(Claim {
        db,
        branch,
        generation: FIRST_GENERATION,
        nonce,
    })?;
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
    let listing = io::run(remote::list(endpoint.clone(), claim.db, catalog.branches()))?
        .map_err(|error| open::map_error(&error))?;
    let mut report = Report::default();
    let mut plan = listing.compare(&catalog, catalog.database.endpoint.starts_with("s3:"));
    let doubtful = listing.in_doubt(&plan, &catalog, claim.branch, claim.generation);
    if !dry_run {
        // Objects of a parent's branch that serve under another name, or were missing before, need a pin like the
        // others.
        let needed = listing.keys_by_branch(&plan);
        io::run(remote::pin(endpoint.clone(), claim.db, claim.branch, needed))?
            .map_err(|error| open::map_error(&error))?;
        if !doubtful.is_empty() {
            let copies = io::run(remote::copy(endpoint, claim.db, claim.branch, doubtful))?
                .map_err(|error| open::map_error(&error))?;
            plan = listing.with_copies(plan, copies);
        }
    }
    txn::run(|| {
        if !dry_run {
            local::apply(&plan, &listing, &catalog, local::Scope::Reconcile, &mut report.notices)?;
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
    let list = || {
        io::run(remote::list(endpoint.clone(), claim.db, catalog.branches()))?.map_err(|error| open::map_error(&error))
    };
    let content_etag = catalog.database.endpoint.starts_with("s3:");
    let first = list()?;
    let mut elsewhere = first.keys_by_branch(&first.compare(&catalog, content_etag));
    elsewhere.remove(&claim.branch);
    io::run(remote::pin(endpoint.clone(), claim.db, claim.branch, elsewhere))?
        .map_err(|error| open::map_error(&error))?;
    // After the pin no collector takes anything any more.
    let listing = list()?;
    let mut plan = listing.compare(&catalog, content_etag);
    let doubtful = listing.in_doubt(&plan, &catalog, claim.branch, claim.generation);
    if !doubtful.is_empty() {
        let copies = io::run(remote::copy(endpoint.clone(), claim.db, claim.branch, doubtful))?
            .map_err(|error| open::map_error(&error))?;
        plan = listing.with_copies(plan, copies);
    }
    txn::run(|| local::apply(&plan, &listing, &catalog, local::Scope::Reconcile, &mut Vec::new()))?;
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
