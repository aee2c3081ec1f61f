//! Tests of listings beside a collector.

use super::*;
use crate::faults::FaultyStore;
use crate::testing::{id, memory, run, text};

const DB: Uuid = Uuid::from_u128(1);
const BRANCH: Uuid = Uuid::from_u128(2);

fn name(segment: u128) -> SegmentName {
    SegmentName {
        table: id(10),
        segment: id(segment),
        generation: 3,
        attempt: 0,
    }
}

/// Three objects, the first two of which are marked.
async fn branch(endpoint: &Endpoint) {
    for segment in [21, 22, 23] {
        let name = name(segment);
        let object = Key::Segment { branch: BRANCH, name };
        endpoint.put_new(&object.path(&DB), &text("rows")).await.expect("a put");
    }
    for segment in [21, 22] {
        let mark = Key::Trash {
            branch: BRANCH,
            name: name(segment),
            mark: 3,
        };
        endpoint.put_new(&mark.path(&DB), &text("")).await.expect("a put");
    }
}

fn names(listing: &Listing) -> Vec<SegmentName> {
    listing.objects.iter().map(|(name, _)| *name).collect()
}

#[test]
fn objects_and_marks_are_listed() {
    run(async {
        let endpoint = memory();
        branch(&endpoint).await;
        endpoint.put_new("db/odd", &text("")).await.expect("a put");
        let listing = list_branch(&endpoint, &DB, &BRANCH).await.expect("a listing");
        assert_eq!(names(&listing), [name(21), name(22), name(23)]);
        assert_eq!(listing.marked, BTreeSet::from([name(21), name(22)]));
        let elsewhere = list_branch(&endpoint, &DB, &id(7)).await.expect("a listing");
        assert_eq!(elsewhere, Listing::default());
    });
}

/// A collector deletes an object and its mark between the two requests: nobody may count on that object.
#[test]
fn what_goes_meanwhile_is_gone_or_marked() {
    run(async {
        for behind in ["/segment", "/trash"] {
            let store = FaultyStore::in_memory();
            let endpoint = Endpoint::from_store(store.clone(), "");
            branch(&endpoint).await;
            let goes = name(21);
            store.plan_deletion(behind, &goes.segment.to_string());
            let listing = list_branch(&endpoint, &DB, &BRANCH).await.expect("a listing");
            assert_eq!(store.hits(), 1, "the object goes behind the listing of {behind}");
            let counted_on = names(&listing)
                .into_iter()
                .filter(|name| !listing.marked.contains(name));
            assert_eq!(counted_on.collect::<Vec<_>>(), [name(23)], "behind {behind}");
        }
    });
}
