//! The look for new keys on the cold side: as the table's owner, with a snapshot taken now, narrowed to the range of
//! the new keys so that zone maps answer the usual case without any I/O.

use super::narrow::{self, ColdSide, Look};
use super::search::{Search, Session, Then};
use super::wanted::{Portions, Wanted};
use super::{hot, new_rows, range};
use crate::catalog::keys::{self, Key};
use crate::catalog::{stretched, triggers};
use crate::cold::key_filter::Hasher;
use crate::pg::error::{Error, Result};
use crate::pg::missing::datumIsEqual;
use crate::pg::names;
use crate::pg::scratch::Scratch;
use crate::statements::hooks;
use pgrx::prelude::*;
use std::cell::OnceCell;
use std::collections::HashSet;
use stretch_core::errors;

/// Looks for the new keys of one trigger call.
///
/// # Safety
/// `data` is what PostgreSQL passed to the trigger.
pub unsafe fn run(data: &mut pg_sys::TriggerData) -> Result<()> {
    // SAFETY: the relation of a trigger call is open and locked.
    let Some(info) = (unsafe { stretched::lookup((*data.tg_relation).rd_id)? }) else {
        return Ok(());
    };
    // SAFETY: between the commands of a statement. Rows that it deleted on the cold side count as gone from here on.
    unsafe { pg_sys::CommandCounterIncrement() };
    let Some(cold) = ColdSide::now(&info)? else {
        return Ok(());
    };
    // SAFETY: the trigger is one of the open relation.
    unsafe {
        let keys = looked_after(data)?;
        match data.tg_newtable.is_null() {
            true => row(data, &keys, &cold),
            false => rows(data, &keys, &cold),
        }
    }
}

/// The keys that this trigger looks after. A constraint trigger names the columns of its key; the others look after the
/// keys that are not deferrable.
unsafe fn looked_after(data: &pg_sys::TriggerData) -> Result<Vec<Key>> {
    // SAFETY: relation and trigger of a trigger call.
    let (mut keys, columns) = unsafe { (keys::of(data.tg_relation)?, triggers::arguments(&*data.tg_trigger)) };
    keys.retain(|key| match columns.is_empty() {
        true => !key.deferrable,
        false => key.deferrable && key.parts.iter().map(|part| &part.name).eq(&columns),
    });
    Ok(keys)
}

/// All rows of an INSERT or COPY at once.
unsafe fn rows(data: &pg_sys::TriggerData, keys: &[Key], cold: &ColdSide) -> Result<()> {
    // SAFETY: a trigger call with a transition table.
    let first = unsafe { range::of(data, keys, 1) };
    let all = OnceCell::new();
    // SAFETY: as above.
    let all = |at: usize| &all.get_or_init(|| unsafe { range::of(data, keys, u64::MAX) })[at];
    let mut session = None;
    for (at, key) in keys.iter().enumerate() {
        let hasher = Hasher::new(key, &cold.info.columns);
        // If even the first new key falls into the range of the cold ones, the range of all new keys cannot exclude
        // anything: go on to the hashes, without a pass over the rows for their range.
        let scattered = hasher.is_some() && cold.may_hold(key, &first[at])?;
        if !scattered && !cold.may_hold(key, all(at))? {
            continue;
        }
        let look = match hasher {
            // SAFETY: as above.
            Some(hasher) => cold.by_hashes(&hasher.id.clone(), &mut unsafe { hashes(data, key, hasher) })?,
            None => Look::Except(HashSet::new()),
        };
        let Look::Except(segments) = look else {
            continue;
        };
        let Some(conditions) = narrow::between(key, all(at)) else {
            continue;
        };
        // SAFETY: the relation is open for the whole call.
        let session = session.get_or_insert_with(|| unsafe { Session::begin(cold.info, data.tg_relation) });
        // SAFETY: as above.
        let mut portions = unsafe { Portions::of(data, key) };
        while let Some(wanted) = portions.next() {
            let mut search = Search::new(session, key, wanted, &conditions, &segments);
            judge(&mut search, key)?;
        }
    }
    Ok(())
}

/// The hashes of the new rows' keys.
unsafe fn hashes(data: &pg_sys::TriggerData, key: &Key, mut hasher: Hasher) -> Vec<u64> {
    let scratch = Scratch::new(c"pg_stretch new keys");
    let mut hashes = Vec::new();
    // SAFETY: the values of the key's columns; the loop owns nothing.
    unsafe {
        new_rows::each(data, keys::last_column(std::slice::from_ref(key)), |row| {
            hashes.extend(scratch.run_unguarded(|| hasher.hash_unguarded(|place| row.get(key.parts[place].column))));
            true
        });
    }
    hashes
}

