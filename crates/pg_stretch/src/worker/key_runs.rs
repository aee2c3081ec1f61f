//! Merges the key filters of segments into runs, so that sessions search a few of them (F52).

use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::cold::{key_filter, segments};
use crate::pg::error::Result;
use crate::pg::txn;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use stretch_core::ids::{ManifestId, TableId};

/// Pause between two rounds: each reads the list of a table's segments, and batches may come much faster.
const PAUSE: Duration = Duration::from_secs(1);

/// Remembers what was merged.
#[derive(Default)]
pub struct KeyRuns {
    last: Option<Instant>,
    /// The last call came too early.
    early: bool,
    merged: HashMap<TableId, ManifestId>,
}

impl KeyRuns {
    /// How long nothing is due, at most `nap`.
    pub fn nap(&self, nap: Duration) -> Duration {
        if self.early { nap.min(PAUSE) } else { nap }
    }

    /// Merges for each table that changed since the last round. Files only: nothing of the database is written.
    pub fn round(&mut self) -> Result<()> {
        self.early = self.last.is_some_and(|last| last.elapsed() < PAUSE);
        if self.early {
            return Ok(());
        }
        self.last = Some(Instant::now());
        txn::run(|| {
            let latest = Latest::take();
            let stretched = tables::stretched_tables(latest.get())?;
            if self.merged.len() > stretched.len() {
                self.merged.clear();
                key_filter::forget_dropped(&stretched);
            }
            for table in stretched {
                let Some(manifest) = tables::manifest(&table.table_id, latest.get())? else {
                    continue;
                };
                if self.merged.get(&table.table_id) == Some(&manifest.manifest_id) {
                    continue;
                }
                let segments = segments::segments(&table.table_id, table.relation, latest.get())?;
                key_filter::merge(&table.table_id, &segments, latest.get())?;
                self.merged.insert(table.table_id, manifest.manifest_id);
            }
            Ok(())
        })
    }
}
