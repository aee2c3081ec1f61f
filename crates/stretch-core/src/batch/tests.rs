//! When batches are cut, kept and looked for.

use super::*;

const LIMITS: Limits = Limits {
    rows: 100,
    bytes: 1000,
    time: Duration::from_secs(10),
    age: Duration::from_secs(300),
};

fn fill(rows: u64, bytes: u64, seconds: u64) -> Fill {
    Fill {
        rows,
        bytes,
        elapsed: Duration::from_secs(seconds),
    }
}

#[test]
fn a_batch_is_cut_by_rows_bytes_time_age_or_demand() {
    let young = Duration::from_secs(299);
    let rows = [
        (fill(0, 0, 0), LIMITS.age, Demand::Asked, false),
        (fill(1, 9, 9), young, Demand::Routine, false),
        (fill(1, 9, 9), young, Demand::Asked, true),
        (fill(1, 9, 9), LIMITS.age, Demand::Routine, true),
        (fill(100, 9, 9), young, Demand::Routine, true),
        (fill(1, 1000, 9), young, Demand::Routine, true),
        (fill(1, 9, 10), young, Demand::Routine, true),
        (fill(0, 0, 10), young, Demand::Routine, false),
    ];
    for (fill, waiting, demand, due) in rows {
        assert_eq!(is_due(&fill, &LIMITS, waiting, demand), due, "{fill:?}");
    }
    assert!(!is_full(&fill(99, 999, 9), &LIMITS));
}

#[test]
fn less_than_half_is_rolled_back() {
    for (scanned, moved, kept) in [
        (0, 0, true),
        (1, 0, false),
        (1, 1, true),
        (2, 1, true),
        (3, 1, false),
        (100, 50, true),
        (100, 49, false),
        (u64::MAX, u64::MAX, true),
    ] {
        assert_eq!(is_worth_keeping(scanned, moved), kept, "{moved} of {scanned}");
    }
    assert_eq!(table_backoff(0), Duration::ZERO);
    assert!(table_backoff(3) > table_backoff(2));
}

#[test]
fn an_idle_table_is_left_alone() {
    let now = Activity {
        inserted: 10,
        updated: 5,
    };
    let last = LastScan {
        activity: now,
        left_rows: false,
    };
    assert!(is_scan_due(None, &now));
    assert!(!is_scan_due(Some(&last), &now));
    let left = LastScan {
        left_rows: true,
        ..last
    };
    assert!(is_scan_due(Some(&left), &now));
    for moved in [(11, 5), (10, 6), (0, 0)] {
        let moved = Activity {
            inserted: moved.0,
            updated: moved.1,
        };
        assert!(is_scan_due(Some(&last), &moved));
    }
}
