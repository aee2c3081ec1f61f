//! `stretch.migrate`, `drain` and `purge_staged`: the caller's rights are checked here, the worker does the work.

use crate::catalog::snapshot::{LATEST, Latest};
use crate::catalog::{partitions, stretched, tables};
use crate::pg::error::{Error, OrRaise, Result, notice, report};
use crate::pg::{names, request, user};
use pgrx::prelude::*;
use serde_json::{Value, json};
use std::time::Instant;
use stretch_core::errors;

/// The tables that are meant, each as the worker is told of it: of a partitioned one its stretched partitions, NULL for
/// all tables.
pub(super) fn meant(relation: Option<pg_sys::Oid>, function: &str) -> Result<Vec<Value>> {
    request::refuse_in_block(function)?;
    let Some(relation) = relation else {
        user::require_database_owner(function)?;
        return Ok(vec![Value::Null]);
    };
    user::require_table_owner(relation, function)?;
    let tables = partitions::stretched(relation)?;
    if tables.is_empty() && tables::partitioned_table(relation, LATEST)?.is_none() {
        return Err(stretched::not_stretched(relation));
    }
    let mut out = Vec::new();
    for table in tables {
        user::require_table_owner(table, function)?;
        out.push(json!(table.to_u32()));
    }
    Ok(out)
}

/// One batch of each table now; returns the rows moved.
#[pg_extern]
fn stretch_migrate(relation: pg_sys::Oid, max_rows: Option<i64>) -> i64 {
    let run = || {
        let tables = meant(Some(relation), "migrate")?;
        if max_rows.is_some_and(|rows| rows < 1) {
            return Err(Error::argument("max_rows must be at least 1"));
        }
        let mut moved = 0;
        for table in tables {
            let left = max_rows.map(|rows| rows - moved);
            if left == Some(0) {
                break;
            }
            let answer = request::call("migrate", &json!({"relation": table, "max_rows": left}))?;
            moved += answer.as_i64().unwrap_or(0);
        }
        Ok(moved)
    };
    run().or_raise()
}

/// Batches until nothing eligible is left; returns the rows moved.
#[pg_extern]
fn stretch_drain(relation: Option<pg_sys::Oid>, timeout: Interval) -> i64 {
    let run = || {
        let tables = meant(relation, "drain")?;
        // SAFETY: plain global of the transaction.
        if unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32 {
            return Err(
                Error::new(&errors::NOT_NOW, "stretch.drain needs isolation level READ COMMITTED")
                    .hint("Run it outside REPEATABLE READ and SERIALIZABLE."),
            );
        }
        let seconds =
            timeout.months() as f64 * 2_592_000.0 + timeout.days() as f64 * 86_400.0 + timeout.micros() as f64 / 1e6;
        let began = Instant::now();
        let (mut moved, mut left) = (0, 0);
        for table in tables {
            let timeout = (seconds - began.elapsed().as_secs_f64()).max(0.0);
            let answer = request::call("drain", &json!({"relation": table, "timeout": timeout}))?;
            for failure in answer[2].as_array().into_iter().flatten() {
                tell_of_filter(failure)?;
            }
            moved += answer[0].as_i64().unwrap_or(0);
            left += answer[1].as_i64().unwrap_or(0);
        }
        if left > 0 {
            let what = relation.map_or_else(|| "the stretched tables".to_string(), names::relation);
            notice(&format!(
                "{left} eligible rows of {what} stay hot for now: they are held by other sessions or do not survive \
                the round trip"
            ));
        }
        Ok(moved)
    };
    run().or_raise()
}

/// Which filter fails on how many rows, which stay hot.
fn tell_of_filter(failure: &Value) -> Result<()> {
    let relation = pg_sys::Oid::from(failure[0].as_u64().unwrap_or(0) as u32);
    let table = tables::by_relation(relation, Latest::take().get())?;
    report(
        pg_sys::WARNING as i32,
        errors::FILTER_UNFIT.sqlstate,
        &format!(
            "{} rows of {} stay hot, because the filter {} fails on them: {}",
            failure[1],
            names::relation(relation),
            table.and_then(|table| table.filter).unwrap_or_default(),
            failure[2].as_str().unwrap_or_default(),
        ),
        None,
        None,
    );
    Ok(())
}

/// Drops staged bytes that are uploaded and verified, without waiting for the RPO; returns the bytes.
#[pg_extern]
fn stretch_purge_staged(relation: Option<pg_sys::Oid>) -> i64 {
    let run = || {
        let mut bytes = 0;
        for table in meant(relation, "purge_staged")? {
            let answer = request::call("purge_staged", &json!({"relation": table}))?;
            bytes += answer.as_i64().unwrap_or(0);
        }
        Ok(bytes)
    };
    run().or_raise()
}

/// Makes few full segments of a table's small or half dead ones; returns how many segments left the table.
#[pg_extern]
fn stretch_compact(relation: pg_sys::Oid) -> i64 {
    let run = || {
        let mut segments = 0;
        for table in meant(Some(relation), "compact")? {
            let answer = request::call("compact", &json!({"relation": table}))?;
            segments += answer.as_i64().unwrap_or(0);
        }
        Ok(segments)
    };
    run().or_raise()
}
