//! `stretch.reauthorize` and `stretch.reconcile`: checks in the caller's session, the work in the database's worker.

use super::database::{check_credential_name, require_enabled};
use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::endpoint::{identity, open, secrets};
use crate::pg::error::{Error, OrRaise, Result, notice};
use crate::pg::text::Text;
use crate::pg::{gucs, request, shmem, spi, user};
use pgrx::prelude::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stretch_core::errors;
use stretch_core::state::DatabaseState;
use stretch_core::verdict::Reason;
use uuid::Uuid;

type Row = (pg_sys::Oid, i64, i64, i64, i64, i64, bool);
type Rows = TableIterator<
    'static,
    (
        name!(relation, pg_sys::Oid),
        name!(segments, i64),
        name!(present, i64),
        name!(refilled, i64),
        name!(lost, i64),
        name!(ahead, i64),
        name!(is_reconciled, bool),
    ),
>;

/// `stretch.reauthorize(credential, with_copy, endpoint)`.
#[pg_extern]
#[allow(clippy::type_complexity)] // the columns of a set-returning function are written out
fn stretch_reauthorize(
    credential: Option<Text>,
    with_copy: Option<bool>,
    endpoint: Option<Text>,
) -> TableIterator<
    'static,
    (
        name!(relation, pg_sys::Oid),
        name!(segments, i64),
        name!(present, i64),
        name!(refilled, i64),
        name!(lost, i64),
        name!(ahead, i64),
        name!(is_reconciled, bool),
    ),
> {
    let rows: Rows = TableIterator::new(
        reauthorize(credential.as_deref(), with_copy.unwrap_or(true), endpoint.as_deref()).or_raise(),
    );
    rows
}

fn reauthorize(credential: Option<&str>, with_copy: bool, endpoint: Option<&str>) -> Result<Vec<Row>> {
    shmem::require()?;
    request::refuse_in_block("reauthorize")?;
    user::require_database_owner("reauthorize")?;
    require_enabled()?;
    let credential = credential.ok_or_else(|| Error::argument("credential must not be null"))?;
    check_credential_name(credential)?;
    {
        let latest = Latest::take();
        let Some(database) = catalog::tables::database(latest.get())? else {
            return Err(catalog::stretched::not_enabled());
        };
        if secrets::sealed_credential(credential, latest.get())?.is_none() {
            return Err(secrets::no_credential(credential));
        }
        open::check_allowed(&open::parse(endpoint.unwrap_or(&database.endpoint))?, user::current())?;
    }
    await_verdict()?;
    report(
        "reauthorize",
        |request| json!({ "credential": credential, "with_copy": with_copy, "endpoint": endpoint, "request": request }),
    )
}

/// Waits for the verdict: a database that goes on by itself needs no authorization. ST008 if it is connected.
fn await_verdict() -> Result<()> {
    let started = Instant::now();
    let bound = gucs::lease_ttl() * 2 + Duration::from_secs(30);
    let outcome = loop {
        let slot = shmem::my_slot().filter(|slot| slot.judged);
        match slot {
            Some(slot) if slot.state == DatabaseState::Connected => {
                break Err(Error::new(
                    &errors::ALREADY_CONNECTED,
                    "this database is connected already",
                ));
            }
            Some(slot) if slot.state == DatabaseState::Disconnected => break Ok(()),
            // An endpoint that has moved is named by the argument of the same name.
            Some(slot) if slot.rule == Reason::EndpointUnreachable.rule() => break Ok(()),
            Some(slot) if started.elapsed() > bound => {
                break Err(Error::new(
                    &errors::NOT_NOW,
                    format!("this database is not judged yet: {}", slot.reason.get()),
                )
                .hint("Try again later; stretch.status shows the state."));
            }
            None if started.elapsed() > bound => break Err(request::no_worker()),
            _ => {}
        }
        if slot.is_none_or(|slot| slot.worker_pid == 0) {
            request::want_worker();
        }
        shmem::sleep(100);
        pgrx::check_for_interrupts!();
    };
    shmem::sleep_done();
    outcome
}

/// `stretch.reconcile(relation, dry_run)`.
#[pg_extern]
#[allow(clippy::type_complexity)] // as above
fn stretch_reconcile(
    relation: Option<pg_sys::Oid>,
    dry_run: Option<bool>,
) -> TableIterator<
    'static,
    (
        name!(relation, pg_sys::Oid),
        name!(segments, i64),
        name!(present, i64),
        name!(refilled, i64),
        name!(lost, i64),
        name!(ahead, i64),
        name!(is_reconciled, bool),
    ),
> {
    let rows: Rows = TableIterator::new(reconcile(relation, dry_run.unwrap_or(false)).or_raise());
    rows
}

fn reconcile(relation: Option<pg_sys::Oid>, dry_run: bool) -> Result<Vec<Row>> {
    shmem::require()?;
    request::refuse_in_block("reconcile")?;
    let tables: Vec<Option<u32>> = match relation {
        Some(relation) => {
            user::require_table_owner(relation, "reconcile")?;
            let tables = catalog::partitions::stretched(relation)?;
            for table in &tables {
                user::require_table_owner(*table, "reconcile")?;
            }
            tables.into_iter().map(|table| Some(table.to_u32())).collect()
        }
        None => {
            user::require_database_owner("reconcile")?;
            vec![None]
        }
    };
    {
        let latest = Latest::take();
        if catalog::tables::database(latest.get())?.is_none() {
            return Err(catalog::stretched::not_enabled());
        }
    }
    identity::require_connected()?;
    let mut rows = Vec::new();
    for table in tables {
        rows.extend(report(
            "reconcile",
            |request| json!({ "relation": table, "dry_run": dry_run, "request": request }),
        )?);
    }
    Ok(rows)
}

fn warn(text: &str) {
    crate::pg::error::report(pg_sys::WARNING as i32, "01000", text, None, None);
}

/// Calls the worker, tells its notices and fetches the rows it left.
fn report(op: &str, args: impl FnOnce(String) -> Value) -> Result<Vec<Row>> {
    let request: Uuid = crate::pg::random::random_uuid()?;
    let answer = request::call(op, &args(request.to_string()))?;
    for text in answer["warnings"].as_array().into_iter().flatten() {
        warn(text.as_str().unwrap_or_default());
    }
    for text in answer["notices"].as_array().into_iter().flatten() {
        notice(text.as_str().unwrap_or_default());
    }
    let _owner = user::ActAs::extension_owner();
    let rows = spi::rows(
        "SELECT relation::oid, segments, present, refilled, lost, ahead, is_reconciled
         FROM stretch.reconcile_report WHERE request_id = $1 ORDER BY ordinal",
        &[pgrx::Uuid::from_bytes(*request.as_bytes()).into()],
        |row| {
            Ok((
                row.get::<pg_sys::Oid>(1)?.unwrap_or(pg_sys::InvalidOid),
                row.get::<i64>(2)?.unwrap_or(0),
                row.get::<i64>(3)?.unwrap_or(0),
                row.get::<i64>(4)?.unwrap_or(0),
                row.get::<i64>(5)?.unwrap_or(0),
                row.get::<i64>(6)?.unwrap_or(0),
                row.get::<bool>(7)?.unwrap_or(false),
            ))
        },
    )?;
    Ok(rows)
}
