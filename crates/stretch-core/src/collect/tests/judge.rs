//! Each reason for which an object stays, and each kind of garbage: one row of a table each.

use super::kit::{DAY, GRACE, World, ago, backup, branch, live, mark, object, of, of_table, retired, table};
use crate::collect::decision::{Decision, Garbage, Keep};
use crate::collect::facts::{Horizon, Life, Object, Pin, Pinned, Promise, Row, Sighting, Standing};
use crate::collect::judge::{Known, object as judge};
use crate::collect::times::{Stamp, StoreTime};

/// The decision about the only object of a world.
fn decision(world: &World) -> Decision {
    let object = world.objects[0];
    let pins: Vec<usize> = world.pinned.iter().map(|pinned| pinned.pin).collect();
    let known = Known {
        of: object.name.of,
        row: world.rows.first(),
        pins: &pins,
        seen: world.sightings.first().map(|sighting| sighting.at),
    };
    judge(&world.facts(), &known, &object, &world.marks)
}

fn with(row: Option<Row>) -> World {
    let mut world = World::new();
    world.objects.push(object(of(1)));
    world.rows.extend(row);
    world
}

fn pinned_by(mut world: World, pin: Pin, is_listed: bool) -> World {
    let of = world.objects[0].name.of;
    world.pins.push(pin);
    world.pinned.extend(is_listed.then_some(Pinned { of, pin: 0 }));
    world
}

fn seen(mut world: World, at: Stamp) -> World {
    let of = world.objects[0].name.of;
    world.sightings.push(Sighting { of, at });
    world
}

fn keeps(world: &World, keep: Keep, words: &str) {
    assert_eq!(decision(world), Decision::Keep(keep));
    assert_eq!(decision(world).text(&world.pins), words);
}

#[test]
fn a_live_segment_keeps_all_its_objects() {
    keeps(&with(Some(live(of(1)))), Keep::Live, "needed by the catalog");
    // Also one that no row names: its upload may be on its way.
    let mut world = with(Some(live(of(1))));
    world.objects[0].name.attempt = 7;
    keeps(&world, Keep::Live, "needed by the catalog");
}

#[test]
fn a_retirement_counts_from_its_stamp_and_when_all_know_of_it() {
    let mut row = live(of(1));
    row.life = Life::Unstamped;
    keeps(&with(Some(row)), Keep::Unstamped, "retired, but not stamped yet");
    for (horizon, words) in [
        (Horizon::Unflushed, "retired, but its commit is not flushed"),
        (Horizon::Standby, "retired, but a standby has not replayed it"),
        (
            Horizon::Snapshot,
            "retired, but a snapshot, a prepared transaction or a slot is older",
        ),
    ] {
        let mut row = retired(of(1), 50);
        if let Life::Retired(retirement) = &mut row.life {
            retirement.horizon = horizon;
        }
        keeps(&with(Some(row)), Keep::Horizon(horizon), words);
    }
}

#[test]
fn the_retention_is_the_last_to_end() {
    let kept = Keep::Retention { left: DAY };
    keeps(
        &with(Some(retired(of(1), 6))),
        kept,
        "retired within the retention; 86400 s are left",
    );
    assert_eq!(
        decision(&with(Some(retired(of(1), 7)))),
        Decision::Mark(Garbage::Retired)
    );
}

#[test]
fn a_purge_waives_the_retention_and_nothing_else() {
    let purged = |horizon| {
        let mut row = retired(of(1), 0);
        if let Life::Retired(retirement) = &mut row.life {
            retirement.horizon = horizon;
            retirement.promise = Promise::Waived;
        }
        with(Some(row))
    };
    assert_eq!(decision(&purged(Horizon::Passed)), Decision::Mark(Garbage::Purged));
    let kept = Decision::Keep(Keep::Horizon(Horizon::Standby));
    assert_eq!(decision(&purged(Horizon::Standby)), kept);
    for (pin, is_listed) in [(backup(0, 0, None), false), (Pin::Quarantine { number: 1 }, true)] {
        let pinned = pinned_by(purged(Horizon::Passed), pin, is_listed);
        assert_eq!(decision(&pinned), Decision::Keep(Keep::Pinned(0)));
    }
}

