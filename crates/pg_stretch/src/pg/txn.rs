//! Transactions of workers: one closure, one transaction, errors as values.

use super::error::caught::Caught;
use super::error::{Error, Result, sqlstate};
use pgrx::pg_sys;
use pgrx::pg_sys::panic::CaughtError;
use std::panic::AssertUnwindSafe;

/// Runs `f` in a READ COMMITTED transaction of its own with an active snapshot and commits; an `Err` or an ERROR rolls
/// back and is returned.
pub fn run<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
    transaction(pg_sys::XACT_READ_COMMITTED, || {
        // SAFETY: inside the transaction just started.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
        let result = f()?;
        // SAFETY: pops the snapshot pushed above.
        unsafe { pg_sys::PopActiveSnapshot() };
        Ok(result)
    })
}

/// Runs a SERIALIZABLE transaction in three parts, for what moves rows (F29): `lock` before any snapshot is taken
/// (Appendix 1, step 0); `look`, whose reads take no part in the detection of conflicts (docs/decisions/0015); and `f`,
/// which writes.
///
/// The active snapshot of `look` is one as PostgreSQL takes it for its own catalogs, before the transaction has its
/// first. It stays until the commit.
pub fn look_and_run<B, R>(
    lock: impl FnOnce() -> Result<()>,
    look: impl FnOnce() -> Result<B>,
    f: impl FnOnce(B) -> Result<R>,
) -> Result<R> {
    transaction(pg_sys::XACT_SERIALIZABLE, || {
        lock()?;
        // SAFETY: inside the transaction just started; what is pushed is a copy.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::InvalidOid)) };
        let found = look()?;
        // SAFETY: the transaction's first snapshot.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
        let result = f(found)?;
        // SAFETY: pops the snapshots pushed above.
        unsafe {
            pg_sys::PopActiveSnapshot();
            pg_sys::PopActiveSnapshot();
        }
        Ok(result)
    })
}

/// A transaction of a worker at an isolation level (`XACT_…` of xact.h).
fn transaction<R>(level: u32, f: impl FnOnce() -> Result<R>) -> Result<R> {
    // SAFETY: a worker outside any transaction starts one; both ways out below end it.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
    }
    let outcome = catch(|| {
        // SAFETY: inside the transaction just started, before its first snapshot.
        unsafe { pg_sys::XactIsoLevel = level as i32 };
        let result = f()?;
        // SAFETY: commits the transaction started above. With an origin the commit would bear the time of the one
        // before, where that is still set.
        unsafe {
            pg_sys::replorigin_session_origin_timestamp = 0;
            pg_sys::CommitTransactionCommand();
        }
        Ok(result)
    });
    if outcome.is_err() {
        // SAFETY: ends the failed transaction; AbortCurrentTransaction is safe in every transaction state.
        unsafe { pg_sys::AbortCurrentTransaction() };
    }
    // A worker commits for days, and nobody else reports what it did: without this autovacuum would never hear of the
    // rows that left.
    // SAFETY: outside of any transaction.
    unsafe { pg_sys::pgstat_report_stat(true) };
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
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = caught;
    match Caught::from_domain(report.domain()) {
        Some(caught) => Error {
            sqlstate: sqlstate::unpack(caught.code()),
            message: caught.message(),
            detail: caught.detail(),
            hint: caught.hint(),
            constraint: caught.constraint().map(Box::new),
        },
        None => Error {
            sqlstate: sqlstate::unpack(report.sql_error_code() as i32),
            message: report.message().to_string(),
            detail: report.detail().map(str::to_string),
            hint: report.hint().map(str::to_string),
            constraint: None,
        },
    }
}
