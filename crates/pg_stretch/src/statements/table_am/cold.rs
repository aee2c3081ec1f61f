//! What the callbacks for single cold rows have in common: memory and errors, what is refused, and how a row is won
//! before it is changed.

use crate::cold::identity;
use crate::cold::moved::{self, Left};
use crate::cold::row::ColdRow;
use crate::cold::row_lock::{self, Wait};
use crate::cold::tombstone::fate::{self, Found};
use crate::cold::tombstone::{conflicts, known, write};
use crate::pg::context::OwnContext;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::gucs::{COLD_WRITES, ColdWrites};
use crate::pg::{hook, names};
use pgrx::pg_sys;
use pgrx::pg_sys::TM_Result;
use stretch_core::errors;
use stretch_core::row_fate::{Answer, answer};
use stretch_core::row_locks::Strength;
use stretch_core::state::QueryMode;

/// InvalidCommandId of c.h.
const NO_COMMAND: pg_sys::CommandId = pg_sys::CommandId::MAX;

/// Runs the part of a callback that is about a cold row, in memory of its own: statements call it for row after row.
///
/// # Safety
/// The caller owns nothing which is to be dropped, and `f` returns nothing that lies in the current memory context.
pub unsafe fn run<T>(f: impl FnOnce() -> Result<T>) -> T {
    // SAFETY: the caller's promise.
    unsafe {
        hook::own_part(|| {
            let context = OwnContext::new(c"pg_stretch cold row");
            let inside = context.get().enter();
            let result = f();
            drop(inside);
            drop(context);
            result.or_raise()
        })
    }
}

/// The row at the identity of a cold one.
pub enum Met {
    Cold(ColdRow),
    /// It left its segment, as the statement is told.
    Left(Told),
}

/// What a statement that locks or changes a cold row meets. 40001 when its segment is not one of the table any more,
/// and nobody knows where its row went.
///
/// # Safety
/// The relation is open and locked, `tid` is the identity of a cold row.
pub unsafe fn meet(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointerData,
    command: pg_sys::CommandId,
) -> Result<Met> {
    // SAFETY: the caller's promise.
    match unsafe { ColdRow::any(relation, tid)? } {
        Some(row) if known::is_live_now(&row.segment()?.segment_id, command)? => Ok(Met::Cold(row)),
        // SAFETY: as above.
        row => unsafe { left(relation, tid, command, row.as_ref()) }.map(Met::Left),
    }
}

/// What a statement is told of a row whose segment is not one of the table any more: that it was updated, if it was
/// taken elsewhere, where the statement goes on with it; what killed it, if it was dead by then; else 40001.
///
/// # Safety
/// As for [`meet`]; the row is the one at the identity.
pub unsafe fn left(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointerData,
    command: pg_sys::CommandId,
    row: Option<&ColdRow>,
) -> Result<Told> {
    let (number, at) = identity::read(tid)?;
    // SAFETY: the caller's promise.
    match (moved::place_of(unsafe { (*relation).rd_id }, number, at)?, row) {
        (Left::For(place, mover), _) => {
            let told = Told {
                ctid: place,
                xmax: mover,
                ..Told::ok(tid)
            };
            Ok(told.but(TM_Result::TM_Updated))
        }
        (Left::Dead, Some(row)) => {
            // SAFETY: as above.
            let found = unsafe { fate::of(relation, &row.segment()?.segment_id, at, command)? };
            tell(&found, tid, command)
        }
        _ => Err(write::lost()),
    }
}

/// What a statement is told of a row that it tried to lock or to change.
pub struct Told {
    pub result: TM_Result::Type,
    /// Where to go on, for TM_Updated.
    pub ctid: pg_sys::ItemPointerData,
    xmax: pg_sys::TransactionId,
    cmax: pg_sys::CommandId,
}

impl Told {
    /// The row at `tid` is the statement's.
    pub fn ok(tid: pg_sys::ItemPointerData) -> Self {
        Self {
            result: TM_Result::TM_Ok,
            ctid: tid,
            xmax: pg_sys::InvalidTransactionId,
            cmax: NO_COMMAND,
        }
    }

    /// Fills in what the server hands over for the case that it is not.
    ///
    /// # Safety
    /// The pointer is that of the callback.
    pub unsafe fn put(&self, failure: *mut pg_sys::TM_FailureData) {
        // SAFETY: the caller's promise.
        unsafe {
            (*failure).ctid = self.ctid;
            (*failure).xmax = self.xmax;
            (*failure).cmax = self.cmax;
        }
    }

    /// The same, with another outcome.
    fn but(self, result: TM_Result::Type) -> Self {
        Self { result, ..self }
    }
}

