//! Tests of heartbeats: order, repetition, twins.

use super::*;
use crate::bodies::FORMAT;
use crate::faults::{Fault, FaultyStore};
use crate::testing::{id, memory, run};

const DB: Uuid = Uuid::from_u128(1);
const BRANCH: Uuid = Uuid::from_u128(2);

fn body(generation: u64, sequence: u64, lsn: u64) -> LeaseBody {
    LeaseBody {
        format: FORMAT,
        generation,
        sequence,
        nonce: id(7),
        system_identifier: 42,
        database_oid: 5,
        timeline: 1,
        flushed_lsn: lsn,
        retention_seconds: None,
    }
}

async fn beat(endpoint: &Endpoint, body: &LeaseBody) -> Result<Heartbeat, EndpointError> {
    heartbeat(endpoint, &DB, &BRANCH, body).await
}

#[test]
fn the_newest_is_found_with_and_without_a_start() {
    let endpoint = memory();
    run(async {
        let newest = async |after| newest_lease(&endpoint, &DB, &BRANCH, after).await;
        assert_eq!(newest(None).await, Ok(None));
        for (generation, sequence) in [(1, 1), (1, 2), (1, 11), (2, 3), (10, 1)] {
            let beaten = beat(&endpoint, &body(generation, sequence, sequence)).await;
            assert_eq!(beaten, Ok(Heartbeat::Ok));
            let expected = Ok(Some(body(generation, sequence, sequence)));
            assert_eq!(newest(None).await, expected);
            assert_eq!(newest(Some((1, 1))).await, expected);
            assert_eq!(newest(Some((generation, sequence))).await, expected);
        }
        let unknown = newest(Some((99, 1))).await;
        assert!(matches!(unknown, Err(EndpointError::NotFound { .. })));
    });
}

#[test]
fn repetition_is_fine_and_another_body_is_a_twin() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(async {
        store.plan(Fault::PutReplyLost, "lease", 1);
        assert_eq!(beat(&endpoint, &body(1, 1, 100)).await, Ok(Heartbeat::Ok));
        assert_eq!(beat(&endpoint, &body(1, 1, 100)).await, Ok(Heartbeat::Ok));
        store.plan(Fault::PutRepeated, "lease", 1);
        assert_eq!(beat(&endpoint, &body(1, 2, 200)).await, Ok(Heartbeat::Ok));
        // A copy of this server, with the same nonce and marker, is at another position.
        let twin = Heartbeat::Twin(Box::new(body(1, 2, 200)));
        assert_eq!(beat(&endpoint, &body(1, 2, 201)).await, Ok(twin));
        assert_eq!(store.hits(), 2);
    });
}

/// Numbers of the heartbeats that are there.
async fn left(endpoint: &Endpoint) -> Vec<(u64, u64)> {
    let listed = endpoint
        .list(&Folder::Lease.path(&DB, &BRANCH))
        .await
        .expect("a listing");
    let number = |key: &str| match Key::parse(key) {
        Some((
            _,
            Key::Lease {
                generation, sequence, ..
            },
        )) => (generation, sequence),
        _ => panic!("{key}"),
    };
    listed.iter().map(|object| number(&object.key)).collect()
}

#[test]
fn the_last_two_of_a_claim_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = crate::EndpointUrl::parse(&format!("file://{}", directory.path().display())).expect("a URL");
    let folder = Endpoint::open(&url, None, &crate::OpenOptions::default()).expect("an endpoint");
    for endpoint in [memory(), folder] {
        run(async {
            for sequence in 1..=3 {
                assert_eq!(beat(&endpoint, &body(1, sequence, 1)).await, Ok(Heartbeat::Ok));
            }
            // Another branch has the same numbers.
            for sequence in 1..=2 {
                let beaten = heartbeat(&endpoint, &DB, &id(3), &body(2, sequence, 1)).await;
                assert_eq!(beaten, Ok(Heartbeat::Ok));
            }
            for sequence in 1..=10 {
                assert_eq!(beat(&endpoint, &body(2, sequence, 1)).await, Ok(Heartbeat::Ok));
                let newest = newest_lease(&endpoint, &DB, &BRANCH, None).await;
                assert_eq!(newest, Ok(Some(body(2, sequence, 1))));
            }
            assert_eq!(left(&endpoint).await, [(1, 2), (1, 3), (2, 9), (2, 10)]);
            let other = endpoint.list(&Folder::Lease.path(&DB, &id(3))).await;
            assert_eq!(other.map(|listed| listed.len()), Ok(2));
            // An unanswered heartbeat is repeated as it was.
            assert_eq!(beat(&endpoint, &body(2, 10, 1)).await, Ok(Heartbeat::Ok));
            assert_eq!(left(&endpoint).await, [(1, 2), (1, 3), (2, 9), (2, 10)]);
        });
    }
}

/// A copy of the server, resumed later with the nonce and marker of then: the names of its next heartbeats are free
/// again, and still it must not take the branch for its own.
#[test]
fn a_twin_far_behind_notices_and_deletes_nothing() {
    let endpoint = memory();
    run(async {
        for sequence in 1..=10 {
            assert_eq!(beat(&endpoint, &body(1, sequence, 100)).await, Ok(Heartbeat::Ok));
        }
        for behind in [1, 4, 8, 9, 10] {
            let told = beat(&endpoint, &body(1, behind, 55)).await;
            assert!(matches!(told, Ok(Heartbeat::Twin(_))), "{behind}: {told:?}");
        }
        let there = left(&endpoint).await;
        assert!(there.contains(&(1, 9)) && there.contains(&(1, 10)), "{there:?}");
        // The one ahead goes on.
        assert_eq!(beat(&endpoint, &body(1, 11, 100)).await, Ok(Heartbeat::Ok));
        // A later generation is not a twin's doing; the claim says what it means.
        assert_eq!(beat(&endpoint, &body(2, 1, 100)).await, Ok(Heartbeat::Ok));
        assert_eq!(beat(&endpoint, &body(1, 12, 100)).await, Ok(Heartbeat::Ok));
    });
}

#[test]
fn what_cannot_be_deleted_stays_and_fails_nothing() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(async {
        store.plan(Fault::DeleteFails, "lease", 2);
        for sequence in 1..=5 {
            assert_eq!(beat(&endpoint, &body(1, sequence, 1)).await, Ok(Heartbeat::Ok));
        }
        assert_eq!(store.hits(), 2);
        assert_eq!(left(&endpoint).await, [(1, 1), (1, 2), (1, 4), (1, 5)]);
    });
}

#[test]
fn a_heartbeat_replaced_while_it_was_read_is_looked_for_again() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(async {
        for sequence in 1..=2 {
            assert_eq!(beat(&endpoint, &body(1, sequence, 1)).await, Ok(Heartbeat::Ok));
        }
        store.plan(Fault::GetMissing, "lease", 2);
        let newest = newest_lease(&endpoint, &DB, &BRANCH, None).await;
        assert_eq!(newest, Ok(Some(body(1, 2, 1))));
        assert_eq!(store.hits(), 2);
        // One that never can be read is an error and not "there was none".
        store.plan(Fault::GetMissing, "lease", usize::MAX);
        let newest = newest_lease(&endpoint, &DB, &BRANCH, None).await;
        assert!(matches!(newest, Err(EndpointError::NotFound { .. })));
    });
}
