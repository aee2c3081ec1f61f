//! Random rows of all types come back bit for bit; bounds are true; pruning loses no row; order is right.

use std::cmp::Ordering;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::model::*;
use crate::seeded::seed;
use crate::*;

/// What a value is in terms of bounds, uncut. `None` for values that have no bounds.
fn exact(ty: ColumnType, stored: StoredType, value: &Value) -> Option<Bound> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(v) => Bound::Int((*v).into()),
        Value::I16(v) => Bound::Int((*v).into()),
        Value::I32(v) => Bound::Int((*v).into()),
        Value::I64(v) => Bound::Int(*v),
        Value::F32(v) => Bound::Float(f32::from_bits(*v).into()),
        Value::F64(v) => Bound::Float(f64::from_bits(*v)),
        Value::Bytes(_) if ty == ColumnType::Opaque => return None,
        Value::Bytes(v) => Bound::Bytes(v.clone()),
        Value::Numeric(v) => match stored {
            StoredType::Decimal128 { .. } => {
                let (v, scale) = numeric::disk_to_i128(v).unwrap().unwrap();
                Bound::Decimal(v, scale as u8)
            }
            _ => return None,
        },
    })
}

fn satisfies(value: &Bound, op: CompareOp, constant: &Bound) -> bool {
    let order = value.partial_cmp(constant).unwrap();
    match op {
        CompareOp::Lt => order.is_lt(),
        CompareOp::Le => order.is_le(),
        CompareOp::Eq => order.is_eq(),
        CompareOp::Ge => order.is_ge(),
        CompareOp::Gt => order.is_gt(),
    }
}

/// Checks the statistics of a set of rows: counts, bounds, and that pruning keeps every row that matches a
/// comparison with any other value of the segment. Returns how often pruning said no.
fn check_stats(stats: &[ColumnStats], detail: &SegmentDetail, rows: &[Vec<Value>], constants: &[Vec<Value>]) -> usize {
    let mut pruned = 0;
    for (c, ty) in ALL_TYPES.iter().enumerate() {
        let stored = detail.columns[c].stored;
        let nulls = rows.iter().filter(|r| r[c] == Value::Null).count();
        assert_eq!(stats[c].null_count, nulls as u64);
        let values: Vec<Bound> = rows.iter().filter_map(|r| exact(*ty, stored, &r[c])).collect();
        for value in &values {
            if let Some(min) = &stats[c].min {
                assert!(min.partial_cmp(value).is_some_and(Ordering::is_le), "{min:?} {value:?}");
            }
            if let Some(max) = &stats[c].max {
                assert!(max.partial_cmp(value).is_some_and(Ordering::is_ge), "{max:?} {value:?}");
            }
        }
        let n = rows.len() as u64;
        assert_eq!(may_match(stats, n, &Predicate::IsNull { column: c }), nulls > 0);
        assert_eq!(
            may_match(stats, n, &Predicate::IsNotNull { column: c }),
            nulls < rows.len()
        );
        for constant in constants.iter().filter_map(|r| exact(*ty, stored, &r[c])) {
            for op in [
                CompareOp::Lt,
                CompareOp::Le,
                CompareOp::Eq,
                CompareOp::Ge,
                CompareOp::Gt,
            ] {
                let matches = values.iter().any(|v| satisfies(v, op, &constant));
                let kept = may_match(
                    stats,
                    n,
                    &Predicate::Compare {
                        column: c,
                        op,
                        value: constant.clone(),
                    },
                );
                assert!(kept || !matches, "{op:?} {constant:?} {:?}", stats[c]);
                pruned += usize::from(!kept);
            }
            let values_in = values.contains(&constant);
            let kept = may_match(
                stats,
                n,
                &Predicate::In {
                    column: c,
                    values: vec![constant.clone()],
                },
            );
            assert!(kept || !values_in);
        }
    }
    pruned
}

fn compare(ty: ColumnType, a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Numeric(a), Value::Numeric(b)) => {
            let wire = |disk: &[u8]| {
                let mut out = Vec::new();
                numeric::disk_to_wire(disk, &mut out).unwrap();
                out
            };
            numeric::compare_wire(&wire(a), &wire(b))
        }
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (a, b) => exact(ty, StoredType::Binary, a)
            .partial_cmp(&exact(ty, StoredType::Binary, b))
            .unwrap(),
    }
}

fn is_sorted(rows: &[Vec<Value>], keys: &[SortKey], permutation: &[u32]) -> bool {
    rows.windows(2).zip(permutation.windows(2)).all(|(pair, from)| {
        let order = keys
            .iter()
            .map(|key| {
                let (a, b) = (&pair[0][key.column], &pair[1][key.column]);
                match (a == &Value::Null, b == &Value::Null) {
                    (true, true) => Ordering::Equal,
                    (a_null, b_null) if a_null || b_null => {
                        if a_null == key.nulls_first {
                            Ordering::Less
                        } else {
                            Ordering::Greater
                        }
                    }
                    _ if key.descending => compare(ALL_TYPES[key.column], b, a),
                    _ => compare(ALL_TYPES[key.column], a, b),
                }
            })
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal);
        // Stable: equal rows keep their order.
        order.is_lt() || order.is_eq() && from[0] < from[1]
    })
}

