//! Statistics of the rows of a page, a row group and a segment.

use crate::buffer::{ColumnBuffer, Values};
use crate::detail::RowGroupDetail;
use crate::order::compare_values;
use crate::stats::{Bound, ColumnStats};
use crate::types::{ColumnType, StoredType};

/// Of these rows of the batch.
pub(super) fn column_stats(column: &ColumnBuffer, stored: StoredType, rows: &[u32]) -> ColumnStats {
    let values = column.values();
    let bounded = stored != StoredType::NumericWire && column.ty() != ColumnType::Opaque;
    let mut null_count = 0;
    let mut ends: Option<(usize, usize)> = None;
    for row in rows.iter().map(|&r| r as usize) {
        if !column.is_valid(row) {
            null_count += 1;
        } else if bounded {
            ends = Some(match ends {
                None => (row, row),
                Some((min, max)) if compare_values(values, row, min).is_lt() => (row, max),
                Some((min, max)) if compare_values(values, row, max).is_gt() => (min, row),
                Some(ends) => ends,
            });
        }
    }
    ColumnStats {
        null_count,
        min: ends.and_then(|(min, _)| bound(values, stored, min, false)),
        max: ends.and_then(|(_, max)| bound(values, stored, max, true)),
    }
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
