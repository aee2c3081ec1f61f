//! What rows are grouped by: columns, and what follows from them exactly.

use super::groups::Key;
use crate::conditions::Clause;
use crate::expression::{Expression, Integer};
use crate::numbers::{self, Numbers};
use crate::select::{Truths, clause_truths};
use crate::source::{Source, SourceOf, Unfit};
use crate::stored::Reading;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int16Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_select::zip::zip;
use std::sync::Arc;
use stretch_segment::limits::MAX_DECIMAL_PRECISION;
use stretch_segment::{date_to_parquet, timestamp_to_parquet};

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupKey {
    /// A column as it is.
    Column(i16),
    /// A number of this type.
    Number(Expression, NumberType),
    /// A text, in UTF-8.
    Text(String),
    /// What a condition is.
    Truth(Clause),
    /// NULL in each row.
    Null,
    /// The first of these whose condition is true, else the last: values of one type, whose reading does not depend on
    /// the value.
    Case(Vec<(Clause, GroupKey)>, Box<GroupKey>),
    /// The first of these that is not NULL: values as those of `Case`.
    Coalesce(Vec<GroupKey>),
}

/// Types of numbers, as they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberType {
    Integer(Integer),
    Numeric,
    Date,
    Timestamp,
}

impl GroupKey {
    /// About how many values it has at most, for costs; `None` where nothing is known but how many its columns have.
    pub fn most(&self) -> Option<f64> {
        match self {
            Self::Column(_) => None,
            Self::Number(expression, _) => expression.most(),
            Self::Text(_) | Self::Null => Some(1.0),
            Self::Truth(_) => Some(3.0),
            Self::Case(cases, otherwise) => {
                let cases: Option<f64> = cases.iter().map(|(_, value)| value.most()).sum();
                Some(cases? + otherwise.most()?)
            }
            Self::Coalesce(values) => values.iter().map(Self::most).sum(),
        }
    }

    /// Its values in a batch of so many rows.
    pub(super) fn values(&self, rows: usize, source_of: &SourceOf<'_>) -> Result<Key, Unfit> {
        match self {
            Self::Column(attribute) => match source_of(*attribute) {
                Source::Decoded(column) if column.array.len() == rows => Ok(Key {
                    reading: Some(column.reading),
                    array: arrow_array::make_array(column.array.to_data()),
                }),
                Source::Missing => Ok(nothing(rows)),
                Source::Decoded(_) | Source::Constant(_) | Source::NotDecoded => Err(Unfit),
            },
            Self::Number(expression, kind) => {
                let numbers = numbers::of_expression(expression, rows, source_of)?;
                shown(rows, &numbers, *kind)
            }
            Self::Text(text) => Ok(Key {
                reading: Some(Reading::Text),
                array: Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows))),
            }),
            Self::Truth(clause) => {
                let truths = truths(rows, clause, source_of)?;
                let values = (0..rows).map(|row| truths.get(row));
                Ok(Key {
                    reading: Some(Reading::Bool),
                    array: Arc::new(values.collect::<BooleanArray>()),
                })
            }
            Self::Null => Ok(nothing(rows)),
            Self::Case(cases, otherwise) => {
                // From behind: each case takes its rows from those after it.
                let last = otherwise.values(rows, source_of)?;
                cases.iter().rev().try_fold(last, |rest, (clause, value)| {
                    let truths = truths(rows, clause, source_of)?;
                    choose(truths.yes().clone(), value.values(rows, source_of)?, rest)
                })
            }
            Self::Coalesce(values) => values.iter().rev().try_fold(nothing(rows), |rest, value| {
                let value = value.values(rows, source_of)?;
                let is_known = match value.reading {
                    None => BooleanBuffer::new_unset(rows),
                    Some(_) => value
                        .array
                        .nulls()
                        .map_or(BooleanBuffer::new_set(rows), |valid| valid.inner().clone()),
                };
                choose(is_known, value, rest)
            }),
        }
    }
}

