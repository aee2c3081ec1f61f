//! The look for new keys on the cold side: as the table's owner, with a snapshot taken now, narrowed to the range of the
//! new keys so that zone maps answer the usual case without any I/O.

use super::finish;
use super::keys::{self, Key, Part};
use crate::catalog::scan::Latest;
use crate::catalog::tables;
use crate::error::{Error, Result};
use crate::pg::{names, path, user};
use crate::stretched;
use pgrx::prelude::*;
use std::ffi::CString;
use stretch_core::errors;

// Missing in the bindings; compares bytes, detoasts nothing, raises nothing.
unsafe extern "C-unwind" {
    fn datumIsEqual(a: pg_sys::Datum, b: pg_sys::Datum, by_value: bool, length: i32) -> bool;
}

/// The transition table of the INSERT trigger.
const NEW: &str = "stretch_new";

/// A statement's parameter: type, value, null.
type Argument = (pg_sys::Oid, pg_sys::Datum, bool);

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
        let child = names::relation(info.child);
        let _owner = Owner::new(user::relation_owner(info.relation));
        let _path = path::Pinned::new();
        let _probing = super::Probing::begin();
        pg_sys::SPI_connect();
        if data.tg_newtable.is_null() {
            changed_row(data, &keys, &child, info.relation)?;
        } else {
            pg_sys::SPI_register_trigger_data(data);
            for key in &keys {
                inserted(key, &child, info.relation)?;
            }
        }
        pg_sys::SPI_finish();
        Ok(())
    }
}

/// The table's owner, past FORCE ROW LEVEL SECURITY, as foreign keys are checked.
struct Owner {
    user: pg_sys::Oid,
    context: i32,
}

impl Owner {
    fn new(owner: pg_sys::Oid) -> Self {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        let flags = (pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS) as i32;
        // SAFETY: saves and replaces the identity; `drop` puts it back.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(owner, context | flags);
        }
        Self { user, context }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // SAFETY: restores what `new` saved.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}

/// All rows of an INSERT or COPY at once, from the transition table.
unsafe fn inserted(key: &Key, child: &str, relation: pg_sys::Oid) -> Result<()> {
    let columns: Vec<String> = key.parts.iter().map(bounds).collect();
    // SAFETY: inside SPI, with the transition table registered.
    unsafe {
        let Some(row) = first_row(&format!("SELECT {}", columns.join(", ")), &[], None, columns.len() * 3) else {
            return Ok(());
        };
        let mut conditions = Vec::new();
        let mut arguments = Vec::new();
        for (part, bounds) in key.parts.iter().zip(row.chunks(3)) {
            let [low, high, nulls] = bounds else { continue };
            let has_null = !nulls.1 && nulls.0.value() != 0;
            if !key.nulls_not_distinct || !has_null {
                if low.1 {
                    // Only nulls, or no row at all: nothing can be equal.
                    return Ok(());
                }
                let (from, to) = (arguments.len() + 1, arguments.len() + 2);
                conditions.push(format!(
                    "c.{}{} {} ${from}",
                    part.name, part.collate, part.greater_or_equal
                ));
                conditions.push(format!("c.{}{} {} ${to}", part.name, part.collate, part.less_or_equal));
                arguments.push((part.type_id, low.0, false));
                arguments.push((part.type_id, high.0, false));
            }
        }
        let equal: Vec<String> = key
            .parts
            .iter()
            .map(|part| same(part, key.nulls_not_distinct))
            .collect();
        conditions.push(format!("EXISTS (SELECT FROM {NEW} n WHERE {})", equal.join(" AND ")));
        let sql = format!("SELECT 1 FROM {child} c WHERE {} LIMIT 1", conditions.join(" AND "));
        judge(&sql, &arguments, key, relation)
    }
}

/// Least and greatest new value and whether there is a null; types like uuid have an order but no min().
fn bounds(part: &Part) -> String {
    let (name, collate) = (&part.name, &part.collate);
    let end = |operator: &str| {
        format!("(SELECT {name} FROM {NEW} WHERE {name} IS NOT NULL ORDER BY {name}{collate} USING {operator} LIMIT 1)")
    };
    format!(
        "{}, {}, EXISTS (SELECT FROM {NEW} WHERE {name} IS NULL)",
        end(&part.less),
        end(&part.greater)
    )
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
unsafe fn changed_row(data: &pg_sys::TriggerData, keys: &[Key], child: &str, relation: pg_sys::Oid) -> Result<()> {
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
            let has_null = key.parts.iter().any(|part| new[part.column as usize - 1].1);
            if !changed || (has_null && !key.nulls_not_distinct) {
                continue;
            }
            let mut conditions = Vec::new();
            let mut arguments = Vec::new();
            for part in &key.parts {
                let (value, null) = new[part.column as usize - 1];
                if null {
                    conditions.push(format!("c.{} IS NULL", part.name));
                } else {
                    arguments.push((part.type_id, value, false));
                    let number = arguments.len();
                    conditions.push(format!("c.{}{} {} ${number}", part.name, part.collate, part.equal));
                }
            }
            let sql = format!("SELECT 1 FROM {child} c WHERE {} LIMIT 1", conditions.join(" AND "));
            judge(&sql, &arguments, key, relation)?;
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
unsafe fn judge(sql: &str, arguments: &[Argument], key: &Key, relation: pg_sys::Oid) -> Result<()> {
    // SAFETY: inside SPI.
    unsafe {
        if first_row(sql, arguments, None, 1).is_none() {
            return Ok(());
        }
        let table = names::relation(relation);
        if !finish::on_conflict() {
            return Err(Error::new(
                &errors::KEY_IS_COLD,
                format!("duplicate key value violates unique constraint \"{}\"", key.name),
            )
            .detail(format!("A cold row of table {table} has this key.")));
        }
        let before = pg_sys::GetActiveSnapshot();
        if first_row(sql, arguments, Some(before), 1).is_some() {
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
}

/// First row of a query under `snapshot`, or under one taken now; copied datums stay valid until SPI ends.
unsafe fn first_row(
    sql: &str,
    arguments: &[Argument],
    snapshot: Option<pg_sys::Snapshot>,
    width: usize,
) -> Option<Vec<(pg_sys::Datum, bool)>> {
    let text = CString::new(sql).ok()?;
    let mut types: Vec<pg_sys::Oid> = arguments.iter().map(|argument| argument.0).collect();
    let mut values: Vec<pg_sys::Datum> = arguments.iter().map(|argument| argument.1).collect();
    // SAFETY: inside SPI; the arrays outlive the calls; errors of SPI that are no ERROR give no plan or no table.
    unsafe {
        let plan = pg_sys::SPI_prepare(text.as_ptr(), types.len() as i32, types.as_mut_ptr());
        if plan.is_null() {
            Error::internal("a uniqueness probe could not be prepared").raise();
        }
        let latest = Latest::take();
        let snapshot = snapshot.unwrap_or(latest.get());
        pg_sys::SPI_execute_snapshot(
            plan,
            values.as_mut_ptr(),
            std::ptr::null(),
            snapshot,
            std::ptr::null_mut(),
            true,
            false,
            1,
        );
        let table = pg_sys::SPI_tuptable;
        if pg_sys::SPI_processed == 0 || table.is_null() {
            return None;
        }
        let row = *(*table).vals;
        Some(
            (1..=width as i32)
                .map(|number| {
                    let mut null = false;
                    let value = pg_sys::SPI_getbinval(row, (*table).tupdesc, number, &mut null);
                    (value, null)
                })
                .collect(),
        )
    }
}
