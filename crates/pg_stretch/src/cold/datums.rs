//! The values of a batch as datums, one slice of rows at a time.

use super::batches::Batch;
use super::columns::Target;
use super::values::Maker;
use crate::pg::context::Context;
use crate::pg::error::Result;
use arrow_array::{Array, ArrayRef};
use pgrx::pg_sys;
use std::ops::Range;
use stretch_columns::stored::Reading;

/// Rows made into datums at once.
const SLICE: usize = 8192;

/// One column: its array and maker; nothing when the segment has no such column, so that all is NULL.
type Source = Option<(ArrayRef, Maker)>;

/// The columns of a batch, and the datums of a slice of its rows.
pub struct Datums {
    rows: usize,
    sources: Vec<Source>,
    /// One list per column.
    made: Vec<Vec<pg_sys::Datum>>,
    slice: Range<usize>,
}

impl Datums {
    /// Of the columns of a batch that are those of `targets`, in a table of `owner`. What the makers of values look up
    /// lives in `context`.
    pub fn new(batch: &Batch, targets: &[Target], owner: pg_sys::Oid, context: Context) -> Self {
        let source = |(target, content): (&Target, &Option<(ArrayRef, Reading)>)| {
            let (array, reading) = content.as_ref()?;
            let maker = Maker::new(
                *reading,
                target.base_type,
                owner,
                batch.encoding.clone(),
                context.as_ptr(),
            );
            Some((array.clone(), maker))
        };
        Self {
            rows: batch.rows,
            made: targets.iter().map(|_| Vec::new()).collect(),
            sources: targets.iter().zip(&batch.columns).map(source).collect(),
            slice: 0..0,
        }
    }

    /// The rows whose datums are made.
    pub fn slice(&self) -> &Range<usize> {
        &self.slice
    }

    /// Makes the datums of the rows from `first` on. They live in `context`, which is reset before.
    ///
    /// # Safety
    /// The context is for the datums of this batch alone, and nobody looks at those of the slice before any more.
    pub unsafe fn make(&mut self, first: usize, context: Context) -> Result<()> {
        pgrx::check_for_interrupts!();
        let slice = first..(first + SLICE).min(self.rows);
        // SAFETY: the caller's promise.
        unsafe { context.reset() };
        let _inside = context.enter();
        for (source, made) in self.sources.iter_mut().zip(&mut self.made) {
            made.clear();
            if let Some((array, maker)) = source {
                maker.make(array, slice.clone(), made)?;
            }
        }
        self.slice = slice;
        Ok(())
    }

    /// The value of a column in a row of the slice; `None` for NULL.
    #[inline]
    pub fn value(&self, column: usize, row: usize) -> Option<pg_sys::Datum> {
        let (array, _) = self.sources[column].as_ref()?;
        (!array.is_null(row)).then(|| self.made[column][row - self.slice.start])
    }
}
