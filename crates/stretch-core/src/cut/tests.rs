//! A cut over 400 days of a clock that jumps.

use super::*;
use crate::seeded::runner;
use proptest::collection::vec;
use proptest::prelude::*;

const NINETY_DAYS: i64 = 90 * DAY;

#[test]
fn a_cut_follows_the_clock_and_never_goes_back() {
    // Naps of a worker in seconds, and now and then a jump of the clock by hours.
    let naps = vec((1i64..7200, prop_oneof![50 => Just(0i64), 1 => -200i64..200]), 9_600);
    runner(20)
        .run(&naps, |naps| {
            let step = step(Some(NINETY_DAYS));
            prop_assert_eq!(step, 3 * DAY);
            let (mut clock, mut cut, mut moves, mut latest) = (0, 0, 0, 0);
            for (seconds, hours) in naps {
                clock += seconds * 1_000_000 + hours * 3600 * 1_000_000;
                latest = latest.max(clock);
                if is_due(cut, clock, step) {
                    prop_assert!(clock > cut, "a cut went back");
                    cut = clock;
                    moves += 1;
                }
                // A row goes cold within two steps of the day on which it is old enough, while the clock goes on.
                if clock == latest {
                    prop_assert!(clock - cut < 2 * step);
                }
                if clock > 400 * DAY {
                    break;
                }
            }
            prop_assert!(moves <= 1 + latest / step);
            Ok(())
        })
        .unwrap();
}

#[test]
fn steps_are_a_thirtieth_and_a_minute_at_least() {
    assert_eq!(step(Some(micros(0, 30, 0))), DAY);
    assert_eq!(step(Some(micros(1, 0, 0))), DAY);
    assert_eq!(step(Some(micros(0, 0, 10 * 1_000_000))), SHORTEST);
    assert_eq!(step(None), WITHOUT_INTERVAL);
    assert_eq!(micros(0, -90, 0), NINETY_DAYS);
    assert_eq!(micros(i32::MIN, i32::MIN, i64::MIN), i64::MAX);
    assert!(!is_due(i64::MAX, i64::MIN, 1) && !is_due(5, 5, 0) && is_due(5, 6, 0));
}
