//! The look for the keys of new rows among the cold rows of the same table, before the heap's indexes judge them
//! against hot ones. First come facts that cost nothing to know; a cold row is read only where they leave a doubt.

use super::doubt::Values;
use super::known::{self, Keyed, Table};
use super::room;
use super::search::{Search, Session, Then};
use super::skipped::is_visible;
use super::unfit::unfit_for_on_conflict;
use super::wanted::Wanted;
use super::{doubt, narrow};
use crate::catalog::keys::Key;
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables;
use crate::cold::identity;
use crate::cold::row::ColdRow;
use crate::cold::row_lock::{self, Wait};
use crate::pg::context::Context;
use crate::pg::error::{Error, Result};
use crate::pg::gucs::{COLD_WRITES, ColdWrites};
use crate::pg::{names, raw};
use crate::statements::table_am::{heap, home};
use pgrx::pg_sys;
use std::collections::HashSet;
use stretch_core::errors;
use stretch_core::ids::SegmentId;
use stretch_core::purpose::Purpose;
use stretch_core::row_locks::Strength;

/// 23505 when a cold row of the table has a unique key of the new row in `slot`, 23P01 when one excludes it. A row that
/// this transaction deleted counts as gone, and one that another deletes is waited for.
///
/// # Safety
/// The relation is open and locked for writing, the slots hold rows of it, and the command's snapshot is active.
pub unsafe fn look(relation: pg_sys::Relation, slot: *mut pg_sys::TupleTableSlot) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { look_for(relation, &[slot], OnHit::Duplicate, || Ok(None)).map(drop) }
}

/// The same for the new rows of one call.
///
/// # Safety
/// As for [`look`].
pub unsafe fn look_for_many(relation: pg_sys::Relation, slots: &[*mut pg_sys::TupleTableSlot]) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { look_for(relation, slots, OnHit::Duplicate, || Ok(None)).map(drop) }
}

/// The same for INSERT … ON CONFLICT, which asks the heap's indexes first: the cold row comes home, and then core finds
/// it there and acts on it. Where the statement has no room for that (see `room.rs`), it is 40001.
///
/// # Safety
/// As for [`look`].
pub unsafe fn look_speculatively(
    relation: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    command: pg_sys::CommandId,
) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        let oid = (*relation).rd_id;
        let has_room = home::shown_command().is_some_and(|shown| shown < command);
        let arbiters = room::arbiters(oid).filter(|_| has_room);
        if look_for(relation, &[slot], OnHit::OnConflict(arbiters.as_deref()), || Ok(None))? {
            // Without any, all indexes that could object are asked as those of ON CONFLICT.
            room::ask_only(oid, arbiters.as_deref().filter(|arbiters| !arbiters.is_empty()));
        }
        Ok(())
    }
}

/// For a row whose deferrable keys are checked now: a cold row with one of them comes home, where the check finds it.
///
/// # Safety
/// As for [`look`].
pub unsafe fn look_deferred(relation: pg_sys::Relation, slot: *mut pg_sys::TupleTableSlot) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { look_for(relation, &[slot], OnHit::Deferred, || Ok(None)).map(drop) }
}

/// The same for a hot row that heap has just updated: the version before lies at `before`.
///
/// # Safety
/// As for [`look`].
pub unsafe fn look_after_update(
    relation: pg_sys::Relation,
    before: pg_sys::ItemPointer,
    slot: *mut pg_sys::TupleTableSlot,
) -> Result<()> {
    // SAFETY: the caller's promise; the version before stays where it is as long as this transaction runs.
    unsafe { look_changed(relation, slot, || Ok(Version::hot(relation, before))) }
}

/// The same for the new version of a row. `before` gives the one whose keys it may keep; it is asked for where that
/// matters alone.
///
/// # Safety
/// As for [`look`].
pub unsafe fn look_changed(
    relation: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    before: impl Fn() -> Result<Version>,
) -> Result<()> {
    let mut old = None;
    // SAFETY: the caller's promise. The version's slot outlives what the look itself takes.
    unsafe {
        let outer = Context::current();
        look_for(relation, &[slot], OnHit::Duplicate, || {
            let version = match old.take() {
                Some(version) => version,
                None => {
                    let _outside = outer.enter();
                    before()?
                }
            };
            Ok(Some(old.insert(version).0))
        })
        .map(drop)
    }
}

/// A version of a row in a slot of its own.
pub struct Version(*mut pg_sys::TupleTableSlot);

