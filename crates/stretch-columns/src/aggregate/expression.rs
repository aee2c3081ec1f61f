//! Expressions over columns whose values are numbers, computed as the server computes them or not at all.

use super::numbers::{Numbers, combine};
use super::source::{SourceOf, Unfit};
use crate::select::Source;
use crate::stored::Reading;
use arrow_array::{Array, StringArray};

/// Integer types, by which results are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integer {
    Int2,
    Int4,
    Int8,
}

/// Operators of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    Plus,
    Minus,
    Times,
}

/// An expression over the columns of one row. NULL in any part makes it NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A column of integers, numerics, dates or timestamps, by its attribute.
    Column(i16),
    /// A constant: unscaled, and the digits behind its point.
    Constant(i128, u8),
    /// With integers the result must be one of this type.
    Integers(Arithmetic, Integer, Box<(Expression, Expression)>),
    /// The result of numerics has the digits that the server gives it: those of the operands together for a product,
    /// else those of the operand that has more.
    Numerics(Arithmetic, Box<(Expression, Expression)>),
    /// The number of characters of a text in UTF-8.
    Length(i16),
}

impl Expression {
    /// Its number in each of `rows` rows.
    pub(super) fn numbers(&self, rows: usize, source_of: &SourceOf<'_>) -> Result<Numbers, Unfit> {
        match self {
            Self::Column(attribute) => match source_of(*attribute) {
                Source::Decoded(column) if column.array.len() == rows => Numbers::of(&column),
                Source::Missing => Ok(Numbers::missing(rows)),
                Source::Decoded(_) | Source::Constant(_) | Source::NotDecoded => Err(Unfit),
            },
            Self::Constant(value, scale) => Ok(Numbers::constant(*value, *scale)),
            Self::Integers(operator, kind, operands) => {
                let (a, b) = (
                    operands.0.numbers(rows, source_of)?,
                    operands.1.numbers(rows, source_of)?,
                );
                let result = compute(*operator, &a, &b)?;
                let (least, greatest) = kind.range();
                match result.bounds.0 >= least && result.bounds.1 <= greatest {
                    true => Ok(result),
                    false => Err(Unfit),
                }
            }
            Self::Numerics(operator, operands) => {
                let (a, b) = (
                    operands.0.numbers(rows, source_of)?,
                    operands.1.numbers(rows, source_of)?,
                );
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
            Self::Length(attribute) => match source_of(*attribute) {
                Source::Missing => Ok(Numbers::missing(rows)),
                Source::Decoded(column) if column.reading == Reading::Text && column.text_comparable => {
                    let text = column.array.as_any().downcast_ref::<StringArray>().ok_or(Unfit)?;
                    let lengths = (0..text.len()).map(|row| characters(text.value(row).as_bytes()));
                    Ok(Numbers::narrow(lengths.collect(), 0, text.nulls().cloned()))
                }
                Source::Decoded(_) | Source::Constant(_) | Source::NotDecoded => Err(Unfit),
            },
        }
    }

    /// The attributes of its columns.
    pub fn columns(&self, found: &mut Vec<i16>) {
        match self {
            Self::Column(attribute) | Self::Length(attribute) => found.push(*attribute),
            Self::Constant(..) => {}
            Self::Integers(_, _, operands) | Self::Numerics(_, operands) => {
                operands.0.columns(found);
                operands.1.columns(found);
            }
        }
    }
}

impl Integer {
    fn range(self) -> (i128, i128) {
        match self {
            Self::Int2 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int4 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int8 => (i64::MIN.into(), i64::MAX.into()),
        }
    }
}

fn compute(operator: Arithmetic, a: &Numbers, b: &Numbers) -> Result<Numbers, Unfit> {
    match operator {
        Arithmetic::Plus => combine(a, b, i128::checked_add, i64::wrapping_add, i128::wrapping_add),
        Arithmetic::Minus => combine(a, b, i128::checked_sub, i64::wrapping_sub, i128::wrapping_sub),
        Arithmetic::Times => combine(a, b, i128::checked_mul, i64::wrapping_mul, i128::wrapping_mul),
    }
}

/// Bytes that begin a character.
fn characters(utf8: &[u8]) -> i64 {
    utf8.iter().filter(|byte| (**byte as i8) >= -0x40).count() as i64
}
