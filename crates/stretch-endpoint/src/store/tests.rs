//! The contract of a store, over memory and over a directory.
// A list of ranges may hold one.
#![allow(clippy::single_range_in_vec_init)]

use super::*;
use crate::faults::{Fault, FaultyStore};
use crate::testing::{memory, run, text};
use futures::future::join_all;

/// Runs a test over each kind of store.
fn each(test: impl AsyncFn(&Endpoint, &str)) {
    run(test(&memory(), "memory"));
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}/endpoint", directory.path().display());
    let url = EndpointUrl::parse(&url).expect("a URL");
    let endpoint = Endpoint::open(&url, None, &OpenOptions::default()).expect("an endpoint");
    run(test(&endpoint, "directory"));
}

#[test]
fn of_many_racers_one_wins_and_its_bytes_stay() {
    each(async |endpoint, kind| {
        for round in 0..20 {
            let key = format!("race/{round}");
            let bodies: Vec<Bytes> = (0..8).map(|i| text(&format!("body {i}"))).collect();
            let answers = join_all(bodies.iter().map(|body| endpoint.put_new(&key, body))).await;
            let winners: Vec<usize> = answers
                .iter()
                .enumerate()
                .filter(|(_, answer)| matches!(answer, Ok(PutNew::Created { .. })))
                .map(|(i, _)| i)
                .collect();
            let losers = answers.iter().filter(|a| **a == Ok(PutNew::Exists)).count();
            assert_eq!((winners.len(), losers), (1, 7), "{kind}");
            assert_eq!(endpoint.get(&key).await, Ok(bodies[winners[0]].clone()));
        }
    });
}

#[test]
fn ranges_come_back_in_order_and_short_ones_are_errors() {
    each(async |endpoint, kind| {
        let body: Bytes = (0..2_000_000u32).map(|i| (i % 249) as u8).collect();
        endpoint.put_new("a/b", &body).await.expect(kind);
        let wanted = [
            1_500_000..1_500_010,
            0..3,
            5..5,
            2..900,
            1_999_999..2_000_000,
            700_000..700_001,
        ];
        let parts = endpoint.get_ranges("a/b", &wanted).await.expect(kind);
        for (range, part) in wanted.iter().zip(&parts) {
            assert_eq!(part, &body.slice(range.start as usize..range.end as usize));
        }
        assert_eq!(endpoint.get_ranges("a/b", &[]).await, Ok(Vec::new()));
        let corrupt = |result: Result<Vec<Bytes>, EndpointError>| matches!(result, Err(EndpointError::Corrupt { .. }));
        assert!(
            corrupt(endpoint.get_ranges("a/b", &[1_999_999..2_000_001]).await),
            "{kind}"
        );
        assert!(
            corrupt(endpoint.get_ranges("a/b", &[3_000_000..3_000_001]).await),
            "{kind}"
        );
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = [9..3];
        assert!(corrupt(endpoint.get_ranges("a/b", &reversed).await), "{kind}");
        let missing = EndpointError::NotFound { key: "a/c".into() };
        assert_eq!(endpoint.get_ranges("a/c", &[0..1]).await, Err(missing));
    });
}

#[test]
fn missing_and_present() {
    each(async |endpoint, kind| {
        let missing = || EndpointError::NotFound { key: "x/y".into() };
        assert_eq!(endpoint.get("x/y").await, Err(missing()), "{kind}");
        assert_eq!(endpoint.head("x/y").await, Err(missing()), "{kind}");
        assert_eq!(endpoint.exists("x/y").await, Ok(false), "{kind}");
        assert_eq!(endpoint.list("x").await, Ok(Vec::new()), "{kind}");
        endpoint.put_new("x/y", &text("abc")).await.expect(kind);
        assert_eq!(endpoint.exists("x/y").await, Ok(true), "{kind}");
        assert_eq!(endpoint.head("x/y").await.map(|info| info.size), Ok(3), "{kind}");
        for bad in ["", "/x", "x//y", "../x", "x/./y", "x y", "x\0", "é", "x#1"] {
            let result = endpoint.get(bad).await;
            assert!(matches!(result, Err(EndpointError::BadKey(_))), "{kind} {bad:?}");
        }
    });
}

