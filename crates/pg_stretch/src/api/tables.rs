//! The SQL functions for tables: enabling, checking, changing settings and filter.

use crate::ddl::enable::disable::ColdRows;
use crate::ddl::enable::{self, Wish, partitioned, slots};
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::request;
use crate::pg::text::Text;
use pgrx::prelude::*;
use serde_json::json;

/// An argument that must not be NULL.
fn given<T>(value: Option<T>, name: &str) -> Result<T> {
    value.ok_or_else(|| Error::argument(format!("{name} must not be null")))
}

/// `stretch.enable_table`.
#[pg_extern]
fn stretch_enable_table(
    relation: Option<pg_sys::Oid>,
    filter: Option<Text>,
    migration_state: Option<Text>,
    strict: Option<bool>,
    order_by: Option<Text>,
    if_not_exists: Option<bool>,
    adopt: Option<bool>,
) {
    let run = || {
        partitioned::enable(
            given(relation, "relation")?,
            &Wish {
                filter: filter.as_deref(),
                migration_state: given(migration_state.as_deref(), "migration_state")?,
                strict: strict.unwrap_or(false),
                order_by: order_by.as_deref(),
                if_not_exists: if_not_exists.unwrap_or(false),
                adopt: adopt.unwrap_or(false),
            },
        )?;
        slots::without_publication().map(|names| slots::warn(&names))
    };
    run().or_raise();
}

type Finding = (Text, Text, Text, Option<Text>, Option<i64>, Option<i64>);

/// `stretch.check_table`.
#[pg_extern]
#[allow(clippy::type_complexity)] // the columns of a set-returning function are written out
fn stretch_check_table(
    relation: Option<pg_sys::Oid>,
    filter: Option<Text>,
) -> TableIterator<
    'static,
    (
        name!(severity, Text),
        name!(item, Text),
        name!(reason, Text),
        name!(hint, Option<Text>),
        name!(eligible_rows, Option<i64>),
        name!(eligible_bytes, Option<i64>),
    ),
> {
    let findings = given(relation, "relation")
        .and_then(|relation| partitioned::check(relation, filter.as_deref()))
        .or_raise();
    let mut rows: Vec<Finding> = findings
        .refusals
        .into_iter()
        .map(|r| {
            (
                "error".into(),
                r.item.into(),
                r.reason.into(),
                Some(r.hint.into()),
                None,
                None,
            )
        })
        .collect();
    let fits = rows.is_empty();
    rows.extend(
        findings
            .skipped
            .into_iter()
            .map(|what| ("info".into(), "kind".into(), what.into(), None, None, None)),
    );
    if let Some((eligible, bytes)) = findings.eligible {
        let verdict = match (findings.is_of_filter, fits) {
            (false, true) => "the table can be stretched",
            (false, false) => "the table cannot be stretched as it is",
            (true, true) => "the table can have this filter",
            (true, false) => "the table cannot have this filter",
        };
        rows.push((
            "info".into(),
            "table".into(),
            verdict.into(),
            Some("Rows and bytes are estimates; run ANALYZE for better ones.".into()),
            Some(eligible),
            Some(bytes),
        ));
    }
    TableIterator::new(rows)
}

/// `stretch.alter_table`.
#[pg_extern]
fn stretch_alter_table(relation: Option<pg_sys::Oid>, strict: Option<bool>, order_by: Option<Text>) {
    given(relation, "relation")
        .and_then(|relation| partitioned::alter(relation, strict, order_by.as_deref()))
        .or_raise();
}

/// `stretch.set_migration_state`.
#[pg_extern]
fn stretch_set_migration_state(relation: Option<pg_sys::Oid>, migration_state: Option<Text>) {
    let run = || {
        let relation = given(relation, "relation")?;
        let state = given(migration_state.as_deref(), "migration_state")?;
        partitioned::set_state(relation, state)
    };
    run().or_raise();
}

/// `stretch.set_filter`.
#[pg_extern]
fn stretch_set_filter(relation: Option<pg_sys::Oid>, filter: Option<Text>) {
    given(relation, "relation")
        .and_then(|relation| partitioned::set_filter(relation, filter.as_deref()))
        .or_raise();
}

/// `stretch.disable_table`.
#[pg_extern]
fn stretch_disable_table(
    relation: Option<pg_sys::Oid>,
    leave_remote_data: Option<bool>,
    if_exists: Option<bool>,
    wait: Option<bool>,
) {
    let run = || {
        let relation = given(relation, "relation")?;
        let if_exists = if_exists.unwrap_or(false);
        let cold = match given(leave_remote_data, "leave_remote_data")? {
            true => ColdRows::Stay,
            false => ColdRows::ComeBack,
        };
        if cold == ColdRows::ComeBack && wait.unwrap_or(true) && bring_back(relation)? {
            return Ok(());
        }
        partitioned::disable(relation, cold, if_exists)
    };
    run().or_raise();
}

/// Waits until the worker has brought the rows of the table, or of those below it, back. True when nothing is left to
/// be done: the worker disables a table itself.
fn bring_back(relation: pg_sys::Oid) -> Result<bool> {
    let tables = partitioned::to_bring_back(relation)?;
    if tables.is_empty() {
        return Ok(false);
    }
    request::refuse_in_block("disable_table with rows to bring back")?;
    for table in &tables {
        request::call("bring_back", &json!({"relation": table.to_u32()}))?;
    }
    Ok(tables == [relation])
}

/// The estimate shown in `stretch.tables`.
#[pg_extern]
fn stretch_eligible_rows(relation: pg_sys::Oid) -> Option<i64> {
    enable::eligible_rows(relation).or_raise()
}
