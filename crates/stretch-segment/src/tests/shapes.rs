//! Segments of unusual shape: no columns, no rows, 1,600 columns, large values; and misuse of the builder.

use bytes::Bytes;

use super::model::*;
use crate::*;

fn finish(batch: BatchBuilder) -> EncodedSegment {
    batch.finish(&[], &EncodeOptions::default()).unwrap()
}

#[test]
fn no_columns() {
    let segment = finish(build(&[], &vec![Vec::new(); 70_000]));
    assert_eq!(segment.row_count, 70_000);
    assert_eq!(segment.permutation.len(), 70_000);
    let reader = SegmentReader::new(SegmentDetail::from_bytes(&segment.detail.to_bytes()).unwrap()).unwrap();
    assert_eq!(
        reader.row_groups().iter().map(|g| g.rows).collect::<Vec<_>>(),
        [65_536, 4_464]
    );
    assert!(reader.decode_row_group(1, &[], &[]).unwrap().is_empty());
}

#[test]
fn no_rows() {
    let segment = finish(build(&ALL_TYPES, &[]));
    assert!(read_all(&segment).is_empty());
    assert!(segment.detail.row_groups.is_empty());
}

#[test]
fn widest_table() {
    let types = vec![ColumnType::Int4; 1600];
    let rows: Vec<Vec<Value>> = (0..3)
        .map(|r| (0..1600).map(|c| Value::I32(r * 10_000 + c)).collect())
        .collect();
    let segment = finish(build(&types, &rows));
    assert_eq!(read_all(&segment), rows);
    let mut batch = BatchBuilder::new((0..1601).map(|i| spec(i, ColumnType::Bool)).collect());
    batch.columns_mut().iter_mut().for_each(ColumnBuffer::push_null);
    batch.end_row();
    assert!(matches!(
        batch.finish(&[], &EncodeOptions::default()),
        Err(SegmentError::TooLarge { .. })
    ));
}

#[test]
fn projection_in_any_order_and_repeated() {
    let types = [ColumnType::Int4, ColumnType::Text, ColumnType::Int8];
    let rows = vec![vec![Value::I32(1), Value::Bytes(b"x".to_vec()), Value::I64(3)]; 5];
    let segment = finish(build(&types, &rows));
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    let columns = [2, 0, 2];
    let arrays = reader
        .decode_row_group(0, &columns, &chunks_of(&reader, &segment.bytes, 0, &columns))
        .unwrap();
    let values: Vec<Value> = arrays
        .iter()
        .zip(columns)
        .map(|(a, c)| value_at(a, segment.detail.columns[c].stored, 4))
        .collect();
    assert_eq!(values, [Value::I64(3), Value::I32(1), Value::I64(3)]);
    assert!(reader.decode_row_group(0, &[], &[]).unwrap().is_empty());
    assert_eq!(
        reader.decode_row_group(1, &[], &[]),
        Err(SegmentError::NoSuchRowGroup(1))
    );
    assert_eq!(
        reader.decode_row_group(0, &[3], &[Bytes::new()]),
        Err(SegmentError::NoSuchColumn(3))
    );
}

#[test]
fn megabyte_values_and_a_cut_by_bytes() {
    let types = [ColumnType::Int4, ColumnType::Bytea, ColumnType::Text];
    let rows: Vec<Vec<Value>> = (0..6)
        .map(|r| {
            let bytes = (0..1 << 20)
                .map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ r as u8)
                .collect();
            vec![
                Value::I32(r),
                Value::Bytes(bytes),
                Value::Bytes(vec![b'a' + r as u8; 1 << 20]),
            ]
        })
        .collect();
    let opts = EncodeOptions {
        row_group_bytes: 5 << 20,
        ..EncodeOptions::default()
    };
    let segment = build(&types, &rows).finish(&[], &opts).unwrap();
    assert_eq!(
        segment.detail.row_groups.iter().map(|g| g.rows).collect::<Vec<_>>(),
        [2, 2, 2]
    );
    assert!(read_all(&segment) == rows);
    let stats = &segment.detail.stats[2];
    assert_eq!(stats.min, Some(Bound::Bytes(vec![b'a'; 64])));
    let Some(Bound::Bytes(max)) = &stats.max else {
        panic!("no bound")
    };
    assert_eq!((max.len(), max[63]), (64, b'g'));
}

/// Values so large that two of them in one row group would come near the end of Arrow's 32-bit offsets.
#[test]
#[ignore = "takes gigabytes of memory"]
fn values_of_200_megabytes() {
    let mut batch = BatchBuilder::new(vec![spec(0, ColumnType::Bytea)]);
    let value = vec![7u8; 200 << 20];
    for _ in 0..12 {
        batch.columns_mut()[0].push_bytes(&value);
        batch.end_row();
    }
    let segment = finish(batch);
    assert_eq!(segment.detail.row_groups.len(), 12);
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    let arrays = reader
        .decode_row_group(11, &[0], &chunks_of(&reader, &segment.bytes, 11, &[0]))
        .unwrap();
    assert!(value_at(&arrays[0], StoredType::Binary, 0) == Value::Bytes(value));
}

#[test]
fn field_ids_names_and_forms_are_kept() {
    let mut batch = BatchBuilder::new(vec![
        ColumnSpec {
            field_id: 7,
            name: "Größe".into(),
            ty: ColumnType::Opaque,
            form: ValueForm::Send,
        },
        ColumnSpec {
            field_id: -3,
            name: "".into(),
            ty: ColumnType::Opaque,
            form: ValueForm::Output,
        },
    ]);
    batch.columns_mut().iter_mut().for_each(|c| c.push_bytes(b"x"));
    batch.end_row();
    let detail = SegmentDetail::from_bytes(&finish(batch).detail.to_bytes()).unwrap();
    let kept: Vec<_> = detail
        .columns
        .iter()
        .map(|c| (c.field_id, c.name.as_str(), c.form))
        .collect();
    assert_eq!(kept, [(7, "Größe", ValueForm::Send), (-3, "", ValueForm::Output)]);
}

