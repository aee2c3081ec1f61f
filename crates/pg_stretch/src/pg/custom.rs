//! Tables of functions by which the server drives paths, plans and nodes of ours.

use pgrx::pg_sys;

/// Functions of one kind of path, plan or node.
pub struct Methods<T>(pub T);

// SAFETY: tables of functions hold addresses of static functions and of static strings, and nobody writes to them.
unsafe impl<T> Sync for Methods<T> {}

/// A node that does nothing; what it can do is put in.
pub const NO_EXECUTION: pg_sys::CustomExecMethods = pg_sys::CustomExecMethods {
    CustomName: std::ptr::null(),
    BeginCustomScan: None,
    ExecCustomScan: None,
    EndCustomScan: None,
    ReScanCustomScan: None,
    MarkPosCustomScan: None,
    RestrPosCustomScan: None,
    EstimateDSMCustomScan: None,
    InitializeDSMCustomScan: None,
    ReInitializeDSMCustomScan: None,
    InitializeWorkerCustomScan: None,
    ShutdownCustomScan: None,
    ExplainCustomScan: None,
};
