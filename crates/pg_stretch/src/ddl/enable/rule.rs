//! Filters that name the present, as `ordered_at < now() - interval '90 days'`. Such a filter is a *rule*. What is
//! stored and used everywhere as the table's filter is the rule as it was at one moment, the *cut*, with constants in
//! it; the worker moves the cut forward, step by step, and never back.

use super::{filter, lock};
use crate::catalog::filter::{names_present, parse};
use crate::catalog::snapshot::{LATEST, Latest};
use crate::catalog::tables;
use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::missing::expression_tree_walker;
use crate::pg::text::Text;
use crate::pg::{gucs, request, spi, txn, type_io, user};
use pgrx::pg_sys;
use std::ffi::c_void;
use std::time::Duration;
use stretch_core::cut;
use stretch_core::ids::TableId;
use stretch_core::state::MigrationState;

/// How long the worker stands in the queue for a table, and with it all who come after.
const PATIENCE: Duration = Duration::from_millis(100);

/// The rule that a filter is, as it is stored; `None` for a filter that names no present.
pub fn of(relation: pg_sys::Oid, text: Option<&str>) -> Result<Option<String>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let _owner = user::ActAs::role(user::relation_owner(relation), true);
    let node = parse(relation, text)?;
    filter::check(relation, node)?;
    // SAFETY: a checked expression over the table.
    Ok(unsafe { names_present(node).then(|| filter::deparsed(relation, node)) })
}

/// Keeps the rule of a table, whose cut is the present; none for a filter that is none.
pub fn keep(relation: pg_sys::Oid, rule: Option<&str>) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    spi::execute(
        "DELETE FROM stretch.moving_filter m USING stretch.stretched_table t
          WHERE m.table_id = t.table_id AND t.relation = $1",
        &[relation.into()],
    )?;
    let Some(rule) = rule else {
        return Ok(());
    };
    spi::execute(
        "INSERT INTO stretch.moving_filter (table_id, rule, cut)
         SELECT table_id, $2, pg_catalog.now() FROM stretch.stretched_table WHERE relation = $1",
        &[relation.into(), rule.into()],
    )
    .map(drop)
}

/// The rule of a table.
pub fn kept(relation: pg_sys::Oid) -> Result<Option<String>> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let rule = spi::get::<Text>(
        "SELECT m.rule FROM stretch.moving_filter m JOIN stretch.stretched_table t USING (table_id)
          WHERE t.relation = $1",
        &[relation.into()],
    )?;
    Ok(rule.map(|rule| rule.to_string()))
}

/// Writes the rule of a table with other names of columns; its cut stays.
pub fn rewrite(relation: pg_sys::Oid, rule: &str) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    spi::execute(
        "UPDATE stretch.moving_filter m SET rule = $2 FROM stretch.stretched_table t
          WHERE m.table_id = t.table_id AND t.relation = $1",
        &[relation.into(), rule.into()],
    )
    .map(drop)
}

/// A rule with the moment of its cut.
struct Moving {
    relation: pg_sys::Oid,
    rule: String,
    /// Microseconds since 2000.
    cut: i64,
}

