//! Selections against a loop over rows that compares one value after the other, and the answers that must not be given.

mod plain;

use super::*;
use crate::exact::oid;
use crate::seeded::runner;
use crate::stored::Reading;
use arrow_array::{ArrayRef, BinaryArray, Decimal128Array, Int32Array, StringArray};
use plain::{KINDS, Kind, Value, holds};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select as one_of;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use stretch_segment::{Bound, CompareOp};

const OPS: [CompareOp; 5] = [
    CompareOp::Lt,
    CompareOp::Le,
    CompareOp::Eq,
    CompareOp::Ge,
    CompareOp::Gt,
];

fn condition(attribute: i16, test: Test) -> Condition {
    Condition {
        attribute,
        text: false,
        test,
    }
}

fn column<'a>(kind: &Kind, array: &'a ArrayRef) -> Column<'a> {
    Column {
        base_type: kind.base_type,
        reading: kind.reading,
        text_comparable: true,
        array: array.as_ref(),
    }
}

fn tests_of(kind: &'static Kind) -> impl Strategy<Value = Test> {
    let bound = || (kind.bounds)().prop_map(|value| value.bound());
    prop_oneof![
        6 => (one_of(OPS.to_vec()), bound()).prop_map(|(op, bound)| Test::Compare(op, bound)),
        3 => (vec(bound(), 0..6), any::<bool>()).prop_map(|(values, or_null)| Test::In { values, or_null }),
        1 => Just(Test::Unknown),
        1 => Just(Test::IsNull),
        1 => Just(Test::IsNotNull),
    ]
}

fn values_of(kind: &'static Kind, rows: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Option<Value>>> {
    let value = prop_oneof![1 => Just(None), 5 => (kind.values)().prop_map(Some)];
    vec(value, rows)
}

#[test]
fn each_type_is_compared_as_row_by_row() {
    let seen = RefCell::new(BTreeMap::<(&str, Option<bool>), usize>::new());
    for kind in &KINDS {
        runner(400)
            .run(
                &(values_of(kind, 0..140), tests_of(kind), 0usize..9),
                |(values, test, cut)| {
                    let cut = cut.min(values.len());
                    // Sliced, so that neither values nor NULLs begin at a whole byte.
                    let array = (kind.array)(&values).slice(cut, values.len() - cut);
                    let source = Source::Decoded(column(kind, &array));
                    let found = truths(array.len(), &condition(1, test.clone()), source);
                    let found = found.ok_or_else(|| TestCaseError::fail(format!("{}: nothing said", kind.name)))?;
                    for (row, value) in values[cut..].iter().enumerate() {
                        let expected = holds(&test, value.as_ref());
                        prop_assert_eq!(found.get(row), expected, "{}: {:?} {:?}", kind.name, value, test);
                        *seen.borrow_mut().entry((kind.name, expected)).or_default() += 1;
                    }
                    Ok(())
                },
            )
            .unwrap();
    }
    let seen = seen.into_inner();
    for kind in &KINDS {
        for truth in [None, Some(false), Some(true)] {
            assert!(
                seen.get(&(kind.name, truth)) > Some(&50),
                "{}: {truth:?} of {seen:?}",
                kind.name
            );
        }
    }
}

/// Plain three-valued logic on one row.
fn of_row(clause: &Clause, row: [Option<&Value>; 2]) -> Option<bool> {
    match clause {
        Clause::Test(condition) => holds(&condition.test, row[condition.attribute as usize]),
        Clause::Computed(_) => unreachable!("none is drawn"),
        Clause::And(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| of_row(part, row)).collect();
            let is_true = parts.iter().all(|part| *part == Some(true));
            (is_true || parts.contains(&Some(false))).then_some(is_true)
        }
        Clause::Or(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| of_row(part, row)).collect();
            let is_false = parts.iter().all(|part| *part == Some(false));
            (is_false || parts.contains(&Some(true))).then_some(!is_false)
        }
        Clause::Not(inner) => of_row(inner, row).map(|truth| !truth),
    }
}

fn clauses() -> impl Strategy<Value = Clause> {
    let test = (0i16..2).prop_flat_map(|attribute| {
        tests_of(&KINDS[attribute as usize]).prop_map(move |test| Clause::Test(condition(attribute, test)))
    });
    test.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Clause::And),
            vec(inner.clone(), 0..4).prop_map(Clause::Or),
            inner.prop_map(|inner| Clause::Not(Box::new(inner))),
        ]
    })
}

