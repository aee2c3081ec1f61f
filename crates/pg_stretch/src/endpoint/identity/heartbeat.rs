//! Keeping a claim: numbered heartbeats every quarter of the lease time, each followed by a look whether the claim is
//! still the highest (F41). The number is in the marker before it is on the endpoint (F6).

use super::state::{Beat, Beats, Claim, Identity, Phase, open_bound};
use super::{history, publish};
use crate::catalog::tables;
use crate::endpoint::open;
use crate::pg::error::{Error, Result, log};
use crate::pg::{gucs, io, txn};
use pgrx::pg_sys;
use std::sync::Arc;
use std::time::Instant;
use stretch_core::verdict::Reason;
use stretch_endpoint::bodies::{FORMAT, LeaseBody};
use stretch_endpoint::claim::{Validity, validate_claim};
use stretch_endpoint::lease::{Heartbeat, heartbeat};
use stretch_endpoint::{Endpoint, EndpointError};

/// The retention in force, in seconds.
fn retention() -> Result<u64> {
    let database = txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        tables::database(unsafe { pg_sys::GetActiveSnapshot() })
    })?;
    Ok(database.map_or(0, |database| database.retention_seconds.max(0) as u64))
}

impl Beats {
    /// The first heartbeat is due at once: a claim that never had one fences nobody (F20).
    pub fn new(due: Instant) -> Self {
        Self {
            ticket: None,
            pending: None,
            due,
            failing: false,
        }
    }
}

async fn send(endpoint: Arc<Endpoint>, claim: Claim, body: LeaseBody) -> Beat {
    let beat = heartbeat(&endpoint, &claim.db, &claim.branch, &body).await?;
    let valid = validate_claim(&endpoint, &claim.db, &claim.branch, claim.generation, &claim.nonce).await?;
    if valid == Validity::NotOurs {
        // An endpoint that lost everything, such as a mount point without its file system, was not taken over by
        // anybody.
        stretch_endpoint::bodies::open_database(&endpoint, &claim.db)
            .await
            .map_err(|error| match error {
                EndpointError::NotFound { .. } => EndpointError::Local {
                    kind: std::io::ErrorKind::NotFound,
                },
                other => other,
            })?;
    }
    Ok((beat, valid))
}

impl Identity {
    /// Sends a heartbeat when one is due, and looks at the answer of the last.
    pub(super) fn beat(&mut self) -> Result<()> {
        let (Phase::Connected(beats), Some(claim)) = (&mut self.phase, self.claim) else {
            return Ok(());
        };
        if let Some(ticket) = &beats.ticket {
            let Some(result) = ticket.try_take() else {
                return Ok(());
            };
            beats.ticket = None;
            beats.due = Instant::now() + gucs::lease_ttl() / 4;
            match result.and_then(|beat| beat.map_err(|error| open::map_error(&error))) {
                Ok((Heartbeat::Ok, Validity::Valid)) => {
                    beats.pending = None;
                    if std::mem::take(&mut beats.failing) {
                        log("pg_stretch: heartbeats reach the endpoint again");
                    }
                    publish::claim_error("");
                }
                Ok(_) => self.disconnect(Reason::Overtaken),
                Err(error) => self.beat_failed(&error),
            }
            return Ok(());
        }
        if Instant::now() < beats.due {
            return Ok(());
        }
        let body = match &beats.pending {
            Some(body) => body.clone(),
            None => {
                let Some(marker) = &mut self.marker else {
                    return Err(Error::internal("the marker is not locked"));
                };
                marker.update(|content| content.sequence += 1)?;
                let (timeline, flushed_lsn) = history::flushed();
                let body = LeaseBody {
                    format: FORMAT,
                    generation: claim.generation,
                    sequence: marker.content.as_ref().map_or(0, |content| content.sequence),
                    nonce: claim.nonce,
                    system_identifier: history::system_identifier(),
                    // SAFETY: plain global.
                    database_oid: unsafe { pg_sys::MyDatabaseId }.to_u32(),
                    timeline,
                    flushed_lsn,
                    retention_seconds: Some(retention()?),
                };
                beats.pending = Some(body.clone());
                body
            }
        };
        match open_bound() {
            Ok(endpoint) => {
                if let Phase::Connected(beats) = &mut self.phase {
                    beats.ticket = Some(io::spawn(send(endpoint, claim, body))?);
                }
            }
            Err(error) => {
                beats.due = Instant::now() + gucs::lease_ttl() / 4;
                self.beat_failed(&error);
            }
        }
        Ok(())
    }

    /// An endpoint that does not answer takes nothing away from the claim.
    fn beat_failed(&mut self, error: &Error) {
        publish::claim_error(&error.message);
        if let Phase::Connected(beats) = &mut self.phase
            && !std::mem::replace(&mut beats.failing, true)
        {
            log(&format!(
                "pg_stretch: the heartbeat failed: {} ({})",
                error.message, error.sqlstate
            ));
        }
    }
}
