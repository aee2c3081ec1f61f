//! Columns of one value have the images that the same values have in segments.

use super::*;
use crate::images::{Area, Images, images};

fn word(value: &Value) -> u64 {
    let (array, reading) = value.column();
    match images(reading, &array, 0..1, Area::default()).expect("a native value") {
        Images::Immediate(words) => words[0],
        Images::Placed(_) => panic!("{value:?} is passed by reference"),
    }
}

#[test]
fn native_values_are_words() {
    for (value, expected) in [
        (Value::Bool(true), 1),
        (Value::Int16(-2), -2i64 as u64),
        (Value::Int32(-7), -7i64 as u64),
        (Value::Int64(i64::MIN), i64::MIN as u64),
        (Value::Float64(-0.0), (-0.0f64).to_bits()),
        (Value::Float32(1.5), u64::from(1.5f32.to_bits())),
        (Value::Date(-1), -1i64 as u64),
        (Value::Date(i32::MAX), i32::MAX as u64),
        (Value::Timestamp(i64::MIN), i64::MIN as u64),
        (Value::TimestampTz(12_345), 12_345),
    ] {
        assert_eq!(word(&value), expected, "{value:?}");
    }
}

#[test]
fn others_keep_their_bytes() {
    for (value, reading) in [
        (Value::Text("ä".into()), Reading::Text),
        (Value::Bytes(vec![0, 1]), Reading::Bytes),
        (Value::Written(b"{1,2}".to_vec()), Reading::Input),
    ] {
        let (array, found) = value.column();
        assert_eq!((array.len(), found), (1, reading));
        let bytes = crate::images::bytes_at(&array, 0).expect("bytes");
        let expected = match &value {
            Value::Text(text) => text.as_bytes(),
            Value::Bytes(bytes) | Value::Written(bytes) => bytes,
            _ => unreachable!("not in the list"),
        };
        assert_eq!(bytes, expected);
    }
    assert_eq!(Value::Uuid([7; 16]).column().1, Reading::Uuid);
    assert_eq!(Value::Numeric(vec![0; 8]).column().1, Reading::NumericWire);
}