#[test]
fn misuse_is_an_error() {
    let finish = |batch: BatchBuilder| batch.finish(&[], &EncodeOptions::default()).unwrap_err();
    let mut batch = build(&[ColumnType::Int4], &[]);
    batch.columns_mut()[0].push_i64(1);
    batch.end_row();
    assert_eq!(
        finish(batch),
        SegmentError::WrongType {
            column: 0,
            pushed: "a 64-bit integer"
        }
    );

    let mut batch = build(&[ColumnType::Uuid], &[]);
    batch.columns_mut()[0].push_bytes(b"short");
    batch.end_row();
    assert!(matches!(finish(batch), SegmentError::WrongType { .. }));

    let mut batch = build(&[ColumnType::Numeric { precision: 5, scale: 2 }], &[]);
    batch.columns_mut()[0].push_numeric(&[1]);
    batch.end_row();
    assert_eq!(finish(batch), SegmentError::MalformedNumeric { column: 0 });

    let mut batch = build(&[ColumnType::Int4, ColumnType::Int4], &[]);
    batch.columns_mut()[0].push_i32(1);
    batch.end_row();
    assert_eq!(
        finish(batch),
        SegmentError::RowCount {
            column: 1,
            rows: 1,
            values: 0
        }
    );

    let key = SortKey {
        column: 9,
        descending: false,
        nulls_first: false,
    };
    let batch = build(&[ColumnType::Int4], &[vec![Value::I32(1)]]);
    assert_eq!(
        batch.finish(&[key], &EncodeOptions::default()).unwrap_err(),
        SegmentError::NoSuchColumn(9)
    );

    for opts in [
        EncodeOptions {
            row_group_rows: 0,
            ..EncodeOptions::default()
        },
        EncodeOptions {
            row_group_bytes: 0,
            ..EncodeOptions::default()
        },
        EncodeOptions {
            page_rows: 0,
            ..EncodeOptions::default()
        },
        EncodeOptions {
            zstd_level: 99,
            ..EncodeOptions::default()
        },
    ] {
        assert!(matches!(
            build(&[], &[]).finish(&[], &opts),
            Err(SegmentError::BadOption(_))
        ));
    }
}

#[test]
fn rows_about_in_order_have_pages_that_say_so() {
    let types = [ColumnType::Int8, ColumnType::Int8, ColumnType::Text];
    let rows: Vec<Vec<Value>> = (0..20_000i64)
        .map(|i| {
            let text = Value::Bytes(format!("{:010}", i / 3).into_bytes());
            vec![Value::I64(i / 4 + i % 50), Value::I64(i * 7919 % 10_007), text]
        })
        .collect();
    let segment = build(&types, &rows).finish(&[], &EncodeOptions::default()).unwrap();
    let chunks = &segment.detail.row_groups[0].chunks;
    for (chunk, is_told) in chunks.iter().zip([true, false, true]) {
        let pages = &chunk.pages;
        let starts: Vec<u32> = pages.data.iter().map(|page| page.first_row).collect();
        assert_eq!(starts, [0, 4096, 8192, 12_288, 16_384]);
        assert_eq!(pages.stats.len(), if is_told { 5 } else { 0 }, "{pages:?}");
    }
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    assert_eq!(reader.around(0, 9_000), RowRanges::one(8192..12_288));
    assert_eq!(reader.pages(0, 0, Some(&RowRanges::one(4095..4097))), 2);
    assert_eq!(reader.pages(0, 0, None), 5);
}

#[test]
fn rows_around_one_are_those_of_its_smallest_page() {
    let types = [ColumnType::Int4, ColumnType::Bytea];
    let rows: Vec<Vec<Value>> = (0..4096)
        .map(|i| vec![Value::I32(i), Value::Bytes(vec![i as u8; 5_000])])
        .collect();
    let segment = build(&types, &rows).finish(&[], &EncodeOptions::default()).unwrap();
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    let (narrow, wide) = (&reader.chunk(0, 0).pages, &reader.chunk(0, 1).pages);
    assert_eq!(narrow.data.len(), 1);
    // A page of the wide column is full before it has a step's rows more.
    assert!(wide.data.len() > 10, "{}", wide.data.len());
    let around = reader.around(0, 2_000);
    assert!(around.count() < 600 && around.touch(&(2_000..2_001)), "{around:?}");
    assert_eq!(reader.pages(0, 1, Some(&around)), 1);
}

#[test]
fn pages_have_as_many_rows_as_they_should() {
    let types = [
        ColumnType::Int4,
        ColumnType::Timestamp,
        ColumnType::Int2,
        ColumnType::Text,
        ColumnType::Bool,
    ];
    let rows: Vec<Vec<Value>> = (0..2700i64)
        .map(|i| {
            let text = Value::Bytes(format!("{:010}", i * i).into_bytes());
            vec![
                Value::I32(i as i32),
                Value::I64(i * 3_600_000_000),
                Value::I16(i as i16 % 3),
                text,
                Value::Bool(i % 5 == 0),
            ]
        })
        .collect();
    let opts = EncodeOptions {
        page_rows: 50,
        ..EncodeOptions::default()
    };
    let segment = build(&types, &rows).finish(&[], &opts).unwrap();
    for chunk in &segment.detail.row_groups[0].chunks {
        let starts = chunk.pages.data.iter().map(|page| page.first_row);
        assert!(starts.eq((0..2700).step_by(50)), "{:?}", chunk.pages.data.len());
    }
}
