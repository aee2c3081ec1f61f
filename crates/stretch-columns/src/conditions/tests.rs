//! Conditions leave what they must: never fewer row groups than hold matching rows, and as few as statistics tell.

use super::*;
use crate::seeded::runner;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use stretch_segment::{
    ChunkDetail, ColumnDetail, ColumnStats, Page, Pages, RowGroupDetail, RowRanges, SegmentDetail, StoredType, Summary,
    ValueForm,
};

/// A segment of one column of integers, field 7, with these values in its row groups, two rows to a page.
fn segment(groups: &[Vec<Option<i64>>]) -> SegmentDetail {
    let mut first_row = 0;
    let row_groups = groups
        .iter()
        .map(|values| {
            let group = RowGroupDetail {
                rows: values.len() as u32,
                first_row,
                chunks: vec![ChunkDetail {
                    offset: 0,
                    len: 0,
                    checksum: [0; 16],
                    stats: stats(values),
                    pages: pages(values),
                }],
            };
            first_row += group.rows;
            group
        })
        .collect();
    SegmentDetail {
        columns: vec![ColumnDetail {
            field_id: 7,
            name: "n".into(),
            stored: StoredType::Int64,
            form: ValueForm::Native,
        }],
        row_groups,
        stats: vec![stats(&groups.concat())],
        footer: Bytes::new(),
    }
}

fn pages(values: &[Option<i64>]) -> Pages {
    let data = (0..values.len()).step_by(2).map(|first| Page {
        first_row: first as u32,
        len: 0,
        checksum: [0; 16],
    });
    Pages {
        dictionary: None,
        data: data.collect(),
        stats: values.chunks(2).map(stats).collect(),
    }
}

fn stats(values: &[Option<i64>]) -> ColumnStats {
    let known = || values.iter().flatten().copied();
    ColumnStats {
        null_count: values.iter().filter(|value| value.is_none()).count() as u64,
        min: known().min().map(Bound::Int),
        max: known().max().map(Bound::Int),
    }
}

fn condition(test: Test) -> Clause {
    Clause::Test(Condition {
        attribute: 1,
        text: false,
        test,
    })
}

fn equals(value: i64) -> Clause {
    condition(Test::Compare(CompareOp::Eq, Bound::Int(value)))
}

fn is_in(values: &[i64]) -> Clause {
    condition(Test::In {
        values: values.iter().copied().map(Bound::Int).collect(),
        or_null: false,
    })
}

/// Column 1 is the segment's own, 3 shows a value that no statistics know; any other is NULL.
fn place(attribute: i16) -> Place {
    match attribute {
        1 => Place::At(0),
        3 => Place::Unknown,
        _ => Place::Nulls,
    }
}

fn left(detail: &SegmentDetail, conditions: &[Clause]) -> Option<Vec<usize>> {
    let groups = left_with_rows(detail, conditions)?;
    Some(groups.into_iter().map(|(number, _)| number).collect())
}

fn left_with_rows(detail: &SegmentDetail, conditions: &[Clause]) -> Option<Vec<(usize, RowRanges)>> {
    let choice = Choice {
        detail,
        column_of: &|attribute| place(attribute),
        text_comparable: true,
    };
    choice.row_groups(conditions)
}

fn any_left(detail: &SegmentDetail, conditions: &[Clause]) -> bool {
    let mut summary = Summary::default();
    summary.add(detail);
    may_match_any(&summary, true, conditions, &|attribute| match place(attribute) {
        Place::At(_) => Field::Id(7),
        Place::Nulls => Field::Id(8),
        Place::Unknown => Field::Unknown,
    })
}

#[test]
fn row_groups_are_chosen_by_all_conditions_together() {
    let detail = segment(&[vec![Some(1), Some(9)], vec![Some(10), None], vec![None]]);
    assert_eq!(left(&detail, &[]), Some(vec![0, 1, 2]));
    assert_eq!(left(&detail, &[equals(10)]), Some(vec![1]));
    assert_eq!(left(&detail, &[is_in(&[3, 10])]), Some(vec![0, 1]));
    assert_eq!(left(&detail, &[condition(Test::IsNull)]), Some(vec![1, 2]));
    assert_eq!(left(&detail, &[condition(Test::IsNotNull)]), Some(vec![0, 1]));
    assert_eq!(left(&detail, &[condition(Test::IsNull), equals(10)]), Some(vec![1]));
    // Within the segment's bounds, but in no group: no group is left of a segment that may match.
    assert_eq!(left(&detail, &[equals(3), equals(10)]), Some(vec![]));
    assert_eq!(left(&detail, &[equals(11)]), None);
}

