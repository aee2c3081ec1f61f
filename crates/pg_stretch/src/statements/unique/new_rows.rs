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

/// A reader of the transition table with a place of its own: others who read the table are not disturbed.
pub struct NewRows {
    store: *mut pg_sys::Tuplestorestate,
    place: i32,
    slot: *mut pg_sys::TupleTableSlot,
    last: i16,
}

impl NewRows {
    /// Stands before the first row.
    ///
    /// # Safety
    /// `data` is that of a trigger with a transition table of new rows, of which columns up to `last` are looked at; it
    /// outlives this.
    pub unsafe fn open(data: &pg_sys::TriggerData, last: i16) -> Self {
        // SAFETY: the caller's promise; the slot has the layout of the table's rows.
        unsafe {
            let store = data.tg_newtable;
            let place = pg_sys::tuplestore_alloc_read_pointer(store, pg_sys::EXEC_FLAG_REWIND as i32);
            pg_sys::tuplestore_select_read_pointer(store, place);
            pg_sys::tuplestore_rescan(store);
            pg_sys::tuplestore_select_read_pointer(store, 0);
            Self {
                store,
                place,
                slot: pg_sys::MakeSingleTupleTableSlot((*data.tg_relation).rd_att, &pg_sys::TTSOpsMinimalTuple),
                last,
            }
        }
    }

    /// Calls `f` with each row from here on, or until it returns false: then the next call goes on behind that row.
    /// True at the end.
    ///
    /// # Safety
    /// `f` may call functions of [`raw`], and then must own nothing that is to be dropped.
    pub unsafe fn each(&mut self, mut f: impl FnMut(&NewRow) -> bool) -> bool {
        // SAFETY: reads through a place of its own. The slot belongs to the table; its arrays are filled up to `last`.
        // The loop owns nothing.
        unsafe {
            pg_sys::tuplestore_select_read_pointer(self.store, self.place);
            let ended = raw::guarded(|| {
                let mut count = 0u32;
                while raw::tuplestore_gettupleslot(self.store, true, false, self.slot) {
                    count = count.wrapping_add(1);
                    if count.is_multiple_of(4096) {
                        raw::check_for_interrupts();
                    }
                    raw::slot_getsomeattrs_int(self.slot, self.last.into());
                    let row = NewRow {
                        values: (*self.slot).tts_values,
                        nulls: (*self.slot).tts_isnull,
                    };
                    if !f(&row) {
                        return false;
                    }
                }
                true
            });
            pg_sys::tuplestore_select_read_pointer(self.store, 0);
            ended
        }
    }
}

impl Drop for NewRows {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: made by `open`; after an ERROR the memory goes with the statement's.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.slot) };
        }
    }
}

/// Calls `f` with each row of the transition table, or until it returns false.
///
/// # Safety
/// As for [`NewRows::open`] and [`NewRows::each`].
pub unsafe fn each(data: &pg_sys::TriggerData, last: i16, f: impl FnMut(&NewRow) -> bool) {
    // SAFETY: the caller's promise.
    unsafe { NewRows::open(data, last).each(f) };
}
