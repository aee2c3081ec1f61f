//! From undecided to connected: watching the branch for one lease time, then claiming its next generation.

use super::history::{self, History};
use super::marker::Intent;
use super::state::{Claim, Claiming, Identity, Look, Phase, Watch, open_bound};
use super::{facts, publish};
use crate::catalog::rows::{Binding, Database};
use crate::endpoint::open;
use crate::pg::error::{Error, Result, log};
use crate::pg::{gucs, io, spi, txn};
use pgrx::pg_sys;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stretch_core::errors;
use stretch_core::ids::BranchId;
use stretch_core::verdict::{EndpointFacts, Facts, LocalFacts, Movement, Reason, Verdict};
use stretch_endpoint::Endpoint;
use stretch_endpoint::bodies::{ClaimBody, FORMAT, LeaseBody};
use stretch_endpoint::claim::ClaimOutcome;
use uuid::Uuid;

/// How long a promoted standby waits for its old primary to fall silent (F19b).
const PROMOTION_WAIT: Duration = Duration::from_secs(300);

impl Watch {
    pub fn new(database: Database, binding: Binding, local: LocalFacts, history: History) -> Self {
        Self {
            database,
            binding,
            local,
            history,
            ticket: None,
            last_read: None,
            newest: None,
            first_move: None,
            reads: 0,
        }
    }

    /// Takes note of a read; says whether somebody writes heartbeats, by our own monotonic clock.
    fn movement(&mut self, newest: Option<(u64, u64)>, now: Instant) -> Movement {
        self.reads += 1;
        let since = match &self.newest {
            Some((before, since)) if *before == newest => *since,
            Some(_) => {
                self.first_move.get_or_insert(now);
                now
            }
            None => now,
        };
        self.newest = Some((newest, since));
        if now.duration_since(since) >= gucs::lease_ttl() && self.reads > 2 {
            Movement::Still
        } else if self.first_move.is_some() {
            Movement::Moves
        } else {
            Movement::StillWatching
        }
    }
}

async fn look(endpoint: Arc<Endpoint>, db: Uuid, branch: Uuid) -> Look {
    let highest = stretch_endpoint::claim::highest_claim(&endpoint, &db, &branch).await?;
    let newest = stretch_endpoint::lease::newest_lease(&endpoint, &db, &branch, None).await?;
    Ok((highest.map(|(_, body)| body), newest))
}

impl Identity {
    /// Reads the branch from time to time and judges after each read.
    pub(super) fn watch(&mut self) -> Result<()> {
        let Phase::Watching(watch) = &mut self.phase else {
            return Ok(());
        };
        let pause = gucs::lease_ttl() / 8;
        let Some(ticket) = &watch.ticket else {
            if watch.last_read.is_some_and(|at| at.elapsed() < pause) {
                return Ok(());
            }
            watch.last_read = Some(Instant::now());
            return match open_bound() {
                Ok(endpoint) => {
                    let (db, branch) = (watch.database.db_id.uuid(), watch.binding.branch_id.uuid());
                    watch.ticket = Some(io::spawn(look(endpoint, db, branch))?);
                    Ok(())
                }
                Err(error) => self.unreachable(&error),
            };
        };
        let Some(result) = ticket.try_take() else {
            return Ok(());
        };
        watch.ticket = None;
        match result? {
            Err(error) => {
                let error = open::map_error(&error);
                self.unreachable(&error)
            }
            Ok((highest, newest)) => {
                let now = Instant::now();
                let key = newest.as_ref().map(|beat| (beat.generation, beat.sequence));
                let movement = watch.movement(key, now);
                let facts = Facts {
                    local: watch.local,
                    endpoint: EndpointFacts::Seen(facts::seen(
                        highest.as_ref(),
                        newest.as_ref(),
                        movement,
                        &watch.history,
                    )),
                    promotion_wait_over: watch
                        .first_move
                        .is_some_and(|at| now.duration_since(at) >= PROMOTION_WAIT),
                };
                // What the owner said last counts, also where he lowered it.
                let highest = highest.map(|claim| ClaimBody {
                    retention_seconds: LeaseBody::promised(&claim, newest.as_ref()),
                    ..claim
                });
                self.judge(&facts, highest.as_ref())
            }
        }
    }

    fn unreachable(&mut self, error: &Error) -> Result<()> {
        publish::claim_error(&error.message);
        let Phase::Watching(watch) = &mut self.phase else {
            return Ok(());
        };
        let facts = Facts {
            local: watch.local,
            endpoint: EndpointFacts::Unreachable,
            promotion_wait_over: false,
        };
        self.judge(&facts, None)
    }

    /// Writes the intent, then tries the claim (F20).
    pub(super) fn start_claim(&mut self, verdict: Verdict, highest: Option<&ClaimBody>) -> Result<()> {
        let Phase::Watching(watch) = &self.phase else {
            return Ok(());
        };
        let (mut database, binding) = (watch.database.clone(), watch.binding.clone());
        let Some(highest) = highest else {
            return Ok(());
        };
        // The larger retention holds (C-9): a restore must not shorten it for moments that were promised.
        if highest.retention_seconds as i64 > database.retention_seconds {
            log("pg_stretch: the retention of the last claim is longer than the catalog's and is kept");
            database.retention_seconds = highest.retention_seconds as i64;
        }
        if self.lock_marker(true)? {
            return Err(Error::new(&errors::NOT_NOW, Reason::MarkerLocked.text()));
        }
        let Some(marker) = &mut self.marker else {
            return Err(Error::internal("the marker is not locked"));
        };
        // A claim of ours whose binding never committed is taken up again.
        let intended = marker
            .content
            .as_ref()
            .and_then(|content| content.intent.as_ref())
            .filter(|intent| intent.is_next_generation())
            .and_then(|intent| intent.nonce());
        let (generation, nonce) = match intended {
            Some(nonce) if nonce == highest.nonce => (highest.generation, nonce),
            Some(nonce) => (highest.generation + 1, nonce),
            None => (highest.generation + 1, crate::pg::random::random_uuid()?),
        };
        marker.note(|content| content.intent = Some(Intent::next_generation(nonce)))?;
        let body = claim_body(generation, nonce, database.retention_seconds);
        let endpoint = open_bound()?;
        let ticket = {
            let (endpoint, body) = (endpoint.clone(), body.clone());
            let (db, branch) = (database.db_id.uuid(), binding.branch_id.uuid());
            io::spawn(async move { stretch_endpoint::claim::claim(&endpoint, &db, &branch, &body).await })?
        };
        self.phase = Phase::Claiming(Box::new(Claiming {
            database,
            binding,
            body,
            verdict,
            ticket,
        }));
        Ok(())
    }

