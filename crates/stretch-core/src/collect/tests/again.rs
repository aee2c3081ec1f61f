//! The second look, and how long it may be acted upon.

use super::kit::{GRACE, World, ago, branch, live, mark, object, of, retired};
use crate::collect::again::{Condemned, NotNow, Readings, is_out_of_doubt, look_again};
use crate::collect::facts::{Pin, Pinned, Standing};
use crate::collect::times::Steady;
use std::convert::Infallible;
use std::time::Duration;

fn at(seconds: u64) -> Steady {
    Steady(Duration::from_secs(seconds))
}

const READ: [u64; 4] = [10, 20, 30, 40];

fn readings([time, pins, rows, claim]: [u64; 4]) -> Readings {
    Readings {
        time: at(time),
        pins: at(pins),
        rows: at(rows),
        claim: at(claim),
    }
}

fn again(world: &World) -> Condemned {
    fn all<T: Copy>(items: &[T]) -> impl Iterator<Item = Result<T, Infallible>> + '_ {
        items.iter().copied().map(Ok)
    }
    let looked = look_again(
        &world.facts(),
        &world.objects,
        all(&world.rows),
        all(&world.pinned),
        all(&world.marks),
        all(&world.sightings),
        |_, _| {},
    );
    looked.unwrap()
}

/// Two retired segments, marked a day ago.
fn candidates() -> World {
    let mut world = World::new();
    world.objects = vec![object(of(1)), object(of(2))];
    world.rows = vec![retired(of(1), 8), retired(of(2), 8)];
    world.marks = world.objects.iter().map(|object| mark(object, ago(1).store)).collect();
    world
}

#[test]
fn what_was_pinned_or_revived_since_is_spared() {
    assert_eq!(again(&candidates()).objects().count(), 2);
    let mut pinned = candidates();
    pinned.pins.push(Pin::Child {
        branch: branch(9),
        standing: Standing::Owned,
    });
    pinned.pinned.push(Pinned { of: of(1), pin: 0 });
    let spared = again(&pinned);
    let left: Vec<_> = spared.objects().collect();
    assert_eq!(left, [&pinned.objects[1]]);
    let mut revived = candidates();
    revived.rows[1] = live(of(2));
    assert_eq!(again(&revived).objects().count(), 1);
    let mut unmarked = candidates();
    unmarked.marks.clear();
    assert_eq!(again(&unmarked).objects().count(), 0);
}

#[test]
fn warrants_are_given_while_the_readings_are_fresh() {
    let world = candidates();
    let mut condemned = again(&world);
    let half = GRACE.as_secs() / 2;
    let read = readings(READ);
    let first = condemned.next(&read, at(20 + half), GRACE).unwrap().unwrap();
    assert_eq!(first.object(), &world.objects[0]);
    assert_eq!(condemned.next(&read, at(21 + half), GRACE), Err(NotNow::TooOld));
    // Refused is not forgotten.
    assert_eq!(condemned.objects().count(), 1);
    assert!(condemned.next(&read, at(50), GRACE).unwrap().is_some());
    assert_eq!(condemned.next(&read, at(50), GRACE), Ok(None));
}

#[test]
fn readings_come_in_their_order() {
    assert_eq!(readings(READ).allow(at(50), GRACE), Ok(()));
    for wrong in [
        // Pins or rows that were read before it was known how old the marks are.
        [25, 20, 30, 40],
        [25, 30, 20, 40],
        // A claim that was validated before the pins, or the rows, were read.
        [10, 20, 30, 25],
        [10, 30, 20, 25],
        // A claim that is yet to be validated.
        [10, 20, 30, 60],
    ] {
        assert_eq!(readings(wrong).allow(at(50), GRACE), Err(NotNow::Order), "{wrong:?}");
    }
    assert_eq!(readings([10; 4]).allow(at(10), GRACE), Ok(()));
}

#[test]
fn rows_grow_old_as_pins_do() {
    let half = GRACE.as_secs() / 2;
    let read = readings([10, 30, 20, 40]);
    assert_eq!(read.allow(at(20 + half), GRACE), Ok(()));
    assert_eq!(read.allow(at(21 + half), GRACE), Err(NotNow::TooOld));
}

#[test]
fn doubt_ends_after_twice_the_grace() {
    assert!(!is_out_of_doubt(GRACE * 2 - Duration::from_secs(1), GRACE));
    assert!(is_out_of_doubt(GRACE * 2, GRACE));
}
