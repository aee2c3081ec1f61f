//! Tables that were disabled without their cold rows: what the catalog keeps of each, so that `enable_table` can take
//! the rows up again, and how it follows the table until then.
//!
//! The segments are retired like others, and marked. A segment that was retired before has no mark, so that rows which
//! came home, or were compacted away, never come back. Whoever deletes objects of retired segments must lock the row
//! here first: adoption holds that lock from its look at the endpoint on.

use super::rows::AbandonedTable;
use super::scan::{Key, KeyValue};
use super::tables::{all, missing};
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::spi::{self, uuid_arg};
use crate::pg::user;
use pgrx::pg_sys;
use std::collections::BTreeSet;
use stretch_core::columns::abandoned_table as columns;
use stretch_core::ids::{SegmentId, TableId};

/// What is kept of a relation, the oldest first: it may have been stretched and disabled again.
pub fn of(relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<Vec<AbandonedTable>> {
    let key = Key {
        column: columns::RELATION,
        value: KeyValue::Oid(relation),
    };
    let mut found = all(c"abandoned_table", c"abandoned_relation", &[key], snapshot, |row| {
        let id = row.uuid(columns::TABLE_ID).ok_or_else(|| missing("table_id"))?;
        Ok(AbandonedTable {
            table_id: TableId::from_uuid(uuid::Uuid::from_bytes(id)),
            relation,
            abandoned_at: row.get(columns::ABANDONED_AT).unwrap_or_default(),
            filter: row.text(columns::FILTER),
            rule: row.text(columns::RULE),
            order_by: row.text(columns::ORDER_BY),
            columns: row.json(columns::COLUMNS).ok_or_else(|| missing("columns"))?,
            next_field_id: row
                .get(columns::NEXT_FIELD_ID)
                .ok_or_else(|| missing("next_field_id"))?,
            unfit: row.text(columns::UNFIT),
        })
    })?;
    found.sort_unstable_by_key(|table| table.abandoned_at);
    Ok(found)
}

/// The relations of which something is kept that fits.
pub fn relations() -> Result<Vec<pg_sys::Oid>> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let sql = "SELECT DISTINCT relation::oid FROM stretch.abandoned_table WHERE unfit IS NULL";
    let found = spi::rows(sql, &[], |row| row.get::<pg_sys::Oid>(1))?;
    Ok(found.into_iter().flatten().collect())
}

/// Keeps what is known of a stretched table that is about to be disabled.
pub fn keep(table: &TableId) -> Result<()> {
    change(
        "INSERT INTO stretch.abandoned_table (table_id, relation, filter, rule, order_by, columns, next_field_id,
            segments, row_total, digest, next_segment_number, truncations)
         SELECT t.table_id, t.relation, t.filter, f.rule, t.order_by, t.columns, t.next_field_id,
            m.segments, m.row_total, m.digest, m.next_segment_number, m.truncations
           FROM stretch.stretched_table t JOIN stretch.manifest m USING (table_id)
           LEFT JOIN stretch.moving_filter f USING (table_id)
          WHERE t.table_id = $1",
        table,
    )
}

/// Writes what follows the table's columns.
pub fn write(table: &AbandonedTable) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let columns = serde_json::to_string(&table.columns).map_err(|error| Error::internal(error.to_string()))?;
    spi::execute(
        "UPDATE stretch.abandoned_table SET filter = $2, rule = $3, order_by = $4, columns = $5::jsonb,
            next_field_id = $6, unfit = $7
         WHERE table_id = $1",
        &[
            uuid_arg(table.table_id.as_bytes()),
            table.filter.as_deref().into(),
            table.rule.as_deref().into(),
            table.order_by.as_deref().into(),
            columns.into(),
            table.next_field_id.into(),
            table.unfit.as_deref().into(),
        ],
    )
    .map(drop)
}

/// The rows that this relation left behind fit it no more; the first reason is kept.
pub fn unfit(relation: pg_sys::Oid, reason: &str) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let sql = "UPDATE stretch.abandoned_table SET unfit = coalesce(unfit, $2) WHERE relation = $1";
    spi::execute(sql, &[relation.into(), reason.into()]).map(drop)
}

/// Forgets all of a relation that is dropped: its segments are retired like any.
pub fn forget(relation: pg_sys::Oid) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    for sql in [
        "UPDATE stretch.segment s SET abandoned = false FROM stretch.abandoned_table a
          WHERE a.table_id = s.table_id AND a.relation = $1",
        "DELETE FROM stretch.abandoned_table WHERE relation = $1",
    ] {
        spi::execute(sql, &[relation.into()])?;
    }
    Ok(())
}

/// Locks what is kept of a table until the transaction ends.
pub fn lock(table: &TableId) -> Result<()> {
    change(
        "SELECT FROM stretch.abandoned_table WHERE table_id = $1 FOR UPDATE",
        table,
    )
}

/// Locks everything that is kept for the length of the transaction, so that no adoption begins, and gives the tables
/// that are being taken up again just now.
pub fn being_adopted() -> Result<BTreeSet<TableId>> {
    let tables = |sql| -> Result<BTreeSet<TableId>> {
        let found = spi::rows(sql, &[], |row| row.get::<pgrx::Uuid>(1))?;
        let id = |id: pgrx::Uuid| TableId::from_uuid(uuid::Uuid::from_bytes(*id.as_bytes()));
        Ok(found.into_iter().flatten().map(id).collect())
    };
    let free = tables("SELECT table_id FROM stretch.abandoned_table FOR SHARE SKIP LOCKED")?;
    let mut held = tables("SELECT table_id FROM stretch.abandoned_table")?;
    held.retain(|table| !free.contains(table));
    Ok(held)
}

/// A segment's objects were collected, so that its table cannot be taken up again.
pub fn was_collected(segment: &SegmentId) -> Result<()> {
    spi::execute(
        "UPDATE stretch.abandoned_table a
            SET unfit = coalesce(a.unfit, 'objects of it were deleted after the retention')
           FROM stretch.segment s WHERE s.segment_id = $1 AND s.abandoned AND a.table_id = s.table_id",
        &[uuid_arg(segment.as_bytes())],
    )
    .map(drop)
}

/// The manifest that the table had, under a new id, so that nobody takes what he remembers of it for true.
pub fn restore_manifest(table: &TableId, manifest: &stretch_core::ids::ManifestId) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    spi::execute(
        "INSERT INTO stretch.manifest (table_id, manifest_id, segments, row_total, digest, next_segment_number,
            truncations)
         SELECT table_id, $2, segments, row_total, digest, next_segment_number, truncations
           FROM stretch.abandoned_table WHERE table_id = $1",
        &[uuid_arg(table.as_bytes()), uuid_arg(manifest.as_bytes())],
    )
    .map(drop)
}

/// Makes the segments of a table live again, with nothing left of their retirement.
pub fn restore_segments(table: &TableId) -> Result<()> {
    change(
        "UPDATE stretch.segment SET retired = false, abandoned = false, retired_at = NULL, retired_lsn = NULL,
            retired_xid = NULL, retired_store_time = NULL, retired_connected = NULL, retention_waived = false,
            backups_waived = false
          WHERE table_id = $1 AND abandoned",
        table,
    )?;
    change("DELETE FROM stretch.abandoned_table WHERE table_id = $1", table)
}

fn change(sql: &str, table: &TableId) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    spi::execute(sql, &[uuid_arg(table.as_bytes())]).map(drop)
}
