//! A store that keeps halves of objects, which is more than one may do.

use super::call::{Landing, call_until_done};
use super::compare::{assert_nothing_needed_is_gone, assert_same_but_for_halves};
use super::tests::{Case, cases, undisturbed};
use super::world::World;
use crate::error::EndpointError;
use crate::faults::{Mishap, Verb};

/// The puts of one call, by number, and whether each makes the object of a segment.
fn puts(case: &Case) -> Vec<(usize, bool)> {
    let mut world = case.world.again();
    (case.procedure)(&mut world).expect("a call");
    let requests = world.store.requests();
    let puts = requests
        .iter()
        .enumerate()
        .filter(|(_, request)| request.verb == Verb::Put);
    let is_rows = |path: &str| path.ends_with(".parquet");
    puts.map(|(number, request)| (number, is_rows(&request.path))).collect()
}

/// Half a segment is passed over, and stays no longer than the segment (F26).
#[test]
fn halves_of_segments_are_passed_over() {
    let mut torn = 0;
    for case in cases() {
        let (expected, _) = undisturbed(&case);
        for (number, _) in puts(&case).into_iter().filter(|(_, is_rows)| *is_rows) {
            let mut world = case.world.again();
            world.store.disturb(number, Mishap::Torn);
            call_until_done(&mut world, case.procedure, Landing::AfterSuccess);
            assert_same_but_for_halves(&world, &expected, &format!("{}: request {number}", case.name));
            torn += 1;
        }
    }
    assert!(torn > 5, "{torn}");
}

/// Half a record says nothing, and nobody guesses: who meets it stops, and says which object it is.
#[test]
fn halves_of_records_stop_everything_and_lose_nothing() {
    let (mut stopped, mut went_on) = (0, 0);
    for case in cases() {
        for (number, _) in puts(&case).into_iter().filter(|(_, is_rows)| !is_rows) {
            let mut world: World = case.world.again();
            world.store.disturb(number, Mishap::Torn);
            let what = format!("{}: {:?}", case.name, number);
            let mut last = Ok(());
            for _ in 0..3 {
                last = (case.procedure)(&mut world);
                assert_nothing_needed_is_gone(&world, &case.world, &what);
            }
            match last {
                // A mark is empty, and what a probe wrote is looked at once.
                Ok(()) => went_on += 1,
                Err(EndpointError::Corrupt { .. }) => stopped += 1,
                Err(other) => panic!("{what}: {other}"),
            }
        }
    }
    assert!(stopped > 2 && went_on > 5, "{stopped} stopped, {went_on} went on");
}
