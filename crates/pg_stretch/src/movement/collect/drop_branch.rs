//! `stretch.drop_branch`: a branch on which nobody lives any more is adopted, for collection only (F46).

use super::adopted;
use super::round::Line;
use super::stamps;
use crate::endpoint::identity::{Claim, claim_body, open_bound};
use crate::endpoint::{backup_pins, open};
use crate::pg::error::{Error, Result};
use crate::pg::random::random_uuid;
use crate::pg::spi::{self, uuid_arg};
use crate::pg::{gucs, io, txn};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stretch_core::collect::facts::SegmentOf;
use stretch_core::collect::times::StoreTime;
use stretch_core::errors;
use stretch_endpoint::bodies::{ClaimBody, LeaseBody, read_branch};
use stretch_endpoint::claim::{ClaimOutcome, claim, highest_claim};
use stretch_endpoint::collect::{Adopted, Pins, pins, store_time, survey};
use stretch_endpoint::keys::Key;
use stretch_endpoint::lease::newest_lease;
use stretch_endpoint::{Endpoint, EndpointError};
use uuid::Uuid;

/// What is to be done about a branch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Say what would go.
    Look,
    /// Adopt it if nobody writes heartbeats there.
    DropIfSilent,
    /// Adopt it, whoever lives there.
    Drop,
}

/// What a branch says of itself.
struct Seen {
    claim: Option<ClaimBody>,
    lease: Option<LeaseBody>,
}

/// Carries it out, and gives the objects that nobody has pinned. `wait` lets other things go on; it says whether
/// somebody still waits for the result.
pub fn drop_branch(own: Claim, branch: Uuid, what: What, mut wait: impl FnMut() -> bool) -> Result<Vec<Line>> {
    if branch == own.branch {
        return Err(Error::argument("this is the branch of the database itself"));
    }
    let endpoint = open_bound()?;
    let ask = |endpoint: &Arc<Endpoint>| {
        let seen = io::run(look(endpoint.clone(), own.db, branch))?;
        seen.map_err(|error| unknown(branch, &error))
    };
    let seen = ask(&endpoint)?;
    let lines = io::run(unpinned(endpoint.clone(), own.db, branch))?;
    let lines = lines.map_err(|error| open::map_error(&error))?;
    if what == What::Look {
        return Ok(lines);
    }
    if what == What::DropIfSilent && !is_adopted(branch)? {
        let began = Instant::now();
        while began.elapsed() < gucs::lease_ttl() {
            if !wait() {
                return Ok(Vec::new());
            }
        }
        if position(&ask(&endpoint)?) != position(&seen) {
            return Err(Error::new(
                &errors::NOT_NOW,
                format!("a database lives on branch {branch}: it writes heartbeats"),
            )
            .hint("Drop that database first, or disconnect it for good with force => true."));
        }
    }
    adopt(&endpoint, own, branch, &ask(&endpoint)?)?;
    // Backups that are pinned there are this database's to give up from now on.
    let pins = io::run(pins_of(endpoint, own.db, branch))?.map_err(|error| open::map_error(&error))?;
    txn::run(|| backup_pins::copy(branch, &pins))?;
    Ok(lines)
}

