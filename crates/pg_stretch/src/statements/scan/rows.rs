//! Rows of a batch on their way into the executor's slot.

use crate::cold::batches::Batch;
use crate::cold::columns::Target;
use crate::cold::datums::Datums;
use crate::cold::identity;
use crate::pg::context::Context;
use crate::pg::error::Result;
use pgrx::pg_sys;

/// A batch whose rows are shown one by one.
pub struct Group {
    batch: Batch,
    /// Attribute numbers of its columns.
    attributes: Vec<i16>,
    datums: Datums,
    /// Next row to show.
    next: usize,
}

impl Group {
    /// A batch whose rows are all to come: its columns go to the attributes of `targets`, in a table of `owner`. What
    /// the makers of values look up lives in `context`.
    pub fn new(batch: Batch, targets: &[Target], owner: pg_sys::Oid, context: Context) -> Self {
        Self {
            datums: Datums::new(&batch, targets, owner, context),
            attributes: targets.iter().map(|target| target.attribute).collect(),
            batch,
            next: 0,
        }
    }

    /// Puts the next living row into `slot`; false at the end. The row's memory is that of `context`, which is reset
    /// with each slice.
    ///
    /// # Safety
    /// `slot` is the scan's slot with every attribute set to NULL before, `context` belongs to this scan.
    pub unsafe fn fill(&mut self, slot: *mut pg_sys::TupleTableSlot, context: Context) -> Result<bool> {
        while self.next < self.batch.rows {
            let row = self.next;
            if self.batch.is_dead(row) {
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
        let identity = identity::of(self.batch.segment, self.batch.number(row))?;
        // SAFETY: the slot's arrays have a place for each attribute; the row is one of the slice.
        unsafe {
            for (column, attribute) in self.attributes.iter().enumerate() {
                let place = *attribute as usize - 1;
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

    /// Shows the rows again from the first one.
    pub fn rewind(&mut self) {
        self.next = 0;
        self.datums.rewind();
    }
}
