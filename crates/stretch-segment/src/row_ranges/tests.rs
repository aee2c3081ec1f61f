//! Random ranges against sets of rows.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::seeded::seed;

const ROWS: u32 = 60;

fn drawn(rng: &mut StdRng) -> (RowRanges, BTreeSet<u32>) {
    let mut ranges: Vec<Range<u32>> = (0..rng.random_range(0..6))
        .map(|_| {
            let start = rng.random_range(0..ROWS);
            start..rng.random_range(start..=ROWS)
        })
        .collect();
    ranges.sort_by_key(|range| range.start);
    let set = ranges.iter().cloned().flatten().collect();
    (RowRanges::new(ranges), set)
}

#[test]
fn they_are_sets_of_rows() {
    let mut rng = StdRng::seed_from_u64(seed());
    let mut met = 0;
    for _ in 0..2_000 {
        let ((a, in_a), (b, in_b)) = (drawn(&mut rng), drawn(&mut rng));
        assert!(a.rows().eq(in_a.iter().copied()), "{a:?}");
        assert_eq!(a.count(), in_a.len());
        assert_eq!(a.is_empty(), in_a.is_empty());
        assert!(a.and(&b).rows().eq(in_a.intersection(&in_b).copied()), "{a:?} {b:?}");
        assert!(a.or(&b).rows().eq(in_a.union(&in_b).copied()), "{a:?} {b:?}");
        met += usize::from(!a.and(&b).is_empty());
        let start = rng.random_range(0..ROWS);
        let range = start..rng.random_range(start + 1..=ROWS);
        assert_eq!(
            a.touch(&range),
            range.clone().any(|row| in_a.contains(&row)),
            "{a:?} {range:?}"
        );

        let chosen = BooleanBuffer::collect_bool(a.count(), |_| rng.random());
        let wanted = a.rows().zip(&chosen).filter(|(_, chosen)| *chosen).map(|(row, _)| row);
        let spread = a.spread(&chosen, ROWS as usize);
        assert_eq!(spread.len(), ROWS as usize);
        assert!(spread.set_indices().map(|row| row as u32).eq(wanted), "{a:?}");
    }
    assert!(met > 500, "{met}");
    assert_eq!(RowRanges::all(ROWS).count(), ROWS as usize);
    // What touches is one range.
    assert_eq!(RowRanges::new([0..3, 3..5, 7..7]), RowRanges::one(0..5));
}
