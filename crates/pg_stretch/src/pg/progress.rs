//! Tells what a worker is doing now, for `stretch.progress`: in shared memory, so that nothing is written for it.

use super::phase::{Phase, Progress};
use super::shmem;
use pgrx::pg_sys;

/// Shows how far this worker is.
pub fn show(phase: Phase, relation: pg_sys::Oid, done: u64, total: u64) {
    // SAFETY: a clock and a plain global.
    let (now, me) = unsafe { (pg_sys::GetCurrentTimestamp(), pg_sys::MyDatabaseId) };
    shmem::with(|shared| {
        let Some(slot) = shared.slot(me) else {
            return;
        };
        let progress = &mut slot.progress;
        let is_same = progress.phase == phase && progress.relation == relation;
        if !is_same {
            (progress.began, progress.done_before) = (now, done);
        }
        (progress.phase, progress.relation) = (phase, relation);
        (progress.done, progress.total) = (done, total);
    });
}

/// This worker does it no more.
pub fn end(phase: Phase) {
    // SAFETY: a plain global.
    let me = unsafe { pg_sys::MyDatabaseId };
    shmem::with(|shared| {
        let slot = shared.slots.iter_mut().find(|slot| slot.database == me);
        if let Some(slot) = slot.filter(|slot| slot.progress.phase == phase) {
            slot.progress = Progress::default();
        }
    });
}
