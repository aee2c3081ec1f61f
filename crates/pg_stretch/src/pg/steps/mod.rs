//! Tells that a durable step was passed. Only a build for tests listens.

#[cfg(feature = "testing")]
mod testing;

#[cfg(not(feature = "testing"))]
use stretch_core::steps::Step;
pub use stretch_core::steps::Step::*;
#[cfg(feature = "testing")]
pub use testing::{collect_grace, free_bytes, moves_when_asked_only, reached, reached_on_io_thread};

/// On the main thread of a process.
#[cfg(not(feature = "testing"))]
pub fn reached(_: Step) {}

/// On the I/O thread of a worker.
#[cfg(not(feature = "testing"))]
pub fn reached_on_io_thread(_: Step) {}

/// Whether the worker leaves batches to tests.
#[cfg(not(feature = "testing"))]
pub fn moves_when_asked_only() -> bool {
    false
}

/// The grace of collection that a test wants.
#[cfg(not(feature = "testing"))]
pub fn collect_grace() -> Option<std::time::Duration> {
    None
}

/// Free bytes that a test says a disk has.
#[cfg(not(feature = "testing"))]
pub fn free_bytes() -> Option<i64> {
    None
}
