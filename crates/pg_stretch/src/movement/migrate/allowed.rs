//! What stops the migration of a table.

use crate::catalog::rows::StretchedTable;
use crate::pg::error::{Error, Result};
use crate::pg::text::Text;
use crate::pg::{names, spi};
use pgrx::pg_sys;
use stretch_core::errors;
use stretch_core::state::MigrationState;

/// State and settings that stop migration (F48).
pub fn check(table: &StretchedTable) -> Result<()> {
    if table.migration_state != MigrationState::Outbound {
        return waits(table, &format!("its migration state is {}", table.migration_state));
    }
    // SAFETY: plain global of the server.
    if unsafe { pg_sys::old_snapshot_threshold } >= 0 {
        return waits(table, "old_snapshot_threshold is set");
    }
    Ok(())
}

/// Triggers that stop migration (F11); reads the catalog by a query.
pub fn check_copiers(table: &StretchedTable) -> Result<()> {
    let copier = spi::get::<Text>(
        "SELECT t.tgname::text FROM pg_catalog.pg_trigger t
           JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
          WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND n.nspname <> 'stretch'
            AND (n.nspname = 'repack' OR (t.tgenabled = 'A' AND t.tgtype & 1 = 1)) LIMIT 1",
        &[table.relation.into()],
    )?;
    match copier {
        Some(trigger) => waits(
            table,
            &format!("trigger {} may copy rows and would double those that move", &*trigger),
        ),
        None => Ok(()),
    }
}

fn waits(table: &StretchedTable, why: &str) -> Result<()> {
    Err(Error::new(
        &errors::NOT_NOW,
        format!("migration of {} waits: {why}", names::relation(table.relation)),
    ))
}
