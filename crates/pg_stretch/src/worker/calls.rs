//! The requests about migration that the worker carries out: migrate, drain, purge_staged.

use super::state::Worker;
use crate::catalog;
use crate::ddl::enable;
use crate::endpoint::backup_pins;
use crate::endpoint::identity::Claim;
use crate::movement::collect;
use crate::movement::upload::{self, Step};
use crate::pg::error::{Error, Result};
use crate::pg::request::Taken;
use crate::pg::{io, txn};
use pgrx::pg_sys;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use stretch_core::batch::Demand;
use stretch_core::errors;
use stretch_core::state::MigrationState;

fn relation(args: &Value) -> Option<pg_sys::Oid> {
    args["relation"].as_u64().map(|oid| pg_sys::Oid::from(oid as u32))
}

/// `migrate`: one batch now. Answers the number of rows moved.
pub fn migrate(worker: &mut Worker, args: &Value) -> Result<Value> {
    let relation = relation(args).ok_or_else(|| Error::internal("migrate lacks a relation"))?;
    may_migrate(worker)?;
    let outcome = patient(|| worker.mover.batch(relation, args["max_rows"].as_u64(), Demand::Asked))?;
    Ok(json!(outcome.moved))
}

/// `drain`: batches until nothing eligible is left, then `(moved, left, [(table, rows, message)])`, the last of rows on
/// which a filter fails; uploads and heartbeats go on in between.
pub fn drain(worker: &mut Worker, taken: &Taken) -> Result<Value> {
    may_migrate(worker)?;
    let deadline = Instant::now() + Duration::from_secs_f64(taken.args["timeout"].as_f64().unwrap_or(600.0).max(0.0));
    let (mut moved, mut left, mut failures) = (0, 0, Vec::new());
    for relation in relations(relation(&taken.args))? {
        worker.mover.start_over(relation);
        loop {
            if Instant::now() > deadline || !taken.wanted() {
                return Err(Error::new(
                    &errors::DRAIN_INCOMPLETE,
                    format!("{moved} rows were moved before the time was over"),
                ));
            }
            let outcome = match worker.mover.batch(relation, None, Demand::Asked) {
                Ok(outcome) => outcome,
                // Held rows, a lock, or full staging: uploads and other sessions may clear it before the deadline.
                // Only the end of the RPO, or somebody's decision, clears this one.
                Err(error) if error.is(&errors::STAGING_FULL) && crate::movement::migrate::is_full_of_kept()? => {
                    return Err(error);
                }
                Err(error)
                    if [&errors::LOCKED, &errors::MOVED, &errors::STAGING_FULL]
                        .iter()
                        .any(|def| error.is(def)) =>
                {
                    worker.background();
                    super::nap(Duration::from_millis(100));
                    continue;
                }
                Err(error) => return Err(error),
            };
            moved += outcome.moved;
            worker.background();
            if outcome.reached_end {
                left += outcome.left;
                break;
            }
        }
        // An answer has an end; the log has the others.
        if let Some(found) = worker.mover.filter_failures(relation).filter(|_| failures.len() < 10) {
            failures.push(json!([relation.to_u32(), found.rows.len(), found.message]));
        }
    }
    Ok(json!([moved, left, failures]))
}

/// `bring_back`: the table is inbound from now on. The answer comes when it has its rows back.
pub fn bring_back(worker: &mut Worker, args: &Value) -> Result<pg_sys::Oid> {
    let relation = relation(args).ok_or_else(|| Error::internal("bring_back lacks a relation"))?;
    may_migrate(worker)?;
    // One that has just become an ordinary table has its rows; the caller is told so.
    txn::run(|| enable::write_state(relation, MigrationState::Inbound))?;
    Ok(relation)
}

/// `compact`: jobs until none is left; uploads and heartbeats go on in between. Answers how many segments left the
/// table.
pub fn compact(worker: &mut Worker, taken: &Taken) -> Result<Value> {
    let relation = relation(&taken.args).ok_or_else(|| Error::internal("compact lacks a relation"))?;
    may_migrate(worker)?;
    let mut left = 0;
    while taken.wanted() {
        match worker.compactor.asked(relation) {
            Ok(None) => break,
            Ok(Some(done)) => left += done.segments,
            // Others have rows of a segment, or the table, for a while.
            Err(error) if error.is(&errors::LOCKED) => super::nap(Duration::from_millis(100)),
            Err(error) => return Err(error),
        }
        worker.background();
    }
    Ok(json!(left))
}

/// `collect`: one round now; uploads and heartbeats go on in between. What became of the objects is left for the
/// caller.
pub fn collect(worker: &mut Worker, taken: &Taken) -> Result<Value> {
    let mode = match taken.args["dry_run"].as_bool() {
        Some(false) => collect::Mode::Collect,
        _ => collect::Mode::Report,
    };
    let claim = claim(worker)?;
    worker.collector.stop();
    super::tidy::stamp_now()?;
    let lines = collect::now(claim, mode, || {
        io::wait_for_progress(1000);
        worker.background();
        taken.wanted()
    })?;
    txn::run(|| collect::publish(taken.args["request"].as_str().unwrap_or_default(), &lines))?;
    Ok(Value::Null)
}