/// NULL in each row.
fn nothing(rows: usize) -> Key {
    Key {
        reading: None,
        array: arrow_array::new_null_array(&arrow_schema::DataType::Null, rows),
    }
}

fn truths(rows: usize, clause: &Clause, source_of: &SourceOf<'_>) -> Result<Truths, Unfit> {
    clause_truths(rows, clause, source_of).ok_or(Unfit)
}

/// The first where the rows are set, else the second.
fn choose(rows: BooleanBuffer, first: Key, second: Key) -> Result<Key, Unfit> {
    let reading = match (first.reading, second.reading) {
        (a, None) => a,
        (None, b) => b,
        (a, b) if a == b => a,
        // Numerics of different scales are told apart, which a column of them cannot show.
        _ => return Err(Unfit),
    };
    // What a function of its type has to read has a type of its own.
    if matches!(reading, Some(Reading::Receive | Reading::Input)) {
        return Err(Unfit);
    }
    let mask = BooleanArray::new(rows, None);
    let like = |key: Key, other: &ArrayRef| match key.reading {
        None => arrow_array::new_null_array(other.data_type(), mask.len()),
        Some(_) => key.array,
    };
    let (a, b) = (first.array.clone(), second.array.clone());
    let (first, second) = (like(first, &b), like(second, &a));
    let array = zip(&mask, &first, &second).map_err(|_| Unfit)?;
    Ok(Key { reading, array })
}

/// Numbers as a column of their type has them.
fn shown(rows: usize, numbers: &Numbers, kind: NumberType) -> Result<Key, Unfit> {
    let valid = match &numbers.valid {
        Some(valid) if valid.len() != rows => return Err(Unfit),
        valid => valid.clone(),
    };
    let (reading, array): (Reading, ArrayRef) = match kind {
        NumberType::Integer(Integer::Int2) => {
            let values: Vec<i16> = all(rows, numbers)?;
            (Reading::Int16, Arc::new(Int16Array::new(values.into(), valid)))
        }
        NumberType::Integer(Integer::Int4) => {
            let values: Vec<i32> = all(rows, numbers)?;
            (Reading::Int32, Arc::new(Int32Array::new(values.into(), valid)))
        }
        NumberType::Integer(Integer::Int8) => {
            let values: Vec<i64> = all(rows, numbers)?;
            (Reading::Int64, Arc::new(Int64Array::new(values.into(), valid)))
        }
        NumberType::Numeric => (Reading::Decimal(numbers.scale), decimals(rows, numbers, valid)?),
        NumberType::Date => {
            let days: Vec<i32> = all(rows, numbers)?;
            let days: Vec<i32> = days.into_iter().map(date_to_parquet).collect();
            (Reading::Date, Arc::new(Date32Array::new(days.into(), valid)))
        }
        NumberType::Timestamp => {
            let moments: Vec<i64> = all(rows, numbers)?;
            let moments: Vec<i64> = moments.into_iter().map(timestamp_to_parquet).collect();
            (
                Reading::Timestamp,
                Arc::new(TimestampMicrosecondArray::new(moments.into(), valid)),
            )
        }
    };
    Ok(Key {
        reading: Some(reading),
        array,
    })
}

/// The numbers of all rows in another width; numerics are none of these.
fn all<T: TryFrom<i128>>(rows: usize, numbers: &Numbers) -> Result<Vec<T>, Unfit> {
    if numbers.scale != 0 {
        return Err(Unfit);
    }
    let number = |row| T::try_from(numbers.get(row)).map_err(|_| Unfit);
    (0..rows).map(number).collect()
}

fn decimals(rows: usize, numbers: &Numbers, valid: Option<NullBuffer>) -> Result<ArrayRef, Unfit> {
    let scale = i8::try_from(numbers.scale).map_err(|_| Unfit)?;
    let values: Vec<i128> = (0..rows).map(|row| numbers.get(row)).collect();
    let array = Decimal128Array::new(values.into(), valid);
    let array = array.with_precision_and_scale(MAX_DECIMAL_PRECISION, scale);
    Ok(Arc::new(array.map_err(|_| Unfit)?))
}
