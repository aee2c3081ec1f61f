//! The epoch shift is a bijection and right for known days.

use super::*;
use proptest::prelude::*;

#[test]
fn known_days() {
    assert_eq!(date_to_parquet(0), 10_957);
    assert_eq!(date_to_parquet(-10_957), 0);
    assert_eq!(timestamp_to_parquet(0), 946_684_800_000_000);
    assert_eq!(timestamp_to_parquet(-946_684_800_000_000), 0);
}

#[test]
fn ends_of_the_types() {
    let around32 = [i32::MIN, -DAYS, 0, i32::MAX - DAYS, i32::MAX];
    for base in around32 {
        for d in -3..=3 {
            let v = base.saturating_add(d);
            assert_eq!(date_from_parquet(date_to_parquet(v)), v);
            assert_eq!(date_to_parquet(date_from_parquet(v)), v);
        }
    }
    let around64 = [i64::MIN, i64::MIN + MICROS, -MICROS, 0, i64::MAX - MICROS, i64::MAX];
    for base in around64 {
        for d in -3..=3 {
            let v = base.saturating_add(d);
            assert_eq!(timestamp_from_parquet(timestamp_to_parquet(v)), v);
            assert_eq!(timestamp_to_parquet(timestamp_from_parquet(v)), v);
        }
    }
    // The first value that cannot be shifted takes the first free place.
    assert_eq!(timestamp_to_parquet(i64::MAX - MICROS), i64::MIN + 1);
    assert_eq!(timestamp_to_parquet(i64::MAX - MICROS - 1), i64::MAX - 1);
}

proptest! {
    #[test]
    fn date_is_a_bijection(v: i32) {
        prop_assert_eq!(date_from_parquet(date_to_parquet(v)), v);
        prop_assert_eq!(date_to_parquet(date_from_parquet(v)), v);
    }

    #[test]
    fn timestamp_is_a_bijection(v: i64) {
        prop_assert_eq!(timestamp_from_parquet(timestamp_to_parquet(v)), v);
        prop_assert_eq!(timestamp_to_parquet(timestamp_from_parquet(v)), v);
    }
}
