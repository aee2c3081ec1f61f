//! Calls of backends that the database's worker carries out: remote steps, migration batches, drains (F21, C-1).
//!
//! The caller fills a slot in shared memory and waits on the shared condition variable, interruptible; the worker
//! answers with JSON or an error, which the caller raises as its own. A caller that goes away abandons the slot.

use super::error::{Error, Result};
use super::shmem::{self, RequestState};
use pgrx::pg_sys;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use stretch_core::errors;

/// How long a caller waits for a worker to appear before it reports that none can start.
const WORKER_START: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
struct Failure {
    sqlstate: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

/// 25001 inside an explicit transaction block (F21): what the worker does cannot be rolled back with it.
pub fn refuse_in_block(function: &str) -> Result<()> {
    // SAFETY: plain getter of the transaction state.
    if unsafe { pg_sys::IsTransactionBlock() } {
        return Err(Error::new(
            &errors::IN_TRANSACTION_BLOCK,
            format!("stretch.{function} cannot run inside a transaction block"),
        ));
    }
    Ok(())
}

/// Hands `op` to the worker of this database and waits for its answer.
pub fn call(op: &str, args: &Value) -> Result<Value> {
    shmem::require()?;
    let id = enqueue(op, args)?;
    let guard = Abandon { id };
    let answer = wait(id);
    shmem::sleep_done();
    std::mem::forget(guard);
    answer
}

/// Asks the launcher for a worker in this database, if none runs.
pub fn want_worker() {
    if !shmem::available() {
        return;
    }
    // SAFETY: plain global.
    let me = unsafe { pg_sys::MyDatabaseId };
    let latch = shmem::with(|shared| {
        let worker = shared.slot(me).map(|slot| {
            slot.wanted = true;
            slot.worker_pid
        });
        if worker == Some(0) && shared.launcher_pid != 0 {
            shared.launcher_latch
        } else {
            std::ptr::null_mut()
        }
    });
    if !latch.is_null() {
        // SAFETY: the launcher's latch lies in shared memory; setting a latch too often is harmless.
        unsafe { pg_sys::SetLatch(latch) };
    }
}

fn enqueue(op: &str, args: &Value) -> Result<u64> {
    let text = args.to_string();
    if text.len() > shmem::PAYLOAD {
        return Err(Error::argument("the arguments are too long"));
    }
    want_worker();
    // SAFETY: plain global.
    let (database, pid) = unsafe { (pg_sys::MyDatabaseId, pg_sys::MyProcPid) };
    clean_at_exit();
    let (id, latch) = shmem::with(|shared| {
        let id = shared.next_request;
        let Some(slot) = shared
            .requests
            .iter_mut()
            .find(|request| request.state == RequestState::Free)
        else {
            return (None, std::ptr::null_mut());
        };
        slot.state = RequestState::Queued;
        slot.abandoned = false;
        slot.pid = pid;
        slot.id = id;
        slot.database = database;
        slot.op.set(op);
        slot.payload.set(&text);
        shared.next_request += 1;
        let latch = shared
            .slots
            .iter()
            .find(|s| s.database == database && s.worker_pid != 0)
            .map_or(std::ptr::null_mut(), |s| s.worker_latch);
        (Some(id), latch)
    });
    if !latch.is_null() {
        // SAFETY: latch of a live worker in shared memory; a late set is harmless.
        unsafe { pg_sys::SetLatch(latch) };
    }
    id.ok_or_else(|| {
        Error::new(&errors::NOT_NOW, "too many calls wait for workers of pg_stretch")
            .hint("Try again when the others have ended.")
    })
}

fn wait(id: u64) -> Result<Value> {
    let started = Instant::now();
    loop {
        // Whether the database has a worker, and whether it waits for its turn to get one.
        let (state, worker, turn, answer) = shmem::with(|shared| {
            let Some(request) = shared.requests.iter_mut().find(|request| request.id == id) else {
                return (RequestState::Free, false, false, String::new());
            };
            let (state, database) = (request.state, request.database);
            let mut answer = String::new();
            if matches!(state, RequestState::Done | RequestState::Failed) {
                answer = request.payload.get();
                request.state = RequestState::Free;
            }
            (
                state,
                shared
                    .slots
                    .iter()
                    .any(|slot| slot.database == database && slot.worker_pid != 0),
                shared.slots.iter().any(|slot| slot.database == database && slot.waits),
                answer,
            )
        });
        match state {
            RequestState::Done => {
                return serde_json::from_str(&answer).map_err(|_| Error::internal("the worker's answer was cut"));
            }
            RequestState::Failed => return Err(failure(&answer)),
            RequestState::Free => return Err(Error::internal("the worker dropped the request")),
            RequestState::Running if !worker => {
                release(id);
                return Err(Error::new(
                    &errors::NOT_NOW,
                    "the worker of this database ended while it carried out the call",
                )
                .hint("See the server log, then try again."));
            }
            RequestState::Queued if !worker && !turn && started.elapsed() > WORKER_START => {
                release(id);
                return Err(no_worker());
            }
            RequestState::Queued | RequestState::Running => {
                if !worker {
                    want_worker();
                }
                shmem::sleep(100);
                pgrx::check_for_interrupts!();
            }
        }
    }
}

/// The error when no worker starts.
pub fn no_worker() -> Error {
    Error::new(&errors::NOT_NOW, "no worker of pg_stretch could start in this database")
        .hint("Check max_worker_processes, stretch.max_workers and stretch.enabled, and the server log.")
}

fn failure(text: &str) -> Error {
    match serde_json::from_str::<Failure>(text) {
        Ok(f) => Error {
            constraint: None,
            sqlstate: f.sqlstate,
            message: f.message,
            detail: f.detail,
            hint: f.hint,
        },
        Err(_) => Error::internal("the worker failed"),
    }
}

fn release(id: u64) {
    shmem::with(|shared| {
        if let Some(request) = shared.requests.iter_mut().find(|request| request.id == id) {
            request.state = RequestState::Free;
        }
    });
}

/// A session that is terminated ends without unwinding: what it left in shared memory is cleared when its process
/// exits.
pub fn clean_at_exit() {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        // SAFETY: a static function, registered once per process, that runs while shared memory is still there.
        unsafe { pg_sys::before_shmem_exit(Some(clean), pg_sys::Datum::from(0)) };
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn clean(_code: i32, _arg: pg_sys::Datum) {
    // SAFETY: plain global.
    let me = unsafe { pg_sys::MyProcPid };
    shmem::with(|shared| {
        for request in shared.requests.iter_mut().filter(|request| request.pid == me) {
            match request.state {
                RequestState::Running => request.abandoned = true,
                _ => request.state = RequestState::Free,
            }
        }
        for slot in shared
            .slots
            .iter_mut()
            .filter(|slot| slot.leave && slot.leave_pid == me)
        {
            slot.leave = false;
        }
    });
}

/// Marks the request as abandoned when an interrupt unwinds the caller.
struct Abandon {
    id: u64,
}

impl Drop for Abandon {
    fn drop(&mut self) {
        shmem::with(|shared| {
            if let Some(request) = shared.requests.iter_mut().find(|request| request.id == self.id) {
                match request.state {
                    RequestState::Running => request.abandoned = true,
                    _ => request.state = RequestState::Free,
                }
            }
        });
    }
}

/// A request taken by the worker.
pub struct Taken {
    id: u64,
    pub op: String,
    pub args: Value,
}

/// Takes the oldest queued request of this database.
pub fn take() -> Option<Taken> {
    // SAFETY: plain global.
    let me = unsafe { pg_sys::MyDatabaseId };
    let (id, op, payload) = shmem::with(|shared| {
        let request = shared
            .requests
            .iter_mut()
            .filter(|r| r.state == RequestState::Queued && r.database == me)
            .min_by_key(|r| r.id)?;
        request.state = RequestState::Running;
        Some((request.id, request.op.get(), request.payload.get()))
    })?;
    Some(Taken {
        id,
        op,
        args: serde_json::from_str(&payload).unwrap_or(Value::Null),
    })
}

impl Taken {
    /// True while the caller still waits.
    pub fn wanted(&self) -> bool {
        shmem::with(|shared| shared.requests.iter().any(|r| r.id == self.id && !r.abandoned))
    }

    /// Answers the caller.
    pub fn answer(self, result: Result<Value>) {
        let (state, text) = match result {
            Ok(value) => (RequestState::Done, value.to_string()),
            Err(e) => {
                let failure = Failure {
                    sqlstate: e.sqlstate,
                    message: e.message,
                    detail: e.detail,
                    hint: e.hint,
                };
                (
                    RequestState::Failed,
                    serde_json::to_string(&failure).unwrap_or_default(),
                )
            }
        };
        shmem::with(|shared| {
            if let Some(request) = shared.requests.iter_mut().find(|r| r.id == self.id) {
                request.payload.set(&text);
                request.state = if request.abandoned { RequestState::Free } else { state };
            }
        });
        shmem::broadcast();
    }
}

/// Processes that wait in this database for the answer to such a call.
pub fn callers(op: &str) -> Vec<i32> {
    // SAFETY: plain global.
    let me = unsafe { pg_sys::MyDatabaseId };
    shmem::with(|shared| {
        let wait = |request: &&shmem::Request| {
            matches!(request.state, RequestState::Queued | RequestState::Running)
                && !request.abandoned
                && request.database == me
                && request.op.get() == op
        };
        shared.requests.iter().filter(wait).map(|request| request.pid).collect()
    })
}

/// Frees what a dead worker left running in this database; called when a worker starts.
pub fn forget_running() {
    // SAFETY: plain global.
    let me = unsafe { pg_sys::MyDatabaseId };
    shmem::with(|shared| {
        for request in shared
            .requests
            .iter_mut()
            .filter(|r| r.database == me && r.state == RequestState::Running)
        {
            request.state = RequestState::Free;
        }
    });
}
