//! The lock of whoever moves rows of a table, taken before the first snapshot of his transaction.

use crate::catalog::partitions;
use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_core::errors;

/// Locks a table for writing, without waiting: 55P03 while somebody has it for himself.
///
/// The tables above a partition come first, as for every statement about them: the planner opens them, to learn the
/// bounds of the partition, and who drops them holds them and waits for the partition.
pub fn for_writing(relation: pg_sys::Oid) -> Result<()> {
    for parent in partitions::above(relation).into_iter().rev() {
        take(parent, pg_sys::AccessShareLock)?;
    }
    take(relation, pg_sys::RowExclusiveLock)
}

fn take(relation: pg_sys::Oid, mode: u32) -> Result<()> {
    // SAFETY: takes or refuses a lock on an OID.
    if unsafe { pg_sys::ConditionalLockRelationOid(relation, mode as i32) } {
        return Ok(());
    }
    Err(Error::new(&errors::LOCKED, "the table is locked by another session"))
}
