//! What a worker is doing now, for `stretch.progress`: in shared memory, so that nothing is written for it.

use super::shmem;
use pgrx::pg_sys;

/// What is done to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Phase {
    #[default]
    Idle = 0,
    BringingBack = 1,
    Compacting = 2,
}

impl Phase {
    /// The words that users see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::BringingBack => "bringing back",
            Self::Compacting => "compacting",
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Progress {
    pub phase: Phase,
    pub relation: pg_sys::Oid,
    /// Rows.
    pub done: u64,
    /// Rows in all, as far as is known.
    pub total: u64,
    /// Microseconds since 2000 of the beginning, and what was done by then.
    pub began: i64,
    pub done_before: u64,
}

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