#[test]
fn rows_are_chosen_by_the_pages_of_all_columns() {
    let mut detail = segment(&[vec![Some(1), Some(2), Some(5), None, Some(9), Some(9), Some(3)]]);
    let rows = |detail: &SegmentDetail, conditions: &[Clause]| {
        let left = left_with_rows(detail, conditions).unwrap_or_default();
        left.into_iter()
            .map(|(_, rows)| rows.rows().collect())
            .collect::<Vec<Vec<u32>>>()
    };
    assert_eq!(rows(&detail, &[]), vec![vec![0, 1, 2, 3, 4, 5, 6]]);
    assert_eq!(rows(&detail, &[is_in(&[2, 3])]), vec![vec![0, 1, 6]]);
    assert_eq!(rows(&detail, &[condition(Test::IsNull)]), vec![vec![2, 3]]);
    assert_eq!(rows(&detail, &[is_in(&[1, 5]), is_in(&[5, 9])]), vec![vec![2, 3]]);
    // No page has it: the row group is left out, though its own bounds allow it.
    assert_eq!(left(&detail, &[equals(7)]), Some(vec![]));
    // Where nothing is said of the pages, all of them may hold it.
    detail.row_groups[0].chunks[0].pages.stats.clear();
    assert_eq!(rows(&detail, &[equals(7)]), vec![vec![0, 1, 2, 3, 4, 5, 6]]);
}

#[test]
fn a_comparison_with_null_leaves_nothing() {
    let detail = segment(&[vec![Some(1), None]]);
    for test in [
        Test::Unknown,
        Test::In {
            values: vec![],
            or_null: true,
        },
    ] {
        assert_eq!(left(&detail, &[condition(test.clone())]), None);
        assert!(!any_left(&detail, &[condition(test)]));
    }
}

#[test]
fn a_column_that_the_segment_lacks_is_null() {
    let detail = segment(&[vec![Some(1)]]);
    let other = |test| {
        Clause::Test(Condition {
            attribute: 2,
            text: false,
            test,
        })
    };
    let one = Test::Compare(CompareOp::Eq, Bound::Int(1));
    assert_eq!(left(&detail, &[other(Test::IsNull)]), Some(vec![0]));
    assert!(any_left(&detail, &[other(Test::IsNull)]));
    for test in [Test::IsNotNull, one, Test::Unknown] {
        assert_eq!(left(&detail, &[other(test.clone())]), None);
        assert!(!any_left(&detail, &[other(test)]));
    }
}

#[test]
fn text_of_another_encoding_says_nothing() {
    let detail = segment(&[vec![Some(1)]]);
    let mut summary = Summary::default();
    summary.add(&detail);
    let text = Clause::Test(Condition {
        attribute: 1,
        text: true,
        test: Test::Compare(CompareOp::Eq, Bound::Int(99)),
    });
    for (text_comparable, expected) in [(true, None), (false, Some(1))] {
        let choice = Choice {
            detail: &detail,
            column_of: &|_| Place::At(0),
            text_comparable,
        };
        let left = choice.row_groups(std::slice::from_ref(&text));
        assert_eq!(left.map(|groups| groups.len()), expected);
        let may = may_match_any(&summary, text_comparable, std::slice::from_ref(&text), &|_| {
            Field::Id(7)
        });
        assert_eq!(may, !text_comparable);
    }
}

#[test]
fn statistics_rule_nothing_out_where_a_column_shows_a_value_that_they_do_not_know() {
    let detail = segment(&[vec![Some(1), Some(9)], vec![Some(10), None]]);
    for test in [
        Test::Compare(CompareOp::Eq, Bound::Int(99)),
        Test::IsNull,
        Test::IsNotNull,
        Test::In {
            values: vec![Bound::Int(1)],
            or_null: false,
        },
    ] {
        let clause = |attribute| {
            [Clause::Test(Condition {
                attribute,
                text: false,
                test: test.clone(),
            })]
        };
        assert_eq!(left(&detail, &clause(3)), Some(vec![0, 1]), "{test:?}");
        assert!(any_left(&detail, &clause(3)), "{test:?}");
        let of_nulls = test == Test::IsNull;
        assert_eq!(left(&detail, &clause(2)).is_some(), of_nulls, "{test:?}");
        assert_eq!(any_left(&detail, &clause(2)), of_nulls, "{test:?}");
    }
}