impl Version {
    /// A cold row.
    ///
    /// # Safety
    /// The relation is its table, open and locked.
    pub unsafe fn cold(relation: pg_sys::Relation, row: &ColdRow) -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsHeapTuple);
            let version = Self(slot);
            row.store(relation, LATEST, Purpose::RowLock, slot)?;
            Ok(version)
        }
    }

    unsafe fn hot(relation: pg_sys::Relation, tid: pg_sys::ItemPointer) -> Self {
        // SAFETY: an open relation and a place in it.
        unsafe {
            let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
            let fetch = heap::of_heap(heap::routine().tuple_fetch_row_version);
            let any = &raw mut pg_sys::SnapshotAnyData;
            raw::guarded(|| fetch(relation, tid, any, slot));
            Self(slot)
        }
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        // After an ERROR the transaction's end lets go of the page.
        if !std::thread::panicking() {
            // SAFETY: its own.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0) };
        }
    }
}

/// What a key of a cold row is to the statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnHit<'a> {
    /// An error, or a matter of the check that comes later: then the row comes home.
    Duplicate,
    /// A conflict that the statement acts on where the key is that of one of these indexes, for which the row comes
    /// home; without any where the key is checked at once. `None` where a row cannot come home.
    OnConflict(Option<&'a [pg_sys::Oid]>),
    /// What a check that was deferred is to find; other keys were judged before.
    Deferred,
}

impl OnHit<'_> {
    /// Whether the key is one of those that it is about.
    fn is_for(self, key: &Key) -> bool {
        match self {
            Self::Duplicate => true,
            Self::OnConflict(Some(arbiters)) if !arbiters.is_empty() => arbiters.contains(&key.index),
            Self::OnConflict(_) => !key.deferrable,
            Self::Deferred => key.deferrable,
        }
    }
}

