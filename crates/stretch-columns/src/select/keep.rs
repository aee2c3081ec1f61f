//! A decoded batch without the rows that a selection leaves out.

use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::{FilterBuilder, FilterPredicate};

/// Takes the rows of a selection out of one column after the other.
pub struct Keep {
    predicate: FilterPredicate,
    /// Numbers of the rows that are kept, within the batch.
    pub rows: Vec<u32>,
}

impl Keep {
    /// `None` where a selection keeps so many rows that the batch is better left as it is.
    pub fn of(rows: &BooleanBuffer) -> Option<Self> {
        let kept = rows.count_set_bits();
        // What is copied for each row that stays must be less than what is saved for each that goes.
        (kept * 10 <= rows.len() * 9).then(|| Self::exactly(rows))
    }

    /// The rows of a selection, however many.
    pub fn exactly(rows: &BooleanBuffer) -> Self {
        Self {
            predicate: FilterBuilder::new(&BooleanArray::new(rows.clone(), None))
                .optimize()
                .build(),
            rows: rows.set_indices().map(|row| row as u32).collect(),
        }
    }

    /// The values of these rows. `None` where the array is not one of the batch, which has as many rows.
    pub fn values(&self, column: &ArrayRef) -> Option<ArrayRef> {
        self.predicate.filter(column).ok()
    }
}
