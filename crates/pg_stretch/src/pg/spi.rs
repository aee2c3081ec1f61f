//! Statements of our own through SPI, with arguments, for functions and workers. Never used on the query path.

use crate::error::{Error, Result};
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiHeapTupleData};

/// Runs a statement; returns the number of rows it touched.
pub fn execute(sql: &str, args: &[DatumWithOid<'_>]) -> Result<u64> {
    Spi::connect_mut(|client| client.update(sql, None, args).map(|table| table.len() as u64))
        .map_err(|error| failed(sql, error))
}

/// First column of the first row.
pub fn get<T: FromDatum + IntoDatum>(sql: &str, args: &[DatumWithOid<'_>]) -> Result<Option<T>> {
    Spi::connect_mut(|client| {
        let table = client.update(sql, Some(1), args)?;
        if table.is_empty() {
            Ok(None)
        } else {
            table.first().get::<T>(1)
        }
    })
    .map_err(|error| failed(sql, error))
}

/// Every row, mapped by `f`.
pub fn rows<T>(
    sql: &str,
    args: &[DatumWithOid<'_>],
    mut f: impl FnMut(&SpiHeapTupleData<'_>) -> std::result::Result<T, spi::Error>,
) -> Result<Vec<T>> {
    Spi::connect_mut(|client| {
        let table = client.update(sql, None, args)?;
        let mut out = Vec::with_capacity(table.len());
        for row in table {
            out.push(f(&row)?);
        }
        Ok(out)
    })
    .map_err(|error: spi::Error| failed(sql, error))
}

fn failed(sql: &str, error: spi::Error) -> Error {
    Error::internal(format!("a statement of pg_stretch failed: {error}"))
        .detail(sql.split_whitespace().collect::<Vec<_>>().join(" "))
}
