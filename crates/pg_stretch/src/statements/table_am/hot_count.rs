//! `pg_class.reltuples` of a stretched table stays the number of its hot rows.
//!
//! ANALYZE counts all rows, since the statistics are about all. VACUUM counts those of the heap, and autovacuum
//! compares with that number how many rows of the heap died or came: with all cold rows in it, it would never be
//! reached. So the number that ANALYZE wrote is put back before the transaction commits. ANALYZE writes in place, and
//! so does this; after a rollback the other number stays until the next VACUUM.

use super::heap::{self, of_heap};
use pgrx::pg_sys;
use pgrx::pg_sys::XactEvent;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};

thread_local! {
    /// Tables that this transaction analyzed, and their hot rows.
    static COUNTED: RefCell<Vec<(pg_sys::Oid, f64)>> = const { RefCell::new(Vec::new()) };
    static LISTENING: Cell<bool> = const { Cell::new(false) };
}

/// ANALYZE is about to write the number of all rows of a table, which has so many hot ones.
pub fn note(table: pg_sys::Oid, hot: f64) {
    if !LISTENING.replace(true) {
        // SAFETY: registers a callback of static lifetime once per process.
        unsafe { pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut()) };
    }
    COUNTED.with_borrow_mut(|counted| counted.push((table, hot)));
}

#[pg_guard]
unsafe extern "C-unwind" fn at_end(event: XactEvent::Type, _argument: *mut std::ffi::c_void) {
    let counted = match COUNTED.try_with(RefCell::take) {
        Ok(counted) if !counted.is_empty() => counted,
        _ => return,
    };
    if !matches!(
        event,
        XactEvent::XACT_EVENT_PRE_COMMIT | XactEvent::XACT_EVENT_PRE_PREPARE
    ) {
        return;
    }
    for (table, hot) in counted {
        // SAFETY: before the commit the catalogs can be read and written.
        unsafe { put_back(table, hot) };
    }
}

unsafe fn put_back(table: pg_sys::Oid, hot: f64) {
    // SAFETY: ANALYZE holds this lock until the transaction ends, so nobody is waited for; NULL when the table is gone.
    unsafe {
        let relation = pg_sys::try_relation_open(table, pg_sys::ShareUpdateExclusiveLock as i32);
        if relation.is_null() {
            return;
        }
        let mut visible = 0;
        pg_sys::visibilitymap_count(relation, &mut visible, std::ptr::null_mut());
        let size = of_heap(heap::routine().relation_size);
        let bytes = pg_sys::ffi::pg_guard_ffi_boundary(|| size(relation, pg_sys::ForkNumber::MAIN_FORKNUM));
        let blocks = (bytes / u64::from(pg_sys::BLCKSZ)) as pg_sys::BlockNumber;
        let (has_index, no) = ((*(*relation).rd_rel).relhasindex, pg_sys::InvalidTransactionId);
        let in_outer_transaction = true;
        pg_sys::vac_update_relstats(
            relation,
            blocks,
            hot,
            visible,
            has_index,
            no,
            no,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            in_outer_transaction,
        );
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
    }
}
