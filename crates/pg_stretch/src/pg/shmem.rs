//! Shared memory: start facts, one slot per stretched database with its verdict, and the requests that backends hand to
//! workers.

use super::error::{Error, Result};
use super::phase::Progress;
use pgrx::pg_sys;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use stretch_core::errors;
use stretch_core::segment_cache::Usage;
use stretch_core::state::DatabaseState;

/// Databases that can have a worker at the same time (the limit of `stretch.max_workers`).
pub const SLOTS: usize = 64;
/// Requests that may be under way at the same time in the whole server.
pub const REQUESTS: usize = 32;
/// Bytes of a request's arguments or answer, as JSON.
pub const PAYLOAD: usize = 16 * 1024;

/// What lay in the data directory when the postmaster loaded the library (F7).
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct StartFacts {
    pub standby_signal: bool,
    pub recovery_signal: bool,
    pub backup_label: bool,
}

/// A text of bounded length that can live in shared memory.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Text<const N: usize> {
    len: u32,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// Stores `text`, cut at a character boundary when it is too long.
    pub fn set(&mut self, text: &str) {
        let mut end = text.len().min(N);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
        self.len = end as u32;
    }

    /// The text.
    pub fn get(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..(self.len as usize).min(N)]).into_owned()
    }
}

/// One database of this server.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Slot {
    /// Database, or 0 when the slot is free.
    pub database: pg_sys::Oid,
    /// Process of the worker, or 0.
    pub worker_pid: i32,
    /// Latch of the worker while `worker_pid` is set.
    pub worker_latch: *mut pg_sys::Latch,
    /// Somebody wants a worker here: the launcher starts one.
    pub wanted: bool,
    /// The worker has to leave (DROP DATABASE, RENAME, TEMPLATE: F45).
    pub leave: bool,
    /// Process that asked for it; when it ends, the worker may come back.
    pub leave_pid: i32,
    /// The worker has judged at least once since the postmaster started.
    pub judged: bool,
    /// What the verdict says; *undecided* until the worker has judged (F8).
    pub state: DatabaseState,
    /// Reading needs only local facts (C-10): true as soon as these allow it.
    pub may_read: bool,
    /// Rule of Appendix 2 that decided.
    pub rule: u8,
    pub reason: Text<256>,
    /// Microseconds since 2000 of the last change of state.
    pub since: i64,
    pub generation: i64,
    pub branch: [u8; 16],
    pub nonce: [u8; 16],
    /// Trouble of claims and heartbeats, until one of them works again.
    pub claim_error: Text<256>,
    /// Trouble of uploads, until one of them works again.
    pub upload_error: Text<256>,
    pub last_upload: i64,
    /// Microseconds since 2000 of the last statement of pg_restore that was refused here.
    pub restore_refused: i64,
    /// The launcher has no worker to spare for this database now.
    pub waits: bool,
    /// The worker has to make room for that of another database when it has an end.
    pub rest: bool,
    /// Microseconds since 2000 of the worker's start.
    pub started: i64,
    pub progress: Progress,
}

/// Life of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RequestState {
    Free = 0,
    Queued = 1,
    Running = 2,
    Done = 3,
    Failed = 4,
}

/// A call of a backend that the database's worker carries out.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Request {
    pub state: RequestState,
    /// The caller went away: the worker frees the slot when it is done.
    pub abandoned: bool,
    /// Process of the caller.
    pub pid: i32,
    pub id: u64,
    pub database: pg_sys::Oid,
    pub op: Text<32>,
    pub payload: Text<PAYLOAD>,
}

/// Counters of changes of cold sides; see `catalog::changes`.
#[repr(C)]
pub struct Changes {
    pub begun: AtomicU32,
    pub ended: AtomicU32,
}

/// Tables of the whole server share these.
const CHANGES: usize = 1024;

/// Everything that is shared.
#[repr(C)]
pub struct Shared {
    pub start: StartFacts,
    pub launcher_latch: *mut pg_sys::Latch,
    pub launcher_pid: i32,
    pub next_request: u64,
    pub slots: [Slot; SLOTS],
    pub requests: [Request; REQUESTS],
    pub changed: pg_sys::ConditionVariable,
}

/// What is asked for as one piece.
#[repr(C)]
struct Memory {
    /// Under the lock.
    shared: Shared,
    /// Without.
    changes: [Changes; CHANGES],
    cache: Usage,
}

static SHARED: AtomicPtr<Shared> = AtomicPtr::new(std::ptr::null_mut());
static CHANGE_COUNTERS: AtomicPtr<[Changes; CHANGES]> = AtomicPtr::new(std::ptr::null_mut());
static CACHE: AtomicPtr<Usage> = AtomicPtr::new(std::ptr::null_mut());
static LOCK: AtomicPtr<pg_sys::LWLock> = AtomicPtr::new(std::ptr::null_mut());
const TRANCHE: &std::ffi::CStr = c"pg_stretch";

/// Asks for the memory; runs in the postmaster's shmem_request_hook.
pub fn request() {
    // SAFETY: called inside shmem_request_hook, the only place where these are allowed.
    unsafe {
        pg_sys::RequestAddinShmemSpace(size_of::<Memory>());
        pg_sys::RequestNamedLWLockTranche(TRANCHE.as_ptr(), 1);
    }
}

