//! Turns: which database gets a worker when there are more databases than workers, as autovacuum shares its own.
//!
//! Databases wait in a queue, those with a waiting caller first. When all workers are taken, the one that has worked
//! longest is asked to make room once its turn is over; it finishes what it is doing, and its database goes to the end
//! of the queue.

use crate::pg::shmem::{self, RequestState};
use crate::pg::{error, gucs, names, txn};
use pgrx::bgworkers::{BackgroundWorkerBuilder, BackgroundWorkerStatus, BgWorkerStartTime, DynamicBackgroundWorker};
use pgrx::pg_sys;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};
use stretch_core::turns::{self, Wanted, Working};

/// A worker that ended is not started again before this time.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// A worker that was started.
struct Launched {
    handle: DynamicBackgroundWorker,
    at: Instant,
}

/// What the launcher remembers.
pub struct Turns {
    queue: VecDeque<pg_sys::Oid>,
    launched: HashMap<pg_sys::Oid, Launched>,
    /// Databases of which the log says that they have to wait, once since the launcher started.
    told: HashSet<pg_sys::Oid>,
}

enum Start {
    Started,
    /// It ended a moment ago.
    Soon,
    /// Every worker is taken.
    Full,
}

impl Turns {
    /// Begins with these databases waiting.
    pub fn new(databases: Vec<pg_sys::Oid>) -> Self {
        Self {
            queue: databases.into(),
            launched: HashMap::new(),
            told: HashSet::new(),
        }
    }

    /// Nobody waits for a turn any more, since none comes.
    pub fn stop() {
        shmem::with(|shared| shared.slots.iter_mut().for_each(|slot| slot.waits = false));
    }

    /// Starts what can be started, and asks for room for what cannot.
    pub fn round(&mut self) {
        self.launched
            .retain(|_, launched| is_alive(&launched.handle) || launched.at.elapsed() < RESTART_PAUSE);
        self.enqueue();
        let mut waiting = VecDeque::new();
        let mut full = false;
        for database in std::mem::take(&mut self.queue) {
            if leaves(database) {
                continue;
            }
            let start = if full { Start::Full } else { self.start(database) };
            match start {
                Start::Started => {}
                Start::Soon => waiting.push_back(database),
                Start::Full => {
                    full = true;
                    waiting.push_back(database);
                }
            }
        }
        self.queue = waiting;
        self.mark(full);
    }

    /// Lines up the databases that want a worker.
    fn enqueue(&mut self) {
        let wanted = shmem::with(|shared| {
            let mut wanted = Vec::new();
            for slot in shared.slots.iter() {
                if slot.database != pg_sys::InvalidOid && slot.wanted && slot.worker_pid == 0 && !slot.leave {
                    let called = shared
                        .requests
                        .iter()
                        .any(|request| request.database == slot.database && request.state == RequestState::Queued);
                    wanted.push(Wanted {
                        database: slot.database,
                        called,
                    });
                }
            }
            wanted
        });
        turns::line_up(&mut self.queue, &wanted);
    }

    fn start(&mut self, database: pg_sys::Oid) -> Start {
        if self.launched.contains_key(&database) {
            return Start::Soon;
        }
        if self.running() >= gucs::MAX_WORKERS.get() as usize {
            return Start::Full;
        }
        let started = BackgroundWorkerBuilder::new("pg_stretch worker")
            .set_type("pg_stretch worker")
            .set_library("pg_stretch")
            .set_function("stretch_worker_main")
            .set_argument(pg_sys::Datum::from(database).into())
            .enable_spi_access()
            .set_start_time(BgWorkerStartTime::RecoveryFinished)
            .set_restart_time(None)
            .load_dynamic();
        match started {
            Ok(handle) => {
                self.launched.insert(
                    database,
                    Launched {
                        handle,
                        at: Instant::now(),
                    },
                );
                Start::Started
            }
            // max_worker_processes is used up, perhaps by others.
            Err(_) => Start::Full,
        }
    }

    /// Workers that live, or were started and have not come to life yet.
    fn running(&self) -> usize {
        let mut databases: HashSet<pg_sys::Oid> = shmem::with(|shared| {
            let busy = shared.slots.iter().filter(|slot| slot.worker_pid != 0);
            busy.map(|slot| slot.database).collect()
        });
        let alive = self.launched.iter().filter(|(_, launched)| is_alive(&launched.handle));
        databases.extend(alive.map(|(database, _)| *database));
        databases.len()
    }

    /// Shows who waits, and asks as many workers to make room as their turns are over.
    fn mark(&mut self, full: bool) {
        // Where none of ours runs there are no turns to wait for, and callers are told that no worker can start.
        let waiting: Vec<pg_sys::Oid> = match full && self.running() > 0 {
            true => self.queue.iter().copied().collect(),
            false => Vec::new(),
        };
        // SAFETY: a clock.
        let now = unsafe { pg_sys::GetCurrentTimestamp() };
        let turn = gucs::naptime().max(Duration::from_secs(1)).as_micros() as i64;
        shmem::with(|shared| {
            for slot in shared.slots.iter_mut() {
                slot.waits = waiting.contains(&slot.database) && slot.database != pg_sys::InvalidOid;
            }
            let at_work: Vec<usize> = (0..shared.slots.len())
                .filter(|at| shared.slots[*at].worker_pid != 0)
                .collect();
            let workers: Vec<Working> = at_work
                .iter()
                .map(|at| Working {
                    began: shared.slots[*at].started,
                    asked: shared.slots[*at].rest,
                })
                .collect();
            for worker in turns::make_room(&workers, now, turn, waiting.len()) {
                let slot = &mut shared.slots[at_work[worker]];
                slot.rest = true;
                if !slot.worker_latch.is_null() {
                    // SAFETY: the latch of a living worker, which clears it under the same lock when it ends.
                    unsafe { pg_sys::SetLatch(slot.worker_latch) };
                }
            }
        });
        for database in waiting {
            // One that was never looked into is probably not stretched.
            if is_known(database) && self.told.insert(database) {
                tell(database);
            }
        }
    }
}

/// Whether somebody wants this database to be left alone: it is about to be dropped, renamed or copied.
fn leaves(database: pg_sys::Oid) -> bool {
    shmem::with(|shared| shared.slots.iter().any(|slot| slot.database == database && slot.leave))
}

/// Whether the database had a worker since the server started, or asks for one.
fn is_known(database: pg_sys::Oid) -> bool {
    shmem::with(|shared| {
        let mut slots = shared.slots.iter();
        slots.any(|slot| slot.database == database && (slot.judged || slot.wanted))
    })
}

fn is_alive(handle: &DynamicBackgroundWorker) -> bool {
    !matches!(handle.pid(), Err(BackgroundWorkerStatus::Stopped))
}

/// One line in the log for each database that has to wait.
fn tell(database: pg_sys::Oid) {
    let name = txn::run(|| {
        // SAFETY: a look-up in a shared catalog inside a transaction.
        Ok(names::text(unsafe { pg_sys::get_database_name(database) }))
    });
    error::report(
        pg_sys::WARNING as i32,
        "53400",
        &format!(
            "pg_stretch: database \"{}\" waits for a worker; workers take turns",
            name.unwrap_or_default()
        ),
        None,
        Some("Raise stretch.max_workers, and max_worker_processes above it."),
    );
}
