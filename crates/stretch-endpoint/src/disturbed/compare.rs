//! Whether two worlds are the same, and whether what is needed is there.

use super::catalog::{Catalog, DB, GRAND, OWN, PARENT};
use super::world::World;
use crate::bodies::{PinBody, decode};
use crate::disposable::Disposable;
use crate::keys::{Key, branch_of};
use crate::pin::{Pinner, pins_of};
use crate::store::Endpoint;
use crate::testing::run;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a store holds: objects by their keys. The number of a pin says how often one was written, which is nobody's
/// business. Whoever takes a branch over does not trust what is pinned, and may write the same list twice.
#[derive(Debug, PartialEq, Eq)]
struct Objects {
    plain: BTreeMap<String, Bytes>,
    pins: Vec<(String, Vec<String>)>,
}

/// All objects, without faults.
fn listed(world: &World) -> BTreeMap<String, Bytes> {
    let honest = Endpoint::from_store(world.inner.clone(), "");
    run(async {
        let mut objects = BTreeMap::new();
        for object in honest.list("").await.expect("a listing") {
            let bytes = honest.get(&object.key).await.expect("an object");
            objects.insert(object.key, bytes);
        }
        objects
    })
}

/// Everything but what a probe has left, for which the next collector comes.
fn objects(world: &World) -> Objects {
    let (mut plain, mut pins) = (BTreeMap::new(), Vec::new());
    for (key, bytes) in listed(world) {
        match Key::parse(&key) {
            Some((_, Key::BranchPin { .. } | Key::BackupPin { .. })) => {
                let PinBody { mut keys, .. } = decode(&key, &bytes).expect("a pin");
                keys.sort();
                let who = key.rsplit_once('-').expect("a number").0;
                pins.push((who.to_owned(), keys));
            }
            None if Disposable::left_by_probe(&key).is_some() => {}
            _ => {
                plain.insert(key, bytes);
            }
        }
    }
    pins.sort();
    pins.dedup();
    Objects { plain, pins }
}

/// How many pins there are.
pub(super) fn pins(world: &World) -> usize {
    let is_pin = |key: &&String| {
        matches!(
            Key::parse(key),
            Some((_, Key::BranchPin { .. } | Key::BackupPin { .. }))
        )
    };
    listed(world).keys().filter(is_pin).count()
}

/// The catalog without the time that went by.
fn timeless(catalog: &Catalog) -> Catalog {
    Catalog {
        connected: Duration::ZERO,
        ..catalog.clone()
    }
}

/// Asserts that a world ended as another one did.
pub(super) fn assert_same(world: &World, undisturbed: &World, what: &str) {
    assert_eq!(timeless(&world.catalog), timeless(&undisturbed.catalog), "{what}");
    assert_eq!(objects(world), objects(undisturbed), "{what}");
    assert_needed_is_there(world, what);
}

/// Asserts that every live segment is staged, lost before, or has its object; and that pins hold those of others.
pub(super) fn assert_needed_is_there(world: &World, what: &str) {
    let honest = Endpoint::from_store(world.inner.clone(), "");
    let mut pinned = Vec::new();
    for branch in [GRAND, PARENT] {
        let pins = run(pins_of(&honest, &DB, &branch, &Pinner::Child(OWN))).expect("pins");
        pinned.extend(pins.into_iter().flat_map(|(_, body)| body.keys));
    }
    let objects = listed(world);
    for (id, row) in world.catalog.live().filter(|(_, row)| !row.is_lost) {
        let Some(key) = &row.key else {
            assert!(row.is_staged, "{what}: {id} is nowhere");
            continue;
        };
        assert_eq!(objects.get(key), Some(&row.bytes), "{what}: {id}");
        let is_held = branch_of(key) == Some(OWN) || pinned.contains(key);
        assert!(is_held, "{what}: nothing holds {id}");
    }
}

/// Asserts that what served a live segment before does so still.
pub(super) fn assert_nothing_needed_is_gone(world: &World, before: &World, what: &str) {
    let (now, then) = (listed(world), listed(before));
    for key in before.catalog.live().filter_map(|(_, row)| row.key.as_ref()) {
        assert_eq!(now.get(key), then.get(key), "{what}: {key}");
    }
}

/// Asserts that a world ended as another one did, but for halves of objects of segments that are still live, and the
/// names that the whole ones got therefore.
pub(super) fn assert_same_but_for_halves(world: &World, undisturbed: &World, what: &str) {
    let of = |key: &str| match Key::parse(key) {
        Some((_, Key::Segment { branch, name })) => Some((branch, name.segment)),
        _ => None,
    };
    let (found, expected) = (objects(world), objects(undisturbed));
    assert_eq!(found.pins, expected.pins, "{what}");
    for (key, bytes) in &expected.plain {
        let serves = |(other, there): (&String, &Bytes)| there == bytes && (other == key || of(other) == of(key));
        assert!(found.plain.iter().any(serves), "{what}: {key} is gone");
    }
    for (key, bytes) in found.plain.iter().filter(|(key, _)| !expected.plain.contains_key(*key)) {
        let is_of_live = |(id, _): (&stretch_core::ids::SegmentId, _)| of(key) == Some((OWN, id.uuid()));
        assert!(
            world.catalog.live().any(is_of_live),
            "{what}: {key} of {} bytes is left",
            bytes.len()
        );
    }
    assert_needed_is_there(world, what);
}
