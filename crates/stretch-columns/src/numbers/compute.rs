//! The numbers of an expression, computed as the server computes them or not at all.

use super::{Numbers, combine};
use crate::calendar::{DAY, Field, cut, is_plain_day, is_plain_moment, part};
use crate::expression::{Arithmetic, Division, Expression, Integer};
use crate::source::{Column, Source, Unfit};
use crate::stored::Reading;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrowPrimitiveType, StringArray};
use stretch_segment::{date_from_parquet, timestamp_from_parquet};

/// Its number in each of `rows` rows.
pub(crate) fn of_expression<'a>(
    of: &Expression,
    rows: usize,
    source_of: &dyn Fn(i16) -> Source<'a>,
) -> Result<Numbers, Unfit> {
    let of_column = |attribute: i16, numbers: &dyn Fn(&Column<'_>) -> Result<Numbers, Unfit>| match source_of(attribute)
    {
        Source::Decoded(column) if column.array.len() == rows => numbers(&column),
        Source::Missing => Ok(Numbers::missing(rows)),
        Source::Decoded(_) | Source::Constant(_) | Source::NotDecoded => Err(Unfit),
    };
    match of {
        Expression::Column(attribute) => of_column(*attribute, &Numbers::of),
        Expression::Constant(value, scale) => Ok(Numbers::constant(*value, *scale)),
        Expression::Integers(operator, kind, operands) => {
            let a = of_expression(&operands.0, rows, source_of)?;
            let b = of_expression(&operands.1, rows, source_of)?;
            checked(compute(*operator, &a, &b)?, *kind)
        }
        Expression::Divided(division, kind, operand, divisor) => {
            let of = of_expression(operand, rows, source_of)?;
            checked(divided(*division, &of, *divisor)?, *kind)
        }
        Expression::Numerics(operator, operands) => {
            let a = of_expression(&operands.0, rows, source_of)?;
            let b = of_expression(&operands.1, rows, source_of)?;
            if *operator == Arithmetic::Times {
                let scale = a.scale.checked_add(b.scale).ok_or(Unfit)?;
                return Ok(Numbers {
                    scale,
                    ..compute(*operator, &a, &b)?
                });
            }
            let scale = a.scale.max(b.scale);
            let (a, b) = (a.at_scale(scale)?, b.at_scale(scale)?);
            Ok(Numbers {
                scale,
                ..compute(*operator, &a, &b)?
            })
        }
        Expression::Length(attribute) => of_column(*attribute, &lengths),
        Expression::Day(attribute) => of_column(*attribute, &|column| {
            of_moments(column, &|micros| micros.div_euclid(DAY))
        }),
        Expression::Truncated(unit, attribute) => {
            of_column(*attribute, &|column| of_moments(column, &|micros| cut(*unit, micros)))
        }
        Expression::Extracted(field, attribute) => of_column(*attribute, &|column| match column.reading {
            Reading::Date if !matches!(field, Field::Hour | Field::Minute) => of_days(column, *field),
            _ => of_moments(column, &|micros| part(*field, micros)),
        }),
    }
}

/// Integers that are all of the type, which is proven by their bounds.
fn checked(numbers: Numbers, kind: Integer) -> Result<Numbers, Unfit> {
    kind.holds(numbers.bounds).then_some(numbers).ok_or(Unfit)
}

fn compute(operator: Arithmetic, a: &Numbers, b: &Numbers) -> Result<Numbers, Unfit> {
    match operator {
        Arithmetic::Plus => combine(a, b, operator, i64::wrapping_add, i128::wrapping_add),
        Arithmetic::Minus => combine(a, b, operator, i64::wrapping_sub, i128::wrapping_sub),
        Arithmetic::Times => combine(a, b, operator, i64::wrapping_mul, i128::wrapping_mul),
    }
}

fn divided(division: Division, of: &Numbers, divisor: i64) -> Result<Numbers, Unfit> {
    // Division by zero is an error of the server, and an integer has no digits behind its point.
    if divisor == 0 || of.scale != 0 {
        return Err(Unfit);
    }
    Ok(of.mapped(division.bounds(of.bounds, divisor), |value| match division {
        Division::Quotient => value.wrapping_div(divisor.into()),
        Division::Remainder => value.wrapping_rem(divisor.into()),
    }))
}

fn lengths(column: &Column<'_>) -> Result<Numbers, Unfit> {
    if column.reading != Reading::Text || !column.text_comparable {
        return Err(Unfit);
    }
    let text = column.array.as_any().downcast_ref::<StringArray>().ok_or(Unfit)?;
    let lengths = (0..text.len()).map(|row| characters(text.value(row).as_bytes()));
    Ok(Numbers::narrow(lengths.collect(), 0, text.nulls().cloned()))
}

/// Bytes that begin a character.
fn characters(utf8: &[u8]) -> i64 {
    utf8.iter().filter(|byte| (**byte as i8) >= -0x40).count() as i64
}

/// What follows from moments, of which all must be plain ones.
fn of_moments(column: &Column<'_>, number: &dyn Fn(i64) -> i64) -> Result<Numbers, Unfit> {
    if column.reading != Reading::Timestamp {
        return Err(Unfit);
    }
    of_values::<TimestampMicrosecondType>(column, &|value| {
        let micros = timestamp_from_parquet(value);
        is_plain_moment(micros).then(|| number(micros)).ok_or(Unfit)
    })
}

fn of_days(column: &Column<'_>, field: Field) -> Result<Numbers, Unfit> {
    of_values::<Date32Type>(column, &|value| {
        let day = date_from_parquet(value);
        let is_plain = is_plain_day(day);
        is_plain.then(|| part(field, i64::from(day) * DAY)).ok_or(Unfit)
    })
}

/// What follows from the values that are not NULL.
fn of_values<T: ArrowPrimitiveType>(
    column: &Column<'_>,
    number: &dyn Fn(T::Native) -> Result<i64, Unfit>,
) -> Result<Numbers, Unfit> {
    let array = column.array.as_primitive_opt::<T>().ok_or(Unfit)?;
    let mut values = Vec::with_capacity(array.len());
    // A row without a value has some number of the others, so that bounds are theirs.
    let mut some = 0;
    for value in array {
        if let Some(value) = value {
            some = number(value)?;
        }
        values.push(some);
    }
    Ok(Numbers::narrow(values, 0, array.nulls().cloned()))
}
