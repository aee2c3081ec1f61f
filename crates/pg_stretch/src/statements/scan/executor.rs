//! The executor's callbacks: registration and query mode at the start, pruning at the first row, then row group by row
//! group. Everything is decided under the query's own snapshot; nothing here writes, so a parallel worker may do it.

use super::current;
use super::plan::{PRIVATE_COLUMNS, PRIVATE_FLAGS, PRIVATE_QUALS, private};
use super::quals::{self, Qual};
use super::rows::{Group, Source};
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::tables;
use crate::cold::choose::Scope;
use crate::cold::columns::{self, Target};
use crate::cold::counters::Counters;
use crate::cold::damage::damaged;
use crate::cold::fetch::{Fetcher, Want};
use crate::cold::mode::query_mode;
use crate::cold::segments;
use crate::cold::tombstone::conflicts;
use crate::pg::error::{Error, OrRaise, Result, report};
use crate::pg::{list, names, user};
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::ops::Range;
use stretch_core::dead_rows::DeadRows;
use stretch_core::errors;
use stretch_core::state::QueryMode;
use stretch_segment::{SegmentError, SegmentReader};

/// A segment that is not pruned.
struct Open {
    /// Number of the segment in the manifest's list.
    number: usize,
    segment: Segment,
    reader: SegmentReader,
    /// Read when the segment is reached.
    dead: Option<DeadRows>,
}

/// One scan of a foreign table.
struct ColdScan {
    child: pg_sys::Oid,
    snapshot: pg_sys::Snapshot,
    /// `None`: registered after the snapshot, so there are no cold rows.
    table: Option<StretchedTable>,
    mode: QueryMode,
    /// All columns, for conditions, and those that the query needs.
    targets: Vec<Target>,
    projected: Vec<Target>,
    quals: Vec<Qual>,
    expressions: *mut pg_sys::List,
    /// The expression of WHERE CURRENT OF.
    at_cursor: Option<*mut pg_sys::Node>,
    shows_system: bool,
    /// What was pruned is not shown: it would tell of rows that a policy hides (F32).
    secured: bool,
    /// Owner of the stretched table.
    owner: pg_sys::Oid,
    /// For the datums of a slice, and for what their makers look up.
    slice_context: pg_sys::MemoryContext,
    group_context: pg_sys::MemoryContext,
    started: bool,
    warned: bool,
    open: Vec<Open>,
    wants: Vec<Want>,
    next: usize,
    group: Option<Group>,
    fetcher: Option<Fetcher>,
    counters: Counters,
}

/// `BeginForeignScan`.
#[pg_guard]
pub unsafe extern "C-unwind" fn begin(node: *mut pg_sys::ForeignScanState, flags: i32) {
    if flags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32 != 0 {
        return;
    }
    // SAFETY: the executor hands over a node in the making: plan, relation and state are valid. The scan is freed with
    // the query's memory, also after an ERROR.
    unsafe {
        let scan = prepare(node).or_raise();
        let context = (*(*node).ss.ps.state).es_query_cxt;
        (*node).fdw_state = PgMemoryContexts::For(context).leak_and_drop_on_delete(scan).cast();
    }
}

