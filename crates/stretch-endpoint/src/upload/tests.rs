//! Tests of uploads: proof, repetition, taken names.

use super::*;
use crate::faults::{Fault, FaultyStore};
use crate::testing::{id, run, sha256, text};

const DB: Uuid = Uuid::from_u128(1);
const BRANCH: Uuid = Uuid::from_u128(2);

fn name() -> SegmentName {
    SegmentName {
        table: id(3),
        segment: id(4),
        generation: 5,
        attempt: 0,
    }
}

async fn upload(endpoint: &Endpoint, bytes: &Bytes) -> Result<Uploaded, EndpointError> {
    upload_segment(endpoint, &DB, &BRANCH, name(), bytes, &sha256(bytes)).await
}

#[test]
fn an_upload_is_proven_and_repeatable() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "p");
    let bytes = text("segment");
    run(async {
        store.plan(Fault::PutReplyLost, ".parquet", 1);
        let first = upload(&endpoint, &bytes).await.expect("an upload");
        assert_eq!(first.attempt, 0);
        assert!(first.etag.is_some());
        assert_eq!(endpoint.get(&first.key).await, Ok(bytes.clone()));
        assert_eq!(upload(&endpoint, &bytes).await, Ok(first));
        // Other bytes for the same segment go under the next name; both stay.
        let other = upload(&endpoint, &text("other")).await.expect("an upload");
        assert_eq!(other.attempt, 1);
        assert_eq!(endpoint.list("").await.map(|all| all.len()), Ok(2));
    });
}

#[test]
fn torn_and_rotten_objects_are_noticed() {
    for fault in [Fault::PutTorn, Fault::GetCorrupt] {
        let store = FaultyStore::in_memory();
        let endpoint = Endpoint::from_store(store.clone(), "");
        let bytes = text("segment");
        run(async {
            store.plan(fault, ".parquet", 1);
            let corrupt = |error| matches!(error, EndpointError::Corrupt { .. });
            assert!(upload(&endpoint, &bytes).await.is_err_and(corrupt));
            // The next try passes a torn object over, and accepts one that was only read badly.
            let second = upload(&endpoint, &bytes).await.expect("an upload");
            assert_eq!(second.attempt, u32::from(fault == Fault::PutTorn));
        });
        assert_eq!(store.hits(), 1);
    }
}

#[test]
fn wrong_staged_bytes_never_leave() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store, "");
    run(async {
        let bytes = text("segment");
        let result = upload_segment(&endpoint, &DB, &BRANCH, name(), &bytes, &sha256(b"another")).await;
        assert!(matches!(result, Err(EndpointError::Corrupt { .. })));
        assert_eq!(endpoint.list("").await, Ok(Vec::new()));
    });
}
