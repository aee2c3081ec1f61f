//! The object is an ordinary Parquet file; golden objects and details of each format version stay readable.

use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::LogicalType;

use super::model::*;
use crate::*;

/// One row of every type, one of nulls, one of odd values.
fn sample() -> Vec<Vec<Value>> {
    let micros = 86_400_000_000;
    let bytes = |b: &[u8]| Value::Bytes(b.to_vec());
    vec![
        vec![
            Value::Bool(true),
            Value::I16(-2),
            Value::I32(3),
            Value::I64(4),
            Value::F32(1.5f32.to_bits()),
            Value::F64(2.5f64.to_bits()),
            Value::Numeric(numeric(-12_345, 2)),
            Value::Numeric(numeric(1, 3)),
            bytes("Grüße".as_bytes()),
            bytes(&[0, 255]),
            Value::I32(1),
            Value::I64(micros),
            Value::I64(-micros),
            bytes(&[7; 16]),
            bytes(b"(1,2)"),
        ],
        vec![Value::Null; 15],
        vec![
            Value::Bool(false),
            Value::I16(i16::MIN),
            Value::I32(i32::MAX),
            Value::I64(i64::MIN),
            Value::F32(0x7fc0_0001),
            Value::F64((-0.0f64).to_bits()),
            Value::Numeric(numeric(0, 2)),
            Value::Numeric(0xC000u16.to_ne_bytes().to_vec()),
            bytes(b""),
            bytes(b""),
            Value::I32(i32::MAX),
            Value::I64(i64::MIN),
            Value::I64(9_223_371_331_199_999_999),
            bytes(&[255; 16]),
            bytes(b""),
        ],
    ]
}

fn encode() -> EncodedSegment {
    encode_by(1)
}

fn encode_by(threads: usize) -> EncodedSegment {
    let options = EncodeOptions {
        row_group_rows: 2,
        threads: threads.try_into().unwrap(),
        ..EncodeOptions::default()
    };
    build(&ALL_TYPES, &sample()).finish(&[], &options).unwrap()
}

#[test]
fn the_standard_reader_sees_right_values() {
    let segment = encode();
    let builder = ParquetRecordBatchReaderBuilder::try_new(segment.bytes.clone()).unwrap();
    let file = builder.metadata().file_metadata();
    assert_eq!(
        file.created_by(),
        Some(concat!("pg_stretch ", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(file.num_rows(), 3);
    for (i, field) in file.schema_descr().root_schema().get_fields().iter().enumerate() {
        assert_eq!(field.get_basic_info().id(), 100 + i as i32);
    }
    assert_eq!(
        file.schema_descr().column(13).logical_type_ref(),
        Some(&LogicalType::Uuid)
    );
    let batch = builder.build().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.column(1).as_primitive::<Int16Type>().value(0), -2);
    assert_eq!(
        batch.column(6).as_primitive::<Decimal128Type>().value_as_string(0),
        "-123.45"
    );
    assert_eq!(batch.column(8).as_string::<i32>().value(0), "Grüße");
    let date = batch.column(10).as_primitive::<Date32Type>().value_as_date(0).unwrap();
    assert_eq!(date.to_string(), "2000-01-02");
    let timestamp = batch
        .column(11)
        .as_primitive::<TimestampMicrosecondType>()
        .value_as_datetime(0)
        .unwrap();
    assert_eq!(timestamp.to_string(), "2000-01-02 00:00:00");
    let tz = batch.column(12).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(tz.timezone(), Some("UTC"));
    assert_eq!(tz.value_as_datetime(0).unwrap().to_string(), "1999-12-31 00:00:00");
    assert_eq!(batch.num_rows(), 3);
}

#[test]
fn encoding_is_deterministic() {
    let a = encode();
    for threads in 1..5 {
        let b = encode_by(threads);
        assert_eq!(a.bytes, b.bytes);
        assert_eq!(a.sha256, b.sha256);
        assert_eq!(a.detail.to_bytes(), b.detail.to_bytes());
    }
}

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", name].iter().collect()
}

/// `REGENERATE=1` writes the files of this version anew; do that only together with a new format version.
#[test]
fn golden_segments_open() {
    if std::env::var_os("REGENERATE").is_some() {
        let segment = encode();
        std::fs::write(golden("v2.parquet"), &segment.bytes).unwrap();
        std::fs::write(golden("v2.detail"), segment.detail.to_bytes()).unwrap();
    }
    for version in ["v1", "v2"] {
        let written = std::fs::read(golden(&format!("{version}.detail"))).unwrap();
        let detail = SegmentDetail::from_bytes(&written).unwrap();
        let known = detail.row_groups[0]
            .chunks
            .iter()
            .filter(|chunk| !chunk.pages.data.is_empty());
        match version {
            "v1" => assert_eq!(known.count(), 0),
            _ => {
                assert_eq!(known.count(), ALL_TYPES.len());
                assert_eq!(detail.to_bytes(), written, "the layout changed");
            }
        }
        let segment = EncodedSegment {
            row_count: 3,
            sha256: [0; 32],
            permutation: vec![],
            bytes: Bytes::from(std::fs::read(golden(&format!("{version}.parquet"))).unwrap()),
            detail,
        };
        assert_eq!(read_all(&segment), sample(), "{version}");
    }
}
