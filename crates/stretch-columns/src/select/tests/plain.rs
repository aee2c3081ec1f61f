//! The plain way to compare one value with another, and random values of each type with their arrays.

use crate::conditions::Test;
use crate::exact::oid;
use crate::stored::Reading;
use arrow_array::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select as one_of;
use std::cmp::Ordering;
use std::sync::Arc;
use stretch_segment::{Bound, CompareOp, date_to_parquet, numeric, timestamp_to_parquet};

/// A value as PostgreSQL has it.
#[derive(Debug, Clone)]
pub enum Value {
    Int(i64),
    Float(f64),
    /// Unscaled value and scale.
    Decimal(i128, u8),
    MinusInfinity,
    Infinity,
    NaN,
    Bytes(Vec<u8>),
}

impl Value {
    pub fn bound(&self) -> Bound {
        match self {
            Self::Int(value) => Bound::Int(*value),
            Self::Float(value) => Bound::Float(*value),
            Self::Decimal(value, scale) => Bound::Decimal(*value, *scale),
            Self::Bytes(value) => Bound::Bytes(value.clone()),
            special => panic!("{special:?} is no bound"),
        }
    }
}

/// A type: its values, what they are compared with, and how a segment has them.
pub struct Kind {
    pub name: &'static str,
    pub base_type: u32,
    pub reading: Reading,
    pub values: fn() -> BoxedStrategy<Value>,
    pub bounds: fn() -> BoxedStrategy<Value>,
    pub array: fn(&[Option<Value>]) -> ArrayRef,
}

const fn kind(
    name: &'static str,
    base_type: u32,
    reading: Reading,
    values: fn() -> BoxedStrategy<Value>,
    bounds: fn() -> BoxedStrategy<Value>,
    array: fn(&[Option<Value>]) -> ArrayRef,
) -> Kind {
    Kind {
        name,
        base_type,
        reading,
        values,
        bounds,
        array,
    }
}

pub static KINDS: [Kind; 17] = [
    kind("int4", oid::INT4, Reading::Int32, int4, int8, |values| {
        Arc::new(Int32Array::from_iter(ints(values).map(|v| v.map(|v| v as i32))))
    }),
    kind("float8", oid::FLOAT8, Reading::Float64, float8, float8, |values| {
        Arc::new(Float64Array::from_iter(floats(values)))
    }),
    kind("bool", oid::BOOL, Reading::Bool, bools, bools, |values| {
        Arc::new(BooleanArray::from_iter(ints(values).map(|v| v.map(|v| v == 1))))
    }),
    kind("int2", oid::INT2, Reading::Int16, int2, int8, |values| {
        Arc::new(Int16Array::from_iter(ints(values).map(|v| v.map(|v| v as i16))))
    }),
    kind("int8", oid::INT8, Reading::Int64, int8, int8, |values| {
        Arc::new(Int64Array::from_iter(ints(values)))
    }),
    kind("float4", oid::FLOAT4, Reading::Float32, float4, float8, |values| {
        Arc::new(Float32Array::from_iter(floats(values).map(|v| v.map(|v| v as f32))))
    }),
    kind("date", oid::DATE, Reading::Date, int4, int4, |values| {
        let days = ints(values).map(|v| v.map(|v| date_to_parquet(v as i32)));
        Arc::new(Date32Array::from_iter(days))
    }),
    kind("timestamp", oid::TIMESTAMP, Reading::Timestamp, int8, int8, |values| {
        Arc::new(TimestampMicrosecondArray::from_iter(micros(values)))
    }),
    kind(
        "timestamptz",
        oid::TIMESTAMPTZ,
        Reading::Timestamp,
        int8,
        int8,
        |values| {
            let array = TimestampMicrosecondArray::from_iter(micros(values));
            Arc::new(array.with_timezone("UTC"))
        },
    ),
    kind(
        "numeric(9,2)",
        oid::NUMERIC,
        Reading::Decimal(2),
        decimal2,
        decimals,
        |values| decimal_array(values, 9, 2),
    ),
    kind(
        "numeric(38,38)",
        oid::NUMERIC,
        Reading::Decimal(38),
        decimal38,
        decimals,
        |values| decimal_array(values, 38, 38),
    ),
    kind(
        "numeric",
        oid::NUMERIC,
        Reading::NumericWire,
        numerics,
        decimals,
        |values| {
            let sent: Vec<Option<Vec<u8>>> = values.iter().map(|value| value.as_ref().map(wire)).collect();
            Arc::new(BinaryArray::from_iter(sent))
        },
    ),
    kind("text", oid::TEXT, Reading::Text, texts, texts, |values| {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Arc::new(StringArray::from_iter(bytes(values).map(|v| v.map(text))))
    }),
    kind("varchar", oid::VARCHAR, Reading::Text, texts, texts, |values| {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Arc::new(StringArray::from_iter(bytes(values).map(|v| v.map(text))))
    }),
    kind(
        "text of SQL_ASCII",
        oid::TEXT,
        Reading::Text,
        any_bytes,
        any_bytes,
        |values| Arc::new(BinaryArray::from_iter(bytes(values))),
    ),
    kind("bytea", oid::BYTEA, Reading::Bytes, any_bytes, any_bytes, |values| {
        Arc::new(BinaryArray::from_iter(bytes(values)))
    }),
    kind("uuid", oid::UUID, Reading::Uuid, uuids, uuids, |values| {
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes(values), 16).unwrap())
    }),
];

