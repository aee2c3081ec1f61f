//! What a worker clears up now and then: old attempts, stamps of retirements, staging of retired segments, single
//! tombstones. And it looks for slots that somebody made meanwhile, to whom migrations would be a surprise.

use crate::ddl::enable::slots;
use crate::movement::fold;
use crate::pg::error::Result;
use crate::pg::{gucs, spi, txn};
use std::time::Instant;

/// Pause between two rounds of tidying, in naps; a minute by default.
const NAPS: u32 = 6;

/// Remembers when it tidied last.
#[derive(Default)]
pub struct Tidy {
    last: Option<Instant>,
    /// Replication slots that the log has a WARNING about.
    slots: Vec<String>,
}

impl Tidy {
    /// Tidies when it is time. Everything here is local.
    pub fn round(&mut self) -> Result<()> {
        if self.last.is_some_and(|last| last.elapsed() < gucs::naptime() * NAPS) {
            return Ok(());
        }
        // Disconnected or undecided, nothing is purged or stamped (F15).
        if crate::movement::upload::claim().is_none() {
            return Ok(());
        }
        self.last = Some(Instant::now());
        fold::round()?;
        self.note_slots()?;
        txn::run(|| {
            stamp_retirements()?;
            // Retired segments that were never uploaded stay staged for the retention, the others are on the endpoint.
            spi::execute(
                "WITH gone AS (
                     UPDATE stretch.segment SET staged = false
                      WHERE segment_id IN (SELECT segment_id FROM stretch.segment
                          WHERE retired AND staged AND retired_at IS NOT NULL AND (object_key IS NOT NULL
                            OR retired_at < pg_catalog.clock_timestamp() - (SELECT retention FROM stretch.database))
                          FOR UPDATE SKIP LOCKED)
                      RETURNING segment_id)
                 DELETE FROM stretch.staged_chunk c USING gone WHERE c.segment_id = gone.segment_id",
                &[],
            )?;
            spi::execute(
                "DELETE FROM stretch.migration_batch WHERE end_time < pg_catalog.clock_timestamp() - interval '7 days'",
                &[],
            )?;
            Ok(())
        })
    }

    /// One WARNING in the log for each slot, as long as this worker lives: some come and go, and come again.
    fn note_slots(&mut self) -> Result<()> {
        let mut new = txn::run(slots::without_publication)?;
        new.retain(|name| !self.slots.contains(name));
        slots::warn(&new);
        self.slots.append(&mut new);
        Ok(())
    }
}

/// Stamps what was retired a moment ago, for a caller who wants to see it counted.
pub fn stamp_now() -> Result<()> {
    txn::run(stamp_retirements)
}

/// Stamped by a later transaction than the one that retired, so never before its commit (F16). What is flushed may lie
/// before it: a session can commit without waiting for that. Nobody is waited for: a table that takes its segments up
/// again holds them for as long as it judges their rows.
fn stamp_retirements() -> Result<()> {
    spi::execute(
        "UPDATE stretch.segment SET retired_at = coalesce(retired_at, pg_catalog.clock_timestamp()),
            retired_lsn = pg_catalog.pg_current_wal_insert_lsn(),
            retired_xid = pg_catalog.pg_current_xact_id()::text::bigint
          WHERE segment_id IN (SELECT segment_id FROM stretch.segment WHERE retired AND retired_lsn IS NULL
            FOR UPDATE SKIP LOCKED)",
        &[],
    )
    .map(drop)
}
