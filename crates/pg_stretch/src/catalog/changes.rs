//! Tells a session, without a look at the catalog, that no cold row of a table has come or gone since it looked: two
//! counters in shared memory, of changes that began and of those that have ended.
//!
//! A change begins before its transaction writes what is live, and ends when the transaction has ended and others see
//! what it did. Who looks takes the stamp first and his snapshot then. Where all changes had ended at the stamp, the
//! snapshot sees all of them; and where later none has begun since, none can have been committed since. Tables may
//! share counters; a change of one then only makes sessions look at the other once more.

use crate::pg::shmem;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use stretch_core::ids::TableId;

/// The number of changes that had begun when none was under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp(u32);

thread_local! {
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    /// Counters of the changes of the running transaction.
    static BEGUN: RefCell<Vec<&'static shmem::Changes>> = const { RefCell::new(Vec::new()) };
}

/// `None` while a change is under way.
pub fn stamp(table: &TableId) -> Option<Stamp> {
    let changes = of(table)?;
    // In this order: no change can have begun in between that is not counted.
    let ended = changes.ended.load(Ordering::SeqCst);
    let begun = changes.begun.load(Ordering::SeqCst);
    (begun == ended).then_some(Stamp(begun))
}

/// The running transaction is about to write what is live of a table.
pub fn begin(table: &TableId) {
    let Some(changes) = of(table) else {
        return;
    };
    if !LISTENING.replace(true) {
        // SAFETY: a callback of static lifetime, once per backend.
        unsafe { pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut()) };
    }
    BEGUN.with_borrow_mut(|begun| begun.push(changes));
    changes.begun.fetch_add(1, Ordering::SeqCst);
}

/// `None` without the library's shared memory, where no table is stretched.
fn of(table: &TableId) -> Option<&'static shmem::Changes> {
    let all = shmem::changes()?;
    let id = table.as_bytes();
    Some(&all[usize::from(u16::from_le_bytes([id[14], id[15]])) % all.len()])
}

/// After a commit others see what was written; PREPARE TRANSACTION keeps the table's lock until then.
#[pg_guard]
unsafe extern "C-unwind" fn at_end(event: pg_sys::XactEvent::Type, _arg: *mut std::ffi::c_void) {
    use pg_sys::XactEvent as Event;
    if matches!(
        event,
        Event::XACT_EVENT_PRE_COMMIT | Event::XACT_EVENT_PRE_PREPARE | Event::XACT_EVENT_PARALLEL_PRE_COMMIT
    ) {
        return;
    }
    for changes in BEGUN.take() {
        changes.ended.fetch_add(1, Ordering::SeqCst);
    }
}
