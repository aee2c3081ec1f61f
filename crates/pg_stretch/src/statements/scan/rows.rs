//! Decoded rows on their way into the executor's slot: one slice of a row group at a time, in its own memory context.

use crate::cold::columns::{Reading, Target};
use crate::cold::identity::identity;
use crate::cold::values::Maker;
use crate::pg::error::Result;
use arrow_array::{Array, ArrayRef};
use pgrx::pg_sys;
use std::rc::Rc;

/// Rows made into datums at once.
const SLICE: usize = 8192;

/// One column of a row group: its array and maker; nothing when the segment has no such column, so that all is NULL.
pub struct Source {
    pub attribute: i16,
    pub content: Option<(ArrayRef, Maker)>,
}

impl Source {
    /// A column with its array, of a table of `owner`, written by a database of the encoding `stored_encoding`.
    pub fn new(
        target: &Target,
        content: Option<(ArrayRef, Reading)>,
        owner: pg_sys::Oid,
        stored_encoding: &Rc<str>,
        context: pg_sys::MemoryContext,
    ) -> Self {
        Self {
            attribute: target.attribute,
            content: content.map(|(array, reading)| {
                let maker = Maker::new(reading, target.base_type, owner, stored_encoding.clone(), context);
                (array, maker)
            }),
        }
    }
}

/// A decoded row group.
pub struct Group {
    pub sources: Vec<Source>,
    /// Number of the segment in the manifest's list.
    pub segment: usize,
    pub first_row: u32,
    pub rows: usize,
    /// Sorted numbers, within the segment, of dead rows.
    pub dead: Vec<u32>,
    /// Next row to show, and the first that is not made into datums yet.
    next: usize,
    made: usize,
    slice_start: usize,
    /// One per source.
    datums: Vec<Vec<pg_sys::Datum>>,
}

impl Group {
    /// A row group whose rows are all to come.
    pub fn new(segment: usize, first_row: u32, rows: usize, sources: Vec<Source>, dead: Vec<u32>) -> Self {
        Self {
            datums: sources.iter().map(|_| Vec::new()).collect(),
            sources,
            segment,
            first_row,
            rows,
            dead,
            next: 0,
            made: 0,
            slice_start: 0,
        }
    }

    /// Puts the next living row into `slot`; false at the end. The row's memory is that of `context`, which is reset
    /// with each slice.
    ///
    /// # Safety
    /// `slot` is the scan's slot with every attribute set to NULL before, `context` belongs to this scan.
    pub unsafe fn fill(&mut self, slot: *mut pg_sys::TupleTableSlot, context: pg_sys::MemoryContext) -> Result<bool> {
        while self.next < self.rows {
            let row = self.first_row + self.next as u32;
            if !self.dead.is_empty() && self.dead.binary_search(&row).is_ok() {
                self.next += 1;
                continue;
            }
            if self.next >= self.made {
                // SAFETY: the previous row is no longer needed when the next one is asked for.
                unsafe { self.make(context)? };
            }
            // SAFETY: as the caller promises; attributes are those of the slot's descriptor.
            unsafe { self.write(slot, row) };
            self.next += 1;
            return Ok(true);
        }
        Ok(false)
    }

    unsafe fn make(&mut self, context: pg_sys::MemoryContext) -> Result<()> {
        pgrx::check_for_interrupts!();
        let range = self.next..(self.next + SLICE).min(self.rows);
        // SAFETY: the context holds only the datums of the slice before.
        let outer = unsafe {
            pg_sys::MemoryContextReset(context);
            pg_sys::MemoryContextSwitchTo(context)
        };
        let mut result = Ok(());
        for (source, datums) in self.sources.iter_mut().zip(&mut self.datums) {
            datums.clear();
            if let Some((array, maker)) = &mut source.content {
                result = result.and_then(|()| maker.make(array, range.clone(), datums));
            }
        }
        // SAFETY: back to where we were.
        unsafe { pg_sys::MemoryContextSwitchTo(outer) };
        self.slice_start = range.start;
        self.made = range.end;
        result
    }

    unsafe fn write(&self, slot: *mut pg_sys::TupleTableSlot, row: u32) {
        let at = self.next - self.slice_start;
        // SAFETY: the slot's arrays have a place for each attribute; every datum vector covers the slice.
        unsafe {
            for (source, datums) in self.sources.iter().zip(&self.datums) {
                let place = source.attribute as usize - 1;
                let null = source
                    .content
                    .as_ref()
                    .is_none_or(|(array, _)| array.is_null(self.next));
                (*slot).tts_isnull.add(place).write(null);
                if !null {
                    (*slot).tts_values.add(place).write(datums[at]);
                }
            }
            let (block, offset) = identity(self.segment, row);
            (*slot).tts_tid = pg_sys::ItemPointerData {
                ip_blkid: pg_sys::BlockIdData {
                    bi_hi: (block >> 16) as u16,
                    bi_lo: block as u16,
                },
                ip_posid: offset,
            };
            (*slot).tts_flags &= !(pg_sys::TTS_FLAG_EMPTY as u16);
            (*slot).tts_nvalid = (*(*slot).tts_tupleDescriptor).natts as i16;
        }
    }

    /// Shows the rows again from the first one.
    pub fn rewind(&mut self) {
        self.next = 0;
        self.made = 0;
    }
}
