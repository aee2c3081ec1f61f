//! The worker of one database: serves requests, keeps claim and heartbeat, migrates, uploads and purges.

use super::state::Worker;
use crate::catalog;
use crate::ddl::enable::rule;
use crate::movement::bring_back::More;
use crate::pg::error::Result;
use crate::pg::phase::Progress;
use crate::pg::{gucs, request, shmem, txn};
use pgrx::prelude::*;
use std::time::{Duration, Instant};

/// How long the worker leaves alone what somebody waits for, and others hold.
const SOON: Duration = Duration::from_millis(100);

/// Entry point of a database worker; the argument is the database's OID.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn stretch_worker_main(arg: pg_sys::Datum) {
    super::signals();
    let database = pg_sys::Oid::from(arg.value() as u32);
    // SAFETY: connects as the bootstrap superuser; ends the process when the database is gone.
    unsafe { pg_sys::BackgroundWorkerInitializeConnectionByOid(database, pg_sys::InvalidOid, 0) };
    super::settings::force();
    if !register(database) {
        return;
    }
    // SAFETY: registers a static function that runs when this process ends, however it ends short of a crash.
    unsafe { pg_sys::before_shmem_exit(Some(leave), pg_sys::Datum::from(0)) };
    request::forget_running();
    let mut worker = Worker::new();
    worker.work(database);
    step("origin", || worker.mover.origin.give_up());
}

/// Takes the slot; false when another worker has it.
fn register(database: pg_sys::Oid) -> bool {
    let taken = shmem::with(|shared| {
        let slot = shared.slot(database)?;
        if slot.worker_pid != 0 {
            return None;
        }
        // SAFETY: this process's own latch and pid.
        unsafe {
            slot.worker_pid = pg_sys::MyProcPid;
            slot.worker_latch = pg_sys::MyLatch;
        }
        slot.wanted = false;
        (slot.waits, slot.rest) = (false, false);
        // SAFETY: a clock.
        slot.started = unsafe { pg_sys::GetCurrentTimestamp() };
        Some(())
    });
    shmem::broadcast();
    taken.is_some()
}

/// Gives the slot back; the verdict stays, since it holds until the next start of the server.
#[pg_guard]
unsafe extern "C-unwind" fn leave(code: i32, _arg: pg_sys::Datum) {
    // SAFETY: plain globals.
    let (me, database) = unsafe { (pg_sys::MyProcPid, pg_sys::MyDatabaseId) };
    shmem::with(|shared| {
        if let Some(slot) = shared
            .slots
            .iter_mut()
            .find(|slot| slot.database == database && slot.worker_pid == me)
        {
            slot.worker_pid = 0;
            slot.progress = Progress::default();
            slot.worker_latch = std::ptr::null_mut();
            // One that was terminated or failed is started again; one that returned had nothing to do.
            slot.wanted |= code != 0;
            // A database that was only looked into does not keep a slot, or a server with many would run out of them.
            if !slot.judged && !slot.wanted && !slot.leave {
                // SAFETY: a slot of zeros is a free slot, as `shmem::startup` makes them.
                *slot = unsafe { std::mem::zeroed() };
            }
        }
    });
    shmem::broadcast();
}

impl Worker {
    fn work(&mut self, database: pg_sys::Oid) {
        let mut idle_rounds = 0;
        loop {
            super::reload_if_asked();
            if leave_asked(database) {
                return;
            }
            let mut served = false;
            while let Some(taken) = request::take() {
                served = true;
                super::serve::serve(self, taken);
            }
            if needed() {
                idle_rounds = 0;
                let nap = self.round();
                if self.makes_room(database) {
                    return;
                }
                super::nap(nap);
            } else {
                // A caller may be about to enqueue; a worker without work leaves after a few empty rounds (F45).
                idle_rounds = if served { 0 } else { idle_rounds + 1 };
                if idle_rounds > 10 {
                    return;
                }
                super::nap(Duration::from_millis(100));
            }
        }
    }

