//! The look for new keys on the cold side: as the table's owner, with a snapshot taken now, narrowed to the range of the
//! new keys so that zone maps answer the usual case without any I/O.

use super::finish;
use super::keys::{self, Key, Part};
use super::range::{self, Range};
use super::search::{Argument, Purpose, Search, Session, finds, finds_under};
use crate::catalog::scan::Latest;
use crate::catalog::tables;
use crate::error::{Error, Result};
use crate::pg::names;
use crate::stretched;
use pgrx::prelude::*;
use stretch_core::errors;

// Missing in the bindings; compares bytes, detoasts nothing, raises nothing.
unsafe extern "C-unwind" {
    fn datumIsEqual(a: pg_sys::Datum, b: pg_sys::Datum, by_value: bool, length: i32) -> bool;
}

/// The transition table of the INSERT trigger.
const NEW: &str = "stretch_new";

/// Looks for the new keys of one trigger call.
///
/// # Safety
/// `data` is what PostgreSQL passed to the trigger.
pub unsafe fn run(data: &mut pg_sys::TriggerData) -> Result<()> {
    // SAFETY: the relation of a trigger call is open and locked.
    unsafe {
        let table = data.tg_relation;
        let Some(info) = stretched::lookup((*table).rd_id)? else {
            return Ok(());
        };
        // Rows that this statement deleted on the cold side count as gone.
        pg_sys::CommandCounterIncrement();
        {
            let latest = Latest::take();
            let manifest = tables::manifest(&info.table_id, latest.get())?;
            if manifest.is_some_and(|manifest| manifest.segments == 0) {
                return Ok(());
            }
        }
        let keys = keys::of(table)?;
        let _session = Session::begin(&info);
        if data.tg_newtable.is_null() {
            return changed_row(data, &keys, &info);
        }
        pg_sys::SPI_register_trigger_data(data);
        let ranges = range::of(data, &keys)?;
        keys.iter()
            .zip(&ranges)
            .try_for_each(|(key, ranges)| inserted(key, ranges, &info))
    }
}

/// All rows of an INSERT or COPY at once, from the transition table; inside SPI, where it is registered.
fn inserted(key: &Key, ranges: &[Range], info: &stretched::Info) -> Result<()> {
    let mut conditions = Vec::new();
    let mut arguments = Vec::new();
    for (part, range) in key.parts.iter().zip(ranges) {
        if key.nulls_not_distinct && range.has_null {
            continue;
        }
        let Some((low, high)) = range.bounds else {
            // Only nulls, or no row at all: nothing can be equal.
            return Ok(());
        };
        for (operator, value) in [(&part.greater_or_equal, low), (&part.less_or_equal, high)] {
            arguments.push((part.type_id, value));
            conditions.push(format!(
                "c.{}{} {operator} ${}",
                part.name,
                part.collate,
                arguments.len()
            ));
        }
    }
    let equal: Vec<String> = key
        .parts
        .iter()
        .map(|part| same(part, key.nulls_not_distinct))
        .collect();
    conditions.push(format!("EXISTS (SELECT FROM {NEW} n WHERE {})", equal.join(" AND ")));
    judge(&search(info, &conditions, arguments), key)
}

fn search<'a>(info: &'a stretched::Info, conditions: &[String], arguments: Vec<Argument>) -> Search<'a> {
    let child = names::relation(info.child);
    Search {
        sql: format!(
            "SELECT c.ctid FROM {child} c WHERE {} LIMIT 1",
            conditions.join(" AND ")
        ),
        arguments,
        info,
    }
}