unsafe fn prepare(node: *mut pg_sys::ForeignScanState) -> Result<ColdScan> {
    // SAFETY: see `begin`.
    unsafe {
        let state = (*node).ss.ps.state;
        let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
        let relation = (*node).ss.ss_currentRelation;
        let (child, snapshot) = ((*relation).rd_id, (*state).es_snapshot);
        let table = segments::registered(child, snapshot)?;
        let mode = query_mode(snapshot)?;
        let shown = table.as_ref().map_or(child, |table| table.relation);
        if mode == QueryMode::Disabled {
            return Err(Error::new(
                &errors::QUERY_MODE_DISABLED,
                format!("queries of stretched table {} are disabled", names::relation(shown)),
            ));
        }
        let flags = private(plan, PRIVATE_FLAGS);
        let [system, direct, secured, at_cursor] = [0, 1, 2, 3].map(|flag| flags.get(flag) == Some(&1));
        if direct {
            may_be_named(child, shown)?;
        }
        let targets = match &table {
            Some(table) => columns::targets(relation, table)?,
            None => Vec::new(),
        };
        let wanted = private(plan, PRIVATE_COLUMNS);
        let whole_row = wanted == [0];
        let is_wanted = |target: &&Target| whole_row || wanted.contains(&target.attribute.into());
        Ok(ColdScan {
            child,
            snapshot,
            mode,
            projected: targets.iter().filter(is_wanted).copied().collect(),
            targets,
            quals: quals::unflatten(&private(plan, PRIVATE_QUALS)),
            at_cursor: at_cursor.then(|| list::nth((*plan).fdw_exprs, list::length((*plan).fdw_exprs) - 1)),
            expressions: pg_sys::ExecInitExprList((*plan).fdw_exprs, (&raw mut (*node).ss.ps).cast()),
            // The look for a key takes the row identity for itself.
            shows_system: system && !crate::cold::purpose::probing(),
            secured,
            owner: user::relation_owner(shown),
            slice_context: context((*state).es_query_cxt, c"pg_stretch rows"),
            group_context: context((*state).es_query_cxt, c"pg_stretch row group"),
            fetcher: table
                .clone()
                .map(|table| Fetcher::new(table, snapshot, mode == QueryMode::LocalOnly)),
            table,
            started: false,
            warned: false,
            open: Vec::new(),
            wants: Vec::new(),
            next: 0,
            group: None,
            counters: Counters::default(),
        })
    }
}

/// Policies belong to the stretched table, so nobody reads its cold rows past it (F32); only superusers, who are past
/// policies anyway, and statements of the extension itself.
fn may_be_named(child: pg_sys::Oid, table: pg_sys::Oid) -> Result<()> {
    if crate::cold::purpose::probing() || crate::pg::ours::is_ours() || user::is_superuser(user::current()) {
        return Ok(());
    }
    Err(Error::new(
        &errors::UNSUPPORTED,
        format!("foreign table {} cannot be read by itself", names::relation(child)),
    )
    .hint(format!("Read table {}, which shows its rows.", names::relation(table))))
}

unsafe fn context(parent: pg_sys::MemoryContext, name: &'static std::ffi::CStr) -> pg_sys::MemoryContext {
    // SAFETY: makes a child that lives as long as the query's memory; the name is static. The sizes are those of
    // ALLOCSET_DEFAULT_SIZES.
    unsafe {
        pg_sys::AllocSetContextCreateInternal(
            parent,
            name.as_ptr(),
            pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
        )
    }
}

/// The scan of a node; none under EXPLAIN without ANALYZE.
unsafe fn of<'a>(node: *mut pg_sys::ForeignScanState) -> Option<&'a mut ColdScan> {
    // SAFETY: `fdw_state` is NULL or what `begin` put there; nobody else holds a reference during a callback.
    unsafe { (*node).fdw_state.cast::<ColdScan>().as_mut() }
}

/// The counters of a node that ran in this process; none when a parallel worker ran it, or a policy hides rows.
pub unsafe fn counters(node: *mut pg_sys::ForeignScanState) -> Option<Counters> {
    // SAFETY: the node is one of ours.
    unsafe { of(node) }
        .filter(|scan| !scan.secured && (scan.started || scan.counters != Counters::default()))
        .map(|scan| scan.counters)
}

/// `IterateForeignScan`.
#[pg_guard]
pub unsafe extern "C-unwind" fn iterate(node: *mut pg_sys::ForeignScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the slot has the descriptor of the foreign table; its memory is the executor's.
    unsafe {
        let slot = (*node).ss.ss_ScanTupleSlot;
        // A parent node may have made a tuple of the last row; then only the slot's own method frees it.
        if (*slot).tts_flags & pg_sys::TTS_FLAG_SHOULDFREE as u16 != 0
            && let Some(clear) = (*(*slot).tts_ops).clear
        {
            pg_sys::ffi::pg_guard_ffi_boundary(|| clear(slot));
        }
        (*slot).tts_flags |= pg_sys::TTS_FLAG_EMPTY as u16;
        (*slot).tts_nvalid = 0;
        if let Some(scan) = of(node) {
            scan.row(node, slot).or_raise();
        }
        slot
    }
}

