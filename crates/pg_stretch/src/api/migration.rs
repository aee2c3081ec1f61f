//! `stretch.migrate`, `drain` and `purge_staged`: the caller's rights are checked here, the worker does the work.

use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::pg::error::{Error, OrRaise, Result, notice, report};
use crate::pg::{names, request, user};
use pgrx::prelude::*;
use serde_json::{Value, json};
use stretch_core::errors;

fn rights(relation: Option<pg_sys::Oid>, function: &str) -> Result<()> {
    request::refuse_in_block(function)?;
    match relation {
        Some(relation) => user::require_table_owner(relation, function),
        None => user::require_database_owner(function),
    }
}

fn oid(relation: Option<pg_sys::Oid>) -> Value {
    relation.map_or(Value::Null, |relation| json!(relation.to_u32()))
}

/// One batch now; returns the rows moved.
#[pg_extern]
fn stretch_migrate(relation: pg_sys::Oid, max_rows: Option<i64>) -> i64 {
    let run = || {
        rights(Some(relation), "migrate")?;
        if max_rows.is_some_and(|rows| rows < 1) {
            return Err(Error::argument("max_rows must be at least 1"));
        }
        let moved = request::call(
            "migrate",
            &json!({"relation": oid(Some(relation)), "max_rows": max_rows}),
        )?;
        Ok(moved.as_i64().unwrap_or(0))
    };
    run().or_raise()
}

/// Batches until nothing eligible is left; returns the rows moved.
#[pg_extern]
fn stretch_drain(relation: Option<pg_sys::Oid>, timeout: Interval) -> i64 {
    let run = || {
        rights(relation, "drain")?;
        // SAFETY: plain global of the transaction.
        if unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32 {
            return Err(
                Error::new(&errors::NOT_NOW, "stretch.drain needs isolation level READ COMMITTED")
                    .hint("Run it outside REPEATABLE READ and SERIALIZABLE."),
            );
        }
        let seconds =
            timeout.months() as f64 * 2_592_000.0 + timeout.days() as f64 * 86_400.0 + timeout.micros() as f64 / 1e6;
        let answer = request::call("drain", &json!({"relation": oid(relation), "timeout": seconds}))?;
        for failure in answer[2].as_array().into_iter().flatten() {
            tell_of_filter(failure)?;
        }
        let left = answer[1].as_i64().unwrap_or(0);
        if left > 0 {
            let what = relation.map_or_else(|| "the stretched tables".to_string(), names::relation);
            notice(&format!(
                "{left} eligible rows of {what} stay hot for now: they are held by other sessions or do not survive \
                the round trip"
            ));
        }
        Ok(answer[0].as_i64().unwrap_or(0))
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
        rights(relation, "purge_staged")?;
        Ok(request::call("purge_staged", &json!({"relation": oid(relation)}))?
            .as_i64()
            .unwrap_or(0))
    };
    run().or_raise()
}
