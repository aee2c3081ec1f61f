//! Random segments become one: its rows are the living ones, bit for bit, in order, and its statistics hold for them.

use super::*;
use crate::encode::{EncodeOptions, EncodedSegment};
use crate::order::SortKey;
use crate::reader::SegmentReader;
use crate::seeded::seed;
use crate::tests::model::{ALL_TYPES, Value, build, chunks_of, read_all, rows};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;

fn options() -> EncodeOptions {
    EncodeOptions {
        page_rows: 7,
        ..EncodeOptions::default()
    }
}

/// A segment, the rows that it was made of, and which of them are dead: bits of a number, again and again.
type Part = (EncodedSegment, Vec<Vec<Value>>, u64);

/// The batch of a segment whose opaque values are those of a send function, as every segment of a table has them.
fn segment(rows: &[Vec<Value>]) -> EncodedSegment {
    let mut segment = build(&ALL_TYPES, rows).finish(&[], &options()).unwrap();
    for (column, ty) in segment.detail.columns.iter_mut().zip(ALL_TYPES) {
        if ty == ColumnType::Opaque {
            column.form = ValueForm::Send;
        }
    }
    segment
}

/// Those of these rows whose numbers `lives` names, added to the batch from the segment's bytes.
fn add(batch: &mut BatchBuilder, segment: &EncodedSegment, lives: impl Fn(u32) -> bool) {
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    let columns: Vec<usize> = (0..ALL_TYPES.len()).collect();
    for (at, group) in reader.row_groups().iter().enumerate() {
        let arrays = reader
            .decode_row_group(at, &columns, &chunks_of(&reader, &segment.bytes, at, &columns))
            .unwrap();
        let living: Vec<u32> = (0..group.rows).filter(|row| lives(group.first_row + row)).collect();
        batch.append(&arrays, &living).unwrap();
    }
}

#[test]
fn living_rows_of_one_shape_become_one_segment() {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let config = Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let parts = prop::collection::vec((rows(60), any::<u64>()), 1..5);
    let merged = std::cell::Cell::new(0);
    runner
        .run(&parts, |parts| {
            let parts: Vec<_> = parts.into_iter().filter(|(rows, _)| !rows.is_empty()).collect();
            // Those of one shape go together, as the plan has it.
            let mut shapes: BTreeMap<u64, Vec<Part>> = BTreeMap::new();
            for (rows, dead) in parts {
                let made = segment(&rows);
                shapes.entry(shape(&made.detail)).or_default().push((made, rows, dead));
            }
            for together in shapes.into_values() {
                merged.set(merged.get() + usize::from(together.len() > 1));
                let mut batch = BatchBuilder::new(specs(&together[0].0.detail));
                let mut expected = Vec::new();
                for (made, rows, dead) in &together {
                    let lives = |row: u32| dead >> (row % 64) & 1 == 0;
                    add(&mut batch, made, lives);
                    let living = (0..).zip(rows).filter(|(row, _)| lives(*row));
                    expected.extend(living.map(|(_, row)| row.clone()));
                }
                if expected.is_empty() {
                    continue;
                }
                let key = SortKey {
                    column: 2,
                    descending: false,
                    nulls_first: false,
                };
                let one = batch.finish(&[key], &options()).unwrap();
                let sorted: Vec<_> = one
                    .permutation
                    .iter()
                    .map(|from| expected[*from as usize].clone())
                    .collect();
                prop_assert_eq!(read_all(&one), sorted);
                // As if the rows had come together: the same statistics and bytes.
                let fresh = segment(&expected);
                for (column, ty) in ALL_TYPES.iter().enumerate() {
                    let (a, b) = (&one.detail.columns[column], &fresh.detail.columns[column]);
                    prop_assert_eq!((a.field_id, a.form), (b.field_id, b.form));
                    if a.stored == b.stored && *ty != ColumnType::Text {
                        prop_assert_eq!(&one.detail.stats[column], &fresh.detail.stats[column]);
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    println!("{} merges of several segments", merged.get());
    assert!(merged.get() > 5, "hardly any");
}

#[test]
fn other_columns_are_refused() {
    let int = |value| segment_of(ColumnType::Int4, Value::I32(value));
    let text = segment_of(ColumnType::Text, Value::Bytes(b"x".to_vec()));
    assert_ne!(shape(&int(1).detail), shape(&text.detail));
    assert_eq!(shape(&int(1).detail), shape(&int(2).detail));
    let mut batch = BatchBuilder::new(specs(&int(1).detail));
    assert!(batch.append(&[], &[]).is_err());
    let reader = SegmentReader::new(text.detail.clone()).unwrap();
    let arrays = reader
        .decode_row_group(0, &[0], &chunks_of(&reader, &text.bytes, 0, &[0]))
        .unwrap();
    batch.append(&arrays, &[0]).unwrap();
    assert!(batch.finish(&[], &options()).is_err(), "a text in a column of integers");
}

fn segment_of(ty: ColumnType, value: Value) -> EncodedSegment {
    build(&[ty], &[vec![value]]).finish(&[], &options()).unwrap()
}
