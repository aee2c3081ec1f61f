//! The digest follows the set of segments and nothing else.

use super::*;
use proptest::prelude::*;

fn segment(n: u8, row_count: u64) -> LiveSegment {
    LiveSegment {
        segment_id: SegmentId::from_bytes([n; 16]),
        row_count,
        sha256: [n.wrapping_mul(7); 32],
    }
}

#[test]
fn missing_foreign_and_changed_segments_show() {
    let all = [segment(1, 10), segment(2, 20), segment(3, 30)];
    let totals = Totals::of(&all).expect("small");
    assert_eq!((totals.segments, totals.rows), (3, 60));
    assert_eq!(totals.check(&all), Ok(()));
    assert_eq!(
        totals.check(&all[..2]),
        Err(ManifestError::Count { expected: 3, found: 2 })
    );
    let other_rows = [segment(1, 10), segment(2, 20), segment(3, 31)];
    assert_eq!(
        totals.check(&other_rows),
        Err(ManifestError::Rows {
            expected: 60,
            found: 61
        })
    );
    let other_segment = [segment(1, 10), segment(2, 20), segment(4, 30)];
    assert_eq!(totals.check(&other_segment), Err(ManifestError::Digest));
    let swapped_rows = [segment(1, 20), segment(2, 10), segment(3, 30)];
    assert_eq!(totals.check(&swapped_rows), Err(ManifestError::Digest));
    // The same segment twice instead of two: a plain XOR would not always tell.
    let twice = [segment(1, 15), segment(1, 15), segment(3, 30)];
    assert_eq!(totals.check(&twice), Err(ManifestError::Digest));
}

#[test]
fn totals_out_of_range_are_errors() {
    let full = Totals::default().add(&segment(1, u64::MAX)).expect("fits");
    assert_eq!(full.add(&segment(2, 1)), Err(ManifestError::OutOfRange));
    assert_eq!(Totals::default().remove(&segment(1, 0)), Err(ManifestError::OutOfRange));
}

#[test]
fn order_and_history_do_not_matter() {
    let sets = (
        prop::collection::btree_map(0..100u8, 0..1000u64, 0..12),
        prop::collection::btree_map(100..200u8, 0..1000u64, 0..12),
    );
    let both = std::cell::Cell::new(0);
    crate::seeded::runner(500)
        .run(&sets, |(mut kept, gone)| {
            both.set(both.get() + u32::from(!kept.is_empty() && !gone.is_empty()));
            let expected = Totals::of(&list(&kept)).expect("small");
            let mut backwards = list(&kept);
            backwards.reverse();
            prop_assert_eq!(Totals::of(&backwards).expect("small"), expected);
            let mut totals = Totals::of(&list(&gone)).expect("small");
            for segment in backwards {
                totals = totals.add(&segment).expect("small");
            }
            for segment in list(&gone) {
                totals = totals.remove(&segment).expect("was added");
            }
            prop_assert_eq!(totals, expected);
            prop_assert_eq!(totals.check(&list(&kept)), Ok(()));
            if kept.pop_first().is_some() {
                prop_assert!(totals.check(&list(&kept)).is_err());
            }
            Ok(())
        })
        .expect("the totals follow the set");
    assert!(both.get() > 0, "nothing was ever removed");
}

fn list(rows: &std::collections::BTreeMap<u8, u64>) -> Vec<LiveSegment> {
    rows.iter().map(|(&n, &rows)| segment(n, rows)).collect()
}

#[test]
fn stored_totals_are_checked() {
    assert_eq!(Totals::stored(0, 0, &[]), Ok(Totals::default()));
    assert_eq!(Totals::stored(-1, 0, &[]), Err(ManifestError::OutOfRange));
    assert_eq!(Totals::stored(0, -1, &[]), Err(ManifestError::OutOfRange));
    assert_eq!(Totals::stored(1, 1, &[7; 31]), Err(ManifestError::DigestLength));
    let totals = Totals {
        segments: 2,
        rows: 3,
        digest: [7; 32],
    };
    assert_eq!(Totals::stored(2, 3, &[7; 32]), Ok(totals));
}
