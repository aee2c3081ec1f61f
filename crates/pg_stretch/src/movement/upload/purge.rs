//! Purge of staging: drops staged bytes whose object was verified by this claim at least RPO ago and is still listed
//! (F15).

use super::claim::{Claim, claim};
use crate::catalog;
use crate::cold::cache;
use crate::pg::error::{Error, Result};
use crate::pg::io::Ticket;
use crate::pg::spi::{self, uuid_arg};
use crate::pg::text::Text;
use crate::pg::{steps, txn};
use pgrx::pg_sys;
use std::sync::Arc;
use std::time::Duration;
use stretch_core::errors;
use stretch_core::ids::SegmentId;
use stretch_core::staging::{StagedSegment, may_purge};
use stretch_endpoint::{Endpoint, EndpointError};

struct Candidate {
    segment_id: [u8; 16],
    key: String,
    size: u64,
    uploaded_age: Duration,
    verified_age: Option<Duration>,
}

/// A listing made for a purge, on the I/O thread.
pub struct Listing {
    claim: Claim,
    rpo: Duration,
    waive_rpo: bool,
    ticket: Ticket<Listed>,
}

type Listed = std::result::Result<Vec<(Candidate, bool)>, EndpointError>;

/// Starts the listing of what might be purged; `None` when there is nothing.
pub fn start(table: Option<[u8; 16]>, waive_rpo: bool) -> Result<Option<Listing>> {
    let Some(claim) = claim() else {
        return Err(not_connected());
    };
    let (candidates, rpo, endpoint) = candidates(table, claim.generation, waive_rpo)?;
    let Some(endpoint) = endpoint else { return Ok(None) };
    let ticket = crate::pg::io::spawn(list(endpoint, candidates))?;
    Ok(Some(Listing {
        claim,
        rpo,
        waive_rpo,
        ticket,
    }))
}

impl Listing {
    /// Drops what may go once the listing is there: `None` while it is not. Bytes dropped otherwise.
    pub fn finish(&self) -> Result<Option<u64>> {
        match self.ticket.try_take() {
            None => Ok(None),
            Some(listed) => self.drop_staging(listed?).map(Some),
        }
    }

    fn drop_staging(&self, listed: Listed) -> Result<u64> {
        let mut dropped = 0;
        steps::reached(steps::PurgeListed);
        for (candidate, listed) in listed.map_err(|error| crate::endpoint::open::map_error(&error))? {
            let facts = StagedSegment {
                connected: claim() == Some(self.claim),
                uploaded_at_age: Some(candidate.uploaded_age),
                verified_by_this_claim_age: candidate.verified_age,
                rpo: self.rpo,
                listed,
                waive_rpo: self.waive_rpo,
            };
            if may_purge(&facts).is_ok() {
                dropped += drop_staging(&candidate, self.claim.generation)?;
            }
        }
        Ok(dropped)
    }
}

/// Purges at once, waiting for the listing; for `purge_staged`. Returns the bytes dropped.
pub fn purge_now(table: Option<[u8; 16]>) -> Result<u64> {
    let Some(listing) = start(table, true)? else {
        return Ok(0);
    };
    loop {
        if let Some(dropped) = listing.finish()? {
            return Ok(dropped);
        }
        crate::pg::io::wait_for_progress(1000);
    }
}

/// Segments that compaction or the way back emptied, as `$1` says of which table, or of all.
const EMPTIED: &str = "SELECT s.segment_id FROM stretch.segment s
      JOIN stretch.tombstone d ON d.segment_id = s.segment_id AND d.row_no = -1 AND d.dead_rows = s.row_count
     WHERE s.retired AND NOT s.abandoned AND ($1 IS NULL OR s.table_id = $1)";

