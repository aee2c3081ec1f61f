//! What one command has found out about segments and need not ask again for each row: a lock that it holds keeps it so.

use super::lock::{Strength, lock};
use crate::catalog::rows::Bitmap;
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables;
use crate::pg::error::Result;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use stretch_core::ids::SegmentId;

/// Which command: numbers of commands are not used again within a transaction, but one that only locks rows shares its
/// number with what follows, also after a savepoint was rolled back, and its locks with it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Command {
    transaction: pg_sys::LocalTransactionId,
    savepoint: pg_sys::SubTransactionId,
    number: pg_sys::CommandId,
}

#[derive(Default)]
struct Known {
    command: Command,
    live: HashSet<SegmentId>,
    guarded: HashSet<SegmentId>,
    bitmaps: HashMap<SegmentId, Rc<Bitmap>>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Locks the segment against being retired and against new bitmaps, for who kills single rows of it; 40001 when the
/// segment is retired.
pub fn guard(segment: &SegmentId, command: pg_sys::CommandId) -> Result<()> {
    if !with(command, |known| known.guarded.contains(segment)) {
        lock(segment, Strength::Shared)?;
        with(command, |known| known.guarded.insert(*segment));
    }
    Ok(())
}

/// The segment's bitmap as it is now.
pub fn bitmap(segment: &SegmentId, command: pg_sys::CommandId) -> Result<Option<Rc<Bitmap>>> {
    let before = with(command, |known| known.bitmaps.get(segment).cloned());
    let now = tables::newer_bitmap(segment, before.as_ref())?;
    if let Some(now) = &now {
        with(command, |known| known.bitmaps.insert(*segment, now.clone()));
    }
    Ok(now)
}

/// Whether the segment is still one of its table. Who has locked a row of it keeps it so.
pub fn is_live(segment: &SegmentId, command: pg_sys::CommandId) -> Result<bool> {
    let live = is_live_now(segment, command)?;
    if live {
        with(command, |known| known.live.insert(*segment));
    }
    Ok(live)
}

/// The same for who has no lock, so that it may change at once.
pub fn is_live_now(segment: &SegmentId, command: pg_sys::CommandId) -> Result<bool> {
    if with(command, |known| known.live.contains(segment)) {
        return Ok(true);
    }
    Ok(tables::segment_by_id(segment, LATEST)?.is_some_and(|segment| !segment.retired))
}

fn with<R>(number: pg_sys::CommandId, f: impl FnOnce(&mut Known) -> R) -> R {
    // SAFETY: getters, in a transaction.
    let command = unsafe {
        Command {
            transaction: (*pg_sys::MyProc).lxid,
            savepoint: pg_sys::GetCurrentSubTransactionId(),
            number,
        }
    };
    KNOWN.with_borrow_mut(|known| {
        if known.command != command {
            *known = Known {
                command,
                ..Known::default()
            };
        }
        f(known)
    })
}
