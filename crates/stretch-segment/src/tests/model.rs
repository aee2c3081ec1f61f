//! Values as the tests know them: random columns, pushing, and reading decoded arrays back.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::*;

/// A value in PostgreSQL's representation. Floats are bits, so that equality is bit equality.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    I16(i16),
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    Bytes(Vec<u8>),
    Numeric(Vec<u8>),
}

pub fn spec(i: usize, ty: ColumnType) -> ColumnSpec {
    ColumnSpec {
        field_id: 100 + i as i32,
        name: format!("c.{i}"),
        ty,
        form: ValueForm::Native,
    }
}

pub fn push(buffer: &mut ColumnBuffer, value: &Value) {
    match value {
        Value::Null => buffer.push_null(),
        Value::Bool(v) => buffer.push_bool(*v),
        Value::I16(v) => buffer.push_i16(*v),
        Value::I32(v) => buffer.push_i32(*v),
        Value::I64(v) => buffer.push_i64(*v),
        Value::F32(v) => buffer.push_f32(f32::from_bits(*v)),
        Value::F64(v) => buffer.push_f64(f64::from_bits(*v)),
        Value::Bytes(v) => buffer.push_bytes(v),
        Value::Numeric(v) => buffer.push_numeric(v),
    }
}

pub fn build(types: &[ColumnType], rows: &[Vec<Value>]) -> BatchBuilder {
    let mut batch = BatchBuilder::new(types.iter().enumerate().map(|(i, t)| spec(i, *t)).collect());
    for row in rows {
        for (buffer, value) in batch.columns_mut().iter_mut().zip(row) {
            push(buffer, value);
        }
        batch.end_row();
    }
    batch
}

/// The value of a decoded array, back in PostgreSQL's representation.
pub fn value_at(array: &ArrayRef, stored: StoredType, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let mut disk = Vec::new();
    match stored {
        StoredType::Bool => Value::Bool(array.as_boolean().value(row)),
        StoredType::Int16 => Value::I16(array.as_primitive::<Int16Type>().value(row)),
        StoredType::Int32 => Value::I32(array.as_primitive::<Int32Type>().value(row)),
        StoredType::Int64 => Value::I64(array.as_primitive::<Int64Type>().value(row)),
        StoredType::Float32 => Value::F32(array.as_primitive::<Float32Type>().value(row).to_bits()),
        StoredType::Float64 => Value::F64(array.as_primitive::<Float64Type>().value(row).to_bits()),
        StoredType::Decimal128 { scale, .. } => {
            numeric::i128_to_disk(
                array.as_primitive::<Decimal128Type>().value(row),
                scale.into(),
                &mut disk,
            );
            Value::Numeric(disk)
        }
        StoredType::NumericWire => {
            numeric::wire_to_disk(array.as_binary::<i32>().value(row), &mut disk).unwrap();
            Value::Numeric(disk)
        }
        StoredType::Utf8 => Value::Bytes(array.as_string::<i32>().value(row).as_bytes().to_vec()),
        StoredType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        StoredType::Date32 => Value::I32(date_from_parquet(array.as_primitive::<Date32Type>().value(row))),
        StoredType::Timestamp | StoredType::TimestampTz => Value::I64(timestamp_from_parquet(
            array.as_primitive::<TimestampMicrosecondType>().value(row),
        )),
        StoredType::Uuid => Value::Bytes(array.as_fixed_size_binary().value(row).to_vec()),
    }
}

pub fn chunks_of(reader: &SegmentReader, object: &Bytes, row_group: usize, columns: &[usize]) -> Vec<Bytes> {
    columns
        .iter()
        .map(|&c| {
            let chunk = reader.chunk(row_group, c);
            object.slice(chunk.offset as usize..(chunk.offset + chunk.len) as usize)
        })
        .collect()
}

/// The wanted rows of a column of a row group, after a look at no other bytes than those that hold them.
pub fn checked_pages(
    reader: &SegmentReader,
    object: &Bytes,
    (row_group, column): (usize, usize),
    wanted: &RowRanges,
) -> Result<Checked, SegmentError> {
    let ranges = reader.ranges(row_group, column, Some(wanted));
    let bytes: Vec<Bytes> = ranges
        .iter()
        .map(|r| object.slice(r.start as usize..r.end as usize))
        .collect();
    reader.check(row_group, column, Some(wanted), &bytes)
}

fn expect_rows(found: &[ArrayRef], all: &[ArrayRef], mask: BooleanBuffer) {
    let mask = BooleanArray::new(mask, None);
    for (found, all) in found.iter().zip(all) {
        assert_eq!(found, &arrow_select::filter::filter(all, &mask).unwrap());
    }
}

/// All rows of a segment through the detail's binary form and the reader.
pub fn read_all(segment: &EncodedSegment) -> Vec<Vec<Value>> {
    let detail = SegmentDetail::from_bytes(&segment.detail.to_bytes()).unwrap();
    assert_eq!(detail, segment.detail);
    let reader = SegmentReader::new(detail).unwrap();
    let columns: Vec<usize> = (0..reader.detail().columns.len()).collect();
    let mut rows = Vec::new();
    for (i, group) in reader.row_groups().iter().enumerate() {
        assert_eq!(group.first_row as usize, rows.len());
        let chunks = chunks_of(&reader, &segment.bytes, i, &columns);
        let arrays = reader.decode_row_group(i, &columns, &chunks).unwrap();
        // Some rows alone are the same rows.
        let some = BooleanBuffer::collect_bool(group.rows as usize, |row| row % 7 == 1 || row % 64 == 0);
        let whole =
            |(column, bytes): (&usize, &Bytes)| reader.check(i, *column, None, std::slice::from_ref(bytes)).unwrap();
        let checked: Vec<Checked> = columns.iter().zip(&chunks).map(whole).collect();
        expect_rows(&reader.decode(i, &checked, Some(&some)).unwrap(), &arrays, some);
        // So they are of their pages alone.
        let (a, b) = (group.rows / 3, group.rows / 2 + 1);
        for wanted in [a..b, 0..1, group.rows - 1..group.rows].map(RowRanges::one) {
            let all = BooleanBuffer::new_set(wanted.count());
            let mask = wanted.spread(&all, group.rows as usize);
            let page = |column: &usize| checked_pages(&reader, &segment.bytes, (i, *column), &wanted).unwrap();
            let checked: Vec<Checked> = columns.iter().map(page).collect();
            expect_rows(&reader.decode(i, &checked, Some(&mask)).unwrap(), &arrays, mask);
        }
        for row in 0..group.rows as usize {
            let stored = reader.detail().columns.iter().map(|c| c.stored);
            rows.push(arrays.iter().zip(stored).map(|(a, s)| value_at(a, s, row)).collect());
        }
    }
    rows
}

