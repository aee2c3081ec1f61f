//! The scan of a batch: planned by PostgreSQL from a query of the hot rows that no rewriter or policy touched (C-6),
//! run under the scan's snapshot, encoding each row as it comes.

use super::careful::{Careful, Failures};
use super::encode::{Encoder, Unfit};
use super::keys::Keys;
use super::statement::{item_pointer, receiver, run_into, statement};
use crate::catalog::rows::StretchedTable;
use crate::pg::error::{Error, Result};
use crate::pg::plan::plan;
use crate::pg::scratch::Scratch;
use crate::pg::slot;
use crate::pg::type_io::Formats;
use crate::pg::user::ActAs;
use pgrx::prelude::*;
use std::collections::HashSet;
use std::ffi::CString;
use std::rc::Rc;
use std::time::{Duration, Instant};
use stretch_core::batch::{self, Fill, Limits};
use stretch_core::errors;
use stretch_segment::BatchBuilder;

/// Blocks that one window of a scan covers: 64 MiB.
const WINDOW: u32 = 8192;

/// How often a scan looks for sessions that wait for the table.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many rows come between two looks at the clock, which takes as long as some values of a row.
const CLOCK_EVERY: usize = 64;

/// What a scan found.
pub struct Scanned {
    pub batch: BatchBuilder,
    /// The hashes of the batch's keys.
    pub keys: Keys,
    /// Row identities in the order of the batch's rows: block and offset.
    pub tids: Vec<(u32, u16)>,
    /// Block from which the next scan goes on; `None`: the scan reached the end of the table.
    pub resume: Option<u32>,
    /// Eligible rows that were passed over because they do not encode (F44).
    pub skipped: u64,
    /// Rows on which the filter failed.
    pub failures: Failures,
}

/// What to scan and how much.
pub struct ScanRequest<'a> {
    pub table: &'a StretchedTable,
    pub encoders: &'a [Encoder],
    pub limits: Limits,
    /// First block to look at.
    pub from_block: u32,
    /// Rows that do not encode.
    pub unfit: &'a HashSet<(u32, u16)>,
    /// The filter is known to fail on some rows.
    pub careful: bool,
}

/// State that the receiver works on.
#[repr(C)]
struct Sink<'a> {
    /// What PostgreSQL calls; must come first.
    receiver: pg_sys::DestReceiver,
    request: &'a ScanRequest<'a>,
    formats: Formats,
    batch: BatchBuilder,
    keys: Keys,
    tids: Vec<(u32, u16)>,
    skipped: u64,
    careful: Option<Careful<'a>>,
    /// Block of the row that came last, whether it is to move or not.
    last_block: Option<u32>,
    started: Instant,
    /// Since then, when the clock was looked at last.
    elapsed: Duration,
    looked: Instant,
    scratch: Rc<Scratch>,
    full: bool,
    failure: Option<Error>,
    /// The value being encoded, for the report after an ERROR in a type's function.
    at: &'a std::cell::Cell<Option<Unfit>>,
}

/// Runs the scan as the table's owner in a security-restricted operation (F3), under settings that neither the filter's
/// text nor values can mistake. After an ERROR or an `Err` of a type's function `at` names the column and the row.
pub fn run(
    request: &ScanRequest<'_>,
    keys: Keys,
    snapshot: pg_sys::Snapshot,
    at: &std::cell::Cell<Option<Unfit>>,
) -> Result<Scanned> {
    let owner = crate::pg::user::relation_owner(request.table.relation);
    let _as_owner = ActAs::role(owner, true);
    let mut sink = Sink {
        receiver: receiver(receive),
        request,
        formats: Formats::of_database(),
        batch: BatchBuilder::new(request.encoders.iter().map(Encoder::spec).collect()),
        keys,
        tids: Vec::new(),
        skipped: 0,
        last_block: None,
        careful: request.careful.then(|| Careful::new(request.table, snapshot)),
        started: Instant::now(),
        elapsed: Duration::ZERO,
        looked: Instant::now(),
        scratch: Rc::new(Scratch::new(c"pg_stretch row")),
        full: false,
        failure: None,
        at,
    };
    // SAFETY: the snapshot is registered for the whole batch, and the sink outlives the executor's runs.
    let resume = unsafe { windows(&mut sink, snapshot)? };
    Ok(Scanned {
        batch: sink.batch,
        keys: sink.keys,
        tids: sink.tids,
        resume,
        skipped: sink.skipped,
        failures: sink.careful.map(|careful| careful.failures).unwrap_or_default(),
    })
}

