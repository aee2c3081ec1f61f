//! DELETE of one row: a cold one dies by a tombstone, which waits for others of the same statement.

use super::cold::{self, Change, Met};
use super::heap::{self, of_heap};
use super::home::{self, Done, Entries};
use crate::cold::identity;
use crate::cold::tombstone::{fate, kept};
use crate::pg::error::Result;
use crate::pg::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::TM_Result;

/// `tuple_delete`.
pub unsafe extern "C-unwind" fn tuple_delete(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointer,
    command: pg_sys::CommandId,
    snapshot: pg_sys::Snapshot,
    crosscheck: pg_sys::Snapshot,
    wait: bool,
    failure: *mut pg_sys::TM_FailureData,
    changing_partition: bool,
) -> TM_Result::Type {
    // SAFETY: what the server handed over.
    unsafe {
        if !identity::is_cold(&*tid) {
            let delete = of_heap(heap::routine().tuple_delete);
            return delete(
                relation,
                tid,
                command,
                snapshot,
                crosscheck,
                wait,
                failure,
                changing_partition,
            );
        }
        cold::run(|| {
            let change = Change {
                relation,
                tid: *tid,
                command,
                crosscheck,
                wait,
                what: if changing_partition { "UPDATE" } else { "DELETE" },
            };
            let mut home = match home::brought(relation, *tid, command)? {
                Some(home) => home,
                None => match delete(&change, failure, changing_partition)? {
                    Done::Told(result) => return Ok(result),
                    Done::CameHome(home) => home,
                },
            };
            let home = &raw mut home;
            Ok(raw::guarded(|| {
                tuple_delete(
                    relation,
                    home,
                    command,
                    snapshot,
                    crosscheck,
                    wait,
                    failure,
                    changing_partition,
                )
            }))
        })
    }
}

unsafe fn delete(change: &Change, failure: *mut pg_sys::TM_FailureData, changing_partition: bool) -> Result<Done> {
    // SAFETY: what the server handed over; the relation is open and locked.
    unsafe {
        let row = match change.meet()? {
            Met::Cold(row) => row,
            Met::Left(told) => return Ok(Done::tell(&told, failure)),
        };
        let told = change.win(&row)?;
        if told.result != TM_Result::TM_Ok {
            return Ok(Done::tell(&told, failure));
        }
        if let Some(home) = home::bring_decoded(change, &row, Entries::None)? {
            return Ok(Done::CameHome(home));
        }
        let segment = row.segment()?;
        let of = (&segment.segment_id, segment.row_count as u64);
        if changing_partition || !kept::keep((*change.relation).rd_id, change.command, of, row.number()) {
            change.kill(&row, changing_partition.then(fate::elsewhere))?;
        }
        Ok(Done::Told(TM_Result::TM_Ok))
    }
}
