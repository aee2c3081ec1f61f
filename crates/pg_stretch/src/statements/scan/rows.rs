//! Rows of a batch on their way into the executor's slot.

use crate::cold::batch::{Batch, Undecoded};
use crate::cold::columns::Target;
use crate::cold::datums::Datums;
use crate::cold::identity;
use crate::pg::context::Context;
use crate::pg::error::Result;
use pgrx::pg_sys;
use std::rc::Rc;
use stretch_columns::conditions::Clause;

/// A row group whose rows are shown one by one.
pub struct Group {
    /// A rescan may want other rows of it.
    whole: Undecoded,
    /// Without the rows that the conditions rule out.
    shown: Batch,
    datums: Datums,
    maker: Maker,
    /// Next row to show.
    next: usize,
}

/// What datums are made with: the columns go to the attributes of the targets, in a table of the owner. What the makers
/// of values look up lives in the context.
pub struct Maker {
    pub targets: Rc<[Target]>,
    pub owner: pg_sys::Oid,
    pub context: Context,
}

impl Group {
    /// A row group whose rows are all to come but those that the conditions rule out.
    pub fn new(whole: Undecoded, maker: Maker, conditions: &[Clause]) -> Result<Self> {
        let shown = whole.batch(conditions)?;
        Ok(Self {
            datums: Datums::new(&shown, &maker.targets, maker.owner, maker.context),
            shown,
            whole,
            maker,
            next: 0,
        })
    }

    /// How many rows the conditions ruled out.
    pub fn pruned(&self) -> u64 {
        (self.whole.rows() - self.shown.rows) as u64
    }

    /// Puts the next living row into `slot`; false at the end. The row's memory is that of `context`, which is reset
    /// with each slice.
    ///
    /// # Safety
    /// `slot` is the scan's slot with every attribute set to NULL before, `context` belongs to this scan.
    pub unsafe fn fill(&mut self, slot: *mut pg_sys::TupleTableSlot, context: Context) -> Result<bool> {
        while self.next < self.shown.rows {
            let row = self.next;
            if self.shown.is_dead(row) {
                self.next += 1;
                continue;
            }
            if row >= self.datums.slice().end {
                // SAFETY: the previous row is no longer needed when the next one is asked for.
                unsafe { self.datums.make(row, context)? };
            }
            // SAFETY: as the caller promises; attributes are those of the slot's descriptor.
            unsafe { self.write(slot, row)? };
            self.next += 1;
            return Ok(true);
        }
        Ok(false)
    }

    unsafe fn write(&self, slot: *mut pg_sys::TupleTableSlot, row: usize) -> Result<()> {
        let identity = identity::of(self.shown.segment, self.shown.number(row))?;
        // SAFETY: the slot's arrays have a place for each attribute; the row is one of the slice.
        unsafe {
            for (column, target) in self.maker.targets.iter().enumerate() {
                let place = target.attribute as usize - 1;
                let value = self.datums.value(column, row);
                (*slot).tts_isnull.add(place).write(value.is_none());
                if let Some(value) = value {
                    (*slot).tts_values.add(place).write(value);
                }
            }
            (*slot).tts_tid = identity;
            (*slot).tts_flags &= !(pg_sys::TTS_FLAG_EMPTY as u16);
            (*slot).tts_nvalid = (*(*slot).tts_tupleDescriptor).natts as i16;
        }
        Ok(())
    }

    /// The same row group again from its first row, under other conditions.
    pub fn again(self, conditions: &[Clause]) -> Result<Self> {
        Self::new(self.whole, self.maker, conditions)
    }
}
