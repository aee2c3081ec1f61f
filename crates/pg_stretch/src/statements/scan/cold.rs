//! The cold rows of one scan: chosen when the first is needed, then brought row group by row group, and shown one by
//! one.

use super::note::Columns;
use super::rows::{Group, Maker};
use crate::catalog::rows::StretchedTable;
use crate::cold::batches::Batches;
use crate::cold::choose::Choice;
use crate::cold::columns::{self, Target};
use crate::cold::conditions::Conditions;
use crate::cold::counters::Counters;
use crate::cold::ordered::{self, Order, Run};
use crate::cold::reader::{Ask, Reader};
use crate::pg::context::Context;
use crate::pg::error::{Error, Result, report};
use crate::pg::{names, slot, user};
use bytes::Bytes;
use pgrx::pg_sys;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use stretch_columns::conditions::Clause;
use stretch_core::ids::SegmentId;
use stretch_core::purpose::Purpose;

/// The cold rows of a table under one snapshot, for a scan that may be run again and again.
pub struct ColdRows {
    reader: Rc<Reader>,
    /// The columns that the query needs.
    projected: Rc<[Target]>,
    /// Conditions that the rows of a batch are asked for before values are made of them.
    conditions: Vec<Clause>,
    /// Owner of the stretched table.
    owner: pg_sys::Oid,
    /// For the datums of a slice, and for what their makers look up.
    slice_context: Context,
    group_context: Context,
    warned: bool,
    batches: Option<Batches>,
    /// The batch that is shown.
    group: Option<Group>,
    pub counters: Counters,
}

/// What batches are read with.
pub struct Parts<'a> {
    /// `None` before the start.
    pub batches: Option<&'a mut Batches>,
    pub columns: Rc<[Target]>,
    /// Those that rows are asked for.
    pub conditions: &'a [Clause],
    pub counters: &'a mut Counters,
}

