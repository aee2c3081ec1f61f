//! Collects the rows of one segment and turns them into an object.

use crate::buffer::ColumnBuffer;
use crate::encode::{self, EncodeOptions, EncodedSegment};
use crate::error::SegmentError;
use crate::order::SortKey;
use crate::types::ColumnSpec;

/// Rows of one segment in the making. Push one value into every column, then call [`BatchBuilder::end_row`];
/// or push whole columns and call it once per row. A batch may have no columns at all.
#[derive(Debug)]
pub struct BatchBuilder {
    specs: Vec<ColumnSpec>,
    columns: Vec<ColumnBuffer>,
    rows: u32,
}

impl BatchBuilder {
    /// An empty batch of these columns.
    pub fn new(specs: Vec<ColumnSpec>) -> Self {
        let columns = specs
            .iter()
            .enumerate()
            .map(|(i, spec)| ColumnBuffer::new(i, spec))
            .collect();
        BatchBuilder {
            specs,
            columns,
            rows: 0,
        }
    }

    /// The columns in the order of the specs.
    pub fn columns_mut(&mut self) -> &mut [ColumnBuffer] {
        &mut self.columns
    }

    /// Counts the row just pushed. That every column has it is checked by `finish`.
    pub fn end_row(&mut self) {
        self.rows = self.rows.saturating_add(1);
    }

    /// Takes back the values pushed since the last [`BatchBuilder::end_row`], of whatever columns have them:
    /// for a row that turns out to be one that must stay hot.
    pub fn undo_row(&mut self) {
        for column in &mut self.columns {
            column.truncate(self.rows as usize);
        }
    }

    /// Rows ended so far.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Approximate bytes of memory of the buffers. Takes time in the number of columns.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(ColumnBuffer::bytes).sum()
    }

    /// Sorts, encodes and checksums the batch. Fails when a value did not fit its column, when columns have
    /// different numbers of values, or when a limit is exceeded.
    pub fn finish(self, order_by: &[SortKey], opts: &EncodeOptions) -> Result<EncodedSegment, SegmentError> {
        for (i, column) in self.columns.iter().enumerate() {
            if let Some(error) = column.error() {
                return Err(error.clone());
            }
            if column.len() != self.rows as usize {
                return Err(SegmentError::RowCount {
                    column: i,
                    rows: self.rows as usize,
                    values: column.len(),
                });
            }
        }
        encode::encode(&self.specs, &self.columns, self.rows, order_by, opts)
    }
}