/// What a command is told of the row at `tid`; 40001 when nobody can say what became of the row.
pub fn tell(found: &Found, tid: pg_sys::ItemPointerData, command: pg_sys::CommandId) -> Result<Told> {
    let told = Told {
        xmax: found.killer,
        ..Told::ok(tid)
    };
    Ok(match answer(found.fate, command) {
        Answer::Ok => Told::ok(tid),
        Answer::SelfModified(killer) => Told { cmax: killer, ..told }.but(TM_Result::TM_SelfModified),
        Answer::Invisible => told.but(TM_Result::TM_Invisible),
        Answer::Updated(home) => Told { ctid: home, ..told }.but(TM_Result::TM_Updated),
        Answer::Moved => Told {
            ctid: fate::elsewhere(),
            ..told
        }
        .but(TM_Result::TM_Updated),
        Answer::Deleted => told.but(TM_Result::TM_Deleted),
        Answer::Conflict => return Err(write::lost()),
    })
}

/// A statement that changes a cold row.
pub struct Change {
    pub relation: pg_sys::Relation,
    pub tid: pg_sys::ItemPointerData,
    pub command: pg_sys::CommandId,
    /// What the row must be visible to as well, or null.
    pub crosscheck: pg_sys::Snapshot,
    /// Whether it waits for others who have the row.
    pub wait: bool,
    /// How users call it.
    pub what: &'static str,
}

impl Change {
    /// What the statement meets, unless cold rows may not be changed.
    ///
    /// # Safety
    /// The relation is open and locked.
    pub unsafe fn meet(&self) -> Result<Met> {
        // SAFETY: the caller's promise.
        let row = match unsafe { meet(self.relation, self.tid, self.command)? } {
            Met::Cold(row) => row,
            left => return Ok(left),
        };
        let table = row.side().table.relation;
        if row.side().mode == QueryMode::LocalOnly {
            return Err(refused_locally(table));
        }
        if COLD_WRITES.get() == ColdWrites::Refuse {
            return Err(refused(self.what, table));
        }
        Ok(Met::Cold(row))
    }

    /// Kills the row, which was won: at once, since code that runs next must see it.
    pub fn kill(&self, row: &ColdRow, home: Option<pg_sys::ItemPointerData>) -> Result<()> {
        let id = row.segment()?.segment_id;
        known::guard(&id, self.command)?;
        write::single(&id, row.number(), home, self.command)?;
        conflicts::kills(row.side().table.relation, &id);
        Ok(())
    }

    /// Locks the row, and only then looks whether it is still alive. Whoever is told TM_Ok may kill it, and nobody else
    /// can until the transaction ends.
    ///
    /// The lock is the strongest for an UPDATE, too, that changes no key. In a heap, a lock FOR KEY SHARE lets such an
    /// UPDATE pass, and is handed on to the new version. Ours stays with the cold row; so nobody may have one while the
    /// row leaves, or a foreign key would be left without the row that it refers to when the new version is deleted.
    ///
    /// # Safety
    /// As for [`Self::meet`].
    pub unsafe fn win(&self, row: &ColdRow) -> Result<Told> {
        let id = row.segment()?.segment_id;
        let wait = if self.wait { Wait::Block } else { Wait::Skip };
        // SAFETY: the caller's promise; the executor hands over a crosscheck that it holds.
        unsafe {
            if !row_lock::lock(self.relation, self.tid, Strength::Update, wait)? {
                return Ok(Told::ok(self.tid).but(TM_Result::TM_BeingModified));
            }
            if !known::is_live(&id, self.command)? {
                return left(self.relation, self.tid, self.command, Some(row));
            }
            let found = fate::of(self.relation, &id, row.number(), self.command)?;
            let told = tell(&found, self.tid, self.command)?;
            if told.result == TM_Result::TM_Invisible {
                let message = format!("attempted to {} invisible tuple", self.what.to_lowercase());
                return Err(Error::new(&errors::NOT_NOW, message).without_hint());
            }
            let is_ok = told.result == TM_Result::TM_Ok;
            if is_ok
                && !self.crosscheck.is_null()
                && ColdRow::visible(self.relation, self.tid, self.crosscheck)?.is_none()
            {
                return Ok(told.but(TM_Result::TM_Updated));
            }
            Ok(told)
        }
    }
}

/// Under LOCAL_ONLY a statement could overlook rows that it should meet (F36).
pub fn refused_locally(relation: pg_sys::Oid) -> Error {
    Error::new(
        &errors::COLD_ROWS_REFUSED,
        format!(
            "UPDATE and DELETE of table {} are refused in query mode LOCAL_ONLY",
            names::relation(relation)
        ),
    )
    .hint("Run stretch.set_query_mode('LOCAL_AND_REMOTE').")
}

/// SQL Server's behaviour, asked for by `stretch.cold_writes`.
fn refused(what: &str, relation: pg_sys::Oid) -> Error {
    Error::new(
        &errors::COLD_ROWS_REFUSED,
        format!("{what} reaches a cold row of table {}", names::relation(relation)),
    )
    .hint("Leave cold rows out by a condition that contradicts the filter, or SET stretch.cold_writes = allow.")
}