/// Looks at all keys, first at those of ON CONFLICT. True when a cold row came home for one of these: the others are
/// then nobody's business, for the new row will not be inserted.
unsafe fn look_for(
    relation: pg_sys::Relation,
    slots: &[*mut pg_sys::TupleTableSlot],
    on_hit: OnHit,
    mut old: impl FnMut() -> Result<Option<*mut pg_sys::TupleTableSlot>>,
) -> Result<bool> {
    // SAFETY: the caller's promise.
    let Some(table) = (unsafe { known::table(relation)? }) else {
        return Ok(false);
    };
    if on_hit == OnHit::Deferred && !table.has_deferrable {
        return Ok(false);
    }
    // A row that comes home is nobody's new row: whoever brings it has looked.
    if on_hit == OnHit::Deferred && table.keys.try_borrow_mut().is_err() {
        return Ok(false);
    }
    let sight = table.sight()?;
    if let Some(cold) = &sight.cold {
        let mut keys = table.keys.borrow_mut();
        let memory = table.scratch.get();
        // SAFETY: nothing of the look before is left there.
        unsafe { memory.reset() };
        let _inside = memory.enter();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|number| !on_hit.is_for(&keys[*number].key));
        for number in order {
            let keyed = &mut keys[number];
            let is_for = on_hit.is_for(&keyed.key);
            if on_hit == OnHit::Deferred && !is_for {
                continue;
            }
            let on_hit = if is_for { on_hit } else { OnHit::Duplicate };
            // SAFETY: rows of the table.
            let doubt = unsafe { doubt::left(&table, cold, number, keyed, slots)? };
            let Some((values, except)) = doubt else {
                continue;
            };
            if let Some(old) = old()? {
                // SAFETY: as above.
                let keeps = unsafe { doubt::has(&table, keyed, old, &values) };
                if keeps {
                    continue;
                }
            }
            // SAFETY: the caller's promise.
            let came = unsafe { judge(relation, &table, keyed, values, &except, on_hit)? };
            if came && matches!(on_hit, OnHit::OnConflict(_)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What follows when a cold row has one of the keys: it comes home where core is to meet it, which gives true, else it
/// is 23505.
unsafe fn judge(
    relation: pg_sys::Relation,
    table: &Table,
    keyed: &Keyed,
    values: Values,
    except: &HashSet<SegmentId>,
    on_hit: OnHit,
) -> Result<bool> {
    let key = &keyed.key;
    let Some(conditions) = narrow::between(key, &doubt::ranges(key, &values)) else {
        return Ok(false);
    };
    let (mut came, mut held) = (false, None);
    loop {
        let (place, found) = {
            // SAFETY: the relation is open for the whole command.
            let session = unsafe { Session::begin(&table.info, relation) };
            let mut search = Search::new(&session, key, Wanted::many(key, values.clone()), &conditions, except);
            if !search.finds(Then::Refuse)? {
                return Ok(came);
            }
            let found = (search.place(), Hit::of(&search));
            match on_hit {
                OnHit::OnConflict(None) => return Err(unfit_for_on_conflict(table.info.relation, key)),
                OnHit::OnConflict(Some(_)) => is_visible(&mut search)?,
                _ => {}
            }
            found
        };
        let Some((segment, row)) = place else {
            continue;
        };
        let Some(segment) = tables::segment_by_id(&segment, LATEST)? else {
            continue;
        };
        let may_come = key.deferrable && COLD_WRITES.get() != ColdWrites::Refuse;
        if !may_come && !matches!(on_hit, OnHit::OnConflict(_)) {
            if held == place {
                // SAFETY: values of the key, in the role of whoever writes.
                return Err(unsafe { refused(table, key, &found) });
            }
            // Who is about to delete the row may not have written that yet, but has locked the row.
            let tid = identity::of(segment.number, row)?;
            // SAFETY: the relation is open for the whole command, and the row is one of it.
            unsafe { row_lock::lock(relation, tid, Strength::KeyShare, Wait::Block)? };
            held = place;
            continue;
        }
        let command = home::shown_command().ok_or_else(|| Error::internal("a row comes home without a snapshot"))?;
        let what = match on_hit {
            OnHit::OnConflict(_) => "INSERT ... ON CONFLICT",
            _ => "The check of a deferrable key",
        };
        // SAFETY: as above.
        came |= unsafe { home::bring(relation, segment.number, row, command, what)? };
        pgrx::check_for_interrupts!();
    }
}

/// A new key, and that of the cold row which stands against it.
struct Hit {
    new: Vec<Option<pg_sys::Datum>>,
    there: Vec<Option<pg_sys::Datum>>,
}

impl Hit {
    fn of(search: &Search) -> Self {
        Self {
            new: search.found().to_vec(),
            there: search.there().to_vec(),
        }
    }
}

/// 23505, or 23P01 of an exclusion constraint, as the server words it.
unsafe fn refused(table: &Table, key: &Key, hit: &Hit) -> Error {
    let is_unique = key.excludes.is_none();
    // SAFETY: the caller's promise; a look-up by OID.
    let (new, there, name) = unsafe {
        let there = if is_unique { None } else { described(key, &hit.there) };
        (
            described(key, &hit.new),
            there,
            names::text(pg_sys::get_rel_name(key.index)),
        )
    };
    let table_name = names::relation(table.info.relation);
    let detail = match (is_unique, new, there) {
        (true, Some(new), _) => format!("Key {new} already exists."),
        (true, None, _) => format!("A cold row of table {table_name} has this key."),
        (false, Some(new), Some(there)) => format!("Key {new} conflicts with existing key {there}."),
        (false, ..) => format!("The key conflicts with that of a cold row of table {table_name}."),
    };
    let error = match is_unique {
        true => Error::new(
            &errors::KEY_IS_COLD,
            format!("duplicate key value violates unique constraint \"{name}\""),
        ),
        false => Error::new(
            &errors::COLD_ROW_EXCLUDES,
            format!("conflicting key value violates exclusion constraint \"{name}\""),
        ),
    };
    error.detail(detail).constraint(
        names::schema(table.info.relation),
        names::bare_relation(table.info.relation),
        &name,
    )
}

/// A key as the server words it; `None` for a user who may not see it.
unsafe fn described(key: &Key, values: &[Option<pg_sys::Datum>]) -> Option<String> {
    let mut nulls: Vec<bool> = values.iter().map(Option::is_none).collect();
    let mut values: Vec<pg_sys::Datum> = values
        .iter()
        .map(|value| value.unwrap_or(pg_sys::Datum::from(0)))
        .collect();
    // SAFETY: the index is opened and closed with one lock; the arrays are as long as its key.
    unsafe {
        let index = pg_sys::index_open(key.index, pg_sys::AccessShareLock as i32);
        let text = pg_sys::BuildIndexValueDescription(index, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::index_close(index, pg_sys::AccessShareLock as i32);
        (!text.is_null()).then(|| names::text(text))
    }
}
