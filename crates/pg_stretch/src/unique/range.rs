//! The range of the new keys of an INSERT or COPY, in one pass over its transition table.

use super::keys::{Key, Part};
use crate::error::Result;
use pgrx::pg_sys;

// Missing in the bindings.
unsafe extern "C-unwind" {
    fn datumCopy(value: pg_sys::Datum, by_value: bool, length: i32) -> pg_sys::Datum;
}

unsafe fn copy(value: pg_sys::Datum, by_value: bool, length: i32) -> pg_sys::Datum {
    // SAFETY: a value of a type of this length; an ERROR for want of memory becomes an unwind.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| datumCopy(value, by_value, length)) }
}

/// Values of one column of a key among the new rows.
pub struct Range {
    /// Least and greatest value; `None` when all are null.
    pub bounds: Option<(pg_sys::Datum, pg_sys::Datum)>,
    pub has_null: bool,
}

/// Compares values of one column as its index does.
struct Column<'a> {
    part: &'a Part,
    compare: Box<pg_sys::FmgrInfo>,
    by_value: bool,
    length: i16,
    range: Range,
}

impl<'a> Column<'a> {
    unsafe fn new(part: &'a Part) -> Self {
        let mut compare = Box::<pg_sys::FmgrInfo>::default();
        let (mut length, mut by_value) = (0, false);
        // SAFETY: an existing function and type; the FmgrInfo is boxed, so its address stays.
        unsafe {
            pg_sys::fmgr_info(part.compare, &mut *compare);
            pg_sys::get_typlenbyval(part.type_id, &mut length, &mut by_value);
        }
        Self {
            part,
            compare,
            by_value,
            length,
            range: Range {
                bounds: None,
                has_null: false,
            },
        }
    }

    unsafe fn add(&mut self, slot: *mut pg_sys::TupleTableSlot) {
        // SAFETY: the slot's columns up to this one are deformed; kept values are copied.
        unsafe {
            let at = self.part.column as usize - 1;
            if *(*slot).tts_isnull.add(at) {
                self.range.has_null = true;
                return;
            }
            let value = *(*slot).tts_values.add(at);
            let (low, high) = match self.range.bounds {
                Some((low, high)) => (self.is_less(value, low), self.is_less(high, value)),
                None => (true, true),
            };
            if low || high {
                let kept = copy(value, self.by_value, i32::from(self.length));
                let (before_low, before_high) = self.range.bounds.unwrap_or((kept, kept));
                self.range.bounds = Some((
                    if low { kept } else { before_low },
                    if high { kept } else { before_high },
                ));
            }
        }
    }

    unsafe fn is_less(&mut self, a: pg_sys::Datum, b: pg_sys::Datum) -> bool {
        // SAFETY: the order function of the index's operator class, on values of its column.
        let order = unsafe { pg_sys::FunctionCall2Coll(&mut *self.compare, self.part.collation, a, b) };
        (order.value() as i32) < 0
    }
}

/// For each key the ranges of its columns; they live in the current memory context.
///
/// # Safety
/// `data` is that of a trigger with a transition table of new rows.
pub unsafe fn of(data: &pg_sys::TriggerData, keys: &[Key]) -> Result<Vec<Vec<Range>>> {
    // SAFETY: reads the transition table through a place of its own, as a scan of it does, and leaves the others alone.
    unsafe {
        let mut columns: Vec<Vec<Column>> = keys
            .iter()
            .map(|key| key.parts.iter().map(|part| Column::new(part)).collect())
            .collect();
        let last = keys.iter().flat_map(|key| &key.parts).map(|part| part.column).max();
        let store = data.tg_newtable;
        let place = pg_sys::tuplestore_alloc_read_pointer(store, pg_sys::EXEC_FLAG_REWIND as i32);
        pg_sys::tuplestore_select_read_pointer(store, place);
        pg_sys::tuplestore_rescan(store);
        let slot = pg_sys::MakeSingleTupleTableSlot((*data.tg_relation).rd_att, &pg_sys::TTSOpsMinimalTuple);
        let mut count = 0u64;
        while pg_sys::tuplestore_gettupleslot(store, true, false, slot) {
            if count.is_multiple_of(4096) {
                pgrx::check_for_interrupts!();
            }
            count += 1;
            pg_sys::slot_getsomeattrs_int(slot, i32::from(last.unwrap_or(1)));
            columns.iter_mut().flatten().for_each(|column| column.add(slot));
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::tuplestore_select_read_pointer(store, 0);
        let ranges = |columns: Vec<Column>| columns.into_iter().map(|column| column.range).collect();
        Ok(columns.into_iter().map(ranges).collect())
    }
}
