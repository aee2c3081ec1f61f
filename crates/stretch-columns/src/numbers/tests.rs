//! Expressions against a loop over rows, and intervals that hold all values.

use super::{interval, of_expression};
use crate::calendar::{DAY, Unit};
use crate::conditions::{Clause, Computed};
use crate::expression::{Arithmetic, Division, Expression, Integer};
use crate::seeded::runner;
use crate::select::clause_truths;
use crate::source::{Column, Source};
use crate::stored::Reading;
use arrow_array::{Array, Int64Array, TimestampMicrosecondArray};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use stretch_segment::{Bound, ColumnStats, CompareOp, timestamp_to_parquet};

type Row = [Option<i64>; 2];

fn integer() -> impl Strategy<Value = Integer> {
    prop_oneof![Just(Integer::Int2), Just(Integer::Int4), Just(Integer::Int8)]
}

fn value() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -20..20i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => -40_000..40_000i64]
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        (0..2i16).prop_map(Expression::Column),
        value().prop_map(|value| Expression::Constant(value.into(), 0)),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let operator = prop_oneof![Just(Arithmetic::Plus), Just(Arithmetic::Minus), Just(Arithmetic::Times)];
        let division = prop_oneof![Just(Division::Quotient), Just(Division::Remainder)];
        let divisor = value().prop_filter("not 0", |divisor| *divisor != 0);
        prop_oneof![
            (operator, integer(), inner.clone(), inner.clone())
                .prop_map(|(operator, kind, a, b)| Expression::Integers(operator, kind, Box::new((a, b)))),
            (division, integer(), inner, divisor).prop_map(|(division, kind, of, divisor)| Expression::Divided(
                division,
                kind,
                Box::new(of),
                divisor
            )),
        ]
    })
}

/// The value of a row, `Ok(None)` for NULL; an error where the server has one.
fn of_row(expression: &Expression, row: &Row) -> Result<Option<i128>, ()> {
    let checked = |value: Option<i128>, kind: &Integer| match value {
        Some(value) if kind.holds((value, value)) => Ok(Some(value)),
        _ => Err(()),
    };
    match expression {
        Expression::Column(attribute) => Ok(row[*attribute as usize].map(i128::from)),
        Expression::Constant(value, _) => Ok(Some(*value)),
        Expression::Integers(operator, kind, operands) => {
            match (of_row(&operands.0, row)?, of_row(&operands.1, row)?) {
                (Some(a), Some(b)) => checked(operator.checked(a, b), kind),
                _ => Ok(None),
            }
        }
        Expression::Divided(division, kind, of, by) => match of_row(of, row)? {
            Some(of) if *division == Division::Quotient => checked(Some(of / i128::from(*by)), kind),
            Some(of) => checked(Some(of % i128::from(*by)), kind),
            None => Ok(None),
        },
        _ => Err(()),
    }
}

fn columns(rows: &[Row]) -> [Int64Array; 2] {
    [0, 1].map(|at| rows.iter().map(|row| row[at]).collect())
}

fn statistics(array: &Int64Array) -> ColumnStats {
    let values = || array.iter().flatten();
    ColumnStats {
        null_count: array.null_count() as u64,
        min: values().min().map(Bound::Int),
        max: values().max().map(Bound::Int),
    }
}

fn decoded(array: &dyn Array, reading: Reading) -> Source<'_> {
    Source::Decoded(Column {
        base_type: crate::exact::oid::INT8,
        reading,
        text_comparable: true,
        array,
    })
}

#[test]
fn integers_are_exact_or_refused() {
    let rows = vec([proptest::option::of(value()), proptest::option::of(value())], 1..20);
    let counts = [0, 0, 0].map(Cell::new);
    runner(2_000)
        .run(&(rows, expression(), value()), |(rows, expression, with)| {
            let arrays = columns(&rows);
            let source = |attribute: i16| decoded(&arrays[attribute as usize], Reading::Int64);
            let values: Result<Vec<_>, ()> = rows.iter().map(|row| of_row(&expression, row)).collect();
            let found = of_expression(&expression, rows.len(), &source);
            let stats = arrays.each_ref().map(statistics);
            let interval = interval::of(&expression, &|attribute| Some(&stats[attribute as usize]));
            if let (Ok(found), Ok(values)) = (&found, &values) {
                for (row, value) in values.iter().enumerate() {
                    let is_valid = found.valid.as_ref().is_none_or(|valid| valid.is_valid(row));
                    prop_assert_eq!(is_valid.then(|| found.get(row)), *value);
                }
            }
            // What would be an error is never computed, nor is it passed over by statistics.
            if values.is_err() {
                prop_assert!(found.is_err() && interval.is_none());
            }
            let clause = Clause::Computed(Computed {
                expression: expression.clone(),
                op: CompareOp::Ge,
                value: Bound::Int(with),
            });
            let truths = clause_truths(rows.len(), &clause, &source);
            if let Ok(values) = &values {
                for (row, value) in values.iter().enumerate() {
                    if let Some(truths) = &truths {
                        prop_assert_eq!(truths.get(row), value.map(|value| value >= with.into()));
                    }
                    if let (Some(interval), Some(value)) = (interval, value) {
                        prop_assert!(interval.bounds.0 <= *value && *value <= interval.bounds.1);
                        let may = interval::may_compare(interval, CompareOp::Ge, &Bound::Int(with));
                        prop_assert!(may || *value < with.into());
                    }
                }
            }
            let met = [found.is_ok(), values.is_err(), interval.is_some()];
            for (count, is_met) in counts.iter().zip(met) {
                count.set(count.get() + usize::from(is_met));
            }
            Ok(())
        })
        .unwrap();
    // Taken, refused for an error, known between bounds.
    let [taken, refused, bounded] = counts.map(Cell::into_inner);
    assert!(
        taken > 300 && refused > 100 && bounded > 200,
        "{taken} {refused} {bounded}"
    );
}

#[test]
fn days_and_months_lie_between_those_of_the_ends() {
    let moments = vec(-1_000 * DAY..10_000 * DAY, 1..20);
    runner(300)
        .run(&moments, |moments| {
            let array =
                TimestampMicrosecondArray::from_iter_values(moments.iter().map(|value| timestamp_to_parquet(*value)));
            let stats = ColumnStats {
                null_count: 0,
                min: moments.iter().min().copied().map(Bound::Int),
                max: moments.iter().max().copied().map(Bound::Int),
            };
            for expression in [Expression::Day(0), Expression::Truncated(Unit::Month, 0)] {
                let found =
                    of_expression(&expression, moments.len(), &|_| decoded(&array, Reading::Timestamp)).unwrap();
                let interval = interval::of(&expression, &|_| Some(&stats)).unwrap();
                for row in 0..moments.len() {
                    let value = found.get(row);
                    prop_assert!(interval.bounds.0 <= value && value <= interval.bounds.1);
                }
            }
            Ok(())
        })
        .unwrap();
    // Infinite moments are for the server.
    let array = TimestampMicrosecondArray::from(vec![timestamp_to_parquet(0), timestamp_to_parquet(i64::MAX)]);
    assert!(of_expression(&Expression::Day(0), 2, &|_| decoded(&array, Reading::Timestamp)).is_err());
    let endless = ColumnStats {
        null_count: 0,
        min: Some(Bound::Int(0)),
        max: Some(Bound::Int(i64::MAX)),
    };
    assert_eq!(interval::of(&Expression::Day(0), &|_| Some(&endless)), None);
}
