//! The rules of pruning one by one; that no matching row is lost is tested with whole segments.

use super::*;

fn stats() -> Vec<ColumnStats> {
    vec![ColumnStats {
        null_count: 2,
        min: Some(Bound::Int(10)),
        max: Some(Bound::Int(20)),
    }]
}

fn compare(op: CompareOp, value: i64) -> bool {
    may_match(
        &stats(),
        5,
        &Predicate::Compare {
            column: 0,
            op,
            value: Bound::Int(value),
        },
    )
}

#[test]
fn comparisons_at_the_bounds() {
    assert_eq!([9, 10, 11].map(|v| compare(CompareOp::Lt, v)), [false, false, true]);
    assert_eq!([9, 10, 11].map(|v| compare(CompareOp::Le, v)), [false, true, true]);
    assert_eq!(
        [9, 10, 20, 21].map(|v| compare(CompareOp::Eq, v)),
        [false, true, true, false]
    );
    assert_eq!([19, 20, 21].map(|v| compare(CompareOp::Ge, v)), [true, true, false]);
    assert_eq!([19, 20, 21].map(|v| compare(CompareOp::Gt, v)), [true, false, false]);
}

#[test]
fn lists() {
    let list = |values: &[i64]| {
        may_match(
            &stats(),
            5,
            &Predicate::In {
                column: 0,
                values: values.iter().copied().map(Bound::Int).collect(),
            },
        )
    };
    assert!(!list(&[]));
    assert!(!list(&[1, 2, 99]));
    assert!(list(&[1, 12]));
}

#[test]
fn nulls() {
    let only_nulls = vec![ColumnStats {
        null_count: 5,
        min: None,
        max: None,
    }];
    let eq = Predicate::Compare {
        column: 0,
        op: CompareOp::Eq,
        value: Bound::Int(1),
    };
    assert!(!may_match(&only_nulls, 5, &eq));
    assert!(!may_match(&only_nulls, 5, &Predicate::IsNotNull { column: 0 }));
    assert!(may_match(&only_nulls, 5, &Predicate::IsNull { column: 0 }));
    let no_nulls = vec![ColumnStats {
        null_count: 0,
        min: None,
        max: None,
    }];
    assert!(!may_match(&no_nulls, 5, &Predicate::IsNull { column: 0 }));
    assert!(may_match(&no_nulls, 5, &eq));
}

#[test]
fn what_is_not_known_matches() {
    let text = Predicate::Compare {
        column: 0,
        op: CompareOp::Eq,
        value: Bound::Bytes(vec![]),
    };
    assert!(may_match(&stats(), 5, &text));
    assert!(may_match(&stats(), 5, &Predicate::IsNull { column: 7 }));
    assert!(may_match(&[], 5, &text));
    assert!(!may_match(&[], 0, &text));
}
