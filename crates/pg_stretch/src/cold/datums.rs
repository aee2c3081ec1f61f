//! The values of a batch as datums, one slice of rows at a time.

use super::batch::{Batch, Content};
use super::columns::Target;
use super::values::{Maker, Values};
use crate::pg::context::Context;
use crate::pg::error::Result;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use pgrx::pg_sys;
use std::ops::Range;

/// Rows made into datums at once: so few that those of many columns stay in the processor's cache until they are shown.
const SLICE: usize = 1024;

/// One column that the segment has.
struct Source {
    array: ArrayRef,
    /// Which rows have a value; all where there is none.
    valid: Option<NullBuffer>,
    /// It has one value, which stands for all rows.
    is_constant: bool,
    maker: Maker,
}

/// The columns of a batch, and the datums of a slice of its rows.
pub struct Datums {
    rows: usize,
    /// Nothing when the segment has no such column, so that all is NULL.
    sources: Vec<Option<Source>>,
    /// One list per column.
    made: Vec<Values>,
    slice: Range<usize>,
}

impl Datums {
    /// Of the columns of a batch that are those of `targets`, in a table of `owner`. What the makers of values look up
    /// lives in `context`.
    pub fn new(batch: &Batch, targets: &[Target], owner: pg_sys::Oid, context: Context) -> Self {
        let source = |(target, content): (&Target, &Option<Content>)| {
            let Content {
                array,
                reading,
                is_constant,
            } = content.as_ref()?;
            let maker = Maker::new(
                *reading,
                target.base_type,
                owner,
                batch.encoding.clone(),
                context.as_ptr(),
            );
            Some(Source {
                array: array.clone(),
                valid: array.nulls().filter(|nulls| nulls.null_count() > 0).cloned(),
                is_constant: *is_constant,
                maker,
            })
        };
        Self {
            rows: batch.rows,
            made: targets.iter().map(|_| Values::default()).collect(),
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
            if let Some(source) = source {
                let rows = if source.is_constant { 0..1 } else { slice.clone() };
                source.maker.make(&source.array, rows, made)?;
            }
        }
        self.slice = slice;
        Ok(())
    }

    /// The value of a column in a row of the slice; `None` for NULL.
    #[inline]
    pub fn value(&self, column: usize, row: usize) -> Option<pg_sys::Datum> {
        let source = self.sources[column].as_ref()?;
        let is_valid = source.valid.as_ref().is_none_or(|valid| valid.is_valid(row));
        let place = if source.is_constant { 0 } else { row - self.slice.start };
        is_valid.then(|| self.made[column].datums[place])
    }
}