/// Creates or finds the memory; runs in shmem_startup_hook of each process.
pub fn startup(start: StartFacts) {
    let mut found = false;
    // SAFETY: ShmemInitStruct gives at least the size asked for; the lock keeps two processes from initializing it
    // twice.
    unsafe {
        pg_sys::LWLockAcquire(addin_lock(), pg_sys::LWLockMode::LW_EXCLUSIVE);
        let memory: *mut Memory = pg_sys::ShmemInitStruct(TRANCHE.as_ptr(), size_of::<Memory>(), &mut found).cast();
        let shared = &raw mut (*memory).shared;
        if !found {
            std::ptr::write_bytes(memory, 0, 1);
            (*shared).start = start;
            (*shared).next_request = 1;
            pg_sys::ConditionVariableInit(&mut (*shared).changed);
        }
        pg_sys::LWLockRelease(addin_lock());
        SHARED.store(shared, Ordering::Release);
        CHANGE_COUNTERS.store(&raw mut (*memory).changes, Ordering::Release);
        CACHE.store(&raw mut (*memory).cache, Ordering::Release);
        LOCK.store(
            &mut (*pg_sys::GetNamedLWLockTranche(TRANCHE.as_ptr())).lock,
            Ordering::Release,
        );
    }
}

/// AddinShmemInitLock: number 21 of lwlocknames.txt.
unsafe fn addin_lock() -> *mut pg_sys::LWLock {
    // SAFETY: MainLWLockArray exists before any hook runs.
    unsafe { &mut (*pg_sys::MainLWLockArray.add(21)).lock }
}

/// True when the library came in through shared_preload_libraries.
pub fn available() -> bool {
    !SHARED.load(Ordering::Acquire).is_null()
}

/// An error that says how to preload the library.
pub fn require() -> Result<()> {
    if available() {
        return Ok(());
    }
    Err(
        Error::new(&errors::NOT_NOW, "pg_stretch must be loaded when the server starts")
            .hint("Add pg_stretch to shared_preload_libraries in postgresql.conf and restart the server."),
    )
}

/// Runs `f` on the shared memory under the lock. `f` must not call PostgreSQL nor panic.
pub fn with<R>(f: impl FnOnce(&mut Shared) -> R) -> R {
    let shared = SHARED.load(Ordering::Acquire);
    assert!(!shared.is_null(), "pg_stretch is not preloaded");
    // SAFETY: the memory lives as long as the server, and the lock makes this the only reference.
    unsafe {
        pg_sys::LWLockAcquire(LOCK.load(Ordering::Acquire), pg_sys::LWLockMode::LW_EXCLUSIVE);
        let result = f(&mut *shared);
        pg_sys::LWLockRelease(LOCK.load(Ordering::Acquire));
        result
    }
}

/// The counters of changes, which need no lock; `None` without shared memory.
pub fn changes() -> Option<&'static [Changes; CHANGES]> {
    // SAFETY: null, or memory that lives as long as the server, of which everybody has the atomic counters alone.
    unsafe { CHANGE_COUNTERS.load(Ordering::Acquire).as_ref() }
}

/// How full the segment cache is, which needs no lock; `None` without shared memory.
pub fn cache() -> Option<&'static Usage> {
    // SAFETY: as above.
    unsafe { CACHE.load(Ordering::Acquire).as_ref() }
}

/// Wakes everybody who waits for a change of slots or requests.
pub fn broadcast() {
    // SAFETY: the condition variable was initialized in `startup`.
    unsafe { pg_sys::ConditionVariableBroadcast(&mut (*SHARED.load(Ordering::Acquire)).changed) };
}

/// Sleeps until a broadcast or for `millis`; obeys interrupts.
pub fn sleep(millis: i64) {
    // SAFETY: as above; PG_WAIT_EXTENSION is the class for waits of extensions.
    unsafe {
        pg_sys::ConditionVariableTimedSleep(
            &mut (*SHARED.load(Ordering::Acquire)).changed,
            millis,
            pg_sys::PG_WAIT_EXTENSION,
        )
    };
}

/// Ends a series of `sleep`s.
pub fn sleep_done() {
    // SAFETY: harmless when not sleeping.
    unsafe { pg_sys::ConditionVariableCancelSleep() };
}

/// A copy of this database's slot, if it has one.
pub fn my_slot() -> Option<Slot> {
    if !available() {
        return None;
    }
    // SAFETY: MyDatabaseId is a plain global of this process.
    let me = unsafe { pg_sys::MyDatabaseId };
    with(|shared| shared.slots.iter().find(|slot| slot.database == me).copied())
}

impl Shared {
    /// The slot of `database`, taken if it has none yet; `None` when all are taken.
    pub fn slot(&mut self, database: pg_sys::Oid) -> Option<&mut Slot> {
        let index = self
            .slots
            .iter()
            .position(|slot| slot.database == database)
            .or_else(|| self.slots.iter().position(|slot| slot.database == pg_sys::InvalidOid))?;
        self.slots[index].database = database;
        Some(&mut self.slots[index])
    }
}
