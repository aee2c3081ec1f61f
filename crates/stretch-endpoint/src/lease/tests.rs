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
        let lost = beat(&endpoint, &body(1, 1, 100)).await;
        assert!(lost.is_err_and(|error| error.is_transient()));
        assert_eq!(beat(&endpoint, &body(1, 1, 100)).await, Ok(Heartbeat::Ok));
        store.plan(Fault::PutRepeated, "lease", 1);
        assert_eq!(beat(&endpoint, &body(1, 2, 200)).await, Ok(Heartbeat::Ok));
        // A copy of this server, with the same nonce and marker, is at another position.
        let twin = Heartbeat::Twin(Box::new(body(1, 2, 200)));
        assert_eq!(beat(&endpoint, &body(1, 2, 201)).await, Ok(twin));
        assert_eq!(store.hits(), 2);
    });
}
