//! Parallel queries: each process scans its part of the heap, and takes its part of the segments.

use super::node::Combiner;
use pgrx::prelude::*;
use std::ffi::c_void;
use std::sync::atomic::AtomicU64;

/// `EstimateDSMCustomScan`.
pub unsafe extern "C-unwind" fn size(
    _node: *mut pg_sys::CustomScanState,
    _context: *mut pg_sys::ParallelContext,
) -> pg_sys::Size {
    size_of::<AtomicU64>()
}

/// `InitializeDSMCustomScan` and `ReInitializeDSMCustomScan`.
pub unsafe extern "C-unwind" fn begin(
    node: *mut pg_sys::CustomScanState,
    _context: *mut pg_sys::ParallelContext,
    place: *mut c_void,
) {
    // SAFETY: the server gives as much shared memory as `size` asked for, aligned; no other process looks yet.
    unsafe {
        place.cast::<AtomicU64>().write(AtomicU64::new(0));
        (*node.cast::<Combiner>()).shared = place.cast();
    }
}

/// `InitializeWorkerCustomScan`.
pub unsafe extern "C-unwind" fn join(
    node: *mut pg_sys::CustomScanState,
    _contents: *mut pg_sys::shm_toc,
    place: *mut c_void,
) {
    // SAFETY: the place is what `begin` wrote.
    unsafe { (*node.cast::<Combiner>()).shared = place.cast() };
}
