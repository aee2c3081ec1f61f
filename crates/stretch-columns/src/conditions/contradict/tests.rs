//! What contradicts is never satisfied together; and what a table is queried for most is seen to contradict.

use super::*;
use crate::seeded::runner;
use proptest::collection::vec;
use proptest::prelude::*;

fn on(attribute: i16, test: Test) -> Clause {
    Clause::Test(Condition {
        attribute,
        text: false,
        test,
    })
}

fn compare(op: CompareOp, value: i64) -> Test {
    Test::Compare(op, Bound::Int(value))
}

fn tests() -> impl Strategy<Value = Test> {
    use CompareOp::{Eq, Ge, Gt, Le, Lt};
    let op = prop::sample::select(vec![Lt, Le, Eq, Ge, Gt]);
    prop_oneof![
        8 => (op, 0i64..6).prop_map(|(op, value)| compare(op, value)),
        3 => (vec(0i64..6, 0..3), any::<bool>()).prop_map(|(values, or_null)| Test::In {
            values: values.into_iter().map(Bound::Int).collect(),
            or_null,
        }),
        1 => Just(Test::IsNull),
        1 => Just(Test::IsNotNull),
        1 => Just(Test::Unknown),
    ]
}

fn clauses() -> impl Strategy<Value = Vec<Clause>> {
    let one = (1i16..3, tests()).prop_map(|(attribute, test)| on(attribute, test));
    let clause = one.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Clause::And),
            vec(inner.clone(), 0..3).prop_map(Clause::Or),
            inner.prop_map(|inner| Clause::Not(Box::new(inner))),
        ]
    });
    vec(clause, 1..4)
}

/// What the clause is for a row of two columns.
fn of_row(clause: &Clause, row: [Option<i64>; 2]) -> Option<bool> {
    match clause {
        Clause::Test(condition) => {
            let value = row[condition.attribute as usize - 1];
            let is_known = value.is_some() || matches!(condition.test, Test::IsNull | Test::IsNotNull);
            (is_known && condition.test != Test::Unknown).then(|| satisfies(value, &condition.test))
        }
        Clause::Computed(_) => unreachable!("none is drawn"),
        Clause::And(parts) => parts
            .iter()
            .try_fold(true, |all, part| of_row(part, row).map(|part| all && part)),
        Clause::Or(parts) => match parts.iter().any(|part| of_row(part, row) == Some(true)) {
            true => Some(true),
            false => parts.iter().all(|part| of_row(part, row).is_some()).then_some(false),
        },
        Clause::Not(inner) => of_row(inner, row).map(|truth| !truth),
    }
}

/// The clause with twice its values.
fn doubled(clause: &Clause) -> Clause {
    let twice = |bound: &Bound| match bound {
        Bound::Int(value) => Bound::Int(value * 2),
        other => other.clone(),
    };
    match clause {
        Clause::Test(condition) => on(
            condition.attribute,
            match &condition.test {
                Test::Compare(op, value) => Test::Compare(*op, twice(value)),
                Test::In { values, or_null } => Test::In {
                    values: values.iter().map(twice).collect(),
                    or_null: *or_null,
                },
                other => other.clone(),
            },
        ),
        Clause::Computed(_) => unreachable!("none is drawn"),
        Clause::And(parts) => Clause::And(parts.iter().map(doubled).collect()),
        Clause::Or(parts) => Clause::Or(parts.iter().map(doubled).collect()),
        Clause::Not(inner) => Clause::Not(Box::new(doubled(inner))),
    }
}

/// Whether a value of the column satisfies the test.
fn satisfies(value: Option<i64>, test: &Test) -> bool {
    match (test, value) {
        (Test::IsNull, value) => value.is_none(),
        (Test::Unknown | Test::Like(_), _) | (_, None) => false,
        (Test::IsNotNull, Some(_)) => true,
        (Test::Compare(op, bound), Some(value)) => Bound::Int(value).partial_cmp(bound).is_some_and(|o| holds(o, *op)),
        (Test::In { values, .. }, Some(value)) => values.contains(&Bound::Int(value)),
    }
}

#[test]
fn no_row_satisfies_what_contradicts() {
    let counts = std::cell::Cell::new((0, 0));
    runner(2000)
        .run(&(clauses(), clauses()), |(given, wanted)| {
            // Between two neighbours lies a half, so that "nothing between them" is never what decides.
            let scaled = |clauses: &[Clause]| -> Vec<Clause> { clauses.iter().map(doubled).collect() };
            let (given, wanted) = (scaled(&given), scaled(&wanted));
            let values: Vec<Option<i64>> = (-1..14).map(Some).chain([None]).collect();
            let any = values.iter().any(|first| {
                values.iter().any(|second| {
                    let mut all = given.iter().chain(&wanted);
                    all.all(|clause| of_row(clause, [*first, *second]) == Some(true))
                })
            });
            let found = contradict(&given, &wanted);
            prop_assert!(!(found && any), "{given:?} {wanted:?}");
            let (contradicting, compatible) = counts.get();
            counts.set((contradicting + u32::from(found), compatible + u32::from(any)));
            Ok(())
        })
        .unwrap();
    let (contradicting, compatible) = counts.get();
    assert!(contradicting > 200 && compatible > 50, "{contradicting} {compatible}");
}

#[test]
fn pairs_decide_exactly() {
    use CompareOp::{Eq, Ge, Gt, Le, Lt};
    let cases = [
        (compare(Lt, 5), compare(Ge, 5), true),
        (compare(Lt, 5), compare(Gt, 5), true),
        (compare(Le, 5), compare(Ge, 5), false),
        (compare(Le, 5), compare(Gt, 5), true),
        (compare(Lt, 5), compare(Eq, 5), true),
        (compare(Lt, 5), compare(Eq, 4), false),
        (compare(Ge, 5), compare(Lt, 5), true),
        (compare(Ge, 5), compare(Le, 5), false),
        (compare(Gt, 5), compare(Gt, 9), false),
        (compare(Lt, 5), Test::Unknown, true),
        (compare(Lt, 5), Test::IsNull, true),
        (compare(Lt, 5), Test::IsNotNull, false),
    ];
    for (given, wanted, expected) in cases {
        let found = contradict(&[on(1, given.clone())], &[on(1, wanted.clone())]);
        assert_eq!(found, expected, "{given:?} {wanted:?}");
        assert!(!contradict(&[on(1, given)], &[on(2, Test::IsNotNull)]));
    }
}

#[test]
fn a_list_contradicts_when_each_of_its_values_does() {
    let list = |values: &[i64]| Test::In {
        values: values.iter().map(|value| Bound::Int(*value)).collect(),
        or_null: false,
    };
    let filter = [on(1, compare(CompareOp::Lt, 5))];
    assert!(contradict(&filter, &[on(1, list(&[5, 6]))]));
    assert!(!contradict(&filter, &[on(1, list(&[4, 6]))]));
    assert!(contradict(&filter, &[on(1, list(&[]))]));
    // Bounds of different kinds say nothing.
    let text = Test::Compare(CompareOp::Eq, Bound::Bytes(b"x".to_vec()));
    assert!(!contradict(&filter, &[on(1, text)]));
}