fn bools() -> BoxedStrategy<Value> {
    (0i64..2).prop_map(Value::Int).boxed()
}

fn near(edges: &'static [i64]) -> BoxedStrategy<Value> {
    prop_oneof![3 => -3i64..4, 1 => one_of(edges.to_vec())]
        .prop_map(Value::Int)
        .boxed()
}

fn int2() -> BoxedStrategy<Value> {
    near(&[i16::MIN as i64, i16::MAX as i64])
}

/// With the ends that dates and timestamps move to another place when stored.
fn int4() -> BoxedStrategy<Value> {
    near(&[
        i32::MIN as i64,
        i32::MIN as i64 + 1,
        i32::MAX as i64 - 5,
        i32::MAX as i64,
    ])
}

fn int8() -> BoxedStrategy<Value> {
    near(&[i64::MIN, i64::MIN + 1, i64::MAX - 5, i64::MAX, 40_000, -40_000, 1 << 40])
}

fn float8() -> BoxedStrategy<Value> {
    let edges = [
        f64::NAN,
        -f64::NAN,
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        -5e-324,
        f64::MAX,
        f64::MIN,
        0.1,
        0.1f32 as f64,
        1.0,
        -1.0,
    ];
    prop_oneof![4 => one_of(edges.to_vec()), 1 => any::<u64>().prop_map(f64::from_bits)]
        .prop_map(Value::Float)
        .boxed()
}

fn float4() -> BoxedStrategy<Value> {
    let edges = [
        f32::NAN,
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        0.1,
        1.0,
        -1.0,
    ];
    prop_oneof![4 => one_of(edges.to_vec()), 1 => any::<u32>().prop_map(f32::from_bits)]
        .prop_map(|value| Value::Float(value.into()))
        .boxed()
}

fn decimal2() -> BoxedStrategy<Value> {
    prop_oneof![4 => -300i128..300, 1 => one_of(vec![999_999_999, -999_999_999])]
        .prop_map(|value| Value::Decimal(value, 2))
        .boxed()
}

fn decimal38() -> BoxedStrategy<Value> {
    let most = 10i128.pow(38) - 1;
    prop_oneof![3 => -3i128..4, 2 => -most..most, 1 => one_of(vec![most, -most, most / 2])]
        .prop_map(|value| Value::Decimal(value, 38))
        .boxed()
}

/// Of any scale, some beyond the 128 bits of a column's scale.
fn decimals() -> BoxedStrategy<Value> {
    let small = (-30i128..30, 0u8..4).prop_map(|(value, scale)| (value * 10i128.pow(scale.into()), scale));
    let fine = (-300i128..300, 0u8..60);
    let huge = (one_of(vec![i128::MAX, -i128::MAX, 10i128.pow(37), 0]), 0u8..=255);
    prop_oneof![2 => small, 2 => fine, 1 => huge]
        .prop_map(|(value, scale)| Value::Decimal(value, scale))
        .boxed()
}

fn numerics() -> BoxedStrategy<Value> {
    prop_oneof![
        4 => decimals(),
        1 => one_of(vec![Value::MinusInfinity, Value::Infinity, Value::NaN]),
    ]
    .boxed()
}

fn texts() -> BoxedStrategy<Value> {
    "[a-bA-Bé ]{0,3}"
        .prop_map(|text| Value::Bytes(text.into_bytes()))
        .boxed()
}

fn any_bytes() -> BoxedStrategy<Value> {
    vec(one_of(vec![0u8, 1, b'a', 0x7F, 0x80, 0xFF]), 0..3)
        .prop_map(Value::Bytes)
        .boxed()
}

