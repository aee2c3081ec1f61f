//! Dead rows against a plain set.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn of(rows: &BTreeSet<u32>) -> DeadRows {
    let mut dead = DeadRows::default();
    for row in rows {
        assert!(dead.insert(*row));
        assert!(!dead.insert(*row));
    }
    dead
}

proptest! {
    #[test]
    fn a_set_survives_its_bytes(rows: BTreeSet<u32>, others: BTreeSet<u32>, first: u32, count in 0u32..100_000) {
        let (dead, other) = (of(&rows), of(&others));
        prop_assert_eq!(&DeadRows::from_bytes(&dead.to_bytes()).expect("our own bytes"), &dead);
        prop_assert_eq!(dead.len(), rows.len() as u64);
        prop_assert!(dead.iter().eq(rows.iter().copied()));
        prop_assert_eq!(dead.first_common(&other), rows.intersection(&others).next().copied());
        let within: Vec<u32> = rows.range(first..first.saturating_add(count)).copied().collect();
        prop_assert_eq!(dead.within(first, count), within);
        let mut both = dead.clone();
        both.add(&other);
        prop_assert!(both.iter().eq(rows.union(&others).copied()));
    }
}

#[test]
fn bytes_that_are_no_bitmap_are_refused() {
    assert_eq!(DeadRows::from_bytes(b"nonsense"), Err(Damaged));
    assert_eq!(DeadRows::from_bytes(&[]), Err(Damaged));
}

#[test]
fn a_bitmap_pays_from_a_sixteenth_on() {
    assert!(!is_bitmap_worth(63, 100));
    assert!(is_bitmap_worth(64, 100));
    assert!(!is_bitmap_worth(64, 1024));
    assert!(is_bitmap_worth(65, 1024));
    assert!(is_bitmap_worth(200_000, 200_000));
    assert!(!is_fold_worth(255));
    assert!(is_fold_worth(256));
}
