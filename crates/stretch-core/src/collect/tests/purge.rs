//! What `purge_remote` finds: what goes, what waits, and who needs what.

use super::kit::{World, ago, backup, branch, live, mark, object, of, of_table, retired, table};
use crate::collect::decision::Garbage;
use crate::collect::facts::{Cover, Horizon, Life, Pin, Pinned, Place, Promise, Row, Scope, Standing};
use crate::collect::purge::{Asked, Lists, Purge, purge};
use crate::collect::times::ServerTime;
use crate::collect::totals::Reason;
use std::collections::BTreeSet;

/// A world of rows, each with an object that is there.
fn world(rows: &[Row]) -> World {
    let mut world = World::new();
    world.rows = rows.to_vec();
    world.objects = rows.iter().map(|row| object(row.of)).collect();
    world
}

fn ask(world: &World, force: bool) -> Purge {
    let tables = BTreeSet::from([table(1)]);
    let cover = Cover::Whole {
        live: world.live(),
        listing_began: ServerTime(super::kit::DAY),
    };
    let lists = Lists {
        objects: &world.objects,
        rows: &world.rows,
        pinned: &world.pinned,
        marks: &world.marks,
        sightings: &world.sightings,
    };
    let asked = Asked { tables: &tables, force };
    purge(&world.facts(), cover, lists, asked).expect("a plan")
}

fn set(row: &mut Row, promise: Promise) {
    if let Life::Retired(retirement) = &mut row.life {
        retirement.promise = promise;
    }
}

#[test]
fn retired_segments_of_the_table_go_and_nothing_else() {
    let mut held = retired(of(3), 0);
    if let Life::Retired(retirement) = &mut held.life {
        retirement.horizon = Horizon::Snapshot;
    }
    let world = world(&[live(of(1)), retired(of(2), 0), held, retired(of_table(2, 4), 0)]);
    let found = ask(&world, false);
    assert_eq!(found.segments, BTreeSet::from([of(2), of(3)]));
    assert_eq!((found.goes.objects, found.goes.bytes), (1, 10));
    let waits: Vec<_> = found
        .waits
        .iter()
        .map(|(why, sum)| (why.as_str(), sum.objects))
        .collect();
    let why = "retired, but a snapshot, a prepared transaction or a slot is older";
    assert_eq!(waits, [(why, 1)]);
    assert!(!found.is_needed());
}

#[test]
fn force_takes_from_backups_and_not_from_branches() {
    let mut world = world(&[retired(of(1), 0), retired(of(2), 0)]);
    let child = Pin::Child {
        branch: branch(7),
        standing: Standing::Owned,
    };
    // One backup lists the first, another began before both were retired. Over is over.
    let (late, early) = (backup(5000, 5, None), backup(10, 5, None));
    let over = backup(10, 5, Some(ago(1).store));
    world.pins = vec![late, child, over];
    world.pinned = vec![Pinned { of: of(1), pin: 0 }, Pinned { of: of(2), pin: 1 }];
    let found = ask(&world, false);
    assert_eq!(found.goes.objects, 0);
    assert_eq!(found.backups, [("monthly".to_owned(), 1)].into());
    assert_eq!(found.branches, [(branch(7), 1)].into());
    assert!(found.is_needed());
    let forced = ask(&world, true);
    assert_eq!(forced.goes.objects, 1);
    assert_eq!(forced.backups, found.backups, "who loses is named all the same");
    assert_eq!(forced.branches, found.branches);
    world.pins[2] = early;
    assert_eq!(ask(&world, false).backups, [("monthly".to_owned(), 3)].into());
    // What was broken before is no news, and stays broken.
    for row in &mut world.rows {
        set(row, Promise::WaivedWithBackups);
    }
    let again = ask(&world, false);
    assert_eq!((again.goes.objects, again.backups.len()), (1, 0));
}

#[test]
fn what_is_elsewhere_or_nowhere_is_told_apart() {
    let mut world = world(&[retired(of(1), 0), retired(of(2), 0)]);
    world.objects.clear();
    world.rows[0].place = Place::Elsewhere(branch(9));
    world.rows[1].place = Place::Nowhere;
    world.pins = vec![backup(0, 0, None)];
    let found = ask(&world, false);
    assert_eq!(found.elsewhere, [(branch(9), 1)].into());
    // The one that was never uploaded is in the backup itself.
    assert_eq!(found.backups, [("monthly".to_owned(), 1)].into());
}

#[test]
fn a_round_of_purging_acts_on_what_was_purged_alone() {
    let mut rows = [retired(of(1), 0), retired(of(2), 50), retired(of(3), 0)];
    set(&mut rows[0], Promise::Waived);
    set(&mut rows[2], Promise::WaivedWithBackups);
    let mut world = world(&rows);
    world.objects.push(object(of(4)));
    world.marks.push(mark(&object(of(1)), ago(1).store));
    world.pins = vec![backup(2000, 0, None)];
    world.pinned = vec![Pinned { of: of(3), pin: 0 }];
    let all = world.plan().expect("a plan");
    assert_eq!((all.marks.len(), all.candidates.len(), all.sightings.len()), (2, 1, 1));
    world.scope = Scope::Purged;
    let plan = world.plan().expect("a plan");
    assert_eq!(plan.candidates, [object(of(1))]);
    assert_eq!(plan.marks, [object(of(3))]);
    assert_eq!(plan.sightings, []);
    assert_eq!(
        plan.totals.of(Reason::ToBeMarked(Garbage::Retired)).objects,
        1,
        "it is judged"
    );
}
