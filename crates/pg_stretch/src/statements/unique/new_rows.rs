//! The new rows of an INSERT or COPY: its transition table, row by row.

use crate::pg::raw;
use pgrx::pg_sys;

/// A row, taken apart.
pub struct NewRow {
    values: *const pg_sys::Datum,
    nulls: *const bool,
}

impl NewRow {
    /// The value of a column by its number; `None` for NULL.
    #[inline]
    pub fn get(&self, column: i16) -> Option<pg_sys::Datum> {
        let at = column as usize - 1;
        // SAFETY: `each` took the row apart up to the last column that is asked for.
        unsafe { (!*self.nulls.add(at)).then(|| *self.values.add(at)) }
    }
}

/// Calls `f` with each row of the transition table, or until it returns false. Others who read the table are not disturbed.
///
/// # Safety
/// `data` is that of a trigger with a transition table of new rows, of which columns up to `last` are looked at. `f` may call
/// functions of [`raw`], and then must own nothing that is to be dropped.
pub unsafe fn each(data: &pg_sys::TriggerData, last: i16, mut f: impl FnMut(&NewRow) -> bool) {
    // SAFETY: reads the transition table through a place of its own, as a scan of it does. The slot belongs to the table; its
    // arrays are filled up to `last`. The loop owns nothing.
    unsafe {
        let store = data.tg_newtable;
        let place = pg_sys::tuplestore_alloc_read_pointer(store, pg_sys::EXEC_FLAG_REWIND as i32);
        pg_sys::tuplestore_select_read_pointer(store, place);
        pg_sys::tuplestore_rescan(store);
        let slot = pg_sys::MakeSingleTupleTableSlot((*data.tg_relation).rd_att, &pg_sys::TTSOpsMinimalTuple);
        raw::guarded(|| {
            let mut count = 0u32;
            while raw::tuplestore_gettupleslot(store, true, false, slot) {
                count = count.wrapping_add(1);
                if count.is_multiple_of(4096) {
                    raw::check_for_interrupts();
                }
                raw::slot_getsomeattrs_int(slot, last.into());
                let row = NewRow {
                    values: (*slot).tts_values,
                    nulls: (*slot).tts_isnull,
                };
                if !f(&row) {
                    break;
                }
            }
        });
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::tuplestore_select_read_pointer(store, 0);
    }
}
