//! A function of ours in front of that of a plan node, for as long as the node's statement lasts.

use pgrx::pg_sys;
use std::ffi::c_void;

/// What gives the next row of a node.
pub type Next = unsafe extern "C-unwind" fn(*mut pg_sys::PlanState) -> *mut pg_sys::TupleTableSlot;

/// The executor asks our function for the node's rows from now on; gives the one that was there.
pub fn put(node: &mut pg_sys::PlanState, ours: Next) -> Option<Next> {
    let next = node.ExecProcNodeReal?;
    node.ExecProcNodeReal = Some(ours);
    // At its first row a node calls a wrapper, which then puts the real function in its own place.
    if node.ExecProcNode.is_some_and(|now| std::ptr::fn_addr_eq(now, next)) {
        node.ExecProcNode = Some(ours);
    }
    Some(next)
}

/// Calls a function when the memory goes in which a node lies.
///
/// # Safety
/// `memory` is that of a running statement, and `node` lies in it.
pub unsafe fn forget_with(
    memory: pg_sys::MemoryContext,
    forget: unsafe extern "C-unwind" fn(*mut c_void),
    node: *mut c_void,
) {
    // SAFETY: the callback lies in the context that calls it.
    unsafe {
        let callback = pg_sys::MemoryContextAllocZero(memory, size_of::<pg_sys::MemoryContextCallback>())
            .cast::<pg_sys::MemoryContextCallback>();
        (*callback).func = Some(forget);
        (*callback).arg = node;
        pg_sys::MemoryContextRegisterResetCallback(memory, callback);
    }
}
