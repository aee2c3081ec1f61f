//! Conditions leave what they must: never fewer row groups than hold matching rows, and as few as statistics tell.

use super::*;
use crate::seeded::runner;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use stretch_segment::{ChunkDetail, ColumnDetail, RowGroupDetail, StoredType, ValueForm};

/// A segment of one column of integers, field 7, with these values in its row groups.
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

fn stats(values: &[Option<i64>]) -> ColumnStats {
    let known = || values.iter().flatten().copied();
    ColumnStats {
        null_count: values.iter().filter(|value| value.is_none()).count() as u64,
        min: known().min().map(Bound::Int),
        max: known().max().map(Bound::Int),
    }
}

fn condition(test: Test) -> Condition {
    Condition {
        attribute: 1,
        text: false,
        test,
    }
}

fn equals(value: i64) -> Condition {
    condition(Test::Compare(CompareOp::Eq, Bound::Int(value)))
}

fn is_in(values: &[i64]) -> Condition {
    condition(Test::In {
        values: values.iter().copied().map(Bound::Int).collect(),
        or_null: false,
    })
}

fn left(detail: &SegmentDetail, conditions: &[Condition]) -> Option<Vec<usize>> {
    let choice = Choice {
        detail,
        column_of: &|attribute| (attribute == 1).then_some(0),
        text_comparable: true,
    };
    choice.row_groups(conditions)
}

fn any_left(detail: &SegmentDetail, conditions: &[Condition]) -> bool {
    let mut summary = Summary::default();
    summary.add(detail);
    may_match_any(&summary, true, conditions, &|attribute| (attribute == 1).then_some(7))
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
    let other = |test| Condition {
        attribute: 2,
        text: false,
        test,
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
    let text = Condition {
        text: true,
        ..equals(99)
    };
    for (text_comparable, expected) in [(true, None), (false, Some(vec![0]))] {
        let choice = Choice {
            detail: &detail,
            column_of: &|_| Some(0),
            text_comparable,
        };
        assert_eq!(choice.row_groups(std::slice::from_ref(&text)), expected);
        let may = may_match_any(&summary, text_comparable, std::slice::from_ref(&text), &|_| Some(7));
        assert_eq!(may, !text_comparable);
    }
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
    let groups = vec(vec(value, 1..4), 1..5);
    let counts = std::cell::Cell::new((0, 0));
    runner(500)
        .run(&(groups, vec(tests(), 1..3)), |(groups, tests)| {
            let detail = segment(&groups);
            let conditions: Vec<_> = tests.into_iter().map(condition).collect();
            let chosen = left(&detail, &conditions);
            for (number, values) in groups.iter().enumerate() {
                let matches = |value: &Option<i64>| conditions.iter().all(|c| holds(&c.test, *value));
                let (met, read) = (
                    values.iter().any(matches),
                    chosen.as_ref().is_some_and(|chosen| chosen.contains(&number)),
                );
                prop_assert!(read || !met, "{groups:?} {conditions:?}");
                let (some, none) = counts.get();
                counts.set((some + usize::from(met), none + usize::from(!read)));
            }
            prop_assert!(any_left(&detail, &conditions) || chosen.is_none());
            Ok(())
        })
        .unwrap();
    let (met, left_out) = counts.get();
    assert!(met > 50 && left_out > 50, "{met} {left_out}");
}