#[test]
fn clauses_are_true_false_or_unknown_as_row_by_row() {
    let values = (values_of(&KINDS[0], 40..41), values_of(&KINDS[1], 40..41));
    runner(500)
        .run(&(values, clauses()), |((first, second), clause)| {
            let arrays = [(KINDS[0].array)(&first), (KINDS[1].array)(&second)];
            let source_of = |attribute: i16| {
                let number = attribute as usize;
                Source::Decoded(column(&KINDS[number], &arrays[number]))
            };
            let found = clause_truths(40, &clause, &source_of).unwrap();
            for row in 0..40 {
                let expected = of_row(&clause, [first[row].as_ref(), second[row].as_ref()]);
                prop_assert_eq!(found.get(row), expected, "{:?}", clause);
                prop_assert_eq!(found.yes().value(row), expected == Some(true));
            }
            Ok(())
        })
        .unwrap();
}

fn is_equal(value: i64) -> Test {
    Test::Compare(CompareOp::Eq, Bound::Int(value))
}

#[test]
fn a_column_that_the_segment_lacks_is_null() {
    let list = |values: Vec<Bound>, or_null| Test::In { values, or_null };
    for (test, expected) in [
        (Test::IsNull, Some(true)),
        (Test::IsNotNull, Some(false)),
        (is_equal(1), None),
        (Test::Unknown, None),
        (list(vec![], false), Some(false)),
        (list(vec![], true), None),
        (list(vec![Bound::Int(1)], false), None),
    ] {
        let found = truths(3, &condition(1, test.clone()), Source::Missing).unwrap();
        assert_eq!([0, 1, 2].map(|row| found.get(row)), [expected; 3], "{test:?}");
        assert_eq!(holds(&test, None), expected, "{test:?}");
    }
}

#[test]
fn a_column_of_one_value_is_that_of_every_row() {
    let array: ArrayRef = Arc::new(Int32Array::from(vec![5]));
    let constant = || {
        Source::Constant(Column {
            base_type: oid::INT4,
            reading: Reading::Int32,
            text_comparable: true,
            array: array.as_ref(),
        })
    };
    for (test, expected) in [
        (Test::IsNull, Some(false)),
        (Test::IsNotNull, Some(true)),
        (is_equal(5), Some(true)),
        (is_equal(6), Some(false)),
        (Test::Unknown, None),
    ] {
        for rows in [1, 3] {
            let found = truths(rows, &condition(1, test.clone()), constant()).expect("an answer");
            assert!((0..rows).all(|row| found.get(row) == expected), "{test:?}");
        }
    }
}

#[test]
fn what_is_not_exact_has_no_answer() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b "]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a", b"b"]));
    let text = Test::Compare(CompareOp::Eq, Bound::Bytes(b"b".to_vec()));
    let of = |base_type, reading, array| Column {
        base_type,
        reading,
        text_comparable: true,
        array,
    };
    let decide = |column, test: &Test| truths(2, &condition(1, test.clone()), Source::Decoded(column));
    // Types whose equality is not that of the bytes, and values that their type's own functions wrote.
    let refused = [
        (of(oid::BPCHAR, Reading::Text, texts.as_ref()), &text),
        (of(oid::NAME, Reading::Receive, bytes.as_ref()), &text),
        (of(oid::INET, Reading::Receive, bytes.as_ref()), &text),
        (of(oid::TEXT, Reading::Input, texts.as_ref()), &text),
        (of(oid::INTERVAL, Reading::Bytes, bytes.as_ref()), &text),
    ];
    for (column, test) in refused {
        assert_eq!(decide(column, test), None, "{} {:?}", column.base_type, column.reading);
        // That a value is there needs no comparison.
        assert!(decide(column, &Test::IsNotNull).is_some_and(|truths| truths.get(0) == Some(true)));
    }
    // Values of another kind, also one among many.
    let ints = of(oid::INT4, Reading::Int32, numbers.as_ref());
    assert_eq!(decide(ints, &Test::Compare(CompareOp::Lt, Bound::Float(1.5))), None);
    let mixed = Test::In {
        values: vec![Bound::Int(1), Bound::Decimal(1, 0)],
        or_null: false,
    };
    assert_eq!(decide(ints, &mixed), None);
    // An array of another type or length, or none.
    assert_eq!(
        decide(of(oid::INT8, Reading::Int64, numbers.as_ref()), &is_equal(1)),
        None
    );
    assert_eq!(truths(3, &condition(1, is_equal(1)), Source::Decoded(ints)), None);
    assert_eq!(truths(2, &condition(1, Test::IsNull), Source::NotDecoded), None);
    // A numeric that cannot be read is an error for whoever makes the value, not for us to decide on.
    let numeric = of(oid::NUMERIC, Reading::NumericWire, bytes.as_ref());
    assert_eq!(
        decide(numeric, &Test::Compare(CompareOp::Gt, Bound::Decimal(1, 0))),
        None
    );
}