/// Moves the cuts that are due. True when one was; a table that is in use is left for the next time.
pub fn round() -> Result<bool> {
    let mut moved = false;
    for one in all()? {
        // SAFETY: a clock.
        let now = unsafe { pg_sys::GetCurrentTimestamp() };
        let is_due = txn::run(|| Ok(cut::is_due(one.cut, now, step(&one)?)))?;
        if !is_due {
            continue;
        }
        match txn::run(|| advance(&one)) {
            Ok(done) => moved |= done,
            Err(error) if error.is(&stretch_core::errors::LOCKED) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(moved)
}

fn all() -> Result<Vec<Moving>> {
    txn::run(|| {
        spi::rows(
            "SELECT t.relation::oid, m.rule, (extract(epoch FROM m.cut - timestamptz '2000-01-01 00:00:00+00')
                * 1000000)::int8
               FROM stretch.moving_filter m JOIN stretch.stretched_table t USING (table_id)
              WHERE t.migration_state = $1",
            &[MigrationState::Outbound.as_str().into()],
            |row| {
                Ok(Moving {
                    relation: row.get::<pg_sys::Oid>(1)?.unwrap_or(pg_sys::InvalidOid),
                    rule: row.get::<Text>(2)?.unwrap_or_default().to_string(),
                    cut: row.get::<i64>(3)?.unwrap_or(i64::MAX),
                })
            },
        )
    })
}

/// Microseconds from one cut to the next.
fn step(one: &Moving) -> Result<i64> {
    let asked = gucs::CUT_STEP.get();
    if asked > 0 {
        return Ok(i64::from(asked) * 1000);
    }
    let mut shortest = Shortest(None);
    // SAFETY: a lock on an OID; a stored rule was checked, and its nodes live as long as the transaction.
    unsafe {
        pg_sys::LockRelationOid(one.relation, pg_sys::AccessShareLock as i32);
        if pg_sys::get_rel_name(one.relation).is_null() {
            return Ok(i64::MAX);
        }
        let _settings = type_io::settings();
        let node = parse(one.relation, &one.rule)?;
        visit(node, (&raw mut shortest).cast());
    }
    Ok(cut::step(shortest.0))
}

/// Microseconds of the shortest interval in a rule.
struct Shortest(Option<i64>);

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn visit(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: the context is the `Shortest` of `step`; the tag tells the type of the node, and a constant of type
    // interval points at one.
    unsafe {
        if (*node).type_ == pg_sys::NodeTag::T_Const {
            let constant = &*node.cast::<pg_sys::Const>();
            if constant.consttype == pg_sys::INTERVALOID && !constant.constisnull {
                let interval = &*constant.constvalue.cast_mut_ptr::<pg_sys::Interval>();
                let length = cut::micros(interval.month, interval.day, interval.time);
                let shortest = &mut *context.cast::<Shortest>();
                shortest.0 = Some(shortest.0.map_or(length, |before| before.min(length)));
            }
        }
        pg_sys::ffi::pg_guard_ffi_boundary(|| expression_tree_walker(node, Some(visit), context))
    }
}

/// Moves the cut of a table to the present of this transaction, if that selects no row less than the filter before.
/// Rows that are cold by it could not come back.
fn advance(one: &Moving) -> Result<bool> {
    let new = {
        // SAFETY: a lock on an OID.
        unsafe { pg_sys::LockRelationOid(one.relation, pg_sys::AccessShareLock as i32) };
        filter::normalize(one.relation, &one.rule)?
    };
    let Some(table) = tables::by_relation(one.relation, LATEST)? else {
        return Ok(false);
    };
    if table.filter.as_deref() == Some(new.as_str())
        || !filter::is_looser(one.relation, table.filter.as_deref(), Some(&new))?
    {
        return Ok(false);
    }
    // No plan of before may go on: it could leave the cold side out for rows that are about to go there.
    lock::exclusive_within(one.relation, PATIENCE);
    let now = tables::by_relation(one.relation, Latest::take().get())?;
    if now.is_none_or(|now| now != table) {
        return Ok(false);
    }
    write(&table.table_id, &new)?;
    // SAFETY: cached facts about the table are now old, in every session.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(one.relation) };
    request::want_worker();
    Ok(true)
}

fn write(table: &TableId, filter: &str) -> Result<()> {
    spi::execute(
        "UPDATE stretch.stretched_table SET filter = $2 WHERE table_id = $1",
        &[spi::uuid_arg(table.as_bytes()), filter.into()],
    )?;
    spi::execute(
        "UPDATE stretch.moving_filter SET cut = pg_catalog.now() WHERE table_id = $1",
        &[spi::uuid_arg(table.as_bytes())],
    )
    .map(drop)
}
