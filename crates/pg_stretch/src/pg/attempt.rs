//! Something that may fail without ending the transaction: a subtransaction around it.

use super::error::Result;
use super::txn;
use pgrx::pg_sys;

/// Runs `f` in a subtransaction; an ERROR rolls it back and is returned. Keeps memory context and resource owner.
pub fn attempt<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
    // SAFETY: the same bracket that PL/pgSQL puts around a block with EXCEPTION.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let outcome = txn::catch(f);
        match outcome {
            Ok(_) => pg_sys::ReleaseCurrentSubTransaction(),
            Err(_) => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        outcome
    }
}