/// What a clause is for a value, by SQL's logic.
fn of_value(clause: &Clause, value: Option<i64>) -> Option<bool> {
    match clause {
        Clause::Test(condition) => {
            let is_known = value.is_some() || matches!(condition.test, Test::IsNull | Test::IsNotNull);
            (is_known && condition.test != Test::Unknown).then(|| holds(&condition.test, value))
        }
        Clause::Computed(_) => unreachable!("none is drawn"),
        Clause::And(parts) => match parts.iter().any(|part| of_value(part, value) == Some(false)) {
            true => Some(false),
            false => parts.iter().all(|part| of_value(part, value).is_some()).then_some(true),
        },
        Clause::Or(parts) => match parts.iter().any(|part| of_value(part, value) == Some(true)) {
            true => Some(true),
            false => parts
                .iter()
                .all(|part| of_value(part, value).is_some())
                .then_some(false),
        },
        Clause::Not(inner) => of_value(inner, value).map(|truth| !truth),
    }
}

fn clauses() -> impl Strategy<Value = Clause> {
    tests().prop_map(condition).prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Clause::And),
            vec(inner.clone(), 0..3).prop_map(Clause::Or),
            inner.prop_map(|inner| Clause::Not(Box::new(inner))),
        ]
    })
}

fn holds(test: &Test, value: Option<i64>) -> bool {
    let compares = |op: CompareOp, value: i64, with: &Bound| {
        let Bound::Int(with) = with else { return false };
        match op {
            CompareOp::Lt => value < *with,
            CompareOp::Le => value <= *with,
            CompareOp::Eq => value == *with,
            CompareOp::Ge => value >= *with,
            CompareOp::Gt => value > *with,
        }
    };
    match (test, value) {
        (Test::IsNull, value) => value.is_none(),
        (Test::IsNotNull, value) => value.is_some(),
        (Test::Compare(op, with), Some(value)) => compares(*op, value, with),
        (Test::In { values, .. }, Some(value)) => values.iter().any(|with| compares(CompareOp::Eq, value, with)),
        _ => false,
    }
}

fn tests() -> impl Strategy<Value = Test> {
    let op = prop_oneof![
        Just(CompareOp::Lt),
        Just(CompareOp::Le),
        Just(CompareOp::Eq),
        Just(CompareOp::Ge),
        Just(CompareOp::Gt),
    ];
    let values = vec((0i64..12).prop_map(Bound::Int), 0..4);
    prop_oneof![
        4 => (op, 0i64..12).prop_map(|(op, value)| Test::Compare(op, Bound::Int(value))),
        2 => (values, any::<bool>()).prop_map(|(values, or_null)| Test::In { values, or_null }),
        1 => Just(Test::Unknown),
        1 => Just(Test::IsNull),
        1 => Just(Test::IsNotNull),
    ]
}

#[test]
fn no_group_with_a_matching_row_is_left_out() {
    let value = prop_oneof![1 => Just(None), 4 => (0i64..12).prop_map(Some)];
    let groups = vec(vec(value, 1..8), 1..5);
    let counts = std::cell::Cell::new((0, 0));
    runner(500)
        .run(&(groups, vec(clauses(), 1..3)), |(groups, conditions)| {
            let detail = segment(&groups);
            let chosen = left_with_rows(&detail, &conditions);
            for (number, values) in groups.iter().enumerate() {
                let matches = |value: &Option<i64>| conditions.iter().all(|c| of_value(c, *value) == Some(true));
                let mut groups_read = chosen.iter().flatten();
                let rows_read = groups_read.find(|(read, _)| *read == number);
                for (row, value) in (0..).zip(values) {
                    let met = matches(value);
                    let read = rows_read.is_some_and(|(_, rows)| rows.touch(&(row..row + 1)));
                    prop_assert!(read || !met, "{groups:?} {conditions:?}");
                    let (some, none) = counts.get();
                    counts.set((some + usize::from(met), none + usize::from(!read)));
                }
            }
            prop_assert!(any_left(&detail, &conditions) || chosen.is_none());
            Ok(())
        })
        .unwrap();
    let (met, left_out) = counts.get();
    assert!(met > 50 && left_out > 50, "{met} {left_out}");
}
