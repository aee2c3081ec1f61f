//! The order of rows in a segment: a stable sort by PostgreSQL-domain values.

use std::cmp::Ordering;

use crate::buffer::{ColumnBuffer, Values};
use crate::error::SegmentError;
use crate::numeric::compare_wire;
use crate::stats::compare_floats;

/// One key of the order of rows. Text, bytea, uuid and opaque columns are compared by their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    /// Index of the column in the batch.
    pub column: usize,
    pub descending: bool,
    pub nulls_first: bool,
}

/// For every output row the input row that goes there. Rows with equal keys keep their order; without keys all
/// rows do.
pub(crate) fn permutation(columns: &[ColumnBuffer], rows: u32, keys: &[SortKey]) -> Result<Vec<u32>, SegmentError> {
    let mut order: Vec<u32> = (0..rows).collect();
    for key in keys {
        if key.column >= columns.len() {
            return Err(SegmentError::NoSuchColumn(key.column));
        }
    }
    if !keys.is_empty() {
        order.sort_by(|&a, &b| {
            keys.iter()
                .map(|key| compare_rows(&columns[key.column], key, a as usize, b as usize))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
    }
    Ok(order)
}

fn compare_rows(column: &ColumnBuffer, key: &SortKey, a: usize, b: usize) -> Ordering {
    match (column.is_valid(a), column.is_valid(b)) {
        (false, false) => Ordering::Equal,
        (false, true) if key.nulls_first => Ordering::Less,
        (false, true) => Ordering::Greater,
        (true, false) if key.nulls_first => Ordering::Greater,
        (true, false) => Ordering::Less,
        (true, true) => {
            let order = compare_values(column.values(), a, b);
            if key.descending { order.reverse() } else { order }
        }
    }
}

/// PostgreSQL's order of two values that are not null.
pub(crate) fn compare_values(values: &Values, a: usize, b: usize) -> Ordering {
    match values {
        Values::Bool(v) => v[a].cmp(&v[b]),
        Values::Int2(v) => v[a].cmp(&v[b]),
        Values::Int4(v) => v[a].cmp(&v[b]),
        Values::Int8(v) => v[a].cmp(&v[b]),
        Values::Float4(v) => compare_floats(v[a].into(), v[b].into()),
        Values::Float8(v) => compare_floats(v[a], v[b]),
        Values::Decimal(v) => v[a].cmp(&v[b]),
        Values::NumericWire(v) => compare_wire(v.get(a), v.get(b)),
        Values::Bytes(v) => v.get(a).cmp(v.get(b)),
    }
}