impl ColdRows {
    /// Those that are read through `relation`, of which the query needs `columns`. ST020 when queries are disabled.
    ///
    /// # Safety
    /// The relation is open, snapshot and memory context live as long as this.
    pub unsafe fn open(
        relation: pg_sys::Relation,
        table: StretchedTable,
        columns: &Columns,
        snapshot: pg_sys::Snapshot,
        purpose: Purpose,
        memory: pg_sys::MemoryContext,
    ) -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe { Self::open_as((*relation).rd_att, table, columns, snapshot, purpose, memory) }
    }

    /// The same with columns of the types that a description has: that of the table, or of before the running command.
    ///
    /// # Safety
    /// The description, snapshot and memory context live as long as this.
    pub unsafe fn open_as(
        layout: pg_sys::TupleDesc,
        table: StretchedTable,
        columns: &Columns,
        snapshot: pg_sys::Snapshot,
        purpose: Purpose,
        memory: pg_sys::MemoryContext,
    ) -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            let owner = user::relation_owner(table.relation);
            let all = columns::targets_of(layout, &table)?;
            let is_wanted = |target: &&Target| columns.contain(target.attribute);
            Ok(Self {
                projected: all.iter().filter(is_wanted).cloned().collect(),
                conditions: Vec::new(),
                reader: Rc::new(Reader::open(table, all, snapshot, purpose)?),
                owner,
                slice_context: Context::under(memory, c"pg_stretch rows"),
                group_context: Context::under(memory, c"pg_stretch row group"),
                warned: false,
                batches: None,
                group: None,
                counters: Counters::default(),
            })
        }
    }

    /// Gives the reader all bytes of a segment before it starts, so that it asks nobody for them.
    pub fn hold(&mut self, segment: SegmentId, bytes: Bytes) -> Result<()> {
        let reader = Rc::get_mut(&mut self.reader);
        let reader = reader.ok_or_else(|| Error::internal("a reader gets its bytes while it reads"))?;
        reader.hold(segment, bytes);
        Ok(())
    }

    /// Decides what to read: segments of the manifest, less what the conditions rule out. The slot's columns that are
    /// not read are NULL from here on. `shared` is where processes of a parallel query count what they took.
    ///
    /// # Safety
    /// The values of the conditions are alive; the slot is that which [`fill`](Self::fill) gets. The counter lives
    /// until the next start, or the end.
    pub unsafe fn start(
        &mut self,
        conditions: &Conditions,
        slot: *mut pg_sys::TupleTableSlot,
        shared: Option<*const AtomicU64>,
    ) -> Result<()> {
        let ask = Ask {
            columns: &self.projected,
            conditions,
            except: None,
        };
        // SAFETY: the caller's promise.
        let choice = unsafe {
            all_null(slot);
            self.reader.choose(&ask, &mut self.counters)?
        };
        if choice.left_out > 0 && !std::mem::replace(&mut self.warned, true) {
            warn_left_out(self.reader.table(), choice.left_out);
        }
        let mut batches = self.reader.batches(&ask, choice);
        self.conditions.clone_from(&conditions.clauses);
        if let Some(next) = shared {
            // SAFETY: the caller's promise.
            unsafe { batches.share(next)? };
        }
        self.begin_again(batches)
    }

    /// The same for a part of the rows: `thin` takes row groups from the choice of all.
    ///
    /// # Safety
    /// The slot is that which [`fill`](Self::fill) gets.
    pub unsafe fn start_part(
        &mut self,
        slot: *mut pg_sys::TupleTableSlot,
        thin: impl FnOnce(&mut Choice),
    ) -> Result<()> {
        let ask = Ask {
            columns: &self.projected,
            conditions: &Conditions::default(),
            except: None,
        };
        // SAFETY: the caller's promise; there are no conditions.
        let mut choice = unsafe {
            all_null(slot);
            self.reader.choose(&ask, &mut self.counters)?
        };
        thin(&mut choice);
        self.group = None;
        self.conditions.clear();
        self.batches = Some(self.reader.batches(&ask, choice));
        Ok(())
    }

    /// Keeps the decoded rows when a rescan wants the one row group that is at hand.
    fn begin_again(&mut self, batches: Batches) -> Result<()> {
        let at_hand = self.batches.as_ref().and_then(Batches::single);
        if at_hand.is_some()
            && at_hand == batches.single()
            && let Some(group) = self.group.take()
        {
            // SAFETY: nobody looks at a row of the scan before.
            unsafe { self.group_context.reset() };
            let group = group.again(&self.conditions)?;
            self.counters.rows_pruned += group.pruned();
            self.group = Some(group);
            return Ok(());
        }
        self.batches = Some(batches);
        self.group = None;
        Ok(())
    }

    /// Puts the next row into `slot`; false at the end. The row's memory is this scan's, until the next row.
    ///
    /// # Safety
    /// The slot is virtual, has the layout of the relation, and is the one that [`start`](Self::start) got.
    pub unsafe fn fill(&mut self, slot: *mut pg_sys::TupleTableSlot) -> Result<bool> {
        loop {
            if let Some(group) = &mut self.group {
                // SAFETY: the caller's promise; the context is this scan's.
                if unsafe { group.fill(slot, self.slice_context)? } {
                    return Ok(true);
                }
            }
            if !self.advance()? {
                return Ok(false);
            }
        }
    }

    /// Brings the next batch; false at the end.
    fn advance(&mut self) -> Result<bool> {
        let Some(batches) = &mut self.batches else {
            return Ok(false);
        };
        if batches.is_done() {
            return Ok(false);
        }
        // The row group before goes first: two at a time would be twice the memory.
        self.group = None;
        // SAFETY: what lived there belonged to the row group before.
        unsafe { self.group_context.reset() };
        let Some(group) = batches.next_undecoded(&mut self.counters)? else {
            return Ok(false);
        };
        let maker = Maker {
            targets: self.projected.clone(),
            owner: self.owner,
            context: self.group_context,
        };
        let group = Group::new(group, maker, &self.conditions)?;
        self.counters.rows_pruned += group.pruned();
        self.group = Some(group);
        Ok(true)
    }

    /// Whether it was started and not ended.
    pub fn has_begun(&self) -> bool {
        self.batches.is_some()
    }

    /// Whether no condition leaves any row out.
    pub fn takes_all(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The columns that batches bring.
    pub fn columns(&self) -> &[Target] {
        &self.projected
    }

    /// Owner of the table.
    pub fn owner(&self) -> pg_sys::Oid {
        self.owner
    }

    /// What it takes to read batches without making rows of them.
    pub fn parts(&mut self) -> Parts<'_> {
        Parts {
            batches: self.batches.as_mut(),
            columns: self.projected.clone(),
            conditions: &self.conditions,
            counters: &mut self.counters,
        }
    }

    /// The runs of what there is to show, in an order; one of all without an order.
    pub fn runs(&self, order: Option<Order>) -> Vec<Run> {
        let Some(batches) = &self.batches else {
            return Vec::new();
        };
        match order {
            Some(order) if !batches.is_shared() => ordered::runs(batches, order),
            _ => vec![Run::all(batches)],
        }
    }

    /// A run in smaller ones, as far as statistics tell.
    pub fn divided(&self, order: Order, run: Run) -> Vec<Run> {
        match &self.batches {
            Some(batches) => ordered::divided(batches, order, run),
            None => vec![run],
        }
    }

    /// Goes on with a run; nothing is done for one of all that is to be shown, which may be at hand.
    pub fn only_run(&mut self, run: &Run) {
        let is_all = run.parts.len() == self.row_groups() && run.parts.iter().all(|(_, rows)| rows.is_none());
        if is_all {
            return;
        }
        self.group = None;
        if let Some(batches) = &mut self.batches {
            batches.only_parts(&run.parts);
        }
    }

    /// How many row groups there are to show in all.
    pub fn row_groups(&self) -> usize {
        self.batches.as_ref().map_or(0, |batches| batches.groups().count())
    }

    /// Goes on with some of all row groups, by their numbers in ascending order.
    pub fn only(&mut self, numbers: &[usize]) {
        self.group = None;
        if let Some(batches) = &mut self.batches {
            batches.only(numbers);
        }
    }

    /// Lets go of what was read; the next scan begins with [`start`](Self::start).
    pub fn end(&mut self) {
        (self.group, self.batches) = (None, None);
    }
}

/// Columns that are not read stay so.
unsafe fn all_null(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: a slot of the caller's, whose arrays have a place for each attribute.
    unsafe {
        let width = (*(*slot).tts_tupleDescriptor).natts as usize;
        std::slice::from_raw_parts_mut((*slot).tts_isnull, width).fill(true);
    }
}

/// Makes a virtual slot empty before it is filled by hand.
///
/// # Safety
/// The slot is virtual.
pub unsafe fn emptied(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: the caller's promise.
    unsafe {
        // A parent node may have made a tuple of the last row; then only the slot's own method frees it.
        if (*slot).tts_flags & pg_sys::TTS_FLAG_SHOULDFREE as u16 != 0 {
            slot::clear(slot);
        }
        (*slot).tts_flags |= pg_sys::TTS_FLAG_EMPTY as u16;
        (*slot).tts_nvalid = 0;
    }
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