#[test]
fn a_forced_purge_breaks_backups_and_nothing_else() {
    let purged = |horizon| {
        let mut row = retired(of(1), 0);
        if let Life::Retired(retirement) = &mut row.life {
            retirement.horizon = horizon;
            retirement.promise = Promise::WaivedWithBackups;
        }
        with(Some(row))
    };
    for is_listed in [false, true] {
        let broken = pinned_by(purged(Horizon::Passed), backup(0, 0, None), is_listed);
        assert_eq!(decision(&broken), Decision::Mark(Garbage::Purged));
    }
    let kept = Decision::Keep(Keep::Horizon(Horizon::Unflushed));
    assert_eq!(decision(&purged(Horizon::Unflushed)), kept);
    let child = Pin::Child {
        branch: branch(1),
        standing: Standing::Owned,
    };
    for pin in [child, Pin::Quarantine { number: 1 }] {
        let pinned = pinned_by(purged(Horizon::Passed), pin, true);
        assert_eq!(decision(&pinned), Decision::Keep(Keep::Pinned(0)));
    }
}

#[test]
fn no_clock_that_jumps_ends_a_retention() {
    for jump in [
        Stamp {
            store: StoreTime(DAY * 1000),
            ..ago(0)
        },
        Stamp {
            connected: DAY * 1000,
            ..ago(0)
        },
    ] {
        let mut world = with(Some(retired(of(1), 6)));
        world.now = jump;
        assert_eq!(decision(&world), Decision::Keep(Keep::Retention { left: DAY }));
    }
    // Nor does one that goes back make anything of a moment that is yet to come.
    let mut world = with(Some(retired(of(1), 6)));
    world.now = ago(50);
    assert_eq!(decision(&world), Decision::Keep(Keep::Retention { left: DAY * 7 }));
}

#[test]
fn pins_hold_what_they_list() {
    let gone = || with(Some(retired(of(1), 50)));
    let child = |standing| Pin::Child {
        branch: branch(9),
        standing,
    };
    let words = "needed by child branch 00000000-0000-0000-0000-000000000009";
    keeps(&pinned_by(gone(), child(Standing::Owned), true), Keep::Pinned(0), words);
    keeps(
        &pinned_by(gone(), backup(5000, 9, None), true),
        Keep::Pinned(0),
        "needed by backup monthly",
    );
    keeps(
        &pinned_by(gone(), Pin::Quarantine { number: 3 }, true),
        Keep::Pinned(0),
        "in quarantine 3",
    );
    // Others do not.
    let other = pinned_by(gone(), child(Standing::Owned), false);
    assert_eq!(decision(&other), Decision::Mark(Garbage::Retired));
}

#[test]
fn pins_end_with_their_backup_or_their_branch() {
    let gone = || with(Some(retired(of(1), 50)));
    let until = |days| backup(0, 0, Some(ago(days).store));
    assert_eq!(
        decision(&pinned_by(gone(), until(0), true)),
        Decision::Mark(Garbage::Retired)
    );
    let later = backup(0, 0, Some(StoreTime(DAY * 101)));
    assert_eq!(
        decision(&pinned_by(gone(), later, true)),
        Decision::Keep(Keep::Pinned(0))
    );
    let adopted = |days| Pin::Child {
        branch: branch(9),
        standing: Standing::Adopted {
            since: ago(days),
            retention: DAY * 20,
        },
    };
    assert_eq!(
        decision(&pinned_by(gone(), adopted(19), true)),
        Decision::Keep(Keep::Pinned(0))
    );
    assert_eq!(
        decision(&pinned_by(gone(), adopted(20), true)),
        Decision::Mark(Garbage::Retired)
    );
}

