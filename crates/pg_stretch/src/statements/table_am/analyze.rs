//! ANALYZE of a stretched table: the server's own sampling of blocks, with cold rows in the sample.
//!
//! The server asks block by block for rows. It gets the cold rows of the sample first and then hot ones, each row of
//! the table with the same chance, and counts for each block the cold rows that the block stands for: so its total is
//! that of all rows. In the sample cold rows have tids before those of hot rows: the correlation of a column is that of
//! the order in which rows came into the table, of which the older ones are cold.

use super::cold_sample::{self, ColdSample};
use super::heap::{self, of_heap};
use super::held::{self, WITH_COLD};
use super::hot_count;
use crate::cold::tuples;
use crate::pg::context::Context;
use crate::pg::error::{OrRaise, Result};
use crate::pg::{hook, raw};
use pgrx::pg_sys;
use pgrx::pg_sys::ScanOptions::SO_TYPE_ANALYZE;
use stretch_columns::identity::FIRST_BLOCK;
use stretch_core::sample::{Chances, Rows, chances};

/// In the upper half of a block's number: no heap reaches so far.
const BEHIND: u16 = (FIRST_BLOCK >> 16) as u16;

/// What ANALYZE has got of one table.
struct Sample {
    cold: Option<ColdSample>,
    /// The next of its rows.
    next: usize,
    /// The chance of a hot row.
    chance: f64,
    /// Blocks of the heap.
    blocks: f64,
    /// The current block was not looked at yet.
    is_new: bool,
    /// Blocks that were looked at, and the live rows in them.
    read: f64,
    live: f64,
}

impl Sample {
    /// What the server finds by itself.
    fn of_heap(blocks: f64) -> Self {
        Self {
            cold: None,
            next: 0,
            chance: 1.0,
            blocks,
            is_new: false,
            read: 0.0,
            live: 0.0,
        }
    }
}

/// `scan_analyze_next_block`.
pub unsafe extern "C-unwind" fn next_block(
    scan: pg_sys::TableScanDesc,
    block: pg_sys::BlockNumber,
    strategy: pg_sys::BufferAccessStrategy,
) -> bool {
    // SAFETY: what the server handed over.
    unsafe {
        if (*scan).rs_flags & WITH_COLD != 0 {
            let has_block = hook::own_part(|| begin_block(scan).or_raise());
            if !has_block {
                // The server was told of a block that is not there: see `size.rs`.
                return true;
            }
        }
        of_heap(heap::routine().scan_analyze_next_block)(scan, block, strategy)
    }
}

/// Whether the heap has the block; reads the cold sample at the first.
unsafe fn begin_block(scan: pg_sys::TableScanDesc) -> Result<bool> {
    // SAFETY: a scan that `scan_begin` marked.
    unsafe {
        let sample = match held::get::<Sample>(scan) {
            Some(sample) => sample,
            None => held::keep(scan, |context| begin(scan, context))?,
        };
        (sample.is_new, sample.read) = (true, sample.read + 1.0);
        Ok(sample.blocks > 0.0)
    }
}

unsafe fn begin(scan: pg_sys::TableScanDesc, context: Context) -> Result<Sample> {
    // SAFETY: the scan's relation is open.
    unsafe {
        let relation = (*scan).rs_rd;
        let (blocks, hot) = heap_size(relation);
        let wanted = wanted(relation);
        let mut sample = Sample::of_heap(blocks);
        let chances_of =
            |cold: f64, most_cold: f64| -> Chances { chances(Rows { hot, cold, blocks }, wanted, most_cold) };
        if let Some((cold, chances)) = cold_sample::read(relation, context, chances_of)? {
            (sample.cold, sample.chance) = (Some(cold), chances.hot);
        }
        Ok(sample)
    }
}

/// Blocks and rows of the heap.
unsafe fn heap_size(relation: pg_sys::Relation) -> (f64, f64) {
    let heap = heap::routine();
    let (size, estimate) = (of_heap(heap.relation_size), of_heap(heap.relation_estimate_size));
    let (mut pages, mut rows, mut visible) = (0, 0.0, 0.0);
    // SAFETY: an open relation; nothing is owned inside the guard.
    let bytes = unsafe {
        raw::guarded(|| {
            estimate(relation, std::ptr::null_mut(), &mut pages, &mut rows, &mut visible);
            size(relation, pg_sys::ForkNumber::MAIN_FORKNUM)
        })
    };
    match bytes / u64::from(pg_sys::BLCKSZ) {
        // The server makes up rows of a table that was never looked at.
        0 => (0.0, 0.0),
        blocks => (blocks as f64, rows),
    }
}

