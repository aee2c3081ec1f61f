//! Stops at durable steps: dies there when a file of the data directory says so, waits there when a setting of the
//! session does.

use crate::pg::names;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::path::Path;
use std::time::Duration;
use stretch_core::steps::Step;

/// Names a step and what happens at it: `self` dies, or `postmaster` with this process, or this process is to `stop`
/// until somebody continues it. Removed before, so that it happens once.
const KILL_FILE: &str = "pg_stretch.kill";
/// The advisory lock for which a session waits at the step that `stretch_test.pause_at` names.
const PAUSE_KEY: i64 = 4711;

/// A step was passed on the main thread.
pub fn reached(step: Step) {
    reached_on_io_thread(step);
    if setting(c"stretch_test.pause_at") == step.name() {
        // SAFETY: built-in functions that take one bigint; the lock's release cannot fail after it was granted.
        unsafe {
            let key = pg_sys::Datum::from(PAUSE_KEY);
            pgrx::direct_function_call_as_datum(pg_sys::pg_advisory_lock_int8, &[Some(key)]);
            pgrx::direct_function_call_as_datum(pg_sys::pg_advisory_unlock_int8, &[Some(key)]);
        }
    }
}

/// Whether the worker moves rows only when it is asked, so that the batches of sessions meet none of its own.
pub fn moves_when_asked_only() -> bool {
    setting(c"stretch_test.moves_when_asked_only") == "on"
}

/// The grace of collection that a test wants, in milliseconds.
pub fn collect_grace() -> Option<Duration> {
    setting(c"stretch_test.collect_grace")
        .parse()
        .ok()
        .map(Duration::from_millis)
}

/// Free bytes that a test says a disk has.
pub fn free_bytes() -> Option<i64> {
    setting(c"stretch_test.free_bytes").parse().ok()
}

fn setting(name: &CStr) -> String {
    // SAFETY: gives a string of the server, or null when nobody set the parameter.
    names::text(unsafe { pg_sys::GetConfigOption(name.as_ptr(), true, false) })
}

/// A step was passed on the I/O thread, where nothing of PostgreSQL may be called.
pub fn reached_on_io_thread(step: Step) {
    // The working directory of a server's process is its data directory.
    let file = Path::new(KILL_FILE);
    let Ok(order) = std::fs::read_to_string(file) else {
        return;
    };
    let Some(("", whom)) = order.split_once(&step.name()) else {
        return;
    };
    if std::fs::remove_file(file).is_err() {
        return;
    }
    // SAFETY: signals to this process and its postmaster; the second ends us here.
    unsafe {
        match whom.trim() {
            // Sent to this thread, which does nothing more before all stand still.
            "stop" => {
                libc::raise(libc::SIGSTOP);
            }
            "postmaster" => {
                libc::kill(pg_sys::PostmasterPid, libc::SIGKILL);
                libc::kill(libc::getpid(), libc::SIGKILL);
            }
            _ => {
                libc::kill(libc::getpid(), libc::SIGKILL);
            }
        }
    }
}
