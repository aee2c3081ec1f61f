//! The launcher: one process per server that starts a worker in each database that has, or asks for, one.
//!
//! At its start it looks into every database once; after that, backends ask through their slot
//! (`request::want_worker`). Where there are more databases than workers, they take turns (`turns.rs`).

use super::turns::Turns;
use crate::pg::{gucs, shmem};
use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::prelude::*;
use std::time::Duration;

/// Registers the launcher with the postmaster; called from `_PG_init` under shared_preload_libraries.
pub fn register() {
    BackgroundWorkerBuilder::new("pg_stretch launcher")
        .set_type("pg_stretch launcher")
        .set_library("pg_stretch")
        .set_function("stretch_launcher_main")
        .enable_spi_access()
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .set_restart_time(Some(Duration::from_secs(1)))
        .load();
}

/// Entry point of the launcher process.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn stretch_launcher_main(_arg: pg_sys::Datum) {
    super::signals();
    // SAFETY: connects to no database: shared catalogs only.
    unsafe { pg_sys::BackgroundWorkerInitializeConnectionByOid(pg_sys::InvalidOid, pg_sys::InvalidOid, 0) };
    super::settings::force();
    shmem::with(|shared| {
        // SAFETY: this process's own latch and pid.
        unsafe {
            shared.launcher_latch = pg_sys::MyLatch;
            shared.launcher_pid = pg_sys::MyProcPid;
        }
    });
    // Every database is looked into once; one without stretched tables is left again at once.
    let mut turns = Turns::new(databases());
    loop {
        super::reload_if_asked();
        match gucs::ENABLED.get() {
            true => turns.round(),
            false => Turns::stop(),
        }
        super::nap(gucs::naptime().min(Duration::from_secs(1)));
    }
}

/// The database of a tuple of pg_database, if it is one to look into.
unsafe fn usable(tuple: pg_sys::HeapTuple) -> Option<pg_sys::Oid> {
    // SAFETY: the caller passes a tuple of pg_database that its scan holds.
    let form = unsafe { &*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_database>(tuple) };
    (form.datallowconn && !form.datistemplate).then_some(form.oid)
}

/// Databases that allow connections.
fn databases() -> Vec<pg_sys::Oid> {
    let found = crate::pg::txn::run(|| {
        let mut found = Vec::new();
        // SAFETY: a catalog scan inside the transaction.
        unsafe {
            let relation = pg_sys::table_open(pg_sys::DatabaseRelationId, pg_sys::AccessShareLock as i32);
            let scan = pg_sys::systable_beginscan(
                relation,
                pg_sys::InvalidOid,
                false,
                std::ptr::null_mut(),
                0,
                std::ptr::null_mut(),
            );
            loop {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                found.extend(usable(tuple));
            }
            pg_sys::systable_endscan(scan);
            pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
        }
        Ok(found)
    });
    found.unwrap_or_else(|error| {
        error.report(pg_sys::LOG as i32);
        Vec::new()
    })
}