/// The look for one row's key; `None` when no other row can have it, for it has a null.
pub fn by_value<'a>(
    key: &Key,
    info: &'a stretched::Info,
    value: impl Fn(i16) -> Option<(pg_sys::Datum, bool)>,
) -> Option<Search<'a>> {
    let mut conditions = Vec::new();
    let mut arguments = Vec::new();
    for part in &key.parts {
        let (value, null) = value(part.column)?;
        if !null {
            arguments.push((part.type_id, value));
            let number = arguments.len();
            conditions.push(format!("c.{}{} {} ${number}", part.name, part.collate, part.equal));
        } else if key.nulls_not_distinct {
            conditions.push(format!("c.{} IS NULL", part.name));
        } else {
            return None;
        }
    }
    Some(search(info, &conditions, arguments))
}

fn same(part: &Part, nulls_not_distinct: bool) -> String {
    let name = &part.name;
    let equal = format!("n.{name}{} {} c.{name}", part.collate, part.equal);
    if nulls_not_distinct {
        format!("({equal} OR (n.{name} IS NULL AND c.{name} IS NULL))")
    } else {
        equal
    }
}

/// One row of an UPDATE, for each key that changed.
unsafe fn changed_row(data: &pg_sys::TriggerData, keys: &[Key], info: &stretched::Info) -> Result<()> {
    // SAFETY: an AFTER UPDATE row trigger has both tuples, of the relation's descriptor.
    unsafe {
        if data.tg_newtuple.is_null() {
            return Ok(());
        }
        let description = (*data.tg_relation).rd_att;
        let old = deform(data.tg_trigtuple, description);
        let new = deform(data.tg_newtuple, description);
        for key in keys {
            let changed = key.parts.iter().any(|part| {
                let at = part.column as usize - 1;
                let (mut length, mut by_value) = (0, false);
                pg_sys::get_typlenbyval(part.type_id, &mut length, &mut by_value);
                old[at].1 != new[at].1
                    || (!new[at].1 && !datumIsEqual(old[at].0, new[at].0, by_value, i32::from(length)))
            });
            if let Some(search) =
                by_value(key, info, |column| new.get(column as usize - 1).copied()).filter(|_| changed)
            {
                judge(&search, key)?;
            }
        }
        Ok(())
    }
}

unsafe fn deform(tuple: pg_sys::HeapTuple, description: pg_sys::TupleDesc) -> Vec<(pg_sys::Datum, bool)> {
    // SAFETY: the arrays are as long as the descriptor.
    unsafe {
        let width = (*description).natts as usize;
        let mut values = vec![pg_sys::Datum::from(0); width];
        let mut nulls = vec![true; width];
        pg_sys::heap_deform_tuple(tuple, description, values.as_mut_ptr(), nulls.as_mut_ptr());
        values.into_iter().zip(nulls).collect()
    }
}

/// 23505 when the query finds a cold row. An ON CONFLICT clause cannot act on it: ST015 when the row was cold before the
/// statement began, 40001 when it became cold meanwhile, so that running it again finds it cold or hot (F28).
fn judge(search: &Search, key: &Key) -> Result<()> {
    if !finds(search, Purpose::Refuse)? {
        return Ok(());
    }
    let table = names::relation(search.info.relation);
    if !finish::on_conflict() {
        return Err(Error::new(
            &errors::KEY_IS_COLD,
            format!("duplicate key value violates unique constraint \"{}\"", key.name),
        )
        .detail(format!("A cold row of table {table} has this key."))
        .constraint(
            names::schema(search.info.relation),
            names::bare_relation(search.info.relation),
            &key.name,
        ));
    }
    // SAFETY: a trigger runs under an active snapshot.
    if finds_under(search, unsafe { pg_sys::GetActiveSnapshot() }) {
        return Err(Error::new(
            &errors::COLD_ROWS_REFUSED,
            format!("INSERT … ON CONFLICT meets a cold row of table {table}"),
        )
        .detail(format!("The key of \"{}\" belongs to a cold row.", key.name)));
    }
    Err(Error::new(
        &errors::MOVED,
        format!("could not serialize access: a row of table {table} became cold meanwhile"),
    )
    .detail(format!("The key of \"{}\" belongs to it.", key.name)))
}
