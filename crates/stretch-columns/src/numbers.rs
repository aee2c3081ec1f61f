//! Numbers of a batch at one scale, with bounds that hold for each of them, so that what is computed of them is proven
//! to fit before it is computed.

mod compute;
pub(crate) mod interval;

pub(crate) use compute::of_expression;

use crate::expression::Arithmetic;
use crate::source::{Column, Unfit};
use crate::stored::Reading;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_buffer::NullBuffer;
use stretch_segment::{date_from_parquet, timestamp_from_parquet};

/// The numbers themselves, unscaled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unscaled {
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
    /// The same in each row.
    Constant(i128),
}

/// One number per row. Rows that are not valid hold some number within the bounds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    pub unscaled: Unscaled,
    /// Digits behind the point; 0 for integers, days and microseconds.
    pub scale: u8,
    pub valid: Option<NullBuffer>,
    /// No number is less than the first or greater than the second.
    pub bounds: (i128, i128),
    /// Both bounds are numbers of rows.
    pub is_exact: bool,
}

impl Numbers {
    /// The same number in each row.
    pub fn constant(value: i128, scale: u8) -> Self {
        Self {
            unscaled: Unscaled::Constant(value),
            scale,
            valid: None,
            bounds: (value, value),
            is_exact: true,
        }
    }

    /// NULL in each row.
    pub fn missing(rows: usize) -> Self {
        Self {
            valid: Some(NullBuffer::new_null(rows)),
            ..Self::constant(0, 0)
        }
    }

    /// The numbers of a column.
    pub fn of(column: &Column<'_>) -> Result<Self, Unfit> {
        let array = column.array;
        let valid = array.nulls().cloned();
        let narrow = |values: Vec<i64>| Self::narrow(values, 0, valid.clone());
        Ok(match column.reading {
            Reading::Int16 => {
                let values = array.as_primitive_opt::<Int16Type>().ok_or(Unfit)?.values();
                narrow(values.iter().map(|value| i64::from(*value)).collect())
            }
            Reading::Int32 => {
                let values = array.as_primitive_opt::<Int32Type>().ok_or(Unfit)?.values();
                narrow(values.iter().map(|value| i64::from(*value)).collect())
            }
            Reading::Int64 => narrow(array.as_primitive_opt::<Int64Type>().ok_or(Unfit)?.values().to_vec()),
            Reading::Date => {
                let values = array.as_primitive_opt::<Date32Type>().ok_or(Unfit)?.values();
                narrow(values.iter().map(|value| date_from_parquet(*value).into()).collect())
            }
            Reading::Timestamp => {
                let values = array
                    .as_primitive_opt::<TimestampMicrosecondType>()
                    .ok_or(Unfit)?
                    .values();
                narrow(values.iter().map(|value| timestamp_from_parquet(*value)).collect())
            }
            Reading::Decimal(scale) => {
                let values = array.as_primitive_opt::<Decimal128Type>().ok_or(Unfit)?.values();
                Self::wide(values.to_vec(), scale, valid)
            }
            _ => return Err(Unfit),
        })
    }

    /// From numbers of 64 bits.
    pub fn narrow(values: Vec<i64>, scale: u8, valid: Option<NullBuffer>) -> Self {
        let (least, greatest) = ends(&values);
        Self {
            unscaled: Unscaled::Narrow(values),
            scale,
            valid,
            bounds: (least.into(), greatest.into()),
            is_exact: true,
        }
    }

    /// From numbers of 128 bits, which are made narrow where all fit.
    pub fn wide(values: Vec<i128>, scale: u8, valid: Option<NullBuffer>) -> Self {
        let bounds = ends(&values);
        let unscaled = match is_narrow(bounds) {
            // Each lies between bounds that fit.
            true => Unscaled::Narrow(values.iter().map(|value| *value as i64).collect()),
            false => Unscaled::Wide(values),
        };
        Self {
            unscaled,
            scale,
            valid,
            bounds,
            is_exact: true,
        }
    }

    /// The number of a row.
    #[inline]
    pub fn get(&self, row: usize) -> i128 {
        match &self.unscaled {
            Unscaled::Narrow(values) => values[row].into(),
            Unscaled::Wide(values) => values[row],
            Unscaled::Constant(value) => *value,
        }
    }

    /// The largest of the numbers without their signs; `None` where it has more than 127 bits.
    pub fn magnitude(&self) -> Option<i128> {
        Some(self.bounds.0.checked_abs()?.max(self.bounds.1.checked_abs()?))
    }

