//! A whole look: lists, totals, and all that makes it refuse.

use super::kit::{DAY, GENERATION, World, ago, branch, live, mark, object, of, retired};
use crate::collect::decision::Garbage;
use crate::collect::facts::{Life, Pinned, Place, Sighting};
use crate::collect::join::{Source, Streams};
use crate::collect::plan::{NoPlan, plan};
use crate::collect::times::ServerTime;
use crate::collect::totals::{Reason, Sum};

/// A live segment, a new orphan, garbage to be marked and garbage that is due.
fn mixed() -> World {
    let mut world = World::new();
    world.objects = (1..=4).map(|number| object(of(number))).collect();
    world.rows = vec![live(of(1)), retired(of(3), 8), retired(of(4), 8)];
    world.marks = vec![mark(&world.objects[3], ago(1).store)];
    world
}

#[test]
fn a_plan_says_what_to_do_next() {
    let world = mixed();
    let plan = world.plan().unwrap();
    assert_eq!(plan.sightings, [of(2)]);
    assert_eq!(plan.marks, [world.objects[2]]);
    assert_eq!(plan.candidates, [world.objects[3]]);
    let sum = Sum { objects: 1, bytes: 10 };
    for reason in [
        Reason::Live,
        Reason::TooYoung,
        Reason::ToBeMarked(Garbage::Retired),
        Reason::Due(Garbage::Retired),
    ] {
        assert_eq!(plan.totals.of(reason), sum, "{reason:?}");
    }
    assert_eq!(plan.totals.iter().count(), 4);
    assert_eq!(plan.totals.of(Reason::Retention), Sum::default());
}

#[test]
fn lists_are_limited() {
    let mut world = World::new();
    world.objects = (1..=9).map(|number| object(of(number))).collect();
    world.rows = (1..=9).map(|number| retired(of(number), 8)).collect();
    world.limit = 2;
    let plan = world.plan().unwrap();
    assert_eq!(plan.marks, world.objects[..2]);
    assert_eq!(plan.totals.of(Reason::ToBeMarked(Garbage::Retired)).objects, 9);
}

#[test]
fn a_row_is_forgotten_when_nothing_is_left() {
    let mut world = World::new();
    world.rows = vec![retired(of(1), 8), retired(of(2), 6), retired(of(3), 8)];
    world.objects = vec![object(of(3))];
    assert_eq!(world.plan().unwrap().forgotten, [of(1)]);
}

#[test]
fn a_sighting_is_forgotten_when_the_orphan_is_gone_or_known() {
    let at = ago(1);
    let mut world = World::new();
    world.sightings = (1..=3).map(|number| Sighting { of: of(number), at }).collect();
    world.objects = vec![object(of(2)), object(of(3))];
    world.rows = vec![live(of(2))];
    assert_eq!(world.plan().unwrap().seen_in_vain, [of(1), of(2)]);
}

#[test]
fn a_mark_without_its_object_goes() {
    let mut world = mixed();
    world.objects.pop();
    let plan = world.plan().unwrap();
    assert_eq!(plan.stray_marks, world.marks);
    assert_eq!(plan.forgotten, [of(4)]);
}

#[test]
fn what_lies_in_another_branch_is_released_there() {
    let mut world = World::new();
    for (number, days) in [(1, 8), (2, 6)] {
        let place = Place::Elsewhere(branch(7));
        world.rows.push(crate::collect::facts::Row {
            place,
            ..retired(of(number), days)
        });
    }
    let plan = world.plan().unwrap();
    assert_eq!(plan.released, [(branch(7), of(1))]);
    assert_eq!(plan.forgotten, []);
}

#[test]
fn a_fenced_collector_has_no_plan() {
    let mut world = mixed();
    world.objects[1].name.generation = GENERATION + 1;
    assert_eq!(world.plan(), Err(NoPlan::Fenced(GENERATION + 1)));
}

#[test]
fn a_catalog_that_is_not_whole_has_no_plan() {
    let (expected, found) = (2, 1);
    assert_eq!(mixed().plan_with(2), Err(NoPlan::Incomplete { expected, found }));
    assert!(mixed().plan_with(0).is_err());
}

#[test]
fn a_listing_that_lacks_what_is_needed_has_no_plan() {
    let mut world = mixed();
    world.objects.remove(0);
    assert_eq!(world.plan(), Err(NoPlan::Missing(1)));
    // What was uploaded while the listing ran may be missing, and what is known to be lost is.
    for place in [
        Place::Here {
            uploaded: ServerTime(DAY),
        },
        Place::Lost,
        Place::Nowhere,
    ] {
        world.rows[0].place = place;
        assert!(world.plan().is_ok(), "{place:?}");
    }
    // Of what left its table nothing is expected.
    let mut world = mixed();
    world.objects.remove(2);
    assert!(world.plan().is_ok());
}

#[test]
fn a_pin_that_was_not_read_has_no_plan() {
    let mut world = mixed();
    world.pinned.push(Pinned { of: of(3), pin: 0 });
    assert_eq!(world.plan(), Err(NoPlan::UnknownPin));
}

#[test]
fn streams_out_of_order_have_no_plan() {
    let mut world = mixed();
    world.rows.swap(0, 1);
    assert_eq!(world.plan(), Err(NoPlan::Disorder(Source::Rows)));
    let mut world = mixed();
    world.objects.swap(2, 3);
    assert_eq!(world.plan(), Err(NoPlan::Disorder(Source::Objects)));
    // A row that comes twice is no row to trust.
    let mut world = mixed();
    world.rows.insert(1, world.rows[0]);
    assert_eq!(world.plan(), Err(NoPlan::Disorder(Source::Rows)));
}

#[test]
fn a_stream_that_fails_has_no_plan() {
    let world = mixed();
    for length in 0..=world.rows.len() {
        let mut rows: Vec<_> = world.rows[..length].iter().copied().map(Ok).collect();
        rows.push(Err("connection lost"));
        let streams = Streams {
            objects: world.objects.iter().copied().map(Ok),
            rows: rows.into_iter(),
            pinned: world.pinned.iter().copied().map(Ok),
            marks: world.marks.iter().copied().map(Ok),
            sightings: world.sightings.iter().copied().map(Ok),
        };
        let cover = crate::collect::facts::Cover::Chosen;
        let made = plan(&world.facts(), cover, streams, 10, |_, _| {});
        assert_eq!(made, Err(NoPlan::Failed("connection lost")));
    }
}

#[test]
fn an_unstamped_row_is_not_forgotten() {
    let mut world = World::new();
    let mut row = retired(of(1), 50);
    row.life = Life::Unstamped;
    world.rows.push(row);
    assert_eq!(world.plan().unwrap().forgotten, []);
}
