//! The Arrow and Parquet schema of a segment.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit as ArrowTimeUnit};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::schema::types::{SchemaDescriptor, Type};

use crate::buffer::{ColumnBuffer, Values};
use crate::error::SegmentError;
use crate::types::{ColumnSpec, ColumnType, StoredType};

/// How this segment stores a column, once all its values are known.
pub(crate) fn stored_type(column: &ColumnBuffer) -> StoredType {
    match column.ty() {
        ColumnType::Bool => StoredType::Bool,
        ColumnType::Int2 => StoredType::Int16,
        ColumnType::Int4 => StoredType::Int32,
        ColumnType::Int8 => StoredType::Int64,
        ColumnType::Float4 => StoredType::Float32,
        ColumnType::Float8 => StoredType::Float64,
        ColumnType::Numeric { precision, scale } => match column.values() {
            Values::Decimal(_) => StoredType::Decimal128 { precision, scale },
            _ => StoredType::NumericWire,
        },
        ColumnType::Text if column.byte_values().is_some_and(|b| b.is_utf8()) => StoredType::Utf8,
        ColumnType::Text | ColumnType::Bytea | ColumnType::Opaque => StoredType::Binary,
        ColumnType::Date => StoredType::Date32,
        ColumnType::Timestamp => StoredType::Timestamp,
        ColumnType::TimestampTz => StoredType::TimestampTz,
        ColumnType::Uuid => StoredType::Uuid,
    }
}

/// The Arrow type that a column is encoded from and decoded to.
pub(crate) fn arrow_type(stored: StoredType) -> DataType {
    match stored {
        StoredType::Bool => DataType::Boolean,
        StoredType::Int16 => DataType::Int16,
        StoredType::Int32 => DataType::Int32,
        StoredType::Int64 => DataType::Int64,
        StoredType::Float32 => DataType::Float32,
        StoredType::Float64 => DataType::Float64,
        StoredType::Decimal128 { precision, scale } => DataType::Decimal128(precision, scale as i8),
        StoredType::NumericWire | StoredType::Binary => DataType::Binary,
        StoredType::Utf8 => DataType::Utf8,
        StoredType::Date32 => DataType::Date32,
        StoredType::Timestamp => DataType::Timestamp(ArrowTimeUnit::Microsecond, None),
        StoredType::TimestampTz => DataType::Timestamp(ArrowTimeUnit::Microsecond, Some("UTC".into())),
        StoredType::Uuid => DataType::FixedSizeBinary(16),
    }
}

/// The Arrow schema of a segment; every column may be null.
pub(crate) fn arrow_schema(specs: &[ColumnSpec], stored: &[StoredType]) -> Arc<Schema> {
    let fields: Vec<Field> = specs
        .iter()
        .zip(stored)
        .map(|(spec, stored)| Field::new(&spec.name, arrow_type(*stored), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The Parquet schema of a segment, made by hand so that it carries field ids and the UUID type.
pub(crate) fn parquet_schema(specs: &[ColumnSpec], stored: &[StoredType]) -> Result<SchemaDescriptor, SegmentError> {
    let fields = specs
        .iter()
        .zip(stored)
        .map(|(spec, stored)| parquet_field(spec, *stored))
        .collect::<Result<_, _>>()?;
    let root = Type::group_type_builder("segment").with_fields(fields).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

fn parquet_field(spec: &ColumnSpec, stored: StoredType) -> Result<Arc<Type>, SegmentError> {
    let (physical, logical, length) = match stored {
        StoredType::Bool => (PhysicalType::BOOLEAN, None, -1),
        StoredType::Int16 => (PhysicalType::INT32, Some(LogicalType::integer(16, true)), -1),
        StoredType::Int32 => (PhysicalType::INT32, None, -1),
        StoredType::Int64 => (PhysicalType::INT64, None, -1),
        StoredType::Float32 => (PhysicalType::FLOAT, None, -1),
        StoredType::Float64 => (PhysicalType::DOUBLE, None, -1),
        StoredType::Decimal128 { precision, scale } => {
            let logical = LogicalType::decimal(i32::from(scale), i32::from(precision));
            match precision {
                0..=9 => (PhysicalType::INT32, Some(logical), -1),
                10..=18 => (PhysicalType::INT64, Some(logical), -1),
                _ => (
                    PhysicalType::FIXED_LEN_BYTE_ARRAY,
                    Some(logical),
                    decimal_bytes(precision),
                ),
            }
        }
        StoredType::NumericWire | StoredType::Binary => (PhysicalType::BYTE_ARRAY, None, -1),
        StoredType::Utf8 => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String), -1),
        StoredType::Date32 => (PhysicalType::INT32, Some(LogicalType::Date), -1),
        StoredType::Timestamp => (
            PhysicalType::INT64,
            Some(LogicalType::timestamp(false, TimeUnit::MICROS)),
            -1,
        ),
        StoredType::TimestampTz => (
            PhysicalType::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
            -1,
        ),
        StoredType::Uuid => (PhysicalType::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid), 16),
    };
    let (precision, scale) = match stored {
        StoredType::Decimal128 { precision, scale } => (i32::from(precision), i32::from(scale)),
        _ => (-1, -1),
    };
    let field = Type::primitive_type_builder(&spec.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .with_length(length)
        .with_precision(precision)
        .with_scale(scale)
        .with_id(Some(spec.field_id))
        .build()?;
    Ok(Arc::new(field))
}

/// Bytes of a two's complement integer that holds `precision` decimal digits.
fn decimal_bytes(precision: u8) -> i32 {
    let largest = 10u128.pow(u32::from(precision)) - 1;
    // One bit more for the sign.
    let bits = u128::BITS - largest.leading_zeros() + 1;
    bits.div_ceil(8) as i32
}
