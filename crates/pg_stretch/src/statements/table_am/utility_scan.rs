//! Sequential scans that no plan of ours began: those of COPY, of a new constraint, of ATTACH PARTITION, and of
//! whatever else scans a table by itself. They show hot rows, then cold ones. Who is not known sees all rows (I-13).
//!
//! The combiner begins its scans of the heap by heap's own callback. Scans with a snapshot that is no MVCC one, as
//! VACUUM FULL has it, parallel ones, as those of index builds are, and those of another type are the heap's.
//!
//! ALTER TABLE makes all rows anew by such a scan. Where `stretch.rewrite` allows it, the cold rows come home on that
//! way, and their segments are retired; they come back when the command is rolled back.

use super::heap::{self, of_heap};
use super::held::{self, HOT_DONE, WITH_COLD};
use crate::catalog::snapshot::LATEST;
use crate::catalog::stretched;
use crate::catalog::{retire, tables};
use crate::cold::conditions::Conditions;
use crate::cold::{segments, tuples};
use crate::pg::context::Context;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::{gucs, hook, names, slot};
use crate::statements::scan::cold::{ColdRows, emptied};
use crate::statements::scan::note::Columns;
use pgrx::pg_sys;
use pgrx::pg_sys::ScanDirection::ForwardScanDirection;
use pgrx::pg_sys::ScanOptions::{SO_TYPE_ANALYZE, SO_TYPE_SEQSCAN};
use pgrx::pg_sys::SnapshotType::SNAPSHOT_MVCC;
use std::ffi::CString;
use stretch_core::errors;
use stretch_core::ids::TableId;
use stretch_core::purpose::Purpose;

/// `scan_begin`.
pub unsafe extern "C-unwind" fn scan_begin(
    relation: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    key_count: i32,
    keys: *mut pg_sys::ScanKeyData,
    parallel: pg_sys::ParallelTableScanDesc,
    flags: u32,
) -> pg_sys::TableScanDesc {
    let begin = of_heap(heap::routine().scan_begin);
    // SAFETY: what the server handed over.
    unsafe {
        let of_all = flags & SO_TYPE_SEQSCAN != 0
            && parallel.is_null()
            && !snapshot.is_null()
            && (*snapshot).snapshot_type == SNAPSHOT_MVCC;
        let with_cold = (of_all || flags & SO_TYPE_ANALYZE != 0)
            && hook::own_part(|| {
                let has_cold_side = if of_all {
                    is_whole(relation)
                } else {
                    stretched::lookup((*relation).rd_id).map(|table| table.is_some())
                };
                has_cold_side.or_raise()
            });
        let ours = if with_cold { WITH_COLD } else { 0 };
        begin(relation, snapshot, key_count, keys, parallel, flags | ours)
    }
}

/// Whether a scan of all rows has cold ones to show. An error where that cannot be told, and where the rows are on
/// their way into a new file of the table.
unsafe fn is_whole(relation: pg_sys::Relation) -> Result<bool> {
    // SAFETY: an open relation.
    let (id, schema) = unsafe { ((*relation).rd_id, (*(*relation).rd_rel).relnamespace) };
    let Some(info) = stretched::lookup(id)? else {
        segments::unnamed(id)?;
        return Ok(false);
    };
    if is_rewritten(id, schema) && has_segments(&info.table_id)? && !gucs::REWRITE.get() {
        return Err(Error::new(
            &errors::UNSUPPORTED,
            format!(
                "the command makes all rows of stretched table {} anew",
                names::relation(id)
            ),
        )
        .detail("Its cold rows would have to become hot again.")
        .hint("To bring them home in the same command: SET stretch.rewrite = on; then run it again."));
    }
    Ok(true)
}

fn has_segments(table: &TableId) -> Result<bool> {
    Ok(tables::manifest(table, LATEST)?.is_none_or(|manifest| manifest.segments > 0))
}

/// Whether a command makes a new file for the table: its own relation, which is there as long as the command runs
/// (make_new_heap of cluster.c), says of which table it is. Users can give the name, but not the mark.
fn is_rewritten(table: pg_sys::Oid, schema: pg_sys::Oid) -> bool {
    let Ok(name) = CString::new(format!("pg_temp_{}", table.to_u32())) else {
        return false;
    };
    // SAFETY: syscache look-ups that tolerate missing relations; the tuple is released before returning.
    unsafe {
        let file = pg_sys::get_relname_relid(name.as_ptr(), schema);
        let by_oid = pg_sys::SysCacheIdentifier::RELOID as i32;
        let tuple = pg_sys::SearchSysCache1(by_oid, pg_sys::Datum::from(file));
        if tuple.is_null() {
            return false;
        }
        let of = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_class>(tuple)).relrewrite;
        pg_sys::ReleaseSysCache(tuple);
        of == table
    }
}