/// One row of an INSERT, or of an UPDATE for each key that changed.
unsafe fn row(data: &pg_sys::TriggerData, keys: &[Key], cold: &ColdSide) -> Result<()> {
    // SAFETY: an AFTER row trigger has one tuple, or two when it is one of UPDATE, of the relation's descriptor.
    let (old, new) = unsafe {
        let description = (*data.tg_relation).rd_att;
        match data.tg_newtuple.is_null() {
            true => (None, deform(data.tg_trigtuple, description)),
            false => (
                Some(deform(data.tg_trigtuple, description)),
                deform(data.tg_newtuple, description),
            ),
        }
    };
    for key in keys {
        // SAFETY: two versions of one row.
        if old.as_ref().is_some_and(|old| unsafe { same_key(key, old, &new) }) {
            continue;
        }
        // SAFETY: the relation is open for the whole call, and the row is one of it.
        unsafe { new_key(data.tg_relation, key, &new, cold)? };
    }
    Ok(())
}

/// Looks for the key of one row.
unsafe fn new_key(relation: pg_sys::Relation, key: &Key, row: &Row, cold: &ColdSide) -> Result<()> {
    let value = |column: i16| {
        row.get(column as usize - 1)
            .filter(|value| !value.1)
            .map(|value| value.0)
    };
    let mut hasher = Hasher::new(key, &cold.info.columns);
    // SAFETY: the values are of the columns' types.
    let look = unsafe { cold.by_value(key, hasher.as_mut(), value)? };
    let Look::Except(segments) = look else {
        return Ok(());
    };
    let Some(wanted) = Wanted::one(key, value) else {
        return Ok(());
    };
    // SAFETY: the caller's promise.
    let session = unsafe { Session::begin(cold.info, relation) };
    // By now the row of a deferred check may be gone or have another key.
    if key.deferrable && !hot::has(&session, key, value)? {
        return Ok(());
    }
    let conditions = narrow::equal(key, |place| value(key.parts[place].column));
    judge(&mut Search::new(&session, key, wanted, &conditions, &segments), key)
}

/// Values of a row, with true where they are NULL.
type Row = Vec<(pg_sys::Datum, bool)>;

/// Whether two versions of a row have the same key, bit for bit.
unsafe fn same_key(key: &Key, old: &Row, new: &Row) -> bool {
    key.parts.iter().all(|part| {
        let at = part.column as usize - 1;
        let (mut length, mut by_value) = (0, false);
        // SAFETY: values of the column's type.
        unsafe {
            pg_sys::get_typlenbyval(part.type_id, &mut length, &mut by_value);
            old[at].1 == new[at].1 && (new[at].1 || datumIsEqual(old[at].0, new[at].0, by_value, i32::from(length)))
        }
    })
}

unsafe fn deform(tuple: pg_sys::HeapTuple, description: pg_sys::TupleDesc) -> Row {
    // SAFETY: the arrays are as long as the descriptor.
    unsafe {
        let width = (*description).natts as usize;
        let mut values = vec![pg_sys::Datum::from(0); width];
        let mut nulls = vec![true; width];
        pg_sys::heap_deform_tuple(tuple, description, values.as_mut_ptr(), nulls.as_mut_ptr());
        values.into_iter().zip(nulls).collect()
    }
}

/// 23505 when the query finds a cold row. An ON CONFLICT clause cannot act on it: ST015 when the row was cold before
/// the statement began, 40001 when it became cold meanwhile, so that running it again finds it cold or hot (F28).
fn judge(search: &mut Search, key: &Key) -> Result<()> {
    if !search.finds(Then::Refuse)? {
        return Ok(());
    }
    if !hooks::on_conflict() {
        let table = names::relation(search.info().relation);
        return Err(Error::new(
            &errors::KEY_IS_COLD,
            format!("duplicate key value violates unique constraint \"{}\"", key.name),
        )
        .detail(format!("A cold row of table {table} has this key."))
        .constraint(
            names::schema(search.info().relation),
            names::bare_relation(search.info().relation),
            &key.name,
        ));
    }
    Err(unfit_for_on_conflict(search, key))
}

/// What an INSERT … ON CONFLICT is told of a cold row with its key.
pub fn unfit_for_on_conflict(search: &mut Search, key: &Key) -> Error {
    let table = names::relation(search.info().relation);
    // SAFETY: a statement runs under an active snapshot.
    match search.finds_under(unsafe { pg_sys::GetActiveSnapshot() }) {
        Err(error) => error,
        Ok(true) => Error::new(
            &errors::COLD_ROWS_REFUSED,
            format!("INSERT ... ON CONFLICT meets a cold row of table {table}"),
        )
        .detail(format!("The key of \"{}\" belongs to a cold row.", key.name))
        .hint(format!(
            "Run an UPDATE of {table} for that key first, which may set a column to itself: it makes the row hot, \
            and in the same \
             transaction it stays hot."
        )),
        Ok(false) => Error::new(
            &errors::MOVED,
            format!("could not serialize access: a row of table {table} became cold meanwhile"),
        )
        .detail(format!("The key of \"{}\" belongs to it.", key.name)),
    }
}
