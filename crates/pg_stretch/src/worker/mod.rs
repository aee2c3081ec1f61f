//! Background workers: the launcher of the server and one worker per stretched database.

mod calls;
pub mod database;
mod key_runs;
pub mod launcher;
pub mod serve;
pub mod settings;
mod state;
mod tidy;
mod turns;

use crate::pg::missing::{SignalHandlerForConfigReload, die};
use pgrx::pg_sys;
use std::time::Duration;

/// Installs the signal handlers of a worker. `die` (not pgrx's flag) so that SIGTERM ends long statements too.
pub fn signals() {
    // SAFETY: the start of a worker's main function, before signals are unblocked.
    unsafe {
        pg_sys::pqsignal(pg_sys::SIGTERM as i32, Some(die));
        pg_sys::pqsignal(pg_sys::SIGHUP as i32, Some(SignalHandlerForConfigReload));
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Reads the configuration again after SIGHUP, then forces the worker's settings once more.
pub fn reload_if_asked() {
    // SAFETY: ConfigReloadPending is set by the signal handler of this process.
    unsafe {
        if pg_sys::ConfigReloadPending != 0 {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
            settings::force();
        }
    }
}

/// Sleeps until the latch is set, a job of the I/O thread ended, or the time is over; serves interrupts.
pub fn nap(time: Duration) {
    crate::pg::io::wait_for_progress(time.as_millis() as i64);
}
