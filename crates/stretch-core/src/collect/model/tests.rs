//! The model is sound and lets all garbage go; without any one rule it is not sound.

use super::needs::Needs;
use super::scope::{Rule, Scope};
use super::search::{Found, explore};

/// Everything that can happen, to two objects: one old, one yet to come.
const EVERYTHING: Scope = Scope {
    live: 1,
    to_come: 1,
    retention: 2,
    backups: true,
    branch: true,
    takeover: true,
    purges: false,
    without: None,
};

/// Three objects, a retention of one tick, and no backups.
const THREE: Scope = Scope {
    live: 2,
    to_come: 1,
    retention: 1,
    backups: false,
    ..EVERYTHING
};

fn is_sound(scope: Scope) {
    match explore(&scope) {
        Found::Sound(graph) => {
            println!("{} states: {scope:?}", graph.states.len());
            assert_eq!(graph.stuck(&scope), None, "garbage that nothing removes");
        }
        Found::Broken { needs, way, state } => panic!("{needs:?} lacks an object after {way:#?} in {state:#?}"),
    }
}

#[test]
fn two_objects_are_safe_whatever_happens() {
    is_sound(EVERYTHING);
}

#[test]
fn three_objects_are_safe_with_a_branch() {
    is_sound(Scope {
        takeover: false,
        ..THREE
    });
}

#[test]
fn three_objects_are_safe_when_the_branch_is_taken_over() {
    is_sound(Scope { branch: false, ..THREE });
}

#[test]
fn three_objects_are_safe_with_backups() {
    is_sound(Scope {
        backups: true,
        branch: false,
        takeover: false,
        ..THREE
    });
}

#[test]
fn one_object_is_safe_with_purges_too() {
    is_sound(Scope {
        to_come: 0,
        purges: true,
        ..EVERYTHING
    });
    is_sound(Scope {
        live: 0,
        purges: true,
        ..EVERYTHING
    });
}

/// The same objects, with nothing but a copy that becomes a branch.
const BRANCH: Scope = Scope {
    backups: false,
    takeover: false,
    ..EVERYTHING
};

/// With nothing but a copy that takes over.
const TAKEOVER: Scope = Scope {
    backups: false,
    branch: false,
    ..EVERYTHING
};

/// With nothing but backups.
const BACKUPS: Scope = Scope {
    branch: false,
    takeover: false,
    ..EVERYTHING
};

/// Without a rule somebody lacks an object, after so many steps at least.
fn without(rule: Rule, scope: Scope, length: usize, whom: Needs) {
    let scope = Scope {
        without: Some(rule),
        ..scope
    };
    match explore(&scope) {
        Found::Sound(graph) => panic!("{rule:?} changes nothing in {} states", graph.states.len()),
        Found::Broken { needs, way, .. } => {
            println!(
                "without {rule:?}, {needs:?} lacks an object after {} steps: {way:?}",
                way.len()
            );
            assert_eq!((way.len(), needs), (length, whom));
        }
    }
}

#[test]
fn without_retention_it_is_not_safe() {
    without(Rule::Retention, BACKUPS, 10, Needs::RestorePoint);
}

#[test]
fn without_stamps_it_is_not_safe() {
    without(Rule::Stamp, BACKUPS, 9, Needs::RestorePoint);
}

#[test]
fn without_the_horizon_it_is_not_safe() {
    without(Rule::Horizon, BACKUPS, 11, Needs::Horizon);
}

#[test]
fn without_first_sightings_it_is_not_safe() {
    without(Rule::Sighting, TAKEOVER, 9, Needs::RestorePoint);
}

#[test]
fn without_a_grace_it_is_not_safe() {
    without(Rule::Grace, BRANCH, 16, Needs::Copy);
}

#[test]
fn without_pins_that_are_read_again_it_is_not_safe() {
    without(Rule::PinsAgain, BRANCH, 16, Needs::Copy);
}

#[test]
fn without_a_validated_claim_it_is_not_safe() {
    without(Rule::Claim, TAKEOVER, 13, Needs::Copy);
}

#[test]
fn without_fresh_readings_it_is_not_safe() {
    without(Rule::Freshness, BRANCH, 20, Needs::Copy);
}

#[test]
fn without_a_look_at_the_marks_it_is_not_safe() {
    without(Rule::MarksAfterPin, BRANCH, 17, Needs::Copy);
}

#[test]
fn without_marks_that_are_listed_before_the_objects_it_is_not_safe() {
    without(Rule::MarksBeforeObjects, BRANCH, 17, Needs::Copy);
}

#[test]
fn without_the_time_of_doubt_it_is_not_safe() {
    without(Rule::Doubt, BRANCH, 18, Needs::Copy);
}

#[test]
fn without_pins_of_branches_it_is_not_safe() {
    without(Rule::BranchPins, BRANCH, 16, Needs::PromisedCopy);
}

#[test]
fn without_pins_of_backups_it_is_not_safe() {
    without(Rule::BackupPins, BACKUPS, 13, Needs::Backup);
}

#[test]
fn without_the_range_of_backups_it_is_not_safe() {
    without(Rule::BackupRange, BACKUPS, 14, Needs::Backup);
}

#[test]
fn without_quarantines_it_is_not_safe() {
    without(Rule::Quarantine, TAKEOVER, 16, Needs::Quarantine);
}

#[test]
fn without_looking_at_its_own_branch_it_is_not_safe() {
    without(Rule::OwnBranch, BRANCH, 16, Needs::Original);
}

#[test]
fn without_its_catalog_it_is_not_safe() {
    without(Rule::Catalog, BRANCH, 7, Needs::Original);
}

#[test]
fn without_standbys_within_the_retention_it_is_not_safe() {
    without(Rule::Delay, TAKEOVER, 13, Needs::Copy);
}

#[test]
fn without_pins_that_shrink_garbage_stays() {
    let scope = Scope {
        without: Some(Rule::PinsShrink),
        ..BRANCH
    };
    match explore(&scope) {
        Found::Sound(graph) => assert!(graph.stuck(&scope).is_some()),
        Found::Broken { way, .. } => panic!("not safe: {way:?}"),
    }
}
