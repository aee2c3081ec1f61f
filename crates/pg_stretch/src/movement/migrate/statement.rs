//! SELECTs of heap rows that are to move, planned by PostgreSQL and run under a given snapshot.

use super::encode::Encoder;
use crate::catalog::rows::StretchedTable;
use crate::pg::error::Result;
use crate::pg::names::quote_ident;
use crate::pg::plan::plan;
use crate::pg::slot;
use pgrx::prelude::*;
use std::collections::HashSet;
use std::ffi::CString;
use stretch_columns::identity::IS_HOT;

/// A receiver of identities.
#[repr(C)]
struct Identities {
    /// What PostgreSQL calls; must come first.
    receiver: pg_sys::DestReceiver,
    found: HashSet<(u32, u16)>,
}

/// The identities that a SELECT of them finds.
///
/// # Safety
/// `sql` is a SELECT of the identity alone, and the snapshot is held.
pub unsafe fn identities(sql: &CString, snapshot: pg_sys::Snapshot) -> Result<HashSet<(u32, u16)>> {
    let mut identities = Identities {
        receiver: receiver(receive_identity),
        found: HashSet::new(),
    };
    // SAFETY: it begins with the receiver and outlives the run.
    unsafe { run_into((&raw mut identities).cast(), sql, plan(sql), snapshot) };
    Ok(identities.found)
}

#[pg_guard]
unsafe extern "C-unwind" fn receive_identity(
    slot: *mut pg_sys::TupleTableSlot,
    receiver: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: the slot has one column, the identity; the receiver is the first field of what `identities` made.
    unsafe {
        slot::take_apart(slot, 1);
        (*receiver.cast::<Identities>())
            .found
            .insert(item_pointer(*(*slot).tts_values));
    }
    true
}

/// Takes one row.
pub type Receive = unsafe extern "C-unwind" fn(*mut pg_sys::TupleTableSlot, *mut pg_sys::DestReceiver) -> bool;

/// What PostgreSQL calls for each row.
pub fn receiver(receive: Receive) -> pg_sys::DestReceiver {
    pg_sys::DestReceiver {
        receiveSlot: Some(receive),
        rStartup: Some(startup),
        rShutdown: Some(shutdown),
        rDestroy: Some(shutdown),
        mydest: pg_sys::CommandDest::DestNone,
    }
}

/// Runs a plan under a snapshot; the receiver gets the rows.
///
/// # Safety
/// The receiver is the first field of what its functions expect, and outlives the run.
pub unsafe fn run_into(
    receiver: *mut pg_sys::DestReceiver,
    sql: &CString,
    plan: *mut pg_sys::PlannedStmt,
    snapshot: pg_sys::Snapshot,
) {
    // SAFETY: the caller's receiver outlives the run.
    unsafe {
        let query = pg_sys::CreateQueryDesc(
            plan,
            sql.as_ptr(),
            snapshot,
            std::ptr::null_mut(),
            receiver,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        );
        pg_sys::ExecutorStart(query, 0);
        pg_sys::ExecutorRun(query, pg_sys::ScanDirection::ForwardScanDirection, 0, true);
        pg_sys::ExecutorFinish(query);
        pg_sys::ExecutorEnd(query);
        pg_sys::FreeQueryDesc(query);
    }
}

/// A SELECT of the whole heap, or of the identities `window.0` (inclusive) to `window.1` (exclusive).
pub fn statement(
    table: &StretchedTable,
    columns: &[Encoder],
    window: Option<&(String, String)>,
    filtered: bool,
) -> Result<CString> {
    let mut sql = String::from("SELECT ctid");
    for encoder in columns {
        sql.push_str(", ");
        sql.push_str(&quote_ident(&encoder.column.name));
    }
    sql.push_str(&format!(" FROM ONLY {}", crate::pg::names::relation(table.relation)));
    let mut conditions = Vec::new();
    if let Some(filter) = table.filter.as_ref().filter(|_| filtered) {
        conditions.push(format!("({filter})"));
    }
    conditions.push(match window {
        Some((from, to)) => format!("ctid >= '{from}'::pg_catalog.tid AND ctid < '{to}'::pg_catalog.tid"),
        None => IS_HOT.into(),
    });
    sql.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
    crate::pg::text::to_server(&sql)
}

#[pg_guard]
unsafe extern "C-unwind" fn startup(_receiver: *mut pg_sys::DestReceiver, _operation: i32, _desc: pg_sys::TupleDesc) {}

#[pg_guard]
unsafe extern "C-unwind" fn shutdown(_receiver: *mut pg_sys::DestReceiver) {}

/// Block and offset of a tid datum.
pub fn item_pointer(datum: pg_sys::Datum) -> (u32, u16) {
    // SAFETY: a tid datum points at an ItemPointerData.
    let tid = unsafe { &*datum.cast_mut_ptr::<pg_sys::ItemPointerData>() };
    (
        ((tid.ip_blkid.bi_hi as u32) << 16) | tid.ip_blkid.bi_lo as u32,
        tid.ip_posid,
    )
}