fn keys() -> impl Strategy<Value = Vec<SortKey>> {
    let key =
        (0..ALL_TYPES.len(), any::<bool>(), any::<bool>()).prop_map(|(column, descending, nulls_first)| SortKey {
            column,
            descending,
            nulls_first,
        });
    proptest::collection::vec(key, 0..3)
}

/// Checks how the pages of a row group divide its rows, and what is said of each. Returns of how many something is.
fn check_pages(group: &RowGroupDetail, page_rows: u32, detail: &SegmentDetail, rows: &[Vec<Value>]) -> usize {
    let mut told = 0;
    for (c, chunk) in group.chunks.iter().enumerate() {
        let pages = &chunk.pages;
        for page in 0..pages.data.len() {
            let range = pages.rows(page, group.rows);
            assert!(range.len() <= page_rows as usize, "{pages:?}");
            let Some(stats) = pages.stats.get(page) else {
                continue;
            };
            told += 1;
            let values = &rows[range.start as usize..range.end as usize];
            let nulls = values.iter().filter(|row| row[c] == Value::Null).count();
            assert_eq!(stats.null_count, nulls as u64);
            for value in values
                .iter()
                .filter_map(|row| exact(ALL_TYPES[c], detail.columns[c].stored, &row[c]))
            {
                assert!(
                    stats.min.as_ref().is_none_or(|min| min <= &value),
                    "{stats:?} {value:?}"
                );
                assert!(
                    stats.max.as_ref().is_none_or(|max| max >= &value),
                    "{stats:?} {value:?}"
                );
            }
        }
    }
    told
}

#[test]
fn every_type_comes_back_bit_for_bit() {
    let mut pruned = 0;
    let mut decimals = 0;
    let mut wires = 0;
    let mut utf8 = 0;
    let mut binary = 0;
    let mut pages = 0;
    let seed = seed();
    let config = ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(4));
    let mut runner = TestRunner::new_with_rng(config, rng);
    let counts = std::cell::RefCell::new((
        &mut pruned,
        &mut decimals,
        &mut wires,
        &mut utf8,
        &mut binary,
        &mut pages,
    ));
    runner
        .run(
            &(rows(40), keys(), 1u32..24, 200usize..8000, 1u32..6),
            |(rows, keys, group_rows, group_bytes, page_rows)| {
                let opts = EncodeOptions {
                    row_group_rows: group_rows,
                    row_group_bytes: group_bytes,
                    page_rows,
                    zstd_level: 1,
                    threads: NonZeroUsize::new(1 + group_rows as usize % 3).unwrap(),
                };
                let segment = build(&ALL_TYPES, &rows).finish(&keys, &opts).unwrap();
                assert_eq!(segment.row_count as usize, rows.len());
                let read = read_all(&segment);
                let expected: Vec<Vec<Value>> = segment.permutation.iter().map(|&i| rows[i as usize].clone()).collect();
                assert_eq!(read, expected);
                let mut seen = segment.permutation.clone();
                seen.sort_unstable();
                assert!(seen.iter().copied().eq(0..rows.len() as u32));
                assert!(is_sorted(&read, &keys, &segment.permutation));

                let detail = &segment.detail;
                let mut counts = counts.borrow_mut();
                for group in &detail.row_groups {
                    assert!(group.rows <= group_rows);
                    let range = group.first_row as usize..(group.first_row + group.rows) as usize;
                    let stats: Vec<ColumnStats> = group.chunks.iter().map(|c| c.stats.clone()).collect();
                    *counts.0 += check_stats(&stats, detail, &read[range.clone()], &read);
                    *counts.5 += check_pages(group, page_rows, detail, &read[range]);
                }
                check_stats(&detail.stats, detail, &read, &read);
                match detail.columns[6].stored {
                    StoredType::NumericWire => *counts.2 += 1,
                    _ => *counts.1 += 1,
                }
                match detail.columns[8].stored {
                    StoredType::Utf8 => *counts.3 += 1,
                    _ => *counts.4 += 1,
                }
                Ok(())
            },
        )
        .unwrap();
    println!("pruned {pruned}, decimal {decimals}, wire {wires}, utf8 {utf8}, binary {binary}, pages {pages}");
    assert!(
        pruned > 0 && decimals > 0 && wires > 0 && utf8 > 0 && binary > 0 && pages > 0,
        "nothing interesting happened"
    );
}