    /// Binds the claim when it was won; judges anew otherwise.
    pub(super) fn finish_claim(&mut self) -> Result<()> {
        let Phase::Claiming(claiming) = &mut self.phase else {
            return Ok(());
        };
        let Some(result) = claiming.ticket.try_take() else {
            return Ok(());
        };
        let won = match result.and_then(|claimed| claimed.map_err(|error| open::map_error(&error))) {
            Ok(ClaimOutcome::Won | ClaimOutcome::AlreadyOurs) => true,
            Ok(ClaimOutcome::Lost(_)) => false,
            Err(error) => {
                publish::claim_error(&error.message);
                false
            }
        };
        let (database, body, reason) = (
            claiming.database.clone(),
            claiming.body.clone(),
            claiming.verdict.reason,
        );
        let branch = claiming.binding.branch_id;
        // Whatever goes wrong from here on is judged again from the start; the intent makes the claim ours then.
        self.phase = Phase::Start;
        if !won {
            return Ok(());
        }
        txn::run(|| {
            spi::execute(
                "UPDATE stretch.database SET retention = pg_catalog.make_interval(secs => $1)
                 WHERE pg_catalog.date_part('epoch', retention) OPERATOR(pg_catalog.<) $1",
                &[(database.retention_seconds as f64).into()],
            )?;
            bind(branch, &body, None, reason)
        })?;
        let claim = Claim {
            db: database.db_id.uuid(),
            branch: branch.uuid(),
            generation: body.generation,
            nonce: body.nonce,
        };
        if let Some(marker) = &mut self.marker {
            marker.update(|content| content.bind(claim.nonce))?;
        }
        self.connected(claim, reason);
        self.beat()
    }
}

/// A claim of this server, as of now.
pub fn claim_body(generation: u64, nonce: Uuid, retention_seconds: i64) -> ClaimBody {
    let (timeline, lsn) = history::flushed();
    ClaimBody {
        format: FORMAT,
        generation,
        nonce,
        system_identifier: history::system_identifier(),
        // SAFETY: plain global.
        database_oid: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        timeline,
        lsn,
        retention_seconds: retention_seconds.max(0) as u64,
        created_by: created_by(),
    }
}

/// Database and time, for people who look at the store.
pub fn created_by() -> String {
    // SAFETY: name look-up of our own database; the clock's text lives in a static buffer that is copied at once.
    unsafe {
        let time = crate::pg::names::text(pg_sys::timestamptz_to_str(pg_sys::GetCurrentTimestamp()));
        format!("database {} at {time}", pg_sys::MyDatabaseId.to_u32())
    }
}

/// Writes the claim into `stretch.binding`; `credential` is kept when `None`. The last twenty reasons are kept as the
/// history of verdicts. Part of the caller's transaction.
pub fn bind(branch: BranchId, body: &ClaimBody, credential: Option<&str>, reason: Reason) -> Result<()> {
    let changed = spi::execute(
        "INSERT INTO stretch.binding AS b (branch_id, generation, nonce, credential, system_identifier, database_oid,
            timeline, lsn, verdicts)
         VALUES ($1, $2, $3, coalesce($4, (SELECT o.credential FROM stretch.binding o)), $5::pg_catalog.numeric,
                 $6, $7, $8::pg_catalog.pg_lsn,
                 jsonb_build_array(jsonb_build_object('at', now(), 'generation', $2, 'reason', $9)))
         ON CONFLICT (one) DO UPDATE SET branch_id = excluded.branch_id, generation = excluded.generation,
             nonce = excluded.nonce, credential = excluded.credential, system_identifier = excluded.system_identifier,
             database_oid = excluded.database_oid, timeline = excluded.timeline, lsn = excluded.lsn,
             verdicts = (SELECT jsonb_agg(v ORDER BY n) FROM (
                 SELECT v, n FROM jsonb_array_elements(b.verdicts || excluded.verdicts) WITH ORDINALITY AS e(v, n)
                 ORDER BY n DESC LIMIT 20) AS last)
         RETURNING 1",
        &[
            pgrx::Uuid::from_bytes(*branch.as_bytes()).into(),
            (body.generation as i64).into(),
            pgrx::Uuid::from_bytes(*body.nonce.as_bytes()).into(),
            credential.into(),
            body.system_identifier.to_string().into(),
            pg_sys::Oid::from(body.database_oid).into(),
            (body.timeline as i32).into(),
            lsn_text(body.lsn).into(),
            reason.text().into(),
        ],
    )?;
    if changed == 1 {
        Ok(())
    } else {
        Err(Error::internal("the binding was not written"))
    }
}

/// A position as PostgreSQL writes it.
pub fn lsn_text(lsn: u64) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff)
}
