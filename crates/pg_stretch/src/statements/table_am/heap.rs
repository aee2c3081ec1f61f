//! Heap's own callbacks, for hot rows.

use crate::pg::error::Error;
use pgrx::pg_sys;
use std::sync::OnceLock;

/// Heap's table of callbacks. Each call for a hot row looks here first, so the server is asked once in each process.
#[inline]
pub fn routine() -> &'static pg_sys::TableAmRoutine {
    static ROUTINE: OnceLock<&'static pg_sys::TableAmRoutine> = OnceLock::new();
    ROUTINE.get_or_init(|| {
        // SAFETY: a constant of the server.
        unsafe { &*pg_sys::GetHeapamTableAmRoutine() }
    })
}

/// A callback that heap has; its table is complete.
#[inline]
pub fn of_heap<T>(callback: Option<T>) -> T {
    match callback {
        Some(callback) => callback,
        None => Error::internal("heap lacks a callback of a table access method").raise(),
    }
}

/// Runs a callback of heap's which insists on a relation that names heap (heap_getnext of heapam.c): the relation names
/// heap until `f` returns or an error unwinds.
///
/// # Safety
/// The relation is open and one of the access method `stretch`. `f` calls the server and owns nothing that is to be
/// dropped.
pub unsafe fn as_heap<T>(relation: pg_sys::Relation, f: impl FnOnce() -> T) -> T {
    // SAFETY: the caller's promise; the relcache entry is this process's own.
    unsafe {
        let _named = Named(relation, (*relation).rd_tableam);
        (*relation).rd_tableam = routine();
        crate::pg::raw::guarded(f)
    }
}

/// Gives the relation its access method back.
struct Named(pg_sys::Relation, *const pg_sys::TableAmRoutine);

impl Drop for Named {
    fn drop(&mut self) {
        // SAFETY: whoever opened the relation keeps it open for longer, also after an error: then the transaction's end
        // closes it.
        unsafe { (*self.0).rd_tableam = self.1 };
    }
}