/// `ReScanForeignScan`: parameters may have changed, so the conditions are evaluated again.
#[pg_guard]
pub unsafe extern "C-unwind" fn rescan(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: the node is one of ours.
    if let Some(scan) = unsafe { of(node) } {
        scan.started = false;
    }
}

/// `EndForeignScan`: gives memory back early; after an ERROR the query's memory context does it.
#[pg_guard]
pub unsafe extern "C-unwind" fn end(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: the node is one of ours.
    if let Some(scan) = unsafe { of(node) } {
        scan.group = None;
        scan.open = Vec::new();
        if let Some(fetcher) = &mut scan.fetcher {
            fetcher.restart();
        }
    }
}

impl ColdScan {
    unsafe fn row(&mut self, node: *mut pg_sys::ForeignScanState, slot: *mut pg_sys::TupleTableSlot) -> Result<()> {
        if self.table.is_none() {
            return Ok(());
        }
        if !self.started {
            // SAFETY: the slot's arrays have a place for each attribute; columns that are not filled stay NULL.
            unsafe {
                let width = (*(*slot).tts_tupleDescriptor).natts as usize;
                std::slice::from_raw_parts_mut((*slot).tts_isnull, width).fill(true);
                self.start((*node).ss.ps.ps_ExprContext)?;
            }
            self.started = true;
        }
        loop {
            if let Some(group) = &mut self.group {
                // SAFETY: the slot was prepared above, the context is this scan's.
                if unsafe { group.fill(slot, self.slice_context)? } {
                    return if self.shows_system {
                        Err(self.system_refused())
                    } else {
                        Ok(())
                    };
                }
            }
            if self.next >= self.wants.len() {
                return Ok(());
            }
            self.advance()?;
        }
    }

    /// Decides what to read: segments of the manifest, less what the conditions rule out.
    unsafe fn start(&mut self, expressions: *mut pg_sys::ExprContext) -> Result<()> {
        let Some(table) = &self.table else {
            return Ok(());
        };
        if let Some(expression) = self.at_cursor {
            // SAFETY: expression and context belong to this node.
            unsafe { current::refuse_cold(expression, expressions, self.child, table.relation)? };
            self.begin_again(Vec::new(), Vec::new());
            return Ok(());
        }
        // SAFETY: expressions and context belong to this node.
        let conditions = unsafe { super::conditions::evaluate(&self.quals, self.expressions, expressions) };
        let scope = Scope {
            table,
            targets: &self.targets,
            snapshot: self.snapshot,
        };
        // SAFETY: the conditions' values live until the context is reset.
        let chosen = unsafe { scope.choose(&conditions, &mut self.counters)? };
        let (mut open, mut wants) = (Vec::new(), Vec::new());
        let mut left_out = 0;
        for one in chosen {
            if self.mode == QueryMode::LocalOnly && !tables::is_staged(&one.segment.segment_id, self.snapshot)? {
                left_out += one.segment.row_count;
                continue;
            }
            let needed = self.needed(&one.reader);
            for row_group in one.row_groups {
                let ranges = needed
                    .iter()
                    .map(|column| range(&one.reader, row_group, *column))
                    .collect();
                wants.push(Want {
                    segment: open.len(),
                    row_group,
                    ranges,
                });
            }
            open.push(Open {
                number: one.number,
                segment: one.segment,
                reader: one.reader,
                dead: None,
            });
        }
        if left_out > 0 && !std::mem::replace(&mut self.warned, true) {
            warn_left_out(table, left_out);
        }
        self.begin_again(open, wants);
        Ok(())
    }

    /// Keeps the decoded rows when a rescan wants the one row group that is at hand.
    fn begin_again(&mut self, open: Vec<Open>, wants: Vec<Want>) {
        let same =
            |a: &[Open], b: &[Open]| matches!((a, b), ([a], [b]) if a.segment.segment_id == b.segment.segment_id);
        let group_kept = wants.len() == 1
            && self.wants.len() == 1
            && wants[0].row_group == self.wants[0].row_group
            && same(&open, &self.open);
        if group_kept && let Some(group) = &mut self.group {
            group.rewind();
            self.next = 1;
            return;
        }
        self.open = open;
        self.wants = wants;
        self.next = 0;
        self.group = None;
        if let (Some(table), Some(fetcher)) = (&self.table, &mut self.fetcher) {
            *fetcher = Fetcher::new(table.clone(), self.snapshot, self.mode == QueryMode::LocalOnly);
        }
    }

