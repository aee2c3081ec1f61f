//! What happens when the server loads the library: settings, start facts, shared memory, hooks, launcher.

use crate::ddl::guard;
use crate::endpoint::redact;
use crate::pg::{gucs, hook, shmem};
use crate::statements::scan::paths;
use crate::statements::{aggregate, estimates, hooks, planner, unique};
use crate::worker;
use pgrx::prelude::*;

static mut PREV_SHMEM_REQUEST: pg_sys::shmem_request_hook_type = None;
static mut PREV_SHMEM_STARTUP: pg_sys::shmem_startup_hook_type = None;
/// Noted once per postmaster: a crash of one backend sets shared memory up again, when the files are long gone.
static START: std::sync::OnceLock<shmem::StartFacts> = std::sync::OnceLock::new();

/// Called once per process that loads the library; under preload, once in the postmaster, before recovery.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    // SAFETY: plain globals of the server.
    let (preload, upgrade) = unsafe {
        (
            pg_sys::process_shared_preload_libraries_in_progress,
            pg_sys::IsBinaryUpgrade,
        )
    };
    if !preload {
        return;
    }
    gucs::register();
    START.get_or_init(start_facts);
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREV_SHMEM_REQUEST = pg_sys::shmem_request_hook;
        pg_sys::shmem_request_hook = Some(shmem_request);
        PREV_SHMEM_STARTUP = pg_sys::shmem_startup_hook;
        pg_sys::shmem_startup_hook = Some(shmem_startup);
    }
    // pg_upgrade makes every object anew, one by one, and reads no rows: our catalog is incomplete until it has ended.
    if !upgrade {
        planner::register();
        estimates::install();
        paths::install();
        aggregate::install();
        guard::install_before_planning();
        unique::install();
        hooks::install();
        worker::launcher::register();
    }
}

/// Hooks that must run before those of every other library, whatever the order of `shared_preload_libraries`: of a
/// secret in a statement the others may not see the text. All libraries are loaded by now.
fn in_front_of_all() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: a plain global.
    if !unsafe { pg_sys::IsBinaryUpgrade } {
        // After a crash of one session shared memory is set up anew; the hooks are still there.
        ONCE.call_once(|| {
            redact::install();
            guard::install();
        });
    }
}

unsafe extern "C-unwind" fn shmem_request() {
    // SAFETY: calls the hook that was there before us.
    unsafe {
        if let Some(previous) = PREV_SHMEM_REQUEST {
            previous();
        }
        hook::own_part(shmem::request);
    }
}

unsafe extern "C-unwind" fn shmem_startup() {
    // SAFETY: calls the hook that was there before us.
    unsafe {
        if let Some(previous) = PREV_SHMEM_STARTUP {
            previous();
        }
        hook::own_part(|| {
            shmem::startup(*START.get_or_init(start_facts));
            in_front_of_all();
        });
    }
}

/// Looks for the signal files; this runs before recovery removes them (F7).
fn start_facts() -> shmem::StartFacts {
    let data = gucs::data_directory();
    let there = |name: &str| data.join(name).exists();
    shmem::StartFacts {
        standby_signal: there("standby.signal"),
        recovery_signal: there("recovery.signal"),
        backup_label: there("backup_label"),
    }
}