    /// What an operation makes of each number: integers between these bounds.
    pub fn mapped(&self, bounds: (i128, i128), of: impl Fn(i128) -> i128) -> Self {
        let unscaled = match &self.unscaled {
            Unscaled::Constant(value) => Unscaled::Constant(of(*value)),
            Unscaled::Narrow(values) if is_narrow(bounds) => {
                Unscaled::Narrow(values.iter().map(|value| of((*value).into()) as i64).collect())
            }
            Unscaled::Narrow(values) => Unscaled::Wide(values.iter().map(|value| of((*value).into())).collect()),
            Unscaled::Wide(values) => Unscaled::Wide(values.iter().map(|value| of(*value)).collect()),
        };
        Self {
            unscaled,
            scale: 0,
            valid: self.valid.clone(),
            bounds,
            is_exact: false,
        }
    }

    /// Whether no row has a value.
    pub fn is_missing(&self, rows: usize) -> bool {
        self.valid.as_ref().is_some_and(|valid| valid.null_count() == rows)
    }

    /// The same numbers with more digits behind the point.
    pub fn at_scale(self, scale: u8) -> Result<Self, Unfit> {
        if scale == self.scale {
            return Ok(self);
        }
        let more = scale.checked_sub(self.scale).ok_or(Unfit)?;
        let factor = Self::constant(10i128.checked_pow(more.into()).ok_or(Unfit)?, 0);
        let mut moved = combine(
            &self,
            &factor,
            Arithmetic::Times,
            |a, b| a.wrapping_mul(b),
            |a, b| a.wrapping_mul(b),
        )?;
        moved.scale = scale;
        Ok(moved)
    }
}

/// The least and the greatest; zeros without any.
fn ends<T: Copy + Ord + Default>(values: &[T]) -> (T, T) {
    let Some(first) = values.first() else {
        return (T::default(), T::default());
    };
    values.iter().fold((*first, *first), |(least, greatest), value| {
        (least.min(*value), greatest.max(*value))
    })
}

/// Whether numbers between these bounds have at most 64 bits.
pub(crate) fn is_narrow(bounds: (i128, i128)) -> bool {
    i64::try_from(bounds.0).is_ok() && i64::try_from(bounds.1).is_ok()
}

/// Combines numbers row by row. Where the results at the bounds of the operands fit, all do, and operations are used
/// that do not check. The scale is left at 0.
fn combine(
    a: &Numbers,
    b: &Numbers,
    operator: Arithmetic,
    narrow: impl Fn(i64, i64) -> i64,
    wide: impl Fn(i128, i128) -> i128,
) -> Result<Numbers, Unfit> {
    let bounds = operator.bounds(a.bounds, b.bounds).ok_or(Unfit)?;
    let fits = is_narrow(bounds) && is_narrow(a.bounds) && is_narrow(b.bounds);
    let unscaled = match (&a.unscaled, &b.unscaled) {
        (Unscaled::Constant(a), Unscaled::Constant(b)) => Unscaled::Constant(wide(*a, *b)),
        (Unscaled::Narrow(a), Unscaled::Narrow(b)) if fits => {
            Unscaled::Narrow(a.iter().zip(b).map(|(a, b)| narrow(*a, *b)).collect())
        }
        (Unscaled::Narrow(a), Unscaled::Constant(b)) if fits => {
            let b = *b as i64;
            Unscaled::Narrow(a.iter().map(|a| narrow(*a, b)).collect())
        }
        (Unscaled::Constant(a), Unscaled::Narrow(b)) if fits => {
            let a = *a as i64;
            Unscaled::Narrow(b.iter().map(|b| narrow(a, *b)).collect())
        }
        _ => {
            let rows = length(&a.unscaled).or(length(&b.unscaled)).unwrap_or_default();
            Unscaled::Wide((0..rows).map(|row| wide(a.get(row), b.get(row))).collect())
        }
    };
    let valid = NullBuffer::union(a.valid.as_ref(), b.valid.as_ref());
    Ok(Numbers {
        unscaled,
        scale: 0,
        valid,
        bounds,
        is_exact: false,
    })
}

fn length(unscaled: &Unscaled) -> Option<usize> {
    match unscaled {
        Unscaled::Narrow(values) => Some(values.len()),
        Unscaled::Wide(values) => Some(values.len()),
        Unscaled::Constant(_) => None,
    }
}

#[cfg(test)]
mod tests;