/// Runs the query, by index in one go, by blocks window after window, so that a scan that finds nothing ends in time as
/// well. Returns the block from which the next scan goes on; `None` at the end of the table.
unsafe fn windows(sink: &mut Sink<'_>, snapshot: pg_sys::Snapshot) -> Result<Option<u32>> {
    // SAFETY: plans and runs one SELECT at a time in the batch's transaction.
    unsafe {
        let whole = rows(sink.request, None)?;
        let planned = plan(&whole);
        if !reads_blocks_in_order(planned) {
            execute(sink, &whole, planned, snapshot)?;
            return Ok(sink.full.then_some(0));
        }
    }
    // SAFETY: the batch holds a lock on the table.
    let blocks = unsafe { blocks(sink.request.table.relation) };
    let mut from = sink.request.from_block;
    while from < blocks {
        let to = from.saturating_add(WINDOW);
        // SAFETY: one SELECT in the batch's transaction, under the snapshot of the batch.
        let in_order = unsafe { window(sink, from, to, snapshot)? };
        if sink.full {
            let last = sink.last_block.unwrap_or(from);
            return Ok(Some(if in_order { last } else { from }));
        }
        from = to;
        if sink.started.elapsed() >= sink.request.limits.time {
            break;
        }
        sink.give_way()?;
    }
    Ok((from < blocks).then_some(from))
}

/// Runs the query on the blocks from `from` to before `to`; whether it reads them in order.
unsafe fn window(sink: &mut Sink<'_>, from: u32, to: u32, snapshot: pg_sys::Snapshot) -> Result<bool> {
    let part = rows(sink.request, Some(&(format!("({from},0)"), format!("({to},0)"))))?;
    // SAFETY: the text is one SELECT, planned and run at once; the plan lives as long as the transaction's memory.
    unsafe {
        let planned = plan(&part);
        let in_order = reads_blocks_in_order(planned);
        execute(sink, &part, planned, snapshot)?;
        Ok(in_order)
    }
}

/// Runs a plan into the sink.
unsafe fn execute(
    sink: &mut Sink<'_>,
    sql: &CString,
    plan: *mut pg_sys::PlannedStmt,
    snapshot: pg_sys::Snapshot,
) -> Result<()> {
    // SAFETY: the sink begins with the receiver and outlives the run.
    unsafe { run_into((&raw mut *sink).cast(), sql, plan, snapshot) };
    sink.failure.take().map_or(Ok(()), Err)
}

/// Blocks of the heap now.
unsafe fn blocks(relation: pg_sys::Oid) -> u32 {
    // SAFETY: the batch holds a lock on the relation.
    unsafe {
        let open = pg_sys::table_open(relation, pg_sys::NoLock as i32);
        let blocks = pg_sys::RelationGetNumberOfBlocksInFork(open, pg_sys::ForkNumber::MAIN_FORKNUM);
        pg_sys::table_close(open, pg_sys::NoLock as i32);
        blocks
    }
}

/// The SELECT of the rows to move. A careful scan asks the filter by itself.
fn rows(request: &ScanRequest<'_>, window: Option<&(String, String)>) -> Result<CString> {
    statement(request.table, request.encoders, window, !request.careful)
}

unsafe fn reads_blocks_in_order(plan: *mut pg_sys::PlannedStmt) -> bool {
    // SAFETY: a planned SELECT has a plan tree.
    let tag = unsafe { (*(*plan).planTree).type_ };
    matches!(
        tag,
        pg_sys::NodeTag::T_SeqScan | pg_sys::NodeTag::T_TidRangeScan | pg_sys::NodeTag::T_BitmapHeapScan
    )
}