    /// Columns of the segment that the query needs, in the order of `projected`.
    fn needed(&self, reader: &SegmentReader) -> Vec<usize> {
        self.projected
            .iter()
            .filter_map(|target| columns::find(reader.detail(), target.field_id))
            .collect()
    }

    /// Brings the next row group: bytes, checksums, arrays.
    fn advance(&mut self) -> Result<()> {
        pgrx::check_for_interrupts!();
        let number = self.next;
        self.next += 1;
        let (index, row_group) = (self.wants[number].segment, self.wants[number].row_group);
        self.group = None;
        // SAFETY: what lived there belonged to the row group before.
        unsafe { pg_sys::MemoryContextReset(self.group_context) };
        let needed = self.needed(&self.open[index].reader);
        let Some(fetcher) = &mut self.fetcher else {
            return Ok(());
        };
        if self.open[index].dead.is_none() {
            let segment = &self.open[index].segment;
            fetcher.place(index, segment)?;
            conflicts::reads(self.child, &segment.segment_id, self.snapshot);
            let dead = tables::dead_rows(&segment.segment_id, self.snapshot)?;
            self.counters.tombstones += dead.len();
            self.open[index].dead = Some(dead);
        }
        let group = &self.open[index].reader.row_groups()[row_group];
        let (first_row, rows) = (group.first_row, group.rows);
        let dead = self.open[index]
            .dead
            .as_ref()
            .map_or_else(Vec::new, |dead| dead.within(first_row, rows));
        if dead.len() == rows as usize {
            return Ok(());
        }
        let segments: Vec<&Segment> = self.open.iter().map(|open| &open.segment).collect();
        let chunks = fetcher.get(&self.wants, number, &segments, &mut self.counters)?;
        self.counters.row_groups += 1;
        let open = &self.open[index];
        let arrays = open
            .reader
            .decode_row_group(row_group, &needed, &chunks)
            .map_err(|error| self.damaged(&error, open, row_group))?;
        let mut arrays = arrays.into_iter();
        let encoding = open.segment.server_encoding.as_str().into();
        let mut sources = Vec::with_capacity(self.projected.len());
        for target in &self.projected {
            let content = match columns::find(open.reader.detail(), target.field_id) {
                Some(column) => {
                    let reading = columns::reading(&open.reader.detail().columns[column], target)?;
                    arrays.next().map(|array| (array, reading))
                }
                None => None,
            };
            sources.push(Source::new(target, content, self.owner, &encoding, self.group_context));
        }
        self.group = Some(Group::new(open.number, first_row, rows as usize, sources, dead));
        Ok(())
    }

    fn damaged(&self, error: &SegmentError, open: &Open, row_group: usize) -> Error {
        let name = names::relation(self.table.as_ref().map_or(self.child, |table| table.relation));
        damaged(error, &open.segment, &open.reader, row_group, &name)
    }

    fn system_refused(&self) -> Error {
        system_columns_refused(self.table.as_ref().map_or(self.child, |table| table.relation))
    }
}

/// The error for a system column of a cold row: ctid, xmin and the like are those of tuples in a heap.
pub fn system_columns_refused(relation: pg_sys::Oid) -> Error {
    Error::new(
        &errors::UNSUPPORTED,
        format!(
            "cold rows of table {} have no system columns but tableoid",
            names::relation(relation)
        ),
    )
    .hint("Leave the system columns out, or read ONLY the table for its hot rows.")
}

fn range(reader: &SegmentReader, row_group: usize, column: usize) -> Range<u64> {
    let chunk = reader.chunk(row_group, column);
    chunk.offset..chunk.offset + chunk.len
}

fn warn_left_out(table: &StretchedTable, rows: i64) {
    report(
        pg_sys::WARNING as i32,
        "01000",
        &format!(
            "up to {rows} cold rows of table {} are left out",
            names::relation(table.relation)
        ),
        Some("The query mode is LOCAL_ONLY and these rows are only on the endpoint."),
        Some("Run stretch.set_query_mode('LOCAL_AND_REMOTE') to read all rows."),
    );
}
