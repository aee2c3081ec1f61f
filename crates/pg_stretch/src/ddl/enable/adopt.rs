//! `enable_table(…, adopt => true)`: a table takes up again the cold rows that it left behind when it was disabled, as
//! they were then: with their dead rows, and without those that had come home before.
//!
//! Nothing kept them in order with the hot rows since. So the endpoint is asked for their objects first, and when the
//! catalog names them again, all constraints are judged over both sides, before anybody else sees the table.

use super::refusals;
use super::{Entry, Wish, filter, lock, rule, validate};
use crate::catalog::rows::{AbandonedTable, StretchedTable};
use crate::catalog::snapshot::Latest;
use crate::catalog::{abandoned, changes, partitions, tables};
use crate::cold::readable::unreadable;
use crate::ddl::follow;
use crate::pg::error::{Error, Result, notice};
use crate::pg::spi::{self, uuid_arg};
use crate::pg::{names, request, shmem, user};
use pgrx::pg_sys;
use serde_json::json;
use stretch_core::errors;
use stretch_core::state::MigrationState;

/// The request by which the worker looks for the objects.
pub const REQUEST: &str = "adopt";

const WITHOUT: &str = "Leave out adopt => true: the table is stretched with its hot rows.";

/// Stretches a table with the cold rows that it left behind last.
pub fn enable(relation: pg_sys::Oid, wish: &Wish<'_>) -> Result<()> {
    super::rights(relation, "enable_table")?;
    shmem::require()?;
    super::require_database()?;
    let state = super::first_state(wish.migration_state)?;
    lock::exclusive(relation);
    // The wait may have been long: the table may be gone or belong to somebody else.
    super::rights(relation, "enable_table")?;
    let name = names::relation(relation);
    if tables::by_relation(relation, Latest::take().get())?.is_some() {
        return super::already(&name, wish.if_not_exists);
    }
    let kept = kept(relation, &name)?;
    let given = wish.filter.or(kept.rule.as_deref()).or(kept.filter.as_deref());
    let filter = super::usable_filter(relation, given);
    let filter = super::fit(&name, refusals::of_table(relation)?, filter)?;
    covered(&kept, &name, filter.as_deref())?;
    let order_by = wish.order_by.or(kept.order_by.as_deref());
    let order_by = super::new_order(relation, None, order_by)?;
    look(&kept, &name)?;
    take_up(&kept, filter.as_deref(), order_by.as_deref(), wish.strict, state)?;
    rule::keep(relation, rule::of(relation, given)?.as_deref())?;
    let table = tables::by_relation(relation, Latest::take().get())?;
    let table = table.ok_or_else(|| Error::internal("the table is not in the catalog"))?;
    readable(&table, &name)?;
    validate::all_rows(relation)?;
    let rows = tables::cold_rows(&table.table_id, Latest::take().get())?;
    notice(&format!("{rows} cold rows of table {name} are in it again"));
    request::want_worker();
    Ok(())
}

/// Partitions left their rows behind one by one, each by its own filter.
pub fn of_partitions(relation: pg_sys::Oid) -> Error {
    let partition = partitions::leaves(relation).into_iter().next().unwrap_or(relation);
    Error::new(
        &errors::UNSUPPORTED,
        format!(
            "partitioned table {} takes up no cold rows for its partitions",
            names::relation(relation)
        ),
    )
    .hint(format!(
        "Each partition takes up its own, then the partitioned table can be enabled: \
         SELECT stretch.enable_table('{}', adopt => true); and so on.",
        names::relation(partition).replace('\'', "''")
    ))
}

/// What the table left behind last.
fn kept(relation: pg_sys::Oid, name: &str) -> Result<AbandonedTable> {
    let Some(kept) = abandoned::of(relation, Latest::take().get())?.pop() else {
        let message = format!("table {name} has left no cold rows behind that it could take up again");
        return Err(Error::new(&errors::NOT_NOW, message).hint(WITHOUT));
    };
    match &kept.unfit {
        None => Ok(kept),
        Some(reason) => Err(unfit(name, &format!("{}{}.", reason[..1].to_uppercase(), &reason[1..]))),
    }
}

fn unfit(name: &str, detail: &str) -> Error {
    Error::new(
        &errors::TABLE_UNFIT,
        format!("the cold rows that table {name} left behind do not fit it any more"),
    )
    .detail(detail.to_owned())
    .hint(WITHOUT)
}

/// ST013 for a filter that not all rows pass which were cold by the old one.
fn covered(kept: &AbandonedTable, name: &str, new: Option<&str>) -> Result<()> {
    if filter::is_looser(kept.relation, kept.filter.as_deref(), new)? {
        return Ok(());
    }
    Err(Error::new(
        &errors::FILTER_NOT_LOOSER,
        format!("the filter does not select every cold row that table {name} left behind"),
    )
    .detail(format!(
        "The filter of those rows: {}",
        kept.filter.as_deref().unwrap_or("none, every row")
    )))
}

/// Asks the endpoint for the objects, through the worker; what is kept of the table is locked from here on.
fn look(kept: &AbandonedTable, name: &str) -> Result<()> {
    abandoned::lock(&kept.table_id)?;
    let answer = request::call(REQUEST, &json!({ "table": kept.table_id.to_string() }))?;
    let count = |key: &str| answer[key].as_i64().unwrap_or_default();
    let here = {
        let _us = user::ActAs::extension_owner();
        let sql = "SELECT count(*) FROM stretch.segment WHERE table_id = $1 AND abandoned";
        spi::get::<i64>(sql, &[uuid_arg(kept.table_id.as_bytes())])?
    };
    if here != Some(count("segments")) {
        let message = format!("table {name} was disabled in this transaction, of which the worker knows nothing yet");
        return Err(Error::new(&errors::NOT_NOW, message).hint("Commit it, then enable the table."));
    }
    if count("lost") == 0 {
        return Ok(());
    }
    Err(Error::new(
        &errors::SEGMENT_LOST,
        format!(
            "{} of {} segments that table {name} left behind are not on the endpoint",
            count("lost"),
            count("segments")
        ),
    )
    .detail(answer["first"].as_str().unwrap_or_default())
    .hint(WITHOUT))
}

/// Writes the table into the catalog with its segments of before.
fn take_up(
    kept: &AbandonedTable,
    filter: Option<&str>,
    order_by: Option<&str>,
    strict: bool,
    state: MigrationState,
) -> Result<()> {
    changes::begin(&kept.table_id);
    let columns = follow::columns_now(kept.relation, &kept.columns, kept.next_field_id)?;
    let last = columns.iter().map(|column| column.field_id).max().unwrap_or(0);
    super::enter(
        kept.relation,
        &Entry {
            table_id: kept.table_id,
            filter,
            order_by,
            strict,
            state,
            columns: &columns,
            next_field_id: kept.next_field_id.max(last + 1),
        },
    )?;
    abandoned::restore_manifest(&kept.table_id, &super::new_manifest()?)?;
    abandoned::restore_segments(&kept.table_id)?;
    // SAFETY: what follows in this command sees the table with its cold rows.
    unsafe { pg_sys::CommandCounterIncrement() };
    Ok(())
}

/// ST011 where a segment holds a column in a way that does not fit its type of now.
fn readable(table: &StretchedTable, name: &str) -> Result<()> {
    match unreadable(table, &[])? {
        None => Ok(()),
        Some(column) => Err(unfit(
            name,
            &format!("Cold values of column {column} cannot be read as its type."),
        )),
    }
}