/// Called once per row; `false` ends the scan.
#[pg_guard]
unsafe extern "C-unwind" fn receive(slot: *mut pg_sys::TupleTableSlot, receiver: *mut pg_sys::DestReceiver) -> bool {
    // SAFETY: the receiver is the first field of the sink that `run` made.
    let sink = unsafe { &mut *receiver.cast::<Sink<'_>>() };
    match sink.row(slot) {
        Ok(go_on) => go_on,
        Err(error) => {
            sink.failure = Some(error);
            false
        }
    }
}

impl Sink<'_> {
    fn row(&mut self, slot: *mut pg_sys::TupleTableSlot) -> Result<bool> {
        if self.tids.len().is_multiple_of(CLOCK_EVERY) {
            self.elapsed = self.started.elapsed();
        }
        let fill = Fill {
            rows: self.tids.len() as u64,
            bytes: self.batch.bytes() as u64,
            elapsed: self.elapsed,
        };
        if batch::is_full(&fill, &self.request.limits) {
            self.full = true;
            return Ok(false);
        }
        if self.tids.len().is_multiple_of(1024) {
            self.give_way()?;
        }
        let width = self.request.encoders.len() + 1;
        // SAFETY: the slot has one column per encoder and the ctid before them; its arrays are filled up to `width`.
        let (values, nulls) = unsafe {
            slot::take_apart(slot, width as i16);
            (
                std::slice::from_raw_parts((*slot).tts_values, width),
                std::slice::from_raw_parts((*slot).tts_isnull, width),
            )
        };
        let tid = item_pointer(values[0]);
        self.last_block = Some(tid.0);
        if let Some(careful) = &mut self.careful
            && !careful.selects(tid)?
        {
            return Ok(true);
        }
        if self.request.unfit.contains(&tid) {
            self.skipped += 1;
            return Ok(true);
        }
        self.encode(tid, values, nulls)?;
        self.batch.end_row();
        self.tids.push(tid);
        Ok(true)
    }

    /// Pushes every column of the row, and its keys; scratch memory of type functions goes away with the row.
    fn encode(&mut self, tid: (u32, u16), values: &[pg_sys::Datum], nulls: &[bool]) -> Result<()> {
        let scratch = self.scratch.clone();
        scratch.run(|| {
            for (index, encoder) in self.request.encoders.iter().enumerate() {
                self.at.set(Some(Unfit { column: index, tid }));
                encoder.push(
                    &self.formats,
                    &mut self.batch,
                    index,
                    values[index + 1],
                    nulls[index + 1],
                )?;
            }
            self.at.set(None);
            // SAFETY: the values of a row of the heap, after the ctid.
            unsafe { self.keys.add(&values[1..], &nulls[1..]) };
            Ok(())
        })
    }

    /// Rolls the batch back when somebody waits for a lock that conflicts with ours. Looks at most four times a second.
    fn give_way(&mut self) -> Result<()> {
        pgrx::check_for_interrupts!();
        if self.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        self.looked = Instant::now();
        if is_waited_for(self.request.table.relation) {
            return Err(Error::new(
                &errors::LOCKED,
                "migration gave way to a session that waits for a lock on the table",
            ));
        }
        Ok(())
    }
}

/// True when a session waits for a lock on the relation that conflicts with ours. `LockHasWaiters` would be the call
/// for this, but it crashes on locks taken through the fast path (PostgreSQL 15.20), as ours is.
fn is_waited_for(relation: pg_sys::Oid) -> bool {
    // SAFETY: a palloc'd copy of the lock table; freed with the memory context.
    unsafe {
        let locks = pg_sys::GetLockStatusData();
        let list = std::slice::from_raw_parts((*locks).locks, (*locks).nelements as usize);
        list.iter().any(|lock| {
            lock.waitLockMode >= pg_sys::ShareLock as i32
                && lock.locktag.locktag_type == pg_sys::LockTagType::LOCKTAG_RELATION as u8
                && lock.locktag.locktag_field1 == pg_sys::MyDatabaseId.to_u32()
                && lock.locktag.locktag_field2 == relation.to_u32()
        })
    }
}
