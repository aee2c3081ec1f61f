//! What is kept of a scan of hot and cold rows that may be asked to go back.

use pgrx::pg_sys;

/// What a scan that may be asked to go back knows of the rows that it showed.
pub struct Backward {
    /// Rows shown before the first step back.
    pub shown: u64,
    /// The scan came to its end.
    pub at_end: bool,
    /// NULL before the first step back.
    pub kept: *mut pg_sys::Tuplestorestate,
    pub slots: Option<Slots>,
}

/// The slots through which rows go, made at the first step back.
#[derive(Clone, Copy)]
pub struct Slots {
    /// On their way into the store: what the scan shows, and the identity behind it.
    pub put: *mut pg_sys::TupleTableSlot,
    /// As they come out of it.
    pub got: *mut pg_sys::TupleTableSlot,
    /// What the scan shows of a row that came out.
    pub shown: *mut pg_sys::TupleTableSlot,
    /// Has the identity of that row, for WHERE CURRENT OF.
    pub place: *mut pg_sys::TupleTableSlot,
}

impl Backward {
    /// In the query's memory, for a scan that begins.
    pub fn new() -> Self {
        Self {
            shown: 0,
            at_end: false,
            kept: std::ptr::null_mut(),
            slots: None,
        }
    }

    /// Forgets all rows: the scan is at its begin again, or ends.
    ///
    /// # Safety
    /// Not while a row of the store is looked at.
    pub unsafe fn forget(&mut self) {
        if !self.kept.is_null() {
            // SAFETY: a store of our own.
            unsafe { pg_sys::tuplestore_end(self.kept) };
        }
        (self.shown, self.at_end, self.kept) = (0, false, std::ptr::null_mut());
    }
}