fn uuids() -> BoxedStrategy<Value> {
    let ends = (0u8..2, one_of(vec![0u8, 0x80, 0xFF]));
    ends.prop_map(|(first, last)| {
        let mut bytes = [7; 16];
        (bytes[0], bytes[15]) = (first, last);
        Value::Bytes(bytes.to_vec())
    })
    .boxed()
}

fn ints(values: &[Option<Value>]) -> impl Iterator<Item = Option<i64>> + '_ {
    values.iter().map(|value| match value {
        Some(Value::Int(value)) => Some(*value),
        _ => None,
    })
}

fn micros(values: &[Option<Value>]) -> impl Iterator<Item = Option<i64>> + '_ {
    ints(values).map(|value| value.map(timestamp_to_parquet))
}

fn floats(values: &[Option<Value>]) -> impl Iterator<Item = Option<f64>> + '_ {
    values.iter().map(|value| match value {
        Some(Value::Float(value)) => Some(*value),
        _ => None,
    })
}

fn bytes(values: &[Option<Value>]) -> impl Iterator<Item = Option<Vec<u8>>> + '_ {
    values.iter().map(|value| match value {
        Some(Value::Bytes(value)) => Some(value.clone()),
        _ => None,
    })
}

fn decimal_array(values: &[Option<Value>], precision: u8, scale: i8) -> ArrayRef {
    let unscaled = values.iter().map(|value| match value {
        Some(Value::Decimal(value, _)) => Some(*value),
        _ => None,
    });
    let array = Decimal128Array::from_iter(unscaled);
    Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
}

/// What numeric_send writes.
fn wire(value: &Value) -> Vec<u8> {
    let special = |sign: u16| [0, 0, sign, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    match value {
        Value::Decimal(value, scale) => {
            let mut sent = Vec::new();
            numeric::i128_to_wire(*value, (*scale).into(), &mut sent);
            sent
        }
        Value::MinusInfinity => special(0xF000),
        Value::Infinity => special(0xD000),
        Value::NaN => special(0xC000),
        other => panic!("{other:?} is no numeric"),
    }
}

/// Sign and decimal digits before and behind the point, so that the longer number of two needs no arithmetic.
fn digits(value: i128, scale: u8) -> (i128, String) {
    let digits = format!("{:0>300}", value.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    (value.signum(), format!("{whole:0>300}{fraction:0<300}"))
}

/// PostgreSQL's order of a stored value and a bound.
fn order(value: &Value, bound: &Bound) -> Ordering {
    match (value, bound) {
        (Value::Int(a), Bound::Int(b)) => a.cmp(b),
        (Value::Float(a), Bound::Float(b)) => match (a.is_nan(), b.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if a < b => Ordering::Less,
            (false, false) if a > b => Ordering::Greater,
            (false, false) => Ordering::Equal,
        },
        (Value::Decimal(a, scale_a), Bound::Decimal(b, scale_b)) => {
            let ((sign_a, a), (sign_b, b)) = (digits(*a, *scale_a), digits(*b, *scale_b));
            let by_sign = sign_a.cmp(&sign_b);
            by_sign.then(if sign_a < 0 { b.cmp(&a) } else { a.cmp(&b) })
        }
        (Value::MinusInfinity, _) => Ordering::Less,
        (Value::Infinity | Value::NaN, _) => Ordering::Greater,
        (Value::Bytes(a), Bound::Bytes(b)) => {
            for (a, b) in a.iter().zip(b) {
                if a != b {
                    return if a < b { Ordering::Less } else { Ordering::Greater };
                }
            }
            a.len().cmp(&b.len())
        }
        other => panic!("{other:?} are not compared"),
    }
}

/// The truth of a test for one value; `None` is SQL's unknown.
pub fn holds(test: &Test, value: Option<&Value>) -> Option<bool> {
    match test {
        Test::IsNull => Some(value.is_none()),
        Test::IsNotNull => Some(value.is_some()),
        Test::Unknown => None,
        Test::Like(like) => match value? {
            Value::Bytes(value) => Some(like.matches(value)),
            other => panic!("{other:?} is no text"),
        },
        Test::Compare(op, bound) => {
            let order = order(value?, bound);
            Some(match op {
                CompareOp::Lt => order == Ordering::Less,
                CompareOp::Le => order != Ordering::Greater,
                CompareOp::Eq => order == Ordering::Equal,
                CompareOp::Ge => order != Ordering::Less,
                CompareOp::Gt => order == Ordering::Greater,
            })
        }
        Test::In { values, or_null } => {
            if values.is_empty() && !or_null {
                return Some(false);
            }
            let value = value?;
            if values.iter().any(|bound| order(value, bound) == Ordering::Equal) {
                return Some(true);
            }
            if *or_null { None } else { Some(false) }
        }
    }
}
