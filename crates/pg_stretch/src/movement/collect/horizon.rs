//! Up to where everybody who reads this database knows what its log says.

use crate::endpoint::identity::history;
use crate::pg::error::Result;
use crate::pg::{snapshots, spi};
use stretch_core::collect::facts::Horizon;

/// How far the log is flushed and replayed, and which transactions every snapshot sees.
pub struct Known {
    flushed: u64,
    /// The least position that a standby has replayed, if there is any.
    replayed: Option<u64>,
    /// Transactions before this one are in every snapshot.
    seen_by_all: u64,
}

impl Known {
    /// As of now.
    pub fn now() -> Result<Self> {
        let replayed = spi::get::<i64>(
            // A receiver of the log that reports no replay is no standby; one that has reported nothing may become one.
            "SELECT pg_catalog.min(lsn) FROM (
                 SELECT (coalesce(replay_lsn, CASE WHEN write_lsn IS NULL THEN '0/0'::pg_lsn END) - '0/0'::pg_lsn)::int8
                   FROM pg_catalog.pg_stat_replication WHERE state IS DISTINCT FROM 'backup'
                 UNION ALL
                 SELECT (restart_lsn - '0/0'::pg_lsn)::int8
                   FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical') AS f (lsn)",
            &[],
        )?;
        let (_, flushed) = history::flushed();
        Ok(Self {
            flushed,
            replayed: replayed.map(|lsn| lsn as u64),
            seen_by_all: snapshots::seen_by_all(),
        })
    }

    /// Whether everybody knows of a retirement, whose commit is not later than this position and this transaction.
    pub fn of(&self, lsn: u64, transaction: u64) -> Horizon {
        if lsn > self.flushed {
            Horizon::Unflushed
        } else if self.replayed.is_some_and(|replayed| replayed < lsn) {
            Horizon::Standby
        } else if transaction >= self.seen_by_all {
            Horizon::Snapshot
        } else {
            Horizon::Passed
        }
    }
}
