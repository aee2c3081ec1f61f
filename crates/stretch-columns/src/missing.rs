//! The value that rows show in a column which their segment lacks: it was added later, with a default of that time.

use crate::stored::Reading;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use std::sync::Arc;
use stretch_segment::{date_to_parquet, timestamp_to_parquet};

/// One value, in the form in which a segment would store it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    Float32(f32),
    Float64(f64),
    /// Days of PostgreSQL's calendar.
    Date(i32),
    /// Microseconds of PostgreSQL's epoch.
    Timestamp(i64),
    /// The same in UTC.
    TimestampTz(i64),
    Uuid([u8; 16]),
    /// What numeric's send function writes.
    Numeric(Vec<u8>),
    Text(String),
    Bytes(Vec<u8>),
    /// What the output function of the type wrote, in the encoding of the database.
    Written(Vec<u8>),
}

impl Value {
    /// A column of this one value, and how it is read.
    pub fn column(&self) -> (ArrayRef, Reading) {
        match self {
            Self::Bool(value) => (Arc::new(BooleanArray::from(vec![*value])), Reading::Bool),
            Self::Int16(value) => (Arc::new(Int16Array::from(vec![*value])), Reading::Int16),
            Self::Int32(value) => (Arc::new(Int32Array::from(vec![*value])), Reading::Int32),
            Self::Int64(value) => (Arc::new(Int64Array::from(vec![*value])), Reading::Int64),
            Self::Float32(value) => (Arc::new(Float32Array::from(vec![*value])), Reading::Float32),
            Self::Float64(value) => (Arc::new(Float64Array::from(vec![*value])), Reading::Float64),
            Self::Date(days) => {
                let array = Date32Array::from(vec![date_to_parquet(*days)]);
                (Arc::new(array), Reading::Date)
            }
            Self::Timestamp(micros) => (Arc::new(timestamps(*micros)), Reading::Timestamp),
            Self::TimestampTz(micros) => (Arc::new(timestamps(*micros).with_timezone("UTC")), Reading::Timestamp),
            Self::Uuid(bytes) => (
                Arc::new(FixedSizeBinaryArray::new(16, bytes.to_vec().into(), None)),
                Reading::Uuid,
            ),
            Self::Numeric(wire) => (binary(wire), Reading::NumericWire),
            Self::Text(text) => (Arc::new(StringArray::from(vec![text.as_str()])), Reading::Text),
            Self::Bytes(bytes) => (binary(bytes), Reading::Bytes),
            Self::Written(bytes) => (binary(bytes), Reading::Input),
        }
    }
}

fn timestamps(micros: i64) -> TimestampMicrosecondArray {
    TimestampMicrosecondArray::from(vec![timestamp_to_parquet(micros)])
}

fn binary(bytes: &[u8]) -> ArrayRef {
    Arc::new(BinaryArray::from(vec![bytes]))
}

#[cfg(test)]
mod tests;
