//! Rows of the batch as Arrow arrays.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, OffsetBuffer};

use crate::buffer::{ByteValues, ColumnBuffer, Values};
use crate::epoch::{date_to_parquet, timestamp_to_parquet};
use crate::error::SegmentError;
use crate::types::StoredType;

/// The Arrow array of these input rows.
pub(super) fn gather(column: &ColumnBuffer, stored: StoredType, rows: &[u32]) -> Result<ArrayRef, SegmentError> {
    let nulls = (column.null_count() > 0).then(|| rows.iter().map(|&r| column.is_valid(r as usize)).collect());
    let array: ArrayRef = match column.values() {
        Values::Bool(v) => Arc::new(BooleanArray::new(
            rows.iter().map(|&r| v[r as usize]).collect::<Vec<bool>>().into(),
            nulls,
        )),
        Values::Int2(v) => Arc::new(PrimitiveArray::<Int16Type>::new(pick(v, rows).into(), nulls)),
        Values::Int4(v) if stored == StoredType::Date32 => Arc::new(PrimitiveArray::<Date32Type>::new(
            pick_map(v, rows, date_to_parquet).into(),
            nulls,
        )),
        Values::Int4(v) => Arc::new(PrimitiveArray::<Int32Type>::new(pick(v, rows).into(), nulls)),
        Values::Int8(v) if stored == StoredType::Int64 => {
            Arc::new(PrimitiveArray::<Int64Type>::new(pick(v, rows).into(), nulls))
        }
        Values::Int8(v) => {
            let array =
                PrimitiveArray::<TimestampMicrosecondType>::new(pick_map(v, rows, timestamp_to_parquet).into(), nulls);
            Arc::new(if stored == StoredType::TimestampTz {
                array.with_timezone("UTC")
            } else {
                array
            })
        }
        Values::Float4(v) => Arc::new(PrimitiveArray::<Float32Type>::new(pick(v, rows).into(), nulls)),
        Values::Float8(v) => Arc::new(PrimitiveArray::<Float64Type>::new(pick(v, rows).into(), nulls)),
        Values::Decimal(v) => {
            let array = PrimitiveArray::<Decimal128Type>::new(pick(v, rows).into(), nulls);
            match stored {
                StoredType::Decimal128 { precision, scale } => {
                    Arc::new(array.with_precision_and_scale(precision, scale as i8)?)
                }
                _ => Arc::new(array),
            }
        }
        Values::NumericWire(v) | Values::Bytes(v) => gather_bytes(v, column, stored, rows, nulls)?,
    };
    Ok(array)
}

fn pick<T: ArrowNativeType>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&r| values[r as usize]).collect()
}

fn pick_map<T: ArrowNativeType>(values: &[T], rows: &[u32], f: fn(T) -> T) -> Vec<T> {
    rows.iter().map(|&r| f(values[r as usize])).collect()
}

fn gather_bytes(
    values: &ByteValues,
    column: &ColumnBuffer,
    stored: StoredType,
    rows: &[u32],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, SegmentError> {
    if stored == StoredType::Uuid {
        let mut data = Vec::with_capacity(rows.len() * 16);
        for &row in rows {
            let row = row as usize;
            data.extend_from_slice(if column.is_valid(row) {
                values.get(row)
            } else {
                &[0; 16]
            });
        }
        return Ok(Arc::new(FixedSizeBinaryArray::try_new(16, data.into(), nulls)?));
    }
    let length: usize = rows.iter().map(|&r| values.len_of(r as usize)).sum();
    // The cut of row groups guarantees this; an i32 offset past its end would panic.
    if length > i32::MAX as usize {
        return Err(SegmentError::TooLarge {
            what: "a column of a row group in bytes",
            got: length as u64,
            limit: i32::MAX as u64,
        });
    }
    let mut data = Vec::with_capacity(length);
    for &row in rows {
        data.extend_from_slice(values.get(row as usize));
    }
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|&r| values.len_of(r as usize)));
    let data = Buffer::from_vec(data);
    Ok(match stored {
        StoredType::Utf8 => Arc::new(StringArray::try_new(offsets, data, nulls)?),
        _ => Arc::new(BinaryArray::try_new(offsets, data, nulls)?),
    })
}
