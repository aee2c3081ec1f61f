//! A summary admits whatever one of its segments admits.

use super::*;
use crate::prune::{CompareOp, Predicate, may_match};
use crate::stats::Bound;
use crate::{ColumnDetail, RowGroupDetail, StoredType, ValueForm};

fn column(field_id: i32) -> ColumnDetail {
    ColumnDetail {
        field_id,
        name: format!("c{field_id}"),
        stored: StoredType::Int64,
        form: ValueForm::Native,
    }
}

/// Field, bounds and number of nulls of a column.
type Column = (i32, Option<(i64, i64)>, u64);

/// A segment of 10 rows.
fn segment(columns: &[Column]) -> SegmentDetail {
    SegmentDetail {
        columns: columns.iter().map(|(field_id, ..)| column(*field_id)).collect(),
        stats: columns
            .iter()
            .map(|(_, bounds, null_count)| ColumnStats {
                null_count: *null_count,
                min: bounds.map(|(min, _)| Bound::Int(min)),
                max: bounds.map(|(_, max)| Bound::Int(max)),
            })
            .collect(),
        row_groups: vec![RowGroupDetail {
            rows: 10,
            first_row: 0,
            chunks: Vec::new(),
        }],
        footer: bytes::Bytes::new(),
    }
}

fn summary(segments: &[SegmentDetail]) -> Summary {
    let mut summary = Summary::default();
    segments.iter().for_each(|segment| summary.add(segment));
    summary
}

fn at_least(summary: &Summary, field_id: i32, value: i64) -> bool {
    let column = summary.find(field_id).expect("a known field");
    let predicate = Predicate::Compare {
        column,
        op: CompareOp::Ge,
        value: Bound::Int(value),
    };
    may_match(summary.stats(), summary.rows(), &predicate)
}

#[test]
fn bounds_cover_all_segments() {
    let summary = summary(&[segment(&[(1, Some((1, 5)), 0)]), segment(&[(1, Some((20, 30)), 2)])]);
    assert_eq!((summary.rows(), summary.row_groups()), (20, 2));
    assert!(at_least(&summary, 1, 30));
    assert!(!at_least(&summary, 1, 31));
    assert_eq!(summary.stats()[0].null_count, 2);
    assert_eq!(summary.find(2), None);
}

#[test]
fn a_column_that_a_segment_lacks_is_null_there() {
    for order in [[0, 1], [1, 0]] {
        let both = [segment(&[(1, Some((1, 5)), 0)]), segment(&[(2, Some((7, 8)), 0)])];
        let summary = summary(&order.map(|place| both[place].clone()));
        for (field_id, greatest) in [(1, 5), (2, 8)] {
            assert!(at_least(&summary, field_id, greatest));
            assert!(!at_least(&summary, field_id, greatest + 1));
            let column = summary.find(field_id).expect("a known field");
            assert!(may_match(
                summary.stats(),
                summary.rows(),
                &Predicate::IsNull { column }
            ));
        }
    }
}

#[test]
fn an_unknown_bound_stays_unknown() {
    let summary = summary(&[
        segment(&[(1, Some((1, 5)), 0)]),
        segment(&[(1, None, 3)]),
        segment(&[(1, Some((1, 5)), 0)]),
    ]);
    assert!(at_least(&summary, 1, 1_000_000));
}
