//! Locks on cold rows, in the server's lock table: which and how strong is the decision of
//! `stretch_core::row_locks`.
//!
//! What is counted here only says when to ask for a whole segment, and may be too much after a savepoint was rolled
//! back. Whether a lock is held, the server alone is asked.

use super::identity;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use stretch_columns::identity::ItemPointer;
use stretch_core::errors;
use stretch_core::row_locks::{Escalation, MANY_ROWS, Mode, Strength, escalation};

/// What to do when another transaction has a lock in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Wait for its end.
    Block,
    /// Say so.
    Skip,
    /// Raise 55P03.
    Error,
}

/// Rows that one transaction locked.
#[derive(Default)]
struct Locked {
    transaction: pg_sys::LocalTransactionId,
    /// By relation and number of the segment.
    rows: HashMap<(pg_sys::Oid, u32), u32>,
}

thread_local! {
    static LOCKED: RefCell<Locked> = RefCell::default();
}

/// The strength of a lock mode of the server.
pub fn strength(mode: pg_sys::LockTupleMode::Type) -> Strength {
    use pg_sys::LockTupleMode as Mode;
    match mode {
        Mode::LockTupleKeyShare => Strength::KeyShare,
        Mode::LockTupleShare => Strength::Share,
        Mode::LockTupleNoKeyExclusive => Strength::NoKeyUpdate,
        _ => Strength::Update,
    }
}

/// The wait policy of the server.
pub fn wait(policy: pg_sys::LockWaitPolicy::Type) -> Wait {
    match policy {
        pg_sys::LockWaitPolicy::LockWaitSkip => Wait::Skip,
        pg_sys::LockWaitPolicy::LockWaitError => Wait::Error,
        _ => Wait::Block,
    }
}

/// Locks a cold row until the transaction ends, or the savepoint is rolled back. False when another transaction is in
/// the way and `wait` is to skip. Whether the row is still alive is another question, to be asked afterwards.
///
/// # Safety
/// The relation is open and locked, `tid` is the identity of a cold row of it.
pub unsafe fn lock(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointerData,
    strength: Strength,
    wait: Wait,
) -> Result<bool> {
    let (number, _) = identity::read(tid)?;
    // SAFETY: the caller's promise.
    let granted = unsafe { granted(relation, number, identity::pointer(&tid), strength, wait == Wait::Block)? };
    if granted || wait == Wait::Skip {
        return Ok(granted);
    }
    // SAFETY: as above.
    let name = unsafe { names::text((*(*relation).rd_rel).relname.data.as_ptr()) };
    let message = format!("could not obtain lock on row in relation \"{name}\"");
    Err(Error::new(&errors::LOCKED, message).without_hint())
}

/// Locks all rows of a segment against everybody who locks or changes one, until the transaction ends. False when
/// somebody has a lock in the way, who is not waited for.
///
/// # Safety
/// The relation is open and locked.
pub unsafe fn lock_segment(relation: pg_sys::Relation, number: u32) -> Result<bool> {
    // SAFETY: the caller's promise.
    let tag = unsafe { tag(&*relation, identity::whole_segment(number)?) };
    Ok(acquire(&tag, Mode::AccessExclusive, false) != Got::Nothing)
}

unsafe fn granted(
    relation: pg_sys::Relation,
    number: u32,
    row: ItemPointer,
    strength: Strength,
    waits: bool,
) -> Result<bool> {
    // SAFETY: an open relation.
    let relation = unsafe { &*relation };
    let tag = |of: ItemPointer| tag(relation, of);
    let segment = tag(identity::whole_segment(number)?);
    let key = (relation.rd_id, number);
    let mut rows = counted(key);
    if rows >= MANY_ROWS {
        if strength.covered_by().any(|mode| is_held(&segment, mode)) {
            return Ok(true);
        }
        if !Strength::ALL.iter().any(|any| is_held(&segment, any.intent())) {
            // All of them went with a savepoint: whoever has a row has had the segment before.
            forget(key);
            rows = 0;
        }
    }
    let sign = acquire(&segment, strength.intent(), waits);
    if sign == Got::Nothing {
        return Ok(false);
    }
    let waits_for_all = waits
        && match escalation(rows) {
            Some(Escalation::Insist) => true,
            Some(Escalation::Wait) => {
                let right = tag(identity::wait_for_segment(number)?);
                acquire(&right, Mode::AccessExclusive, false) != Got::Nothing
            }
            _ => false,
        };
    if escalation(rows).is_some() && acquire(&segment, strength.whole(), waits_for_all) != Got::Nothing {
        return Ok(true);
    }
    let mut got = acquire(&tag(row), strength.row(), false);
    if got == Got::Nothing {
        // Who has no row of the segment yet shows no sign of it while he waits for one: whoever has that row could not
        // get the segment, or would wait for him.
        let is_first = sign == Got::New;
        if is_first {
            release(&segment, strength.intent());
        }
        if !waits {
            return Ok(false);
        }
        got = acquire(&tag(row), strength.row(), true);
        if is_first {
            acquire(&segment, strength.intent(), true);
        }
    }
    if got == Got::New {
        count(key);
    }
    Ok(true)
}

fn tag(relation: &pg_sys::RelationData, of: ItemPointer) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        locktag_field1: relation.rd_lockInfo.lockRelId.dbId.to_u32(),
        locktag_field2: relation.rd_lockInfo.lockRelId.relId.to_u32(),
        locktag_field3: of.block,
        locktag_field4: of.offset,
        locktag_type: pg_sys::LockTagType::LOCKTAG_TUPLE as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    }
}

/// What came of the wish for a lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Got {
    /// Another transaction is in the way.
    Nothing,
    New,
    /// The transaction has it already.
    Again,
}

/// Takes a lock for the transaction. One that it has is counted by the server; that costs a look into its own memory.
fn acquire(tag: &pg_sys::LOCKTAG, mode: Mode, waits: bool) -> Got {
    use pg_sys::LockAcquireResult as Answer;
    // SAFETY: a tag of ours; an ERROR (deadlock, timeout, cancel) becomes an unwind.
    match unsafe { pg_sys::LockAcquire(tag, mode as i32, false, !waits) } {
        Answer::LOCKACQUIRE_NOT_AVAIL => Got::Nothing,
        Answer::LOCKACQUIRE_OK => Got::New,
        _ => Got::Again,
    }
}

/// Gives back a lock that was new.
fn release(tag: &pg_sys::LOCKTAG, mode: Mode) {
    // SAFETY: a tag of ours, locked by this process.
    unsafe { pg_sys::LockRelease(tag, mode as i32, false) };
}

fn is_held(tag: &pg_sys::LOCKTAG, mode: Mode) -> bool {
    // SAFETY: looks into the locks of this process.
    unsafe { pg_sys::LockHeldByMe(tag, mode as i32) }
}

fn counted(key: (pg_sys::Oid, u32)) -> u32 {
    // SAFETY: the entry of this process, which is in a transaction.
    let transaction = unsafe { (*pg_sys::MyProc).lxid };
    LOCKED.with_borrow_mut(|locked| {
        if locked.transaction != transaction {
            *locked = Locked {
                transaction,
                rows: HashMap::new(),
            };
        }
        locked.rows.get(&key).copied().unwrap_or_default()
    })
}

fn forget(key: (pg_sys::Oid, u32)) {
    LOCKED.with_borrow_mut(|locked| locked.rows.remove(&key));
}

fn count(key: (pg_sys::Oid, u32)) {
    LOCKED.with_borrow_mut(|locked| {
        let rows = locked.rows.entry(key).or_default();
        *rows = rows.saturating_add(1);
    });
}