#[test]
fn a_listing_has_every_page_in_order() {
    each(async |endpoint, kind| {
        // Opened without fsync speed in mind, so few enough to be quick, yet more than one page of a cloud.
        let mut keys: Vec<String> = (0..1_100).map(|i| format!("l/{}/{i}", i % 7)).collect();
        keys.sort();
        for key in &keys {
            endpoint.put_new(key, &text(key)).await.expect(kind);
        }
        endpoint.put_new("l2/other", &text("x")).await.expect(kind);
        let listed = endpoint.list("l").await.expect(kind);
        let names: Vec<String> = listed.iter().map(|info| info.key.clone()).collect();
        assert_eq!(names, keys, "{kind}");
        assert!(listed.iter().all(|info| info.size == info.key.len() as u64));
        assert_eq!(endpoint.list("").await.map(|all| all.len()), Ok(1_101), "{kind}");
        let after = endpoint.list_after("l", Some(&keys[500]), 3).await.expect(kind);
        let names: Vec<&String> = after.iter().map(|info| &info.key).collect();
        assert_eq!(names, keys[501..504].iter().collect::<Vec<_>>(), "{kind}");
        let last = endpoint.list_after("l", keys.last().map(String::as_str), 3).await;
        assert_eq!(last, Ok(Vec::new()), "{kind}");
    });
}

#[test]
fn a_directory_is_private_and_its_links_are_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let base = tempfile::tempdir().expect("a directory");
    let root = base.path().join("new/endpoint");
    let url = EndpointUrl::parse(&format!("file://{}", root.display())).expect("a URL");
    let open = |url| Endpoint::open(url, None, &OpenOptions::default());
    let endpoint = open(&url).expect("an endpoint");
    let mode = std::fs::metadata(&root).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let outside = base.path().join("outside");
    std::fs::create_dir(&outside).expect("a directory");
    std::fs::write(outside.join("file"), "secret").expect("a file");
    symlink(&outside, root.join("folder")).expect("a link");
    symlink(outside.join("file"), root.join("object")).expect("a link");
    run(async {
        let forbidden = |error| matches!(error, EndpointError::Forbidden(_));
        assert!(endpoint.get("object").await.is_err_and(forbidden));
        assert!(endpoint.get("folder/file").await.is_err_and(forbidden));
        assert!(endpoint.put_new("folder/new", &text("x")).await.is_err_and(forbidden));
        assert!(endpoint.list("").await.is_err_and(forbidden));
        assert!(!outside.join("new").exists());
    });
    let link = EndpointUrl::parse(&format!("file://{}/folder", root.display())).expect("a URL");
    assert!(matches!(open(&link), Err(EndpointError::Forbidden(_))));
    std::fs::write(base.path().join("plain"), "x").expect("a file");
    let plain = EndpointUrl::parse(&format!("file://{}/plain", base.path().display()));
    let result = open(&plain.expect("a URL"));
    assert!(matches!(result, Err(EndpointError::Local { .. })), "{result:?}");
}

#[test]
fn faults_come_through_as_named_errors() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "p");
    run(async {
        endpoint.put_new("k", &text("hello")).await.expect("a put");
        store.plan(Fault::GetFails, "k", 1);
        let refused = endpoint.get("k").await.expect_err("a fault");
        assert_eq!(
            refused.to_string(),
            "the endpoint cannot be reached: connection refused"
        );
        assert!(refused.is_transient());
        store.plan(Fault::GetShort, "k", 2);
        let short = |error| matches!(error, EndpointError::Corrupt { .. });
        assert!(endpoint.get("k").await.is_err_and(short));
        assert!(endpoint.get_ranges("k", &[1..4]).await.is_err_and(short));
        store.plan(Fault::Hang, "k", 1);
        let limit = Duration::from_millis(20);
        let late = within(limit, endpoint.get("k")).await;
        assert_eq!(late, Err(EndpointError::timeout()));
        assert_eq!(endpoint.get("k").await, Ok(text("hello")));
        assert_eq!(store.hits(), 4);
    });
}
