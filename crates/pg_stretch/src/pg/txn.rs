//! Transactions of workers: one closure, one transaction, errors as values.

use crate::error::{Error, Result};
use crate::sqlstate;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::CaughtError;
use std::panic::AssertUnwindSafe;

/// Isolation level of a worker's transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    ReadCommitted,
    /// For everything that moves rows (F29).
    Serializable,
}

/// Runs `f` in a transaction of its own with an active snapshot and commits; an `Err` or an ERROR rolls back and is returned.
pub fn run<R>(isolation: Isolation, f: impl FnOnce() -> Result<R>) -> Result<R> {
    run_after(isolation, || Ok(()), |()| f())
}

/// As `run`, with `before` called in the transaction before its first snapshot is taken: for locks (Appendix 1, step 0), and for
/// reads that take no part in the detection of conflicts.
pub fn run_after<B, R>(
    isolation: Isolation,
    before: impl FnOnce() -> Result<B>,
    f: impl FnOnce(B) -> Result<R>,
) -> Result<R> {
    // SAFETY: a worker outside any transaction starts one; both ways out below end it.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
    }
    let outcome = catch(|| {
        // SAFETY: inside the transaction just started, before its first snapshot.
        unsafe {
            pg_sys::XactIsoLevel = match isolation {
                Isolation::ReadCommitted => pg_sys::XACT_READ_COMMITTED as i32,
                Isolation::Serializable => pg_sys::XACT_SERIALIZABLE as i32,
            };
        }
        let found = before()?;
        // SAFETY: the transaction's first snapshot.
        unsafe {
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        let result = f(found)?;
        // SAFETY: pops the snapshot pushed above and commits.
        unsafe {
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
        }
        Ok(result)
    });
    if outcome.is_err() {
        // SAFETY: ends the failed transaction; AbortCurrentTransaction is safe in every transaction state.
        unsafe { pg_sys::AbortCurrentTransaction() };
    }
    outcome
}

/// Turns an ERROR of PostgreSQL (or a panic) inside `f` into an `Err`. The caller must end the (sub)transaction.
pub fn catch<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
    pgrx::PgTryBuilder::new(AssertUnwindSafe(f))
        .catch_others(|caught| Err(from_caught(caught)))
        .execute()
}

/// The error as a value.
pub fn from_caught(caught: CaughtError) -> Error {
    match caught {
        CaughtError::PostgresError(report)
        | CaughtError::ErrorReport(report)
        | CaughtError::RustPanic { ereport: report, .. } => Error {
            sqlstate: match sqlstate::carried(report.domain()) {
                Some(carried) => carried.to_string(),
                None => sqlstate::unpack(report.sql_error_code() as i32),
            },
            message: report.message().to_string(),
            detail: report.detail().map(str::to_string),
            hint: report.hint().map(str::to_string),
            constraint: None,
        },
    }
}