/// The rows that ANALYZE wants, by the targets of the columns (std_typanalyze of analyze.c).
unsafe fn wanted(relation: pg_sys::Relation) -> f64 {
    // SAFETY: an open relation; a global that is a plain number.
    let (attributes, default) = unsafe {
        let description = (*relation).rd_att;
        let attributes = (*description).attrs.as_slice((*description).natts as usize);
        (attributes, pg_sys::default_statistics_target)
    };
    let targets = attributes
        .iter()
        .filter(|it| !it.attisdropped)
        .map(|it| it.attstattarget);
    let largest = targets.map(|target| if target < 0 { default } else { target }).max();
    f64::from(300 * largest.unwrap_or(default).max(1))
}

/// `scan_analyze_next_tuple`.
pub unsafe extern "C-unwind" fn next_tuple(
    scan: pg_sys::TableScanDesc,
    oldest: pg_sys::TransactionId,
    live: *mut f64,
    dead: *mut f64,
    slot: *mut pg_sys::TupleTableSlot,
) -> bool {
    // SAFETY: what the server handed over.
    unsafe {
        if (*scan).rs_flags & WITH_COLD == 0 {
            return of_heap(heap::routine().scan_analyze_next_tuple)(scan, oldest, live, dead, slot);
        }
        hook::own_part(|| {
            let Some(sample) = held::get::<Sample>(scan) else {
                return false;
            };
            sample.cold_row(live, slot) || sample.hot_row(scan, oldest, live, dead, slot)
        })
    }
}

impl Sample {
    /// Shows the next cold row, if there is one.
    unsafe fn cold_row(&mut self, live: *mut f64, slot: *mut pg_sys::TupleTableSlot) -> bool {
        let Some(cold) = &self.cold else {
            return false;
        };
        if std::mem::replace(&mut self.is_new, false) {
            // SAFETY: the server's counter.
            unsafe { *live += cold.total / self.blocks.max(1.0) };
        }
        let Some(tuple) = cold.rows.get(self.next) else {
            return false;
        };
        self.next += 1;
        // SAFETY: a tuple of the sample, which the slot gets a copy of.
        unsafe { tuples::show(tuples::copied(*tuple, slot), slot) };
        true
    }

    /// Shows the next hot row of the block that is in the sample, if there is one.
    unsafe fn hot_row(
        &mut self,
        scan: pg_sys::TableScanDesc,
        oldest: pg_sys::TransactionId,
        live: *mut f64,
        dead: *mut f64,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> bool {
        if self.blocks == 0.0 {
            return false;
        }
        let next = of_heap(heap::routine().scan_analyze_next_tuple);
        // SAFETY: what the server handed over; nothing is owned inside the guards.
        unsafe {
            loop {
                let before = *live;
                let found = raw::guarded(|| next(scan, oldest, live, dead, slot));
                self.live += *live - before;
                if !found || self.cold.is_none() {
                    return found;
                }
                if self.chance < 1.0 && pg_sys::pg_prng_double(&raw mut pg_sys::pg_global_prng_state) >= self.chance {
                    continue;
                }
                put_behind(slot);
                return true;
            }
        }
    }
}

/// Gives the row of a slot a tid behind all cold ones.
unsafe fn put_behind(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: a slot with a row of the heap, of which the slot then has a copy of its own.
    unsafe {
        let buffered = slot.cast::<pg_sys::BufferHeapTupleTableSlot>();
        let tuple = tuples::copied((*buffered).base.tuple, slot);
        (*tuple).t_self.ip_blkid.bi_hi |= BEHIND;
        tuples::show(tuple, slot);
    }
}

/// At the end of a scan that may be one of ANALYZE: notes how many rows the heap has, by what was seen.
///
/// # Safety
/// The scan is one that `scan_begin` marked.
pub unsafe fn sampled(scan: pg_sys::TableScanDesc) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*scan).rs_flags & SO_TYPE_ANALYZE == 0 {
            return;
        }
        if let Some(sample) = held::get::<Sample>(scan)
            && sample.cold.is_some()
        {
            let rows = match sample.read {
                0.0 => 0.0,
                read => (sample.live / read * sample.blocks + 0.5).floor(),
            };
            hot_count::note((*(*scan).rs_rd).rd_id, rows);
        }
    }
}