    /// Whether a verdict is being formed, which takes a lease time of watching: a worker that left meanwhile would
    /// begin anew each time. An endpoint that does not answer does not hold up the others for ever.
    fn is_judging(&self) -> bool {
        !self.identity.is_settled() && self.began.elapsed() < gucs::lease_ttl() * 3
    }

    /// Whether another database gets the next turn: no job is left half done, and this database waits for the one
    /// after.
    fn makes_room(&mut self, database: pg_sys::Oid) -> bool {
        let asked = || shmem::with(|shared| shared.slots.iter().any(|slot| slot.database == database && slot.rest));
        if !asked() || self.is_judging() {
            return false;
        }
        let asked_at = Instant::now();
        loop {
            let mut settled = false;
            // The claim is kept meanwhile. What is given up after a lease time is an object that nobody names.
            step("identity", || self.identity.tick());
            step("upload", || {
                settled = self.uploader.settle()?;
                Ok(())
            });
            if settled || leave_asked(database) || asked_at.elapsed() > gucs::lease_ttl() {
                break;
            }
            super::nap(Duration::from_millis(100));
        }
        shmem::with(|shared| {
            if let Some(slot) = shared.slot(database) {
                (slot.rest, slot.wanted) = (false, true);
            }
        });
        true
    }

    /// One round of everything that a stretched database needs; an error in one step is logged and does not stop the
    /// others. Returns how long there is nothing to do.
    fn round(&mut self) -> Duration {
        self.background();
        let mut nap = gucs::naptime();
        if gucs::ENABLED.get() && self.identity.may_migrate() {
            step("migration", || {
                if self.mover.round()? {
                    nap = Duration::ZERO;
                }
                Ok(())
            });
            step("moving filters", || {
                if rule::round()? {
                    nap = Duration::ZERO;
                }
                Ok(())
            });
            step("bringing back", || {
                match self.bring_back.round(&mut self.mover.origin)? {
                    More::AtOnce => nap = Duration::ZERO,
                    More::Soon => nap = nap.min(SOON),
                    More::Later => {}
                }
                Ok(())
            });
            // It yields to everything else.
            if !nap.is_zero() {
                step("compaction", || {
                    if self.compactor.round()? {
                        nap = nap.min(SOON);
                    }
                    Ok(())
                });
            }
        } else {
            self.bring_back.stop();
        }
        step("collection", || {
            if self.collector.round(self.identity.claim())? {
                nap = nap.min(SOON);
            }
            Ok(())
        });
        step("purge", || self.uploader.purge_due());
        step("tidying", || self.tidy.round());
        self.key_runs.nap(nap)
    }

    /// What goes on also while a long request is served: claim, heartbeat, uploads, key filters.
    pub fn background(&mut self) {
        step("identity", || self.identity.tick());
        // Each finished upload starts the next one; the job itself runs on the I/O thread.
        step("upload", || self.uploader.step().map(|_| ()));
        step("key filters", || self.key_runs.round());
    }
}

fn step(what: &str, f: impl FnOnce() -> Result<()>) {
    if let Err(error) = txn::catch(f) {
        // SAFETY: ends a transaction that an ERROR left open; harmless when there is none.
        unsafe { pg_sys::AbortCurrentTransaction() };
        crate::pg::error::log(&format!("pg_stretch {what}: {} ({})", error.message, error.sqlstate));
    }
}

fn leave_asked(database: pg_sys::Oid) -> bool {
    shmem::with(|shared| shared.slots.iter().any(|slot| slot.database == database && slot.leave))
}

/// True when the database is stretched; a worker leaves others (F45).
fn needed() -> bool {
    let found = txn::run(|| {
        if !catalog::scan::installed() {
            return Ok(false);
        }
        // SAFETY: inside a transaction with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        Ok(catalog::tables::database(snapshot)?.is_some())
    });
    // A failing look says nothing about the database: stay.
    found.unwrap_or_else(|error| {
        error.report(pg_sys::LOG as i32);
        true
    })
}
