//! The keys of one target of an INSERT … ON CONFLICT DO NOTHING whose conflicts with cold rows are skipped, and the
//! look for those of a new row.

use super::narrow::{self, ColdSide, Look};
use super::search::{Search, Session, Then};
use super::wanted::Wanted;
use crate::catalog::keys::{self, Key};
use crate::catalog::stretched;
use crate::cold::key_filter::Hasher;
use crate::pg::error::{Error, Result};
use crate::pg::{list, names, slot};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::sync::Arc;
use stretch_core::errors;

/// A stretched table that takes new rows.
pub struct Target {
    info: Arc<stretched::Info>,
    /// Open until the statement ends.
    table: pg_sys::Relation,
    keys: RefCell<Vec<(Key, Option<Hasher>)>>,
    /// For each of its columns that of the row on its way, from 1; 0 for a dropped one. `None` where they are the same.
    columns: Option<Vec<i16>>,
}

impl Target {
    /// `None` where no cold row can be in the way.
    ///
    /// # Safety
    /// A target of a running INSERT … ON CONFLICT DO NOTHING; its own, or a partition that rows were routed to.
    pub unsafe fn of(target: *mut pg_sys::ResultRelInfo) -> Result<Option<Self>> {
        // SAFETY: the caller's promise.
        unsafe {
            let table = (*target).ri_RelationDesc;
            let Some(info) = stretched::lookup((*table).rd_id)? else {
                return Ok(None);
            };
            let keys = skipped(&list::oids((*target).ri_onConflictArbiterIndexes), table)?;
            if keys.is_empty() {
                return Ok(None);
            }
            let with_hasher = |key: Key| {
                let hasher = Hasher::new(&key, &info.columns);
                (key, hasher)
            };
            let map = (*target).ri_RootToPartitionMap.as_ref().map(|map| &*map.attrMap);
            Ok(Some(Self {
                table,
                keys: RefCell::new(keys.into_iter().map(with_hasher).collect()),
                columns: map.map(|map| std::slice::from_raw_parts(map.attnums, map.maplen as usize).to_vec()),
                info,
            }))
        }
    }

    /// Whether a cold row has one of the keys. One that became cold behind the statement's snapshot is 40001 from
    /// REPEATABLE READ on, as for hot rows.
    ///
    /// # Safety
    /// A filled slot with the columns of the INSERT's own target, in memory for the look at one row.
    pub unsafe fn has_cold(&self, slot: *mut pg_sys::TupleTableSlot) -> Result<bool> {
        // SAFETY: the caller's promise.
        let width = unsafe { taken_apart(slot) };
        let value = |column: i16| {
            let column = match &self.columns {
                Some(columns) => columns.get(column as usize - 1).copied().unwrap_or_default(),
                None => column,
            };
            let at = usize::try_from(column).ok()?.checked_sub(1)?;
            // SAFETY: the slot's arrays have `width` places; the values live as long as the slot is not touched.
            unsafe { (at < width && !*(*slot).tts_isnull.add(at)).then(|| *(*slot).tts_values.add(at)) }
        };
        let Some(cold) = ColdSide::now(&self.info)? else {
            return Ok(false);
        };
        for (key, hasher) in self.keys.borrow_mut().iter_mut() {
            // SAFETY: values of the key's columns.
            let look = unsafe { cold.by_value(key, hasher.as_mut(), value)? };
            let Look::Except(segments) = look else {
                continue;
            };
            let Some(wanted) = Wanted::one(key, value) else {
                continue;
            };
            // SAFETY: the table is open until the statement ends.
            let session = unsafe { Session::begin(&self.info, self.table) };
            let conditions = narrow::equal(key, |place| value(key.parts[place].column));
            let mut search = Search::new(&session, key, wanted, &conditions, &segments);
            if search.finds(Then::Skip)? {
                return is_visible(&mut search).map(|()| true);
            }
        }
        Ok(false)
    }
}

/// The keys whose conflicts the statement skips. Not those for which the access method brings cold rows home, where
/// core meets them: keys that a BEFORE trigger may still change, those that are formed, and exclusion constraints. Nor
/// those that core never comes to: without arbiters it asks one index after the other, by their OIDs, and the first one
/// whose key is deferrable ends the statement (ExecCheckIndexConstraints of execIndexing.c).
unsafe fn skipped(arbiters: &[pg_sys::Oid], table: pg_sys::Relation) -> Result<Vec<Key>> {
    // SAFETY: an open table.
    let (mut keys, has_triggers) = unsafe { (keys::of(table)?, has_before_triggers(table)) };
    match arbiters {
        [] => keys.truncate(keys.iter().position(|key| key.deferrable).unwrap_or(keys.len())),
        some => keys.retain(|key| some.contains(&key.index)),
    }
    keys.retain(|key| key.definition.is_none() && !has_triggers && !key.deferrable && key.excludes.is_none());
    Ok(keys)
}

/// Whether row triggers may run before a row is inserted.
unsafe fn has_before_triggers(table: pg_sys::Relation) -> bool {
    const DISABLED: u8 = b'D';
    const KIND: u32 = pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_INSERT;
    // SAFETY: an open relation; its triggers live as long.
    unsafe {
        let Some(all) = (*table).trigdesc.as_ref().filter(|all| all.trig_insert_before_row) else {
            return false;
        };
        std::slice::from_raw_parts(all.triggers, all.numtriggers as usize)
            .iter()
            .any(|trigger| trigger.tgenabled as u8 != DISABLED && trigger.tgtype as u32 & KIND == KIND)
    }
}

/// The number of the slot's columns, all of which are in its arrays.
unsafe fn taken_apart(slot: *mut pg_sys::TupleTableSlot) -> usize {
    // SAFETY: a filled slot of the caller's.
    unsafe {
        let width = (*(*slot).tts_tupleDescriptor).natts;
        slot::take_apart(slot, width as i16);
        width as usize
    }
}

/// 40001 where the snapshot is kept and does not show the row that was found.
pub fn is_visible(search: &mut Search) -> Result<()> {
    // SAFETY: plain globals of a running statement.
    let (is_kept, snapshot) = unsafe {
        (
            pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32,
            pg_sys::GetActiveSnapshot(),
        )
    };
    if !is_kept || search.finds_under(snapshot)? {
        return Ok(());
    }
    Err(Error::new(
        &errors::MOVED,
        format!(
            "could not serialize access: a key of table {} became that of a cold row",
            names::relation(search.info().relation)
        ),
    ))
}
