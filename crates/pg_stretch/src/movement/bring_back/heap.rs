//! Rows that come home: put into the heap many at a time, with their index entries, past every trigger and constraint,
//! for they are the rows that they were.

use crate::pg::context::OwnContext;
use crate::pg::error::Result;
use crate::pg::raw;
use pgrx::pg_sys;
use std::cell::Cell;
use stretch_columns::identity::ItemPointer;
use stretch_columns::places::NOWHERE;

/// Rows that are inserted together, so that a page is locked and logged once for many of them; COPY takes as many.
const ROWS: usize = 1000;
/// Bytes of rows after which they are inserted, however few they are; COPY takes as many.
const BYTES: usize = 65_535;

/// Writes the rows of a segment into the heap of its table.
pub struct Writer<'a> {
    relation: pg_sys::Relation,
    target: *mut pg_sys::ResultRelInfo,
    statement: *mut pg_sys::EState,
    bulk: pg_sys::BulkInsertState,
    command: pg_sys::CommandId,
    /// For the rows that wait, each in its slot.
    slots: Vec<*mut pg_sys::TupleTableSlot>,
    /// Their numbers in the segment.
    waiting: Vec<u32>,
    bytes: usize,
    rows: OwnContext,
    /// Where each row of the segment lies now.
    places: Vec<ItemPointer>,
    /// The row that is written, for the report after an error.
    at: &'a Cell<Option<u32>>,
}

impl<'a> Writer<'a> {
    /// A writer of rows of a segment of `rows` rows.
    ///
    /// # Safety
    /// The relation is open and locked for writing, as long as this lives; what lives in the current memory context
    /// lives as long.
    pub unsafe fn new(relation: pg_sys::Relation, rows: u32, at: &'a Cell<Option<u32>>) -> Self {
        // SAFETY: the caller's promise; the command is told that it writes.
        unsafe {
            let target = pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast::<pg_sys::ResultRelInfo>();
            (*target).type_ = pg_sys::NodeTag::T_ResultRelInfo;
            pg_sys::InitResultRelInfo(target, relation, 1, std::ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(target, false);
            Self {
                relation,
                target,
                statement: pg_sys::CreateExecutorState(),
                bulk: pg_sys::GetBulkInsertState(),
                command: pg_sys::GetCurrentCommandId(true),
                slots: Vec::new(),
                waiting: Vec::new(),
                bytes: 0,
                rows: OwnContext::new(c"pg_stretch rows that come home"),
                places: vec![NOWHERE; rows as usize],
                at,
            }
        }
    }

    /// Takes row `number` of the segment, whose values the slot has.
    ///
    /// # Safety
    /// The slot has the relation's columns, filled.
    pub unsafe fn take(&mut self, number: u32, slot: *mut pg_sys::TupleTableSlot) -> Result<()> {
        // SAFETY: the caller's promise; tuples and slots live in our context until the rows are written.
        unsafe {
            if self.slots.len() == self.waiting.len() {
                let kind = &raw const pg_sys::TTSOpsHeapTuple;
                self.slots
                    .push(pg_sys::MakeSingleTupleTableSlot((*self.relation).rd_att, kind));
            }
            let inside = self.rows.get().enter();
            let tuple = pg_sys::heap_form_tuple((*self.relation).rd_att, (*slot).tts_values, (*slot).tts_isnull);
            drop(inside);
            self.bytes += (*tuple).t_len as usize;
            pg_sys::ExecStoreHeapTuple(tuple, self.slots[self.waiting.len()], false);
            self.waiting.push(number);
        }
        if self.waiting.len() == ROWS || self.bytes >= BYTES {
            self.write();
        }
        Ok(())
    }

    /// Writes the rows that wait.
    fn write(&mut self) {
        pgrx::check_for_interrupts!();
        self.at.set(self.waiting.first().copied());
        // The rows were written when they were new, and are not decoded as new ones.
        let options = pg_sys::TABLE_INSERT_NO_LOGICAL as i32;
        // SAFETY: filled slots of the open relation; what the server raises becomes an unwind.
        unsafe {
            let inside = self.rows.get().enter();
            pg_sys::heap_multi_insert(
                self.relation,
                self.slots.as_mut_ptr(),
                self.waiting.len() as i32,
                self.command,
                options,
                self.bulk,
            );
            drop(inside);
            for (slot, number) in self.slots.iter().zip(&self.waiting) {
                self.at.set(Some(*number));
                self.enter_into_indexes(*slot);
                let tid = (**slot).tts_tid;
                let (high, low) = (tid.ip_blkid.bi_hi, tid.ip_blkid.bi_lo);
                self.places[*number as usize] = ItemPointer::from_words(high, low, tid.ip_posid);
            }
            for slot in &self.slots[..self.waiting.len()] {
                crate::pg::slot::clear(*slot);
            }
            self.rows.get().reset();
        }
        self.waiting.clear();
        self.bytes = 0;
        self.at.set(None);
    }

    unsafe fn enter_into_indexes(&self, slot: *mut pg_sys::TupleTableSlot) {
        // SAFETY: the slot has a row that was just inserted; what an index expression allocates goes with the context
        // of the row.
        unsafe {
            if (*self.target).ri_NumIndices > 0 {
                let (no_conflict, no_arbiters) = (std::ptr::null_mut(), std::ptr::null_mut());
                pg_sys::ExecInsertIndexTuples(
                    self.target,
                    slot,
                    self.statement,
                    false,
                    false,
                    no_conflict,
                    no_arbiters,
                );
                let expressions = (*self.statement).es_per_tuple_exprcontext;
                if !expressions.is_null() {
                    raw::guarded(|| pg_sys::MemoryContextReset((*expressions).ecxt_per_tuple_memory));
                }
            }
        }
    }

    /// Writes what is left. The places of all rows of the segment.
    pub fn finish(mut self) -> Vec<ItemPointer> {
        if !self.waiting.is_empty() {
            self.write();
        }
        // SAFETY: made by `new`; after an error the transaction's end frees all of it.
        unsafe {
            for slot in &self.slots {
                pg_sys::ExecDropSingleTupleTableSlot(*slot);
            }
            pg_sys::FreeBulkInsertState(self.bulk);
            pg_sys::ExecCloseIndices(self.target);
            pg_sys::FreeExecutorState(self.statement);
        }
        std::mem::take(&mut self.places)
    }
}