/// `purge_remote`: gives up what left tables; uploads and heartbeats go on in between. Answers `(bytes, warnings,
/// notices)`.
pub fn purge_remote(worker: &mut Worker, taken: &Taken) -> Result<Value> {
    let claim = claim(worker)?;
    let named = relation(&taken.args).ok_or_else(|| Error::internal("purge_remote lacks a relation"))?;
    let mut tables = BTreeSet::new();
    for oid in taken.args["tables"].as_array().into_iter().flatten() {
        let table = pg_sys::Oid::from(oid.as_u64().unwrap_or(0) as u32);
        let table = stretched(table)?;
        upload::purge_emptied(Some(*table.as_bytes()))?;
        tables.insert(table);
    }
    let order = collect::Order {
        relation: named,
        tables,
        force: taken.args["force"].as_bool().unwrap_or(false),
    };
    worker.collector.stop();
    super::tidy::stamp_now()?;
    let told = collect::purge_remote(claim, &order, || {
        io::wait_for_progress(1000);
        worker.background();
        taken.wanted()
    })?;
    worker.collector.purge_soon();
    Ok(json!([told.bytes, told.warnings, told.notices]))
}

/// `drop_branch`: looks at another branch, or adopts it. The objects that nobody has pinned are left for the caller.
pub fn drop_branch(worker: &mut Worker, taken: &Taken) -> Result<Value> {
    let text = |name: &str| taken.args[name].as_str().unwrap_or_default();
    let branch = text("branch")
        .parse()
        .map_err(|_| Error::internal("drop_branch lacks a branch"))?;
    let what = match (taken.args["dry_run"].as_bool(), taken.args["force"].as_bool()) {
        (Some(false), Some(true)) => collect::What::Drop,
        (Some(false), _) => collect::What::DropIfSilent,
        _ => collect::What::Look,
    };
    let claim = claim(worker)?;
    let lines = collect::drop_branch(claim, branch, what, || {
        io::wait_for_progress(100);
        worker.background();
        taken.wanted()
    })?;
    txn::run(|| collect::publish(text("request"), &lines))?;
    Ok(Value::Null)
}

/// `unpin_backup`, on every branch of which the database holds the claim.
pub fn unpin_backup(worker: &Worker, args: &Value) -> Result<Value> {
    let adopted = collect::adopted_claims(claim(worker)?)?;
    backup_pins::unpin(&worker.identity, &adopted, args)
}

/// The claim of a connected database.
fn claim(worker: &Worker) -> Result<Claim> {
    if let Some(claim) = worker.identity.claim() {
        return Ok(claim);
    }
    with_catalog(crate::endpoint::identity::require_connected)?;
    Err(Error::new(&errors::DISCONNECTED, "this database is not connected"))
}

/// `purge_staged`: lets uploads finish, then drops every staged byte that is uploaded and verified.
pub fn purge_staged(worker: &mut Worker, taken: &Taken) -> Result<Value> {
    if upload::claim().is_none() {
        with_catalog(crate::endpoint::identity::require_connected)?;
        return Err(Error::new(&errors::DISCONNECTED, "the database is not connected"));
    }
    worker.uploader.hurry();
    while taken.wanted() && worker.uploader.step()? == Step::Busy {
        super::nap(Duration::from_millis(1000));
        worker.identity.tick()?;
    }
    let table = match relation(&taken.args) {
        Some(relation) => Some(*stretched(relation)?.as_bytes()),
        None => None,
    };
    let emptied = upload::purge_emptied(table)?;
    upload::purge_now(table).map(|bytes| json!(bytes + emptied))
}

/// Tries again for a while when somebody holds rows or a lock.
fn patient<R>(mut f: impl FnMut() -> Result<R>) -> Result<R> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match f() {
            Err(error) if error.is(&errors::LOCKED) && Instant::now() < deadline => {
                super::nap(Duration::from_millis(50))
            }
            other => return other,
        }
    }
}

/// Migration is local: it needs a verdict that allows it (design §6), not a reachable endpoint.
fn may_migrate(worker: &Worker) -> Result<()> {
    if worker.identity.may_migrate() {
        return Ok(());
    }
    with_catalog(crate::endpoint::identity::require_connected)
}

/// ST009 in a database that is not stretched, else what `f` says; in a transaction, as whatever reads the catalog needs
/// one.
fn with_catalog(f: impl FnOnce() -> Result<()>) -> Result<()> {
    txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        match catalog::tables::database(unsafe { pg_sys::GetActiveSnapshot() })? {
            Some(_) => f(),
            None => Err(catalog::stretched::not_enabled()),
        }
    })
}

fn stretched(relation: pg_sys::Oid) -> Result<stretch_core::ids::TableId> {
    txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        let table = catalog::tables::by_relation(relation, unsafe { pg_sys::GetActiveSnapshot() })?;
        let table = table.ok_or_else(|| catalog::stretched::not_stretched(relation))?;
        Ok(table.table_id)
    })
}

fn relations(only: Option<pg_sys::Oid>) -> Result<Vec<pg_sys::Oid>> {
    txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        let all = catalog::tables::stretched_tables(unsafe { pg_sys::GetActiveSnapshot() })?;
        let outbound = all
            .iter()
            .filter(|table| table.migration_state == MigrationState::Outbound);
        match only {
            Some(relation) => Ok(vec![relation]),
            None => Ok(outbound.map(|table| table.relation).collect()),
        }
    })
}
