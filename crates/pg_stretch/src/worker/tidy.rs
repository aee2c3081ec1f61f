//! What a worker clears up now and then: old attempts, stamps of retirements, staging of retired segments.

use crate::error::Result;
use crate::pg::spi;
use crate::pg::txn::{self, Isolation};
use std::time::{Duration, Instant};

/// Pause between two rounds of tidying.
const EVERY: Duration = Duration::from_secs(60);

/// Remembers when it tidied last.
#[derive(Default)]
pub struct Tidy {
    last: Option<Instant>,
}

impl Tidy {
    /// Tidies when it is time. Everything here is local.
    pub fn round(&mut self) -> Result<()> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(());
        }
        self.last = Some(Instant::now());
        txn::run(Isolation::ReadCommitted, || {
            // Stamped by a later transaction than the one that retired, so never before its commit (F16).
            spi::execute(
                "UPDATE stretch.segment SET retired_at = pg_catalog.clock_timestamp(), retired_lsn = pg_catalog.pg_current_wal_flush_lsn()
                  WHERE retired AND retired_at IS NULL",
                &[],
            )?;
            // A restore to a moment before the retirement brings these rows back from its own backup.
            spi::execute(
                "DELETE FROM stretch.staged_chunk c USING stretch.segment s
                  WHERE s.segment_id = c.segment_id AND s.retired AND s.staged AND s.retired_at IS NOT NULL",
                &[],
            )?;
            spi::execute("UPDATE stretch.segment SET staged = false WHERE retired AND staged AND retired_at IS NOT NULL", &[])?;
            spi::execute("DELETE FROM stretch.migration_batch WHERE end_time < pg_catalog.clock_timestamp() - interval '7 days'", &[])?;
            Ok(())
        })
    }
}
