//! How many requests many objects take: a page of a listing shows a thousand, and nothing else grows with their number.

use super::call::Procedure;
use super::catalog::{Catalog, DB, OWN, PARENT, claim, claim_body, key};
use super::collect::round;
use super::reauthorize::reauthorize;
use super::reconcile::reconcile;
use super::world::World;
use crate::faults::Verb;
use crate::pin::{Pinner, pins_of};
use crate::testing::run;
use crate::{Endpoint, EndpointUrl, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// As on real stores.
const PAGE: usize = 1000;
/// Requests that a call may send for each so many objects.
const OBJECTS_OF_A_REQUEST: usize = 500;

/// So many live segments, in a branch.
fn catalog(branch: Uuid, segments: u128) -> Catalog {
    let mut catalog = Catalog::new();
    for segment in 1..=segments {
        catalog.add(segment, Some(key(branch, segment, 0)), false);
    }
    catalog
}

/// A world with their objects, too.
fn world(catalog: Catalog) -> World {
    let mut world = World::new();
    run(async {
        for row in catalog.segments.values() {
            let key = row.key.as_ref().expect("a key");
            world.put(key, row.bytes.clone()).await;
        }
    });
    world.catalog = catalog;
    world
}

/// The requests of one call, and the world afterwards.
fn requests(world: &World, procedure: Procedure) -> (usize, World) {
    let mut world = world.again();
    world.store.set_page(PAGE);
    procedure(&mut world).expect("a call");
    let made = world.store.requests();
    let pages = made.iter().filter(|request| request.verb == Verb::List).count();
    println!("  {} requests, {pages} of them pages of listings", made.len());
    (made.len(), world)
}

/// Those of reauthorize, of reconcile, and of a round of collection that finds nothing to do.
fn of_all(segments: u128) -> [usize; 3] {
    println!("{segments} segments");
    let (reauthorized, after) = requests(&world(catalog(PARENT, segments)), reauthorize);
    let (reconciled, _) = requests(&after, reconcile);
    let mut own = world(catalog(OWN, segments));
    let claimed = run(crate::claim::claim(&own.endpoint, &DB, &OWN, &claim_body(1)));
    claimed.expect("a claim");
    own.catalog.claim = Some(claim(OWN, 1));
    let (collected, _) = requests(&own, round);
    [reauthorized, reconciled, collected]
}

#[test]
fn a_call_sends_one_request_for_five_hundred_objects() {
    let (few, many) = (1_000, 10_000);
    let (one, other) = (of_all(few), of_all(many));
    let allowed = (many - few) as usize / OBJECTS_OF_A_REQUEST;
    for (fewer, more) in one.into_iter().zip(other) {
        let grown = more - fewer;
        assert!(
            (1..=allowed).contains(&grown),
            "{grown} requests more, {allowed} are allowed"
        );
    }
}

/// Does it, and says how long it took and how much memory this process has had.
fn timed(world: &mut World, what: &str, procedure: Procedure) {
    let began = Instant::now();
    procedure(world).expect("a call");
    let took = began.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("");
    println!("{what}: {took:?}; {peak}");
}

/// `STRETCH_SEGMENTS` says how many.
#[test]
#[ignore = "by hand, for its times"]
fn many_objects_in_a_folder() {
    let segments = std::env::var("STRETCH_SEGMENTS").map_or(100_000, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let write = |key: &str, bytes: &[u8]| {
        let file = folder.path().join(key);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/"))).expect("a folder");
        std::fs::write(file, bytes).expect("a file");
    };
    let records = World::new();
    for object in run(records.endpoint.list("")).expect("a listing") {
        write(&object.key, &run(records.endpoint.get(&object.key)).expect("an object"));
    }
    let mut world = World::new();
    world.catalog = catalog(PARENT, segments);
    for row in world.catalog.segments.values() {
        write(row.key.as_ref().expect("a key"), &row.bytes);
    }
    let url = EndpointUrl::parse(&format!("file://{}", folder.path().display())).expect("a URL");
    let endpoint = Endpoint::open(&url, None, &OpenOptions::default()).expect("an endpoint");
    world.endpoint = Arc::new(endpoint);
    timed(&mut world, "reauthorize", reauthorize);
    timed(&mut world, "reconcile", reconcile);
    timed(&mut world, "a round of collection", round);
    let pins = run(pins_of(&world.endpoint, &DB, &PARENT, &Pinner::Child(OWN))).expect("pins");
    let bytes: usize = pins
        .iter()
        .flat_map(|(_, body)| &body.keys)
        .map(|key| key.len() + 3)
        .sum();
    println!("{} pins with {bytes} bytes of names", pins.len());
}