#[test]
fn values_beyond_128_bits_are_beyond_every_decimal() {
    // No decimal of 38 digits gets to the ends of 128 bits; a damaged one is still ordered rightly.
    let ends = Decimal128Array::from(vec![i128::MIN, 0, i128::MAX]);
    let ends: ArrayRef = Arc::new(ends.with_precision_and_scale(38, 2).unwrap());
    let column = Column {
        base_type: oid::NUMERIC,
        reading: Reading::Decimal(2),
        text_comparable: true,
        array: ends.as_ref(),
    };
    for (value, is_less) in [(i128::MAX, true), (-i128::MAX, false)] {
        let test = Test::Compare(CompareOp::Lt, Bound::Decimal(value, 0));
        let found = truths(3, &condition(1, test), Source::Decoded(column)).unwrap();
        assert_eq!([0, 1, 2].map(|row| found.get(row)), [Some(is_less); 3]);
    }
}

#[test]
fn text_of_another_encoding_has_no_answer() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let text = Condition {
        text: true,
        ..condition(1, Test::Compare(CompareOp::Eq, Bound::Bytes(b"a".to_vec())))
    };
    for text_comparable in [true, false] {
        let column = Column {
            base_type: oid::VARCHAR,
            reading: Reading::Text,
            text_comparable,
            array: texts.as_ref(),
        };
        let found = truths(1, &text, Source::Decoded(column));
        assert_eq!(found.and_then(|truths| truths.get(0)), text_comparable.then_some(true));
    }
}

#[test]
fn a_selection_leaves_open_what_it_cannot_say() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), None, Some(2)]));
    let source_of = |attribute: i16| match attribute {
        1 => Source::Decoded(Column {
            base_type: oid::INT4,
            reading: Reading::Int32,
            text_comparable: false,
            array: numbers.as_ref(),
        }),
        2 => Source::NotDecoded,
        _ => Source::Missing,
    };
    let conditions = [
        condition(2, is_equal(9)).into(),
        condition(1, is_equal(2)).into(),
        condition(3, Test::IsNull).into(),
    ];
    let selection = select(4, &conditions, &source_of);
    assert_eq!(selection.open, [0]);
    assert_eq!(selection.rows.iter().collect::<Vec<_>>(), [false, true, false, true]);
    let not_two = Clause::Not(Box::new(Clause::Test(condition(1, is_equal(2)))));
    assert!(clause_truths(4, &not_two, &source_of).is_some_and(|truths| truths.get(0) == Some(true)));
    let unsaid = Clause::Or(vec![not_two, Clause::Test(condition(2, is_equal(9)))]);
    assert_eq!(clause_truths(4, &unsaid, &source_of), None);
    assert_eq!(select(4, &[], &source_of).rows.count_set_bits(), 4);
}

#[test]
fn what_is_kept_are_the_selected_values() {
    let column: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(4), None]));
    let rows = BooleanBuffer::from(vec![false, true, false, true, false]);
    let keep = Keep::of(&rows).expect("two of five");
    assert_eq!(keep.rows, [1, 3]);
    let kept = keep.values(&column).expect("as many rows");
    assert_eq!(kept.as_ref(), &Int32Array::from(vec![None, Some(4)]) as &dyn Array);
    assert!(Keep::of(&BooleanBuffer::new_set(5)).is_none(), "all rows stay");
    assert_eq!(Keep::of(&BooleanBuffer::new_unset(5)).expect("no row").rows, [0; 0]);
}