/// Drops what is still here of segments whose rows are elsewhere or dead: staged bytes, statistics and hashes of keys,
/// files of the segment cache. Older snapshots see the rows of the catalog as long as they need them. Returns the bytes
/// dropped from staging.
pub fn purge_emptied(table: Option<[u8; 16]>) -> Result<u64> {
    let (bytes, segments) = txn::run(|| {
        let of = || [table.map(pgrx::Uuid::from_bytes).into()];
        let bytes = spi::get::<i64>(
            &format!(
                "WITH dropped AS (DELETE FROM stretch.staged_chunk c USING ({EMPTIED}) e
                    WHERE c.segment_id = e.segment_id RETURNING octet_length(c.bytes) AS length)
                 SELECT coalesce(sum(length), 0)::int8 FROM dropped"
            ),
            &of(),
        )?;
        spi::execute(
            &format!(
                "UPDATE stretch.segment s SET staged = false FROM ({EMPTIED}) e
                  WHERE s.segment_id = e.segment_id AND s.staged"
            ),
            &of(),
        )?;
        spi::execute(
            &format!("DELETE FROM stretch.segment_detail d USING ({EMPTIED}) e WHERE d.segment_id = e.segment_id"),
            &of(),
        )?;
        let segments = spi::rows(EMPTIED, &of(), |row| row.get::<pgrx::Uuid>(1))?;
        Ok((bytes.unwrap_or(0) as u64, segments))
    })?;
    let segments = segments.into_iter().flatten();
    cache::forget_segments(segments.map(|id| SegmentId::from_bytes(*id.as_bytes())).collect());
    Ok(bytes)
}

fn not_connected() -> Error {
    Error::new(
        &errors::DISCONNECTED,
        "staging is purged only while the database is connected",
    )
}

type Found = (Vec<Candidate>, Duration, Option<Arc<Endpoint>>);

fn candidates(table: Option<[u8; 16]>, generation: u64, waive_rpo: bool) -> Result<Found> {
    txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        let Some(database) = catalog::tables::database(snapshot)? else {
            return Ok((Vec::new(), Duration::ZERO, None));
        };
        let age = |seconds: Option<f64>| seconds.map(|s| Duration::from_secs_f64(s.max(0.0)));
        let candidates = spi::rows(
            "SELECT segment_id, object_key, byte_size,
                    extract(epoch FROM pg_catalog.clock_timestamp() - uploaded_at)::float8,
                    CASE WHEN verified_generation = $1 THEN extract(epoch
                        FROM pg_catalog.clock_timestamp() - verified_at)::float8 END
               FROM stretch.segment
              WHERE staged AND NOT retired AND object_key IS NOT NULL AND ($2 IS NULL OR table_id = $2)
                AND ($3 OR verified_at <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $4))",
            &[
                (generation as i64).into(),
                table.map(pgrx::Uuid::from_bytes).into(),
                waive_rpo.into(),
                (database.rpo_seconds as f64).into(),
            ],
            |row| {
                Ok((
                    row.get::<pgrx::Uuid>(1)?,
                    row.get::<Text>(2)?.map(String::from),
                    row.get::<i64>(3)?,
                    row.get::<f64>(4)?,
                    row.get::<f64>(5)?,
                ))
            },
        )?;
        let candidates: Vec<Candidate> = candidates
            .into_iter()
            .filter_map(|(id, key, size, uploaded, verified)| {
                Some(Candidate {
                    segment_id: *id?.as_bytes(),
                    key: key?,
                    size: size? as u64,
                    uploaded_age: age(uploaded)?,
                    verified_age: age(verified),
                })
            })
            .collect();
        let endpoint = if candidates.is_empty() {
            None
        } else {
            Some(crate::endpoint::open::bound(snapshot)?)
        };
        Ok((
            candidates,
            Duration::from_secs(database.rpo_seconds.max(0) as u64),
            endpoint,
        ))
    })
}

/// Whether the store still shows each object with its size.
async fn list(endpoint: Arc<Endpoint>, candidates: Vec<Candidate>) -> Listed {
    let mut listed = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let there = match endpoint.head(&candidate.key).await {
            Ok(info) => info.size == candidate.size,
            Err(EndpointError::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        listed.push((candidate, there));
    }
    Ok(listed)
}

fn drop_staging(candidate: &Candidate, generation: u64) -> Result<u64> {
    txn::run(|| {
        let still = spi::execute(
            "UPDATE stretch.segment SET staged = false WHERE segment_id = $1 AND staged AND object_key = $2 AND
                verified_generation = $3 RETURNING 1",
            &[
                uuid_arg(&candidate.segment_id),
                candidate.key.as_str().into(),
                (generation as i64).into(),
            ],
        )?;
        if still == 0 {
            return Ok(0);
        }
        spi::execute(
            "DELETE FROM stretch.staged_chunk WHERE segment_id = $1",
            &[uuid_arg(&candidate.segment_id)],
        )?;
        steps::reached(steps::PurgeRecorded);
        Ok(candidate.size)
    })
    .inspect(|_| steps::reached(steps::PurgeCommitted))
}