/// `scan_getnextslot`. A scan of hot rows costs one look at a flag.
pub unsafe extern "C-unwind" fn scan_getnextslot(
    scan: pg_sys::TableScanDesc,
    direction: pg_sys::ScanDirection::Type,
    slot: *mut pg_sys::TupleTableSlot,
) -> bool {
    let next = of_heap(heap::routine().scan_getnextslot);
    // SAFETY: what the server handed over.
    unsafe {
        if (*scan).rs_flags & WITH_COLD == 0 {
            return next(scan, direction, slot);
        }
        if (*scan).rs_flags & HOT_DONE == 0 && direction == ForwardScanDirection {
            if next(scan, direction, slot) {
                return true;
            }
            (*scan).rs_flags |= HOT_DONE;
        }
        hook::own_part(|| cold_row(scan, direction, slot).or_raise())
    }
}

/// The cold rows of one scan.
struct Cold {
    /// `None` at the end.
    rows: Option<ColdRows>,
    /// The table whose rows come home by this scan, until they have.
    comes_home: Option<TableId>,
    /// Takes each row first.
    slot: *mut pg_sys::TupleTableSlot,
    context: Context,
}

unsafe fn cold_row(
    scan: pg_sys::TableScanDesc,
    direction: pg_sys::ScanDirection::Type,
    slot: *mut pg_sys::TupleTableSlot,
) -> Result<bool> {
    // SAFETY: the scan is one that `scan_begin` marked, the slot is the caller's.
    unsafe {
        let relation = (*scan).rs_rd;
        if direction != ForwardScanDirection {
            let message = format!(
                "a scan of hot and cold rows of table {} goes forward only",
                names::relation((*relation).rd_id)
            );
            return Err(Error::new(&errors::UNSUPPORTED, message).without_hint());
        }
        let cold = match held::get::<Cold>(scan) {
            Some(cold) => cold,
            None => held::keep(scan, |context| open(scan, (*slot).tts_tupleDescriptor, context))?,
        };
        let _inside = cold.context.enter();
        if let Some(rows) = &mut cold.rows {
            pgrx::check_for_interrupts!();
            emptied(cold.slot);
            if rows.fill(cold.slot)? {
                pg_sys::MemoryContextSwitchTo((*slot).tts_mcxt);
                let layout = (*cold.slot).tts_tupleDescriptor;
                tuples::show(tuples::formed(layout, (*relation).rd_id, cold.slot), slot);
                return Ok(true);
            }
            cold.rows = None;
            if let Some(table) = cold.comes_home.take() {
                retire::rows(&table)?;
            }
        }
        slot::clear(slot);
        Ok(false)
    }
}

/// The rows have the columns of `layout`, as the scan's caller wants them: those that the table had before the command
/// where it makes all rows anew.
unsafe fn open(scan: pg_sys::TableScanDesc, layout: pg_sys::TupleDesc, context: Context) -> Result<Cold> {
    // SAFETY: the scan's relation and snapshot live as long as the scan, and so does the context.
    unsafe {
        let (relation, snapshot) = ((*scan).rs_rd, (*scan).rs_snapshot);
        let slot = slot::own_of(layout);
        let (id, schema) = ((*relation).rd_id, (*(*relation).rd_rel).relnamespace);
        let (mut comes_home, mut cold) = (None, None);
        // Without one it was stretched after the snapshot was taken.
        if let Some(table) = segments::registered(id, snapshot)? {
            if is_rewritten(id, schema) && has_segments(&table.table_id)? {
                comes_home = Some(table.table_id);
            }
            let (all, memory) = (Columns::WholeRow, context.as_ptr());
            let mut rows = ColdRows::open_as(layout, table, &all, snapshot, Purpose::Rule, memory)?;
            rows.start(&Conditions::default(), slot, None)?;
            cold = Some(rows);
        }
        Ok(Cold {
            rows: cold,
            comes_home,
            slot,
            context,
        })
    }
}

/// `scan_rescan`.
pub unsafe extern "C-unwind" fn scan_rescan(
    scan: pg_sys::TableScanDesc,
    keys: *mut pg_sys::ScanKeyData,
    set_params: bool,
    allow_strategy: bool,
    allow_sync: bool,
    allow_pagemode: bool,
) {
    // SAFETY: what the server handed over.
    unsafe {
        if (*scan).rs_flags & WITH_COLD != 0 {
            hook::own_part(|| held::end(scan));
            (*scan).rs_flags &= !HOT_DONE;
        }
        let again = of_heap(heap::routine().scan_rescan);
        again(scan, keys, set_params, allow_strategy, allow_sync, allow_pagemode)
    }
}

/// `scan_end`.
pub unsafe extern "C-unwind" fn scan_end(scan: pg_sys::TableScanDesc) {
    // SAFETY: what the server handed over.
    unsafe {
        if (*scan).rs_flags & WITH_COLD != 0 {
            hook::own_part(|| {
                super::analyze::sampled(scan);
                held::end(scan);
            });
        }
        of_heap(heap::routine().scan_end)(scan)
    }
}
