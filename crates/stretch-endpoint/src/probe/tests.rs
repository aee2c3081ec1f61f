//! The probe passes honest stores and names each lie.

use super::*;
use crate::faults::{Fault, FaultyStore};
use crate::open::OpenOptions;
use crate::testing::{memory, run};
use crate::url::EndpointUrl;

#[test]
fn honest_stores_pass() {
    let steps = run(probe(&memory(), "one")).expect("honest");
    let names: Vec<&str> = steps.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "create",
            "read after write",
            "range read",
            "create-if-absent",
            "list",
            "missing",
            "delete, then create"
        ]
    );
    let directory = tempfile::tempdir().expect("a directory");
    let url = EndpointUrl::parse(&format!("file://{}", directory.path().display()));
    let endpoint = Endpoint::open(&url.expect("a URL"), None, &OpenOptions::default());
    let endpoint = endpoint.expect("an endpoint");
    run(async {
        probe(&endpoint, "one").await.expect("honest");
        probe(&endpoint, "two").await.expect("honest again");
        let bad = probe(&endpoint, "a/b").await;
        assert!(matches!(bad, Err(EndpointError::BadKey(_))));
    });
}

#[test]
fn every_extent_is_passed() {
    for extent in [Extent::SMALL, Extent::FULL] {
        run(probe_to(&memory(), "one", extent)).unwrap_or_else(|error| panic!("{extent:?}: {error}"));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let url = EndpointUrl::parse(&format!("file://{}", directory.path().display())).expect("a URL");
    let endpoint = Endpoint::open(&url, None, &OpenOptions::default()).expect("an endpoint");
    run(probe_to(&endpoint, "one", Extent::FULL)).expect("honest");
    assert_eq!(run(endpoint.list("")), Ok(Vec::new()));
}

#[test]
fn every_lie_is_named() {
    let cases = [
        (Fault::PutForgotten, "body", "can be read once"),
        (Fault::PutTorn, "body", "as it was written"),
        (Fault::GetCorrupt, "body", "as it was written"),
        (Fault::GetMissing, "body", "can be read once"),
        (Fault::GetShort, "body", "can be read once"),
        (Fault::CreateOverwrites, "race", "exactly one"),
        (Fault::CreatePretends, "race", "exactly one"),
        (Fault::PutForgotten, "race", "exactly one"),
        (Fault::ListHides, "race-3", "listing shows"),
        (Fault::ListHides, "body", "listing shows"),
        (Fault::ListWrongSize, "body", "listing shows"),
        (Fault::DeletePretends, "race-0", "deleted is gone"),
    ];
    for (fault, on, promise) in cases {
        let store = FaultyStore::in_memory();
        store.plan(fault, on, usize::MAX);
        let endpoint = Endpoint::from_store(store.clone(), "");
        match run(probe(&endpoint, "x")) {
            Err(EndpointError::BrokenPromise { which }) => {
                assert!(which.contains(promise), "{fault:?} on {on}: {which}");
            }
            other => panic!("{fault:?} on {on}: {other:?}"),
        }
        assert!(store.hits() > 0);
    }
}

#[test]
fn a_store_that_fails_is_not_called_a_liar() {
    let store = FaultyStore::in_memory();
    store.plan(Fault::GetFails, "race-2", 1);
    let endpoint = Endpoint::from_store(store.clone(), "");
    let error = run(probe(&endpoint, "x")).expect_err("a failure");
    assert!(error.is_transient());
    // Replies that get lost on the way are no lie either.
    let store = FaultyStore::in_memory();
    store.plan(Fault::PutRepeated, "body", 1);
    store.plan(Fault::PutRepeated, "race", 1);
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(probe(&endpoint, "x")).expect("honest");
    assert_eq!(store.hits(), 2);
}

#[test]
fn nothing_of_a_probe_remains() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "prefix");
    let other = crate::testing::text("other");
    run(async {
        endpoint.put_new("probe/two/body", &other).await.expect("a put");
        probe(&endpoint, "one").await.expect("honest");
        // Also when the store turned out to be a liar.
        store.plan(Fault::ListHides, "race-3", usize::MAX);
        probe(&endpoint, "liar").await.expect_err("a lie");
        store.heal();
        let left = endpoint.list("probe").await.expect("a listing");
        let names: Vec<&str> = left.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(names, ["probe/two/body"]);
        // A store that lets nobody delete keeps its promises all the same.
        store.plan(Fault::DeleteFails, "probe/three", usize::MAX);
        probe(&endpoint, "three").await.expect("honest");
        assert_eq!(
            endpoint.list("probe/three").await.map(|left| left.len()),
            Ok(Extent::SMALL.races + 1)
        );
    });
    let directory = tempfile::tempdir().expect("a directory");
    let url = EndpointUrl::parse(&format!("file://{}", directory.path().display())).expect("a URL");
    let endpoint = Endpoint::open(&url, None, &OpenOptions::default()).expect("an endpoint");
    run(probe(&endpoint, "one")).expect("honest");
    assert_eq!(run(endpoint.list("")), Ok(Vec::new()));
    let folder = std::fs::read_dir(directory.path().join("probe")).expect("the folder of probes");
    assert_eq!(folder.count(), 0);
}
