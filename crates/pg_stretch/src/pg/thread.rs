//! Threads beside the one on which PostgreSQL runs, which call nothing of it.

use super::error::{Error, Result};
use std::thread::{Builder, JoinHandle};

/// Work on a thread of its own. Dropped, it goes on, and nobody asks for its result.
pub struct Task<T>(JoinHandle<T>);

/// Starts work that calls nothing of PostgreSQL. `name` is what the system's tools show.
pub fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<Task<T>> {
    with_signals_blocked(|| Builder::new().name(name.into()).spawn(work))
        .map(Task)
        .map_err(|error| Error::internal(format!("could not start the thread {name}: {error}")))
}

impl<T> Task<T> {
    /// Waits for the end of the work, however long it takes.
    pub fn join(self) -> Result<T> {
        let name = self.0.thread().name().unwrap_or_default().to_owned();
        self.0
            .join()
            .map_err(|_| Error::internal(format!("the thread {name} panicked")))
    }
}

/// PostgreSQL's signal handlers assume the main thread, and latches need SIGURG blocked everywhere else: the new
/// thread (and those it starts) inherits a mask that blocks everything.
fn with_signals_blocked<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: plain calls on local signal sets.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let result = f();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        result
    }
}
