//! The end of bringing back: a table whose rows are all hot becomes an ordinary one.
//!
//! A snapshot that is older than the last segment's end sees cold rows which an ordinary table would not show. So the
//! access method stays until no such snapshot is left here, and those of standbys are cancelled as they are for VACUUM.

use crate::catalog::retire::Fate;
use crate::catalog::rows::StretchedTable;
use crate::catalog::snapshot::Latest;
use crate::catalog::stretched::Info;
use crate::catalog::{method, tables};
use crate::ddl::enable::{disable, lock};
use crate::pg::error::Result;
use crate::pg::relation::OpenRelation;
use crate::pg::{snapshots, spi, steps, txn};
use pgrx::pg_sys;
use std::time::Duration;
use stretch_core::state::MigrationState;

/// How long the worker stands in the queue for the table, and with it all who come after.
const PATIENCE: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The table is an ordinary one.
    Done,
    /// A snapshot is in use that sees cold rows.
    Seen,
    /// It is not to end, or not yet: the table has segments, or another state, or is no more.
    NotDue,
}

/// Makes an inbound table without segments an ordinary one. `waiting` are processes that wait for this with a snapshot
/// that they use for nothing else. 55P03 while the table is in use.
pub fn finish(relation: pg_sys::Oid, waiting: &[i32]) -> Result<End> {
    let end = txn::run(|| {
        let Some((table, last)) = due(relation)? else {
            return Ok(End::NotDue);
        };
        if snapshots::is_hidden_from_any(last, waiting) {
            return Ok(End::Seen);
        }
        lock::exclusive_within(relation, PATIENCE);
        // Who writes another state does not lock the table. He comes before, and it counts, or is told that he is late.
        spi::execute(
            "SELECT 1 FROM stretch.stretched_table WHERE relation = $1 FOR UPDATE NOWAIT",
            &[relation.into()],
        )?;
        // What was found may have changed while the lock was waited for.
        let Some((_, last)) = due(relation)? else {
            return Ok(End::NotDue);
        };
        // SAFETY: open and locked.
        unsafe { snapshots::cancel_on_standbys(OpenRelation::locked(relation)?.as_ptr(), last) };
        disable::retire(&Info::from(table), Fate::Gone)?;
        method::set(relation, method::HEAP)?;
        steps::reached(steps::UnstretchRecorded);
        Ok(End::Done)
    })?;
    if end == End::Done {
        steps::reached(steps::UnstretchCommitted);
    }
    Ok(end)
}

/// The table if it is inbound and has no segment, with the transaction that took the last one.
fn due(relation: pg_sys::Oid) -> Result<Option<(StretchedTable, pg_sys::TransactionId)>> {
    let latest = Latest::take();
    let Some(table) = tables::by_relation(relation, latest.get())? else {
        return Ok(None);
    };
    let manifest = tables::manifest(&table.table_id, latest.get())?;
    let empty = manifest.filter(|manifest| manifest.segments == 0 && table.migration_state == MigrationState::Inbound);
    Ok(empty.map(|manifest| (table, manifest.writer)))
}
