//! Small objects: what goes without a mark, and what never goes.

use super::kit::{DAY, GENERATION, GRACE, World, ago, backup, branch};
use crate::collect::decision::{Decision, Garbage, Keep};
use crate::collect::facts::{Pin, Standing};
use crate::collect::litter::{Beats, PROBE, Small, judge};
use crate::collect::times::StoreTime;

const OWN: Beats = Beats { newest_own: Some(3) };

fn old(world: &World, small: Small) -> Decision {
    judge(&world.facts(), OWN, small, ago(50).store)
}

#[test]
fn records_and_what_is_not_understood_stay() {
    let world = World::new();
    for (small, keep) in [
        (Small::Record, Keep::Record),
        (Small::Foreign, Keep::NotOurs),
        (Small::Unknown, Keep::Unknown),
        // A pin that was not read.
        (Small::Pin(0), Keep::Unknown),
    ] {
        assert_eq!(old(&world, small), Decision::Keep(keep));
    }
}

#[test]
fn heartbeats_of_earlier_claims_go_when_there_is_an_own_one() {
    let world = World::new();
    let beat = |generation| Small::Heartbeat {
        generation,
        sequence: 9,
    };
    assert_eq!(old(&world, beat(GENERATION - 1)), Decision::Due(Garbage::OldHeartbeat));
    for generation in [GENERATION, GENERATION + 1] {
        assert_eq!(old(&world, beat(generation)), Decision::Keep(Keep::Heartbeat));
    }
    let none = Beats { newest_own: None };
    let decided = judge(&world.facts(), none, beat(GENERATION - 1), ago(50).store);
    assert_eq!(decided, Decision::Keep(Keep::Heartbeat));
}

#[test]
fn probes_go_after_a_day() {
    let world = World::new();
    let aged = |age| judge(&world.facts(), OWN, Small::Probe, StoreTime(world.now.store.0 - age));
    assert_eq!(aged(PROBE), Decision::Due(Garbage::Probe));
    assert_eq!(aged(PROBE - GRACE), Decision::Keep(Keep::JustWritten));
}

#[test]
fn pins_go_when_they_hold_nothing() {
    let mut world = World::new();
    let adopted = |days| Standing::Adopted {
        since: ago(days),
        retention: DAY * 20,
    };
    let child = |standing| Pin::Child {
        branch: branch(9),
        standing,
    };
    let due = |garbage| Decision::Due(garbage);
    for (pin, decided) in [
        (backup(0, 0, Some(ago(1).store)), due(Garbage::ExpiredPin)),
        (backup(0, 0, None), Decision::Keep(Keep::Pinned(0))),
        (child(adopted(20)), due(Garbage::PinOfDeadBranch)),
        (child(adopted(19)), Decision::Keep(Keep::Pinned(0))),
        (child(Standing::Owned), Decision::Keep(Keep::Pinned(0))),
        (Pin::Quarantine { number: 1 }, Decision::Keep(Keep::Pinned(0))),
    ] {
        world.pins = vec![pin];
        assert_eq!(old(&world, Small::Pin(0)), decided, "{:?}", world.pins);
    }
}

#[test]
fn nothing_goes_that_is_younger_than_the_grace() {
    let mut world = World::new();
    world.pins = vec![backup(0, 0, Some(ago(1).store))];
    for small in [
        Small::Probe,
        Small::Pin(0),
        Small::Heartbeat {
            generation: 1,
            sequence: 1,
        },
    ] {
        let decided = judge(&world.facts(), OWN, small, world.now.store);
        assert_eq!(decided, Decision::Keep(Keep::JustWritten));
    }
}
