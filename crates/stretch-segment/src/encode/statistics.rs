//! Statistics of the rows of a page, a row group and a segment.

use std::cmp::Ordering;

use crate::buffer::{ColumnBuffer, Values};
use crate::detail::RowGroupDetail;
use crate::stats::{Bound, ColumnStats, compare_floats};
use crate::types::{ColumnType, StoredType};

/// Of these rows of the batch.
pub(super) fn column_stats(column: &ColumnBuffer, stored: StoredType, rows: &[u32]) -> ColumnStats {
    let values = column.values();
    let null_count = match column.null_count() {
        0 => 0,
        _ => rows.iter().filter(|row| !column.is_valid(**row as usize)).count(),
    };
    let ends = match (stored, column.ty()) {
        (StoredType::NumericWire, _) | (_, ColumnType::Opaque) => None,
        _ => ends(column, rows),
    };
    ColumnStats {
        null_count: null_count as u64,
        min: ends.and_then(|(min, _)| bound(values, stored, min, false)),
        max: ends.and_then(|(_, max)| bound(values, stored, max, true)),
    }
}

/// The rows with the least and the greatest value; `None` where none has a value.
fn ends(column: &ColumnBuffer, rows: &[u32]) -> Option<(usize, usize)> {
    // The type is told apart once, not once per row.
    match column.values() {
        Values::Bool(v) => ends_by(column, rows, |row| v[row], Ord::cmp),
        Values::Int2(v) => ends_by(column, rows, |row| v[row], Ord::cmp),
        Values::Int4(v) => ends_by(column, rows, |row| v[row], Ord::cmp),
        Values::Int8(v) => ends_by(column, rows, |row| v[row], Ord::cmp),
        Values::Decimal(v) => ends_by(column, rows, |row| v[row], Ord::cmp),
        Values::Float4(v) => ends_by(column, rows, |row| f64::from(v[row]), |a, b| compare_floats(*a, *b)),
        Values::Float8(v) => ends_by(column, rows, |row| v[row], |a, b| compare_floats(*a, *b)),
        Values::Bytes(v) => ends_by(column, rows, |row| v.get(row), |a: &&[u8], b: &&[u8]| a.cmp(b)),
        Values::NumericWire(_) => None,
    }
}

fn ends_by<T: Copy>(
    column: &ColumnBuffer,
    rows: &[u32],
    value: impl Fn(usize) -> T,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Option<(usize, usize)> {
    let mut found: Option<((T, usize), (T, usize))> = None;
    for row in rows.iter().map(|row| *row as usize).filter(|row| column.is_valid(*row)) {
        let value = value(row);
        match &mut found {
            None => found = Some(((value, row), (value, row))),
            Some((min, _)) if compare(&value, &min.0).is_lt() => *min = (value, row),
            Some((_, max)) if compare(&value, &max.0).is_gt() => *max = (value, row),
            Some(_) => {}
        }
    }
    found.map(|((_, min), (_, max))| (min, max))
}

fn bound(values: &Values, stored: StoredType, row: usize, upper: bool) -> Option<Bound> {
    Some(match values {
        Values::Bool(v) => Bound::Int(v[row].into()),
        Values::Int2(v) => Bound::Int(v[row].into()),
        Values::Int4(v) => Bound::Int(v[row].into()),
        Values::Int8(v) => Bound::Int(v[row]),
        Values::Float4(v) => Bound::Float(v[row].into()),
        Values::Float8(v) => Bound::Float(v[row]),
        Values::Decimal(v) => match stored {
            StoredType::Decimal128 { scale, .. } => Bound::Decimal(v[row], scale),
            _ => return None,
        },
        Values::NumericWire(_) => return None,
        Values::Bytes(v) if upper => return Bound::upper(v.get(row)),
        Values::Bytes(v) => Bound::lower(v.get(row)),
    })
}

/// Of the whole segment, one per column.
pub(super) fn merge_row_groups(columns: usize, row_groups: &[RowGroupDetail]) -> Vec<ColumnStats> {
    (0..columns)
        .map(|column| {
            let mut rows = 0u64;
            let mut stats = ColumnStats::default();
            for group in row_groups {
                stats = stats.merge(rows, &group.chunks[column].stats, group.rows.into());
                rows += u64::from(group.rows);
            }
            stats
        })
        .collect()
}