pub fn numeric(value: i128, dscale: u16) -> Vec<u8> {
    let mut out = Vec::new();
    numeric::i128_to_disk(value, dscale, &mut out);
    out
}

/// A canonical numeric in disk form of any shape, most often one that fits `numeric(12,2)`.
fn numerics(scale: u8) -> BoxedStrategy<Value> {
    prop_oneof![
        40 => (-999_999_999_999i128..=999_999_999_999).prop_map(move |v| numeric(v, scale.into())),
        1 => (any::<i128>(), 0u16..200).prop_map(|(v, s)| numeric(v.saturating_add(1), s)),
        1 => (any::<bool>(), any::<i16>(), 0u16..500, vec(0u16..10_000, 0..30)).prop_map(of_any_shape),
        1 => prop_oneof![Just(0xC000u16), Just(0xD000), Just(0xF000)].prop_map(|w| w.to_ne_bytes().to_vec()),
    ]
    .prop_map(Value::Numeric)
    .boxed()
}

fn of_any_shape((negative, weight, dscale, digits): (bool, i16, u16, Vec<u16>)) -> Vec<u8> {
    let mut wire = Vec::new();
    for word in [
        digits.len() as u16,
        weight as u16,
        if negative { 0x4000 } else { 0 },
        dscale,
    ] {
        wire.extend_from_slice(&word.to_be_bytes());
    }
    wire.extend(digits.iter().flat_map(|d| d.to_be_bytes()));
    let mut disk = Vec::new();
    numeric::wire_to_disk(&wire, &mut disk).unwrap();
    disk
}

pub fn values(ty: ColumnType) -> BoxedStrategy<Value> {
    let some = match ty {
        ColumnType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ColumnType::Int2 => any::<i16>().prop_map(Value::I16).boxed(),
        ColumnType::Int4 => any::<i32>().prop_map(Value::I32).boxed(),
        ColumnType::Int8 => any::<i64>().prop_map(Value::I64).boxed(),
        ColumnType::Float4 => prop_oneof![
            any::<u32>(),
            Just(0x8000_0000),
            Just(0),
            Just(0x7fc0_1234),
            Just(0xff80_0000)
        ]
        .prop_map(Value::F32)
        .boxed(),
        ColumnType::Float8 => prop_oneof![
            any::<u64>(),
            Just(1 << 63),
            Just(0),
            Just(0x7ff8_0000_dead_beef),
            Just(0xfff0 << 48)
        ]
        .prop_map(Value::F64)
        .boxed(),
        ColumnType::Numeric { scale, .. } => numerics(scale),
        ColumnType::Text => prop_oneof![
            20 => ".{0,30}".prop_map(String::into_bytes),
            2 => "[a-é]{60,140}".prop_map(String::into_bytes),
            1 => vec(any::<u8>(), 0..6),
        ]
        .prop_map(Value::Bytes)
        .boxed(),
        ColumnType::Bytea | ColumnType::Opaque => {
            prop_oneof![10 => vec(any::<u8>(), 0..20), 1 => vec(250u8..=255, 60..90)]
                .prop_map(Value::Bytes)
                .boxed()
        }
        ColumnType::Date => prop_oneof![
            any::<i32>(),
            Just(i32::MIN),
            Just(i32::MAX),
            Just(-2_451_545),
            Just(2_145_031_948)
        ]
        .prop_map(Value::I32)
        .boxed(),
        ColumnType::Timestamp | ColumnType::TimestampTz => prop_oneof![
            any::<i64>(),
            Just(i64::MIN),
            Just(i64::MAX),
            Just(-211_813_488_000_000_000),
            Just(9_223_371_331_199_999_999)
        ]
        .prop_map(Value::I64)
        .boxed(),
        ColumnType::Uuid => vec(any::<u8>(), 16).prop_map(Value::Bytes).boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 5 => some].boxed()
}

pub const ALL_TYPES: [ColumnType; 15] = [
    ColumnType::Bool,
    ColumnType::Int2,
    ColumnType::Int4,
    ColumnType::Int8,
    ColumnType::Float4,
    ColumnType::Float8,
    ColumnType::Numeric {
        precision: 12,
        scale: 2,
    },
    ColumnType::Numeric { precision: 0, scale: 0 },
    ColumnType::Text,
    ColumnType::Bytea,
    ColumnType::Date,
    ColumnType::Timestamp,
    ColumnType::TimestampTz,
    ColumnType::Uuid,
    ColumnType::Opaque,
];

/// Rows over all types.
pub fn rows(max: usize) -> impl Strategy<Value = Vec<Vec<Value>>> {
    let row: Vec<BoxedStrategy<Value>> = ALL_TYPES.iter().map(|ty| values(*ty)).collect();
    vec(row, 0..max)
}
