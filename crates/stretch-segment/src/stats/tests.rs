//! Order of bounds, cutting of long ones, and merging.

use super::*;

#[test]
fn floats_in_postgres_order() {
    let ascending = [f64::NEG_INFINITY, -1.0, 0.0, 1.0, f64::INFINITY, f64::NAN];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(Bound::Float(*a).partial_cmp(&Bound::Float(*b)), Some(i.cmp(&j)));
        }
    }
    assert_eq!(Bound::Float(-0.0), Bound::Float(0.0));
    assert_eq!(Bound::Float(-f64::NAN), Bound::Float(f64::NAN));
}

#[test]
fn decimals_of_different_scale() {
    assert_eq!(Bound::Decimal(150, 2), Bound::Decimal(15, 1));
    assert!(Bound::Decimal(151, 2) > Bound::Decimal(15, 1));
    assert!(Bound::Decimal(-151, 2) < Bound::Decimal(-15, 1));
    // Too far apart for 128 bits: the sign decides or nothing does.
    assert_eq!(
        Bound::Decimal(i128::MAX, 0).partial_cmp(&Bound::Decimal(-1, 38)),
        Some(Ordering::Greater)
    );
    assert_eq!(Bound::Decimal(i128::MAX, 0).partial_cmp(&Bound::Decimal(1, 38)), None);
    assert_eq!(Bound::Decimal(1, 0).partial_cmp(&Bound::Decimal(1, 255)), None);
}

#[test]
fn different_kinds_do_not_compare() {
    assert_eq!(Bound::Int(1).partial_cmp(&Bound::Float(1.0)), None);
    assert_ne!(Bound::Int(1), Bound::Decimal(1, 0));
}

#[test]
fn long_bytes_are_cut() {
    let long = [vec![b'x'; 63], vec![0xFF; 10]].concat();
    assert_eq!(Bound::lower(&long), Bound::Bytes(long[..64].to_vec()));
    let rounded = [vec![b'x'; 62], vec![b'y']].concat();
    assert_eq!(Bound::upper(&long), Some(Bound::Bytes(rounded)));
    assert_eq!(Bound::upper(&[0xFF; 65]), None);
    assert_eq!(Bound::upper(&[0xFF; 64]), Some(Bound::Bytes(vec![0xFF; 64])));
    assert_eq!(Bound::upper(b""), Some(Bound::Bytes(vec![])));
}

#[test]
fn merging() {
    let stats = |null_count, min: Option<i64>, max: Option<i64>| ColumnStats {
        null_count,
        min: min.map(Bound::Int),
        max: max.map(Bound::Int),
    };
    let a = stats(1, Some(3), Some(9));
    assert_eq!(a.merge(5, &stats(2, Some(1), Some(4)), 5), stats(3, Some(1), Some(9)));
    // Only nulls: the other bounds stay. Unknown bounds: unknown. Nothing yet: the other's.
    assert_eq!(a.merge(5, &stats(5, None, None), 5), stats(6, Some(3), Some(9)));
    assert_eq!(a.merge(5, &stats(0, None, Some(1)), 5), stats(1, None, Some(9)));
    assert_eq!(ColumnStats::default().merge(0, &a, 5), a);
    let text = ColumnStats {
        null_count: 0,
        min: Some(Bound::Bytes(vec![])),
        max: None,
    };
    assert_eq!(a.merge(5, &text, 1), stats(1, None, None));
}
