//! The local half of `reauthorize` and `reconcile`: what changes beside the segments' rows, and the report.

use super::recorded::Recorded;
use crate::catalog::method;
use crate::catalog::rows::{StretchedTable, UniqueKey};
use crate::endpoint::identity;
use crate::pg::error::Result;
use crate::pg::{names, spi};
use pgrx::pg_sys;
use std::collections::BTreeSet;
use stretch_core::ids::{BranchId, TableId};
use stretch_core::reconcile::Plan;
use stretch_core::state::QueryMode;
use stretch_core::verdict::Reason;
use stretch_endpoint::bodies::ClaimBody;
use uuid::Uuid;

/// One table of the result.
pub struct Row {
    pub relation: pg_sys::Oid,
    pub segments: i64,
    pub present: i64,
    pub refilled: i64,
    pub lost: i64,
    pub ahead: i64,
    pub is_reconciled: bool,
}

fn sql_uuid(id: &Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(*id.as_bytes())
}

/// Binds the database to its new branch.
pub fn bind_branch(url: &str, credential: &str, branch: Uuid, body: &ClaimBody, retention_seconds: i64) -> Result<()> {
    spi::execute(
        "UPDATE stretch.database SET endpoint = $1, credential = $2,
             lineage = CASE WHEN $3 = ANY (lineage) THEN lineage ELSE lineage || $3 END,
             retention = greatest(retention, make_interval(secs => $4))",
        &[
            url.into(),
            credential.into(),
            sql_uuid(&branch).into(),
            (retention_seconds as f64).into(),
        ],
    )?;
    begin_anew()?;
    identity::bind(BranchId::from_uuid(branch), body, Some(credential), Reason::Authorized)?;
    let mode = QueryMode::LocalAndRemote.as_str();
    spi::execute("UPDATE stretch.binding SET query_mode = $1", &[mode.into()]).map(drop)
}

/// What counts the time of retentions begins anew: positions and transactions of another server say nothing here, and
/// nobody has looked at the new branch yet.
fn begin_anew() -> Result<()> {
    for sql in [
        "UPDATE stretch.segment SET retired_lsn = NULL, retired_xid = NULL, retired_store_time = NULL,
            retired_connected = NULL WHERE retired",
        "DELETE FROM stretch.collection",
        "DELETE FROM stretch.sighting",
        "DELETE FROM stretch.backup_pin",
        "DELETE FROM stretch.adopted_branch",
    ] {
        spi::execute(sql, &[])?;
    }
    Ok(())
}

/// One row per stretched table; `write` records whether each is reconciled.
pub fn report(
    plan: &Plan,
    catalog: &Recorded,
    only: Option<TableId>,
    write: bool,
    notices: &mut Vec<String>,
) -> Result<Vec<Row>> {
    let counts = plan.by_table();
    let mut rows = Vec::new();
    for table in &catalog.tables {
        if only.is_some_and(|only| only != table.table_id) {
            continue;
        }
        let counts = counts.get(&table.table_id).copied().unwrap_or_default();
        let flaw = flaw(table)?;
        if let Some(flaw) = &flaw {
            notices.push(format!(
                "table {} stays unreconciled: {flaw}",
                names::relation(table.relation)
            ));
        }
        // Staged bytes serve queries while they wait for their upload, so a refill does not hold the table back.
        let is_reconciled = counts.lost == 0 && counts.in_doubt == 0 && flaw.is_none();
        if write {
            spi::execute(
                "UPDATE stretch.stretched_table SET is_reconciled = $2 WHERE table_id = $1 AND is_reconciled <> $2",
                &[sql_uuid(&table.table_id.uuid()).into(), is_reconciled.into()],
            )?;
        }
        rows.push(Row {
            relation: table.relation,
            segments: counts.segments as i64,
            present: counts.present as i64,
            refilled: (counts.refill + counts.pending) as i64,
            lost: (counts.lost + counts.in_doubt) as i64,
            ahead: counts.ahead as i64,
            is_reconciled,
        });
    }
    Ok(rows)
}

/// Which of its unique keys is not one that its cold rows were checked against, or the other way round, if any.
fn flaw_of_keys(table: &StretchedTable) -> Result<Option<String>> {
    let now: BTreeSet<UniqueKey> = crate::catalog::keys::unique_keys(table.relation)?.into_iter().collect();
    let then: BTreeSet<UniqueKey> = table.unique_keys.iter().cloned().collect();
    let name = |key: &UniqueKey| format!("({})", key.columns.join(", "));
    if let Some(key) = then.difference(&now).next() {
        return Ok(Some(format!("its unique index on {} is missing", name(key))));
    }
    if let Some(key) = now.difference(&then).next() {
        return Ok(Some(format!(
            "it has a unique index on {} that its cold rows were never checked against",
            name(key)
        )));
    }
    Ok(None)
}

/// Why a restored table is not what the catalog describes, if so.
fn flaw(table: &StretchedTable) -> Result<Option<String>> {
    match method::is_stretch(table.relation) {
        Some(true) => flaw_of_keys(table),
        _ => Ok(Some("its access method is not stretch".into())),
    }
}

/// Leaves the rows where the caller fetches them; earlier ones have been fetched or given up.
pub fn publish_rows(request: Uuid, rows: &[Row]) -> Result<()> {
    spi::execute("DELETE FROM stretch.reconcile_report", &[])?;
    for (ordinal, row) in rows.iter().enumerate() {
        spi::execute(
            "INSERT INTO stretch.reconcile_report
                 (request_id, ordinal, relation, segments, present, refilled, lost, ahead, is_reconciled)
             VALUES ($1, $2, $3::oid::regclass, $4, $5, $6, $7, $8, $9)",
            &[
                sql_uuid(&request).into(),
                (ordinal as i32).into(),
                row.relation.into(),
                row.segments.into(),
                row.present.into(),
                row.refilled.into(),
                row.lost.into(),
                row.ahead.into(),
                row.is_reconciled.into(),
            ],
        )?;
    }
    Ok(())
}
