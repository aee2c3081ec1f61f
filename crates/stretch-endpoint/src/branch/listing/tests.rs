//! Tests of listings beside a collector.

use super::*;
use crate::collect::write_mark;
use crate::faults::FaultyStore;
use crate::testing::{id, run, text};

const DB: Uuid = Uuid::from_u128(1);
const BRANCH: Uuid = Uuid::from_u128(2);

fn key(segment: u128, attempt: u32) -> String {
    let name = SegmentName {
        table: id(10),
        segment: id(segment),
        generation: 3,
        attempt,
    };
    Key::Segment { branch: BRANCH, name }.path(&DB)
}

fn name(key: &str) -> SegmentName {
    match Key::parse(key) {
        Some((_, Key::Segment { name, .. })) => name,
        other => panic!("{other:?}"),
    }
}

/// Three objects, the first two of which are marked.
async fn fill(endpoint: &Endpoint) {
    for segment in [21, 22, 23] {
        endpoint.put_new(&key(segment, 0), &text("rows")).await.expect("a put");
    }
    for segment in [21, 22] {
        let object = name(&key(segment, 0)).into();
        write_mark(endpoint, &DB, &BRANCH, object, 3).await.expect("a mark");
    }
}

fn keys(listing: &Listing) -> Vec<&String> {
    listing.objects.iter().map(|object| &object.key).collect()
}

fn segment(segment: u128) -> CatalogSegment {
    CatalogSegment {
        segment_id: SegmentId::from_uuid(id(segment)),
        table_id: TableId::from_uuid(id(10)),
        object_key: Some(key(segment, 0)),
        byte_size: 4,
        etag: None,
        staged: false,
        uploaded: true,
    }
}

#[test]
fn objects_and_marks_are_listed() {
    run(async {
        let endpoint = Arc::new(crate::testing::memory());
        fill(&endpoint).await;
        endpoint.put_new("db/odd", &text("")).await.expect("a put");
        let listing = list(endpoint.clone(), DB, vec![BRANCH]).await.expect("a listing");
        assert_eq!(keys(&listing), [&key(21, 0), &key(22, 0), &key(23, 0)]);
        assert_eq!(listing.in_trash, HashSet::from([key(21, 0), key(22, 0)]));
        let elsewhere = list(endpoint, DB, vec![id(7)]).await.expect("a listing");
        assert!(elsewhere.objects.is_empty() && elsewhere.in_trash.is_empty());
    });
}

/// A collector deletes an object and its mark between the two requests: nobody may count on that object.
#[test]
fn what_goes_meanwhile_is_gone_or_marked() {
    run(async {
        for behind in ["/segment", "/trash"] {
            let store = FaultyStore::in_memory();
            let endpoint = Arc::new(Endpoint::from_store(store.clone(), ""));
            fill(&endpoint).await;
            let goes = name(&key(21, 0));
            store.plan_deletion(behind, &goes.segment.to_string());
            let listing = list(endpoint, DB, vec![BRANCH]).await.expect("a listing");
            assert_eq!(store.hits(), 1, "the object goes behind the listing of {behind}");
            let mut counted_on = keys(&listing);
            counted_on.retain(|key| !listing.in_trash.contains(*key));
            assert_eq!(counted_on, [&key(23, 0)], "behind {behind}");
        }
    });
}

/// What is in doubt lies on the very branch of the copy, with a mark left by another attempt.
#[test]
fn a_copy_has_a_name_that_nothing_has_had() {
    run(async {
        let endpoint = Arc::new(crate::testing::memory());
        fill(&endpoint).await;
        let gone = name(&key(22, 4)).into();
        write_mark(&endpoint, &DB, &BRANCH, gone, 3).await.expect("a mark");
        let listing = list(endpoint, DB, vec![BRANCH]).await.expect("a listing");
        let plan = listing.compare(&[segment(21), segment(22), segment(23)], false);
        let attempts = |branch, generation| {
            let doubtful = listing.in_doubt(&plan, &[[0; 32]; 3], branch, generation);
            doubtful
                .iter()
                .map(|item| (item.key.clone(), item.copy.attempt))
                .collect::<Vec<_>>()
        };
        assert_eq!(attempts(BRANCH, 3), [(key(21, 0), 1), (key(22, 0), 5)]);
        assert_eq!(attempts(BRANCH, 4), [(key(21, 0), 0), (key(22, 0), 0)]);
        assert_eq!(attempts(id(7), 3), [(key(21, 0), 0), (key(22, 0), 0)]);
    });
}
