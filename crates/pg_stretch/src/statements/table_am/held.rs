//! What callbacks keep of a scan between two calls. The server's scan descriptor has no place for it, so it is found by
//! the descriptor's address.
//!
//! It lies in a memory context below the descriptor's own, and goes with it: at the end of the scan, and after an error
//! whenever the server lets go of the descriptor. So no (sub)transaction has to be looked at, and an address that is
//! used again never finds what was another scan's.

use crate::pg::context::Context;
use crate::pg::error::Result;
use pgrx::PgMemoryContexts;
use pgrx::pg_sys;
use std::any::Any;
use std::cell::RefCell;

/// In a descriptor's flags: the scan is one of all rows, hot and cold. No flag of the server's has this bit.
pub const WITH_COLD: u32 = 1 << 24;
/// In a descriptor's flags: the scan has shown all hot rows.
pub const HOT_DONE: u32 = 1 << 25;

struct Place {
    scan: pg_sys::TableScanDesc,
    context: pg_sys::MemoryContext,
    state: *mut Held,
}

thread_local! {
    static PLACES: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

struct Held {
    scan: pg_sys::TableScanDesc,
    state: Box<dyn Any>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // At the end of the process the list may be gone first.
        let _ = PLACES.try_with(|places| places.borrow_mut().retain(|place| place.scan != self.scan));
    }
}

/// What is kept of a scan.
///
/// # Safety
/// The descriptor is that of a callback. What is returned is not used after [`end`], nor while another call here runs.
pub unsafe fn get<'a, T: Any>(scan: pg_sys::TableScanDesc) -> Option<&'a mut T> {
    let state = PLACES.with_borrow(|places| Some(places.iter().find(|place| place.scan == scan)?.state))?;
    // SAFETY: it is in the list as long as it lives; the rest is the caller's promise.
    unsafe { (*state).state.downcast_mut() }
}

/// Keeps something of a scan of which nothing is kept. `make` gets a memory context that lives as long.
///
/// # Safety
/// As for [`get`].
pub unsafe fn keep<'a, T: Any>(
    scan: pg_sys::TableScanDesc,
    make: impl FnOnce(Context) -> Result<T>,
) -> Result<&'a mut T> {
    // SAFETY: heap made the descriptor by palloc; what is made lives as long as the context.
    unsafe {
        let context = Context::under(pg_sys::GetMemoryChunkContext(scan.cast()), c"pg_stretch scan");
        let state = {
            let _inside = context.enter();
            Box::new(make(context)?)
        };
        let mut memory = PgMemoryContexts::For(context.as_ptr());
        let held = memory.leak_and_drop_on_delete(Held { scan, state });
        let context = context.as_ptr();
        PLACES.with_borrow_mut(|places| {
            places.push(Place {
                scan,
                context,
                state: held,
            })
        });
        match get(scan) {
            Some(state) => Ok(state),
            None => Err(crate::pg::error::Error::internal("the state of a scan is lost")),
        }
    }
}

/// Lets go of what is kept of a scan, if anything is.
///
/// # Safety
/// As for [`get`]; the current memory context is none of the scan's.
pub unsafe fn end(scan: pg_sys::TableScanDesc) {
    let found = PLACES.with_borrow(|places| Some(places.iter().find(|place| place.scan == scan)?.context));
    if let Some(context) = found {
        // SAFETY: the context is in the list as long as it lives; it drops what lies in it, and leaves the list.
        unsafe { pg_sys::MemoryContextDelete(context) };
    }
}
