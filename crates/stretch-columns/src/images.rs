//! PostgreSQL images of native values: what datums hold, or point at, without a call into the server per value.
//!
//! A slice of a column becomes either one machine word per row, for types that are passed by value, or one piece of
//! bytes with a place in it per row. The extension copies the bytes once, to where the server allocates (aligned to
//! eight bytes), and adds that address to the places. Values that need a function of their type ([`Reading::Receive`],
//! [`Reading::Input`]) have no image here, nor has text that must be converted; for that see [`bytes_at`] and
//! [`Area::packed`].

mod area;
mod recent;

pub use area::{Area, TooLong};

use crate::stored::Reading;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrowPrimitiveType};
use recent::Recent;
use std::ops::Range;
use stretch_segment::{date_from_parquet, numeric, timestamp_from_parquet};

/// Images of some rows of a column, in their order. Which rows are NULL says the array; their images mean nothing,
/// except that a place of a NULL row is none.
#[derive(Debug)]
pub enum Images {
    /// Passed by value: the datum, extended by its sign, as the server does it.
    Immediate(Vec<u64>),
    /// Passed by reference.
    Placed(Area),
}

/// Why there are no images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The values are read by a function of their type.
    #[error("values of this column are made by a function of their type")]
    NotNative,
    /// The array is not of the type that the way to read it says, or has fewer rows.
    #[error("a column was decoded as another type or has fewer rows than asked for")]
    WrongArray,
    #[error("a stored numeric cannot be read: {0}")]
    Numeric(#[from] numeric::Malformed),
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// Images of `rows` of `array`, which `reading` describes. Text is taken as it is: the caller answers for its being
/// valid in the server's encoding (F37), see [`is_checked_text`]. Those that are passed by reference take the memory of
/// `reuse`.
pub fn images(reading: Reading, array: &dyn Array, rows: Range<usize>, reuse: Area) -> Result<Images, ImageError> {
    if rows.start > rows.end || rows.end > array.len() {
        return Err(ImageError::WrongArray);
    }
    match reading {
        Reading::Bool => {
            let array = array.as_boolean_opt().ok_or(ImageError::WrongArray)?;
            let bits = array.values().slice(rows.start, rows.len());
            Ok(Images::Immediate(bits.iter().map(u64::from).collect()))
        }
        Reading::Int16 => immediate::<Int16Type>(array, rows, |v| i64::from(v) as u64),
        Reading::Int32 => immediate::<Int32Type>(array, rows, |v| i64::from(v) as u64),
        Reading::Int64 => immediate::<Int64Type>(array, rows, |v| v as u64),
        Reading::Float32 => immediate::<Float32Type>(array, rows, |v| i64::from(v.to_bits() as i32) as u64),
        Reading::Float64 => immediate::<Float64Type>(array, rows, f64::to_bits),
        Reading::Date => immediate::<Date32Type>(array, rows, |v| i64::from(date_from_parquet(v)) as u64),
        Reading::Timestamp => immediate::<TimestampMicrosecondType>(array, rows, |v| timestamp_from_parquet(v) as u64),
        Reading::Uuid => {
            let array = array.as_fixed_size_binary_opt().ok_or(ImageError::WrongArray)?;
            placed(array, rows, reuse, |row, area| {
                area.plain(array.value(row));
                Ok(())
            })
        }
        Reading::Decimal(scale) => {
            let array = array
                .as_primitive_opt::<Decimal128Type>()
                .ok_or(ImageError::WrongArray)?;
            let mut digits = Vec::with_capacity(32);
            let mut recent = Recent::default();
            placed(array, rows, reuse, |row, area| {
                let value = array.value(row);
                if let Some(place) = recent.place(value) {
                    area.again(place);
                    return Ok(());
                }
                digits.clear();
                numeric::i128_to_disk(value, scale.into(), &mut digits);
                let place = area.aligned(&digits)?;
                recent.note(value, place);
                Ok(())
            })
        }
        Reading::NumericWire => {
            let array = array.as_binary_opt::<i32>().ok_or(ImageError::WrongArray)?;
            let mut digits = Vec::with_capacity(64);
            placed(array, rows, reuse, |row, area| {
                digits.clear();
                numeric::wire_to_disk(array.value(row), &mut digits)?;
                area.aligned(&digits)?;
                Ok(())
            })
        }
        Reading::Text | Reading::Bytes => {
            if let Some(text) = array.as_string_opt::<i32>() {
                return placed(text, rows, reuse, |row, area| {
                    Ok(area.packed(text.value(row).as_bytes())?)
                });
            }
            let binary = array.as_binary_opt::<i32>().ok_or(ImageError::WrongArray)?;
            placed(binary, rows, reuse, |row, area| Ok(area.packed(binary.value(row))?))
        }
        Reading::Receive | Reading::Input => Err(ImageError::NotNative),
    }
}

/// The bytes of a row of text, bytea, or what a send or output function wrote; `None` for NULL and for other arrays.
pub fn bytes_at(array: &dyn Array, row: usize) -> Option<&[u8]> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    match array.as_string_opt::<i32>() {
        Some(text) => Some(text.value(row).as_bytes()),
        None => array.as_binary_opt::<i32>().map(|binary| binary.value(row)),
    }
}

/// Is this text known to be valid UTF-8? What was stored as plain bytes is in the encoding of the database that wrote
/// it, and the server must verify it before anybody sees it (F37).
pub fn is_checked_text(array: &dyn Array) -> bool {
    array.as_string_opt::<i32>().is_some()
}

fn immediate<T: ArrowPrimitiveType>(
    array: &dyn Array,
    rows: Range<usize>,
    word: impl Fn(T::Native) -> u64,
) -> Result<Images, ImageError> {
    let array = array.as_primitive_opt::<T>().ok_or(ImageError::WrongArray)?;
    Ok(Images::Immediate(
        array.values()[rows].iter().map(|value| word(*value)).collect(),
    ))
}

fn placed(
    array: &dyn Array,
    rows: Range<usize>,
    reuse: Area,
    mut add: impl FnMut(usize, &mut Area) -> Result<(), ImageError>,
) -> Result<Images, ImageError> {
    let mut area = reuse.emptied(rows.len());
    let valid = array.nulls().filter(|nulls| nulls.null_count() > 0);
    for row in rows {
        match valid.is_none_or(|valid| valid.is_valid(row)) {
            true => add(row, &mut area)?,
            false => area.null(),
        }
    }
    Ok(Images::Placed(area))
}

#[cfg(test)]
mod tests;