/// Claims the branch and writes down since when. The nonce is durable before the claim is tried, so that a call that
/// was interrupted is taken up by the next one.
fn adopt(endpoint: &Arc<Endpoint>, own: Claim, branch: Uuid, seen: &Seen) -> Result<()> {
    let random = random_uuid()?;
    let nonce = txn::run(|| {
        spi::execute(
            "INSERT INTO stretch.adopted_branch (branch_id, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[uuid_arg(branch.as_bytes()), uuid_arg(random.as_bytes())],
        )?;
        spi::get::<pgrx::Uuid>(
            "SELECT nonce FROM stretch.adopted_branch WHERE branch_id = $1",
            &[uuid_arg(branch.as_bytes())],
        )
    })?;
    let nonce = nonce.map_or(random, |nonce| Uuid::from_bytes(*nonce.as_bytes()));
    let promised = |claim: &ClaimBody| LeaseBody::promised(claim, seen.lease.as_ref());
    let retention = seen.claim.as_ref().map_or(0, promised);
    let is_ours = seen.claim.as_ref().is_some_and(|claim| claim.nonce == nonce);
    let generation = seen.claim.as_ref().map_or(0, |claim| claim.generation) + u64::from(!is_ours);
    let body = claim_body(generation, nonce, retention as i64);
    let claimed = io::run(make_claim(endpoint.clone(), own.db, branch, body, random_uuid()?))?;
    let Some(at) = claimed.map_err(|error| open::map_error(&error))? else {
        return Err(Error::new(
            &errors::NOT_NOW,
            format!("somebody else has claimed branch {branch} meanwhile"),
        )
        .without_hint());
    };
    txn::run(|| {
        let connected = stamps::connected()?;
        spi::execute(
            "UPDATE stretch.adopted_branch SET generation = $2, store_time = pg_catalog.to_timestamp($3),
                    connected = pg_catalog.make_interval(secs => $4),
                    retention = pg_catalog.make_interval(secs => $5)
              WHERE branch_id = $1 AND generation IS NULL",
            &[
                uuid_arg(branch.as_bytes()),
                (generation as i64).into(),
                at.0.as_secs_f64().into(),
                connected.as_secs_f64().into(),
                Duration::from_secs(retention).as_secs_f64().into(),
            ],
        )
    })
    .map(drop)
}

fn is_adopted(branch: Uuid) -> Result<bool> {
    // The database plays no part in the question.
    let branches = txn::run(|| adopted::read(branch))?;
    Ok(branches.iter().any(|one| one.claim.branch == branch))
}

/// Where the branch stands: what moves while somebody lives there.
fn position(seen: &Seen) -> (Option<u64>, Option<(u64, u64)>) {
    let claim = seen.claim.as_ref().map(|claim| claim.generation);
    (
        claim,
        seen.lease.as_ref().map(|lease| (lease.generation, lease.sequence)),
    )
}

fn unknown(branch: Uuid, error: &EndpointError) -> Error {
    match error {
        EndpointError::NotFound { key } if key.ends_with("branch.json") => {
            Error::new(&errors::NOT_FOUND, format!("the endpoint has no branch {branch}")).without_hint()
        }
        other => open::map_error(other),
    }
}

async fn look(endpoint: Arc<Endpoint>, db: Uuid, branch: Uuid) -> std::result::Result<Seen, EndpointError> {
    read_branch(&endpoint, &db, &branch).await?;
    Ok(Seen {
        claim: highest_claim(&endpoint, &db, &branch).await?.map(|(_, body)| body),
        lease: newest_lease(&endpoint, &db, &branch, None).await?,
    })
}

async fn pins_of(endpoint: Arc<Endpoint>, db: Uuid, branch: Uuid) -> std::result::Result<Pins, EndpointError> {
    pins(&endpoint, &db, &branch, &Adopted::new()).await
}

/// Objects of segments that no pin lists.
async fn unpinned(endpoint: Arc<Endpoint>, db: Uuid, branch: Uuid) -> std::result::Result<Vec<Line>, EndpointError> {
    let found = survey(&endpoint, &db, &branch, u64::MAX, &Default::default()).await?;
    let pinned: BTreeSet<SegmentOf> = found.pins.pinned.iter().map(|pinned| pinned.of).collect();
    let free = found.objects.iter().filter(|object| !pinned.contains(&object.name.of));
    let line = |object: &stretch_core::collect::facts::Object| {
        let name = object.name.into();
        Line {
            key: Key::Segment { branch, name }.path(&db),
            bytes: object.size,
            reason: "of a dead branch".into(),
            deleted: false,
        }
    };
    Ok(free.map(line).collect())
}

/// Claims a generation; then what time it is in the store. `None` when somebody else has it.
async fn make_claim(
    endpoint: Arc<Endpoint>,
    db: Uuid,
    branch: Uuid,
    body: ClaimBody,
    scratch: Uuid,
) -> std::result::Result<Option<StoreTime>, EndpointError> {
    match claim(&endpoint, &db, &branch, &body).await? {
        ClaimOutcome::Won | ClaimOutcome::AlreadyOurs => store_time(&endpoint, &scratch.to_string()).await.map(Some),
        ClaimOutcome::Lost(_) => Ok(None),
    }
}
