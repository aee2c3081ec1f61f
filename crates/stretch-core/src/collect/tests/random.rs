//! Random worlds: the merge of streams decides as a plain look into whole lists does.

use super::kit::{DAY, GRACE, World, ago, backup, branch, live, mark, object, of_table, retired};
use crate::collect::facts::{Horizon, Life, Object, Pin, Pinned, SegmentOf, Sighting, Standing};
use crate::collect::plan::NoPlan;
use crate::collect::times::StoreTime;
use crate::seeded;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::TestCaseError;

/// Numbers from which a segment is made.
type Draw = (u8, u8, u8, u8, u8, bool);

/// Segments of three tables, of which one is stretched: with rows, pins, marks and sightings, or without.
fn world(draws: &[Draw]) -> World {
    let mut world = World::new();
    let child = |standing| Pin::Child {
        branch: branch(1),
        standing,
    };
    let since = ago(30);
    world.pins = vec![
        child(Standing::Owned),
        backup(2000, 9, Some(ago(1).store)),
        Pin::Quarantine { number: 0 },
        child(Standing::Adopted { since, retention: DAY }),
    ];
    for (number, (row, objects, pin, marked, seen, is_unpinned)) in draws.iter().enumerate() {
        let of = of_table(1 + number as u128 / 8, number as u128);
        for attempt in 0..u32::from(objects % 3) {
            let mut one = object(of);
            one.name.attempt = attempt;
            world.objects.push(one);
            let before = GRACE * u32::from(marked % 4) / 2;
            if marked % 4 > 0 {
                world.marks.push(mark(&one, StoreTime(world.now.store.0 - before)));
            }
        }
        let mut retired = retired(of, u32::from(row % 30));
        match row % 4 {
            0 if objects % 3 > 0 => world.rows.push(live(of)),
            1 => world.rows.push(retired),
            2 => {
                if let Life::Retired(retirement) = &mut retired.life {
                    retirement.horizon = Horizon::Standby;
                }
                world.rows.push(retired);
            }
            _ => {}
        }
        if !is_unpinned {
            let pin = usize::from(pin % 4);
            world.pinned.push(Pinned { of, pin });
        }
        if seen % 2 == 0 {
            let at = ago(u32::from(seen % 20));
            world.sightings.push(Sighting { of, at });
        }
    }
    world
}

/// Whether nobody needs the object, by looking through the lists.
fn is_garbage(world: &World, object: &Object) -> bool {
    let of = object.name.of;
    // Of the pins the second has expired, and the fourth is of a dead branch.
    let is_pinned = world
        .pinned
        .iter()
        .any(|pinned| pinned.of == of && [0, 2].contains(&pinned.pin));
    let is_old = match world.rows.iter().find(|row| row.of == of).map(|row| row.life) {
        Some(Life::Retired(retirement)) => {
            retirement.horizon == Horizon::Passed && retirement.at.connected + DAY * 7 <= world.now.connected
        }
        Some(_) => false,
        None => {
            let seen = world.sightings.iter().find(|sighting| sighting.of == of);
            seen.is_some_and(|sighting| sighting.at.connected + DAY * 7 <= world.now.connected)
        }
    };
    is_old && !is_pinned
}

fn check(draws: &[Draw]) -> Result<(u64, u64), TestCaseError> {
    let world = world(draws);
    let plan = world.plan().expect("the world is sound");
    let garbage: Vec<Object> = world
        .objects
        .iter()
        .copied()
        .filter(|object| is_garbage(&world, object))
        .collect();
    let grace_is_over = |object: &&Object| {
        let mark = world.marks.iter().find(|mark| mark.of == object.name);
        mark.map(|mark| mark.modified.0 + GRACE <= world.now.store.0)
    };
    let due: Vec<Object> = garbage
        .iter()
        .filter(|object| grace_is_over(object) == Some(true))
        .copied()
        .collect();
    let unmarked: Vec<Object> = garbage
        .iter()
        .filter(|object| grace_is_over(object).is_none())
        .copied()
        .collect();
    proptest::prop_assert_eq!(&plan.candidates, &due);
    proptest::prop_assert_eq!(&plan.marks, &unmarked);
    let counted: u64 = plan.totals.iter().map(|(_, sum)| sum.objects).sum();
    proptest::prop_assert_eq!(counted, world.objects.len() as u64);
    Ok((due.len() as u64, garbage.len() as u64))
}

#[test]
fn streams_decide_as_lists_do() {
    let draws = proptest::collection::vec(any::<Draw>(), 0..24);
    let found = std::cell::Cell::new((0, 0));
    seeded::runner(3000)
        .run(&draws, |draws| {
            let (due, garbage) = check(&draws)?;
            let (all_due, all_garbage) = found.get();
            found.set((all_due + due, all_garbage + garbage));
            Ok(())
        })
        .unwrap();
    let (due, garbage) = found.get();
    println!("{garbage} objects were garbage, {due} of them due");
    assert!(due > 1000 && garbage > due + 1000, "the worlds have too little garbage");
}

#[test]
fn no_disorder_goes_unnoticed() {
    let draws = proptest::collection::vec(any::<Draw>(), 2..24);
    let places = (
        draws,
        any::<proptest::sample::Index>(),
        any::<proptest::sample::Index>(),
    );
    let swapped = std::cell::Cell::new(0);
    seeded::runner(2000)
        .run(
            &places.prop_map(|(draws, a, b)| (world(&draws), a, b)),
            |(mut world, a, b)| {
                if world.rows.is_empty() {
                    return Ok(());
                }
                let (a, b) = (a.index(world.rows.len()), b.index(world.rows.len()));
                world.rows.swap(a, b);
                let is_ordered = world.rows.is_sorted_by_key(|row| -> SegmentOf { row.of });
                swapped.set(swapped.get() + u32::from(!is_ordered));
                let is_refused = matches!(world.plan(), Err(NoPlan::Disorder(_)));
                proptest::prop_assert_eq!(is_refused, !is_ordered);
                Ok(())
            },
        )
        .unwrap();
    assert!(swapped.get() > 500, "the rows were nearly always in order");
}
