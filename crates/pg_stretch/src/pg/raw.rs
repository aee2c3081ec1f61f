//! Functions of the server as they are, for loops over many rows: one guard around the loop instead of one in each
//! call.
//!
//! An ERROR in one of them jumps to that guard. So nothing between the guard and the call may own what must be dropped,
//! or panic.

use pgrx::pg_sys;

unsafe extern "C-unwind" {
    pub fn tuplestore_gettupleslot(
        store: *mut pg_sys::Tuplestorestate,
        forward: bool,
        copy: bool,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> bool;
    pub fn slot_getsomeattrs_int(slot: *mut pg_sys::TupleTableSlot, columns: i32);
    pub fn FunctionCall2Coll(
        function: *mut pg_sys::FmgrInfo,
        collation: pg_sys::Oid,
        a: pg_sys::Datum,
        b: pg_sys::Datum,
    ) -> pg_sys::Datum;
    pub fn MemoryContextReset(context: pg_sys::MemoryContext);
    /// A getter: raises nothing.
    pub fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
    /// A getter: raises nothing.
    pub fn MemoryContextMemAllocated(context: pg_sys::MemoryContext, recurse: bool) -> usize;
    fn ProcessInterrupts();

    // Missing in the bindings.
    pub fn datumCopy(value: pg_sys::Datum, by_value: bool, length: i32) -> pg_sys::Datum;
}

/// Runs a loop inside one guard, which turns an ERROR into an unwind.
///
/// # Safety
/// No frame between this and a raw function owns anything that must be dropped.
pub unsafe fn guarded<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: the caller's promise.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(f) }
}

/// CHECK_FOR_INTERRUPTS inside a guard.
///
/// # Safety
/// As for every function here.
pub unsafe fn check_for_interrupts() {
    // SAFETY: a flag that signal handlers set.
    unsafe {
        if std::ptr::read_volatile(&raw const pg_sys::InterruptPending) != 0 {
            ProcessInterrupts();
        }
    }
}
