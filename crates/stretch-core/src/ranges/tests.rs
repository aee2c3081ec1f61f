//! Each wanted byte is asked for once, and no two requests are near enough to be one.

use super::*;
use crate::seeded::runner;
use proptest::collection::vec;
use proptest::prelude::*;

const MAX_GAP: u64 = GAP_OF_REQUESTS;

/// A unit in which gaps matter: the largest gap is four of them.
const UNIT: u64 = MAX_GAP / 4;

fn ranges() -> impl Strategy<Value = Vec<Range<u64>>> {
    vec((0u64..200, 0u64..6), 0..12).prop_map(|ranges| {
        ranges
            .into_iter()
            .map(|(start, length)| start * UNIT..(start + length) * UNIT)
            .collect()
    })
}

#[test]
fn each_wanted_byte_is_asked_for_once() {
    let counts = std::cell::Cell::new((0, 0));
    runner(1000)
        .run(&ranges(), |wanted| {
            let found = coalesce(&wanted, MAX_GAP);
            let is_wanted = |unit: u64| wanted.iter().any(|range| range.contains(&(unit * UNIT)));
            for unit in 0..210 {
                let times = found.iter().filter(|range| range.contains(&(unit * UNIT))).count();
                prop_assert!(times == 1 || !is_wanted(unit) && times == 0, "unit {unit}: {times}");
            }
            let mut bridged = false;
            for range in &found {
                prop_assert!(range.start < range.end);
                prop_assert!(is_wanted(range.start / UNIT) && is_wanted(range.end / UNIT - 1));
                let mut unasked = 0;
                for unit in range.start / UNIT..range.end / UNIT {
                    unasked = if is_wanted(unit) { 0 } else { unasked + 1 };
                    bridged |= unasked > 0;
                    prop_assert!(unasked * UNIT <= MAX_GAP);
                }
            }
            prop_assert!(found.windows(2).all(|pair| pair[1].start - pair[0].end > MAX_GAP));
            let (with_gap, several) = counts.get();
            counts.set((with_gap + u32::from(bridged), several + u32::from(found.len() > 1)));
            Ok(())
        })
        .unwrap();
    let (with_gap, several) = counts.get();
    assert!(with_gap > 50 && several > 50, "{with_gap} {several}");
}

#[test]
fn a_gap_of_the_limit_is_bridged_and_no_more() {
    let joined = |gap| coalesce(&[0..10, 10 + gap..20 + gap], MAX_GAP);
    let whole = 0..MAX_GAP + 20;
    assert_eq!(joined(MAX_GAP), std::slice::from_ref(&whole));
    assert_eq!(joined(MAX_GAP + 1).len(), 2);
    let empty = 5..5;
    assert_eq!(coalesce(std::slice::from_ref(&empty), MAX_GAP), []);
}
