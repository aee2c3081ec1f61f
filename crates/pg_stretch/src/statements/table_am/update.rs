//! UPDATE of one row: a cold one dies by a tombstone, and its new version is a hot row.

use super::cold::{self, Change, Met};
use super::heap::{self, of_heap};
use super::home::{self, Done, Entries};
use crate::catalog::snapshot::LATEST;
use crate::cold::identity;
use crate::cold::row::ColdRow;
use crate::pg::error::{OrRaise, Result};
use crate::pg::missing::datum_image_eq;
use crate::pg::{hook, raw, slot};
use crate::statements::unique::{self, Version};
use pgrx::pg_sys;
use pgrx::pg_sys::{LockTupleMode, TM_Result};
use stretch_core::purpose::Purpose;

/// `tuple_update`.
pub unsafe extern "C-unwind" fn tuple_update(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointer,
    slot: *mut pg_sys::TupleTableSlot,
    command: pg_sys::CommandId,
    snapshot: pg_sys::Snapshot,
    crosscheck: pg_sys::Snapshot,
    wait: bool,
    failure: *mut pg_sys::TM_FailureData,
    mode: *mut LockTupleMode::Type,
    update_indexes: *mut bool,
) -> TM_Result::Type {
    // SAFETY: what the server handed over.
    unsafe {
        if !identity::is_cold(&*tid) {
            let update = of_heap(heap::routine().tuple_update);
            let result = update(
                relation,
                tid,
                slot,
                command,
                snapshot,
                crosscheck,
                wait,
                failure,
                mode,
                update_indexes,
            );
            // Others who change the row were waited for before its new keys are looked for: there may be nothing to
            // update any more. A version that no index hears of has all indexed columns of the one before.
            if result == TM_Result::TM_Ok && *update_indexes {
                hook::own_part(|| unique::look_after_update(relation, tid, slot).or_raise());
            }
            return result;
        }
        cold::run(|| {
            let change = Change {
                relation,
                tid: *tid,
                command,
                crosscheck,
                wait,
                what: "UPDATE",
            };
            *update_indexes = false;
            let mut home = match home::brought(relation, *tid, command)? {
                Some(home) => home,
                None => match update(&change, slot, failure, mode)? {
                    Done::Told(result) => {
                        *update_indexes = result == TM_Result::TM_Ok;
                        return Ok(result);
                    }
                    Done::CameHome(home) => home,
                },
            };
            let home = &raw mut home;
            Ok(raw::guarded(|| {
                tuple_update(
                    relation,
                    home,
                    slot,
                    command,
                    snapshot,
                    crosscheck,
                    wait,
                    failure,
                    mode,
                    update_indexes,
                )
            }))
        })
    }
}

/// The row is won before anything is written, so that the loser of a race leaves nothing behind.
unsafe fn update(
    change: &Change,
    slot: *mut pg_sys::TupleTableSlot,
    failure: *mut pg_sys::TM_FailureData,
    mode: *mut LockTupleMode::Type,
) -> Result<Done> {
    // SAFETY: what the server handed over; the relation is open and locked.
    unsafe {
        // A row that came home may have another key by now, which is not looked at.
        *mode = LockTupleMode::LockTupleExclusive;
        let row = match change.meet()? {
            Met::Cold(row) => row,
            Met::Left(told) => return Ok(Done::tell(&told, failure)),
        };
        // How strongly the server locks the new version of a row that another transaction updated.
        *mode = match changes_key(change.relation, &row, slot)? {
            true => LockTupleMode::LockTupleExclusive,
            false => LockTupleMode::LockTupleNoKeyExclusive,
        };
        let told = change.win(&row)?;
        if told.result != TM_Result::TM_Ok {
            return Ok(Done::tell(&told, failure));
        }
        if let Some(home) = home::bring_decoded(change, &row, Entries::Made)? {
            return Ok(Done::CameHome(home));
        }
        let home = insert(change, slot);
        change.kill(&row, Some(home))?;
        // The version before counts as gone by now.
        unique::look_changed(change.relation, slot, || Version::cold(change.relation, &row))?;
        Ok(Done::Told(TM_Result::TM_Ok))
    }
}

/// Inserts the new version, whose place the slot has then; index entries are the caller's.
unsafe fn insert(change: &Change, slot: *mut pg_sys::TupleTableSlot) -> pg_sys::ItemPointerData {
    // SAFETY: as above; what heap may raise becomes an unwind.
    unsafe {
        let insert = of_heap(heap::routine().tuple_insert);
        pg_sys::ffi::pg_guard_ffi_boundary(|| insert(change.relation, slot, change.command, 0, std::ptr::null_mut()));
        (*slot).tts_tid
    }
}

/// Whether a column differs that a foreign key could refer to, as heap decides it.
unsafe fn changes_key(relation: pg_sys::Relation, row: &ColdRow, new: *mut pg_sys::TupleTableSlot) -> Result<bool> {
    // SAFETY: an open relation; both slots have its columns, and the old one is dropped before this returns.
    unsafe {
        let kind = pg_sys::IndexAttrBitmapKind::INDEX_ATTR_BITMAP_KEY;
        let key = pg_sys::RelationGetIndexAttrBitmap(relation, kind);
        if pg_sys::bms_is_empty(key) {
            return Ok(false);
        }
        let old = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsHeapTuple);
        row.store(relation, LATEST, Purpose::RowLock, old)?;
        let width = (*(*relation).rd_att).natts as i16;
        for row in [old, new] {
            slot::take_apart(row, width);
        }
        let mut changes = false;
        let mut at = -1;
        while !changes {
            at = pg_sys::bms_next_member(key, at);
            if at < 0 {
                break;
            }
            let column = at + pg_sys::FirstLowInvalidHeapAttributeNumber;
            // The row as a whole is always another one.
            changes = column == 0 || (column > 0 && differs(relation, column as usize - 1, old, new));
        }
        pg_sys::ExecDropSingleTupleTableSlot(old);
        Ok(changes)
    }
}

unsafe fn differs(
    relation: pg_sys::Relation,
    at: usize,
    old: *mut pg_sys::TupleTableSlot,
    new: *mut pg_sys::TupleTableSlot,
) -> bool {
    // SAFETY: both slots are deformed; an ERROR of detoasting becomes an unwind.
    unsafe {
        let attribute = &(*(*relation).rd_att)
            .attrs
            .as_slice((*(*relation).rd_att).natts as usize)[at];
        let (was_null, is_null) = (*(*old).tts_isnull.add(at), *(*new).tts_isnull.add(at));
        if was_null || is_null {
            return was_null != is_null;
        }
        let (was, is) = (*(*old).tts_values.add(at), *(*new).tts_values.add(at));
        let (by_value, length) = (attribute.attbyval, attribute.attlen.into());
        !pg_sys::ffi::pg_guard_ffi_boundary(|| datum_image_eq(was, is, by_value, length))
    }
}