#[test]
fn a_backup_holds_what_left_a_table_since_it_began() {
    let gone = || with(Some(retired(of(1), 50)));
    for (from, stays) in [(999, true), (1000, true), (1001, false)] {
        let decided = decision(&pinned_by(gone(), backup(from, 9, None), false));
        assert_eq!(decided == Decision::Keep(Keep::Pinned(0)), stays, "{from}");
    }
    // Of what the catalog lost, the generation tells whether the backup may know it.
    for (generation, stays) in [(1, true), (2, true), (3, false)] {
        let orphan = seen(with(None), ago(50));
        let decided = decision(&pinned_by(orphan, backup(0, generation, None), false));
        assert_eq!(decided == Decision::Keep(Keep::Pinned(0)), stays, "{generation}");
    }
}

#[test]
fn an_orphan_stays_for_the_retention_after_it_was_seen() {
    keeps(&with(None), Keep::New, "an orphan, seen for the first time");
    let young = Keep::Young { left: DAY };
    keeps(&seen(with(None), ago(6)), young, "too young to judge; 86400 s are left");
    assert_eq!(decision(&seen(with(None), ago(7))), Decision::Mark(Garbage::Orphan));
    // An object that came later than the sighting is judged by its own age.
    let mut late = seen(with(None), ago(50));
    late.objects[0].modified = ago(6).store;
    assert_eq!(decision(&late), Decision::Keep(young));
}

#[test]
fn tables_that_are_gone_have_reasons_of_their_own() {
    let elsewhere = of_table(2, 1);
    let mut dropped = with(Some(retired(elsewhere, 7)));
    dropped.objects = vec![object(elsewhere)];
    assert_eq!(decision(&dropped), Decision::Mark(Garbage::OfDroppedTable));
    let mut unknown = with(None);
    unknown.objects = vec![object(elsewhere)];
    assert_eq!(
        decision(&seen(unknown, ago(7))),
        Decision::Mark(Garbage::OrphanOfUnknownTable)
    );
    assert!(!World::new().tables.contains(&table(2)));
}

#[test]
fn a_dead_branch_is_as_old_as_its_adoption() {
    let adopted = |days, object: Object| {
        let mut world = with(None);
        world.branch = Standing::Adopted {
            since: ago(days),
            retention: DAY * 20,
        };
        world.objects = vec![object];
        world
    };
    let decided = decision(&adopted(19, object(of(1))));
    assert_eq!(decided, Decision::Keep(Keep::Young { left: DAY }));
    assert_eq!(
        decision(&adopted(20, object(of(1)))),
        Decision::Mark(Garbage::OfDeadBranch)
    );
    // What the adopter's own catalog needs stays, pinned or not.
    let mut needed = adopted(20, object(of(1)));
    needed.rows.push(live(of(1)));
    assert_eq!(decision(&needed), Decision::Keep(Keep::Live));
}

#[test]
fn what_was_just_written_is_not_judged() {
    let mut world = with(Some(retired(of(1), 50)));
    world.objects[0].modified = StoreTime(world.now.store.0 - GRACE / 2);
    keeps(&world, Keep::JustWritten, "written a moment ago");
}

#[test]
fn a_mark_waits_for_the_grace() {
    let marked = |before| {
        let mut world = with(Some(retired(of(1), 7)));
        let at = StoreTime(world.now.store.0 - before);
        world.marks.push(mark(&world.objects[0], at));
        (decision(&world), at)
    };
    let (decided, at) = marked(GRACE - DAY / 86400);
    let garbage = Garbage::Retired;
    assert_eq!(decided, Decision::Wait { garbage, marked: at });
    assert!(decided.text(&[]).ends_with("waiting for the grace"));
    assert_eq!(marked(GRACE).0, Decision::Due(garbage));
    assert_eq!(
        marked(GRACE).0.text(&[]),
        "retired longer ago than the retention; may be deleted now"
    );
    // The mark of another attempt is none.
    let mut other = with(Some(retired(of(1), 7)));
    let mut twin = other.objects[0];
    twin.name.attempt = 1;
    other.marks.push(mark(&twin, ago(9).store));
    assert_eq!(decision(&other), Decision::Mark(garbage));
}
