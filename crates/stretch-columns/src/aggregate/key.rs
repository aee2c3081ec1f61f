//! What rows are grouped by: columns, and parts of days and moments that follow from them exactly.

use super::calendar::{DAY, Date};
use super::groups::Key;
use super::source::Unfit;
use crate::select::{Column, Source};
use crate::stored::Reading;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Decimal128Array, TimestampMicrosecondArray};
use std::sync::Arc;
use stretch_segment::limits::MAX_DECIMAL_PRECISION;
use stretch_segment::{date_from_parquet, timestamp_from_parquet, timestamp_to_parquet};

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKey {
    /// A column as it is.
    Column(i16),
    /// `date_trunc(unit, timestamp)`: a timestamp.
    Truncated(Unit, i16),
    /// `extract(field FROM date or timestamp)`: a numeric without digits behind the point.
    Extracted(Field, i16),
}

/// What a moment is cut down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    /// That begins on Monday.
    Week,
    Month,
    Quarter,
    Year,
}

/// What is taken out of a day or moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Year,
    Quarter,
    Month,
    Day,
    /// From Sunday, which is 0.
    DayOfWeek,
    /// Of a moment only.
    Hour,
    /// Of a moment only.
    Minute,
}

impl GroupKey {
    /// The column that it follows from.
    pub fn attribute(self) -> i16 {
        match self {
            Self::Column(attribute) | Self::Truncated(_, attribute) | Self::Extracted(_, attribute) => attribute,
        }
    }

    /// About how many values it has at most, in a century where it has no end by itself: for costs. The server takes as
    /// many as the column has. `None` where that is all that is known.
    pub fn most(self) -> Option<f64> {
        match self {
            Self::Column(_) | Self::Truncated(Unit::Second | Unit::Minute | Unit::Hour | Unit::Day, _) => None,
            Self::Truncated(Unit::Week, _) => Some(5_218.0),
            Self::Truncated(Unit::Month, _) => Some(1_200.0),
            Self::Truncated(Unit::Quarter, _) => Some(400.0),
            Self::Truncated(Unit::Year, _) | Self::Extracted(Field::Year, _) => Some(100.0),
            Self::Extracted(Field::Quarter, _) => Some(4.0),
            Self::Extracted(Field::Month, _) => Some(12.0),
            Self::Extracted(Field::Day, _) => Some(31.0),
            Self::Extracted(Field::DayOfWeek, _) => Some(7.0),
            Self::Extracted(Field::Hour, _) => Some(24.0),
            Self::Extracted(Field::Minute, _) => Some(60.0),
        }
    }

    /// Its values in a batch of so many rows.
    pub(super) fn values(self, rows: usize, source: Source<'_>) -> Result<Key, Unfit> {
        let column = match source {
            Source::Decoded(column) if column.array.len() == rows => column,
            Source::Missing => {
                return Ok(Key {
                    reading: None,
                    array: arrow_array::new_null_array(&arrow_schema::DataType::Null, rows),
                });
            }
            Source::Decoded(_) | Source::Constant(_) | Source::NotDecoded => return Err(Unfit),
        };
        let (reading, array): (Reading, ArrayRef) = match self {
            Self::Column(_) => (column.reading, arrow_array::make_array(column.array.to_data())),
            Self::Truncated(unit, _) => (Reading::Timestamp, truncated(unit, &column)?),
            Self::Extracted(field, _) => (Reading::Decimal(0), extracted(field, &column)?),
        };
        Ok(Key {
            reading: Some(reading),
            array,
        })
    }
}

/// Moments in microseconds since 2000. Infinite ones, and those before the year 1, are for the server: they have rules
/// of their own.
fn moment(micros: i64) -> Result<i64, Unfit> {
    let is_known = micros != i64::MIN && micros != i64::MAX && Date::of(micros.div_euclid(DAY)).year > 0;
    is_known.then_some(micros).ok_or(Unfit)
}

fn truncated(unit: Unit, column: &Column<'_>) -> Result<ArrayRef, Unfit> {
    if column.reading != Reading::Timestamp {
        return Err(Unfit);
    }
    let array = column
        .array
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or(Unfit)?;
    let values = array.iter().map(|value| {
        let Some(value) = value else { return Ok(None) };
        let micros = moment(timestamp_from_parquet(value))?;
        Ok(Some(timestamp_to_parquet(cut(unit, micros))))
    });
    let values = values.collect::<Result<Vec<Option<i64>>, Unfit>>()?;
    Ok(Arc::new(TimestampMicrosecondArray::from(values)))
}

fn cut(unit: Unit, micros: i64) -> i64 {
    let day = micros.div_euclid(DAY);
    let first_of = |date: Date| Date { day: 1, ..date }.number() * DAY;
    let date = || Date::of(day);
    match unit {
        Unit::Second => micros - micros.rem_euclid(1_000_000),
        Unit::Minute => micros - micros.rem_euclid(60_000_000),
        Unit::Hour => micros - micros.rem_euclid(3_600_000_000),
        Unit::Day => day * DAY,
        // Day 0 is a Saturday.
        Unit::Week => (day - (day + 5).rem_euclid(7)) * DAY,
        Unit::Month => first_of(date()),
        Unit::Quarter => {
            let date = date();
            first_of(Date {
                month: (date.month - 1) / 3 * 3 + 1,
                ..date
            })
        }
        Unit::Year => first_of(Date { month: 1, ..date() }),
    }
}

fn extracted(field: Field, column: &Column<'_>) -> Result<ArrayRef, Unfit> {
    let values: Result<Vec<Option<i128>>, Unfit> = match column.reading {
        Reading::Timestamp => {
            let array = column
                .array
                .as_primitive_opt::<TimestampMicrosecondType>()
                .ok_or(Unfit)?;
            let part = |value: i64| Ok(part(field, moment(timestamp_from_parquet(value))?).into());
            array.iter().map(|value| value.map(part).transpose()).collect()
        }
        Reading::Date if !matches!(field, Field::Hour | Field::Minute) => {
            let array = column.array.as_primitive_opt::<Date32Type>().ok_or(Unfit)?;
            let part = |value: i32| {
                let day = date_from_parquet(value);
                let is_known = day != i32::MIN && day != i32::MAX && Date::of(day.into()).year > 0;
                is_known.then(|| part(field, i64::from(day) * DAY).into()).ok_or(Unfit)
            };
            array.iter().map(|value| value.map(part).transpose()).collect()
        }
        _ => Err(Unfit),
    };
    let array = Decimal128Array::from(values?);
    let array = array
        .with_precision_and_scale(MAX_DECIMAL_PRECISION, 0)
        .map_err(|_| Unfit)?;
    Ok(Arc::new(array))
}

fn part(field: Field, micros: i64) -> i64 {
    let day = micros.div_euclid(DAY);
    match field {
        Field::Year => Date::of(day).year,
        Field::Quarter => (Date::of(day).month - 1) / 3 + 1,
        Field::Month => Date::of(day).month,
        Field::Day => Date::of(day).day,
        Field::DayOfWeek => (day + 6).rem_euclid(7),
        Field::Hour => micros.rem_euclid(DAY) / 3_600_000_000,
        Field::Minute => micros.rem_euclid(3_600_000_000) / 60_000_000,
    }
}
