//! Statements of our own through SPI, with arguments, for functions and workers. Never used on the query path.

use super::error::{Error, Result};
use super::text;
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiHeapTupleData};
use std::ffi::CString;

/// A uuid argument.
pub fn uuid_arg<'a>(id: &[u8; 16]) -> DatumWithOid<'a> {
    pgrx::Uuid::from_bytes(*id).into()
}

/// Runs a statement; returns the number of rows it touched.
pub fn execute(sql: &str, args: &[DatumWithOid<'_>]) -> Result<u64> {
    let (statement, args) = in_server(sql, args)?;
    Spi::connect_mut(|client| client.update(&*statement, None, &args).map(|table| table.len() as u64))
        .map_err(|error| failed(sql, error))
}

/// First column of the first row.
pub fn get<T: FromDatum + IntoDatum>(sql: &str, args: &[DatumWithOid<'_>]) -> Result<Option<T>> {
    let (statement, args) = in_server(sql, args)?;
    Spi::connect_mut(|client| {
        let table = if in_recovery() {
            client.select(&*statement, Some(1), &args)?
        } else {
            client.update(&*statement, Some(1), &args)?
        };
        if table.is_empty() {
            Ok(None)
        } else {
            table.first().get::<T>(1)
        }
    })
    .map_err(|error| failed(sql, error))
}

/// First column of the first row, a text, of a query over what a snapshot shows, whatever the transaction's own is.
///
/// # Safety
/// The snapshot is registered.
pub unsafe fn text_under(sql: &str, snapshot: pg_sys::Snapshot) -> Result<Option<String>> {
    let statement = text::to_server(sql)?;
    Spi::connect_mut(|_| {
        // SAFETY: the caller's promise; a connection is open, and what it gives lives until it ends.
        unsafe {
            let plan = pg_sys::SPI_prepare(statement.as_ptr(), 0, std::ptr::null_mut());
            if plan.is_null() {
                return Err(Error::internal("a query of pg_stretch cannot be prepared"));
            }
            let (none, no_snapshot) = (std::ptr::null_mut(), std::ptr::null_mut());
            let done =
                pg_sys::SPI_execute_snapshot(plan, none, std::ptr::null(), snapshot, no_snapshot, true, false, 1);
            if done != pg_sys::SPI_OK_SELECT as i32 {
                return Err(Error::internal("a query of pg_stretch gave no rows"));
            }
            if pg_sys::SPI_processed == 0 {
                return Ok(None);
            }
            let table = &*pg_sys::SPI_tuptable;
            let value = pg_sys::SPI_getvalue(*table.vals, table.tupdesc, 1);
            Ok((!value.is_null()).then(|| super::names::text(value)))
        }
    })
}

/// Every row, mapped by `f`.
pub fn rows<T>(
    sql: &str,
    args: &[DatumWithOid<'_>],
    mut f: impl FnMut(&SpiHeapTupleData<'_>) -> std::result::Result<T, spi::Error>,
) -> Result<Vec<T>> {
    let (statement, args) = in_server(sql, args)?;
    Spi::connect_mut(|client| {
        let table = if in_recovery() {
            client.select(&*statement, None, &args)?
        } else {
            client.update(&*statement, None, &args)?
        };
        let mut out = Vec::with_capacity(table.len());
        for row in table {
            out.push(f(&row)?);
        }
        Ok(out)
    })
    .map_err(|error: spi::Error| failed(sql, error))
}

/// On a standby only SELECT runs: `update` would take a transaction id first, and there is none to be had.
fn in_recovery() -> bool {
    // SAFETY: a getter.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Statement and texts in the encoding of the database.
fn in_server<'a>(sql: &str, args: &[DatumWithOid<'a>]) -> Result<(CString, Vec<DatumWithOid<'a>>)> {
    let args = args.iter().map(|arg| {
        let Some(value) = arg.datum().filter(|_| arg.oid() == pg_sys::TEXTOID) else {
            // SAFETY: the same value of the same type.
            return Ok(unsafe { DatumWithOid::new_from_datum(arg.datum(), arg.oid()) });
        };
        // SAFETY: a text that pgrx made of one of Rust's, so it is UTF-8.
        let bytes = unsafe { pgrx::varlena_to_byte_slice(value.sans_lifetime().cast_mut_ptr()) };
        let text = text::to_server(&String::from_utf8_lossy(bytes))?;
        // SAFETY: bytea and text are the same but for their names.
        Ok(unsafe { DatumWithOid::new(text.to_bytes(), pg_sys::TEXTOID) })
    });
    Ok((text::to_server(sql)?, args.collect::<Result<_>>()?))
}

fn failed(sql: &str, error: spi::Error) -> Error {
    Error::internal(format!("a statement of pg_stretch failed: {error}"))
        .detail(sql.split_whitespace().collect::<Vec<_>>().join(" "))
}
