//! Tests of claims: lost replies, races, gaps, fencing.

use super::*;
use crate::bodies::FORMAT;
use crate::faults::{Fault, FaultyStore};
use crate::testing::{id, memory, run};

const DB: Uuid = Uuid::from_u128(1);
const BRANCH: Uuid = Uuid::from_u128(2);

fn body(generation: u64, nonce: u128) -> ClaimBody {
    ClaimBody {
        format: FORMAT,
        generation,
        nonce: id(nonce),
        system_identifier: u64::MAX,
        database_oid: 16384,
        timeline: 1,
        lsn: 0x0100_0000,
        retention_seconds: 604_800,
        created_by: "test".into(),
    }
}

async fn try_claim(endpoint: &Endpoint, generation: u64, nonce: u128) -> Result<ClaimOutcome, EndpointError> {
    claim(endpoint, &DB, &BRANCH, &body(generation, nonce)).await
}

#[test]
fn a_branch_changes_hands_by_the_next_generation() {
    let endpoint = memory();
    run(async {
        assert_eq!(highest_claim(&endpoint, &DB, &BRANCH).await, Ok(None));
        let check =
            async |generation, nonce: u128| validate_claim(&endpoint, &DB, &BRANCH, generation, &id(nonce)).await;
        assert_eq!(check(1, 10).await, Ok(Validity::NotOurs));
        assert_eq!(try_claim(&endpoint, 1, 10).await, Ok(ClaimOutcome::Won));
        assert_eq!(check(1, 10).await, Ok(Validity::Valid));
        assert_eq!(check(1, 11).await, Ok(Validity::NotOurs));
        assert_eq!(highest_claim(&endpoint, &DB, &BRANCH).await, Ok(Some((1, body(1, 10)))));
        // Another server: the taken one is lost, the next one is free.
        let lost = ClaimOutcome::Lost(Box::new(body(1, 10)));
        assert_eq!(try_claim(&endpoint, 1, 11).await, Ok(lost));
        assert_eq!(try_claim(&endpoint, 2, 11).await, Ok(ClaimOutcome::Won));
        assert_eq!(check(1, 10).await, Ok(Validity::Superseded));
        assert_eq!(check(2, 11).await, Ok(Validity::Valid));
        for generation in 3..=12 {
            let outcome = try_claim(&endpoint, generation, 20).await;
            assert_eq!(outcome, Ok(ClaimOutcome::Won));
        }
        let highest = highest_claim(&endpoint, &DB, &BRANCH).await;
        assert_eq!(highest, Ok(Some((12, body(12, 20)))));
    });
}

#[test]
fn a_lost_reply_is_no_lost_claim() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(async {
        store.plan(Fault::PutReplyLost, "claim", 1);
        // The connection broke, so the store is asked what it has.
        assert_eq!(try_claim(&endpoint, 1, 10).await, Ok(ClaimOutcome::Won));
        assert_eq!(try_claim(&endpoint, 1, 10).await, Ok(ClaimOutcome::AlreadyOurs));
        // The client's own repetition is told "exists".
        store.plan(Fault::PutRepeated, "claim", 1);
        assert_eq!(try_claim(&endpoint, 2, 10).await, Ok(ClaimOutcome::Won));
        // After a crash the repeated claim may differ in position and text, but not in its nonce.
        let mut later = body(2, 10);
        later.lsn += 1;
        let again = claim(&endpoint, &DB, &BRANCH, &later).await;
        assert_eq!(again, Ok(ClaimOutcome::AlreadyOurs));
        assert_eq!(store.hits(), 2);
    });
}

#[test]
fn of_many_claimants_one_wins() {
    let endpoint = memory();
    run(async {
        for generation in 1..=20 {
            let tries = (0..6).map(|nonce| try_claim(&endpoint, generation, nonce));
            let outcomes = futures::future::join_all(tries).await;
            let won = outcomes.iter().filter(|o| **o == Ok(ClaimOutcome::Won)).count();
            let lost = outcomes
                .iter()
                .filter(|o| matches!(o, Ok(ClaimOutcome::Lost(_))))
                .count();
            assert_eq!((won, lost), (1, 5), "{outcomes:?}");
        }
    });
}

#[test]
fn a_store_that_lies_to_two_claimants_gives_one_of_them_the_claim() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(async {
        assert_eq!(try_claim(&endpoint, 1, 10).await, Ok(ClaimOutcome::Won));
        // The look before the create misses it, and the create pretends to have made it.
        store.plan(Fault::GetMissing, "claim", 1);
        store.plan(Fault::CreatePretends, "claim", 1);
        let outcome = try_claim(&endpoint, 1, 11).await;
        assert_eq!(outcome, Ok(ClaimOutcome::Lost(Box::new(body(1, 10)))));
        assert_eq!(store.hits(), 2);
    });
}

#[test]
fn gaps_are_broken_promises() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(async {
        let broken = |error| matches!(error, EndpointError::BrokenPromise { .. });
        assert!(try_claim(&endpoint, 2, 10).await.is_err_and(broken));
        let zero = try_claim(&endpoint, 0, 10).await;
        assert!(matches!(zero, Err(EndpointError::BadKey(_))));
        for generation in 1..=3 {
            try_claim(&endpoint, generation, 10).await.expect("a claim");
        }
        store.plan(Fault::ListHides, "claim/00000000000000000002", 1);
        assert!(highest_claim(&endpoint, &DB, &BRANCH).await.is_err_and(broken));
        store.heal();
        // A listing that lags behind at the end is caught up with.
        store.plan(Fault::ListHides, "claim/00000000000000000003", 1);
        let highest = highest_claim(&endpoint, &DB, &BRANCH).await;
        assert_eq!(highest, Ok(Some((3, body(3, 10)))));
        assert_eq!(store.hits(), 2);
    });
}

#[test]
fn a_claim_that_cannot_be_read_fences_too() {
    let endpoint = memory();
    run(async {
        try_claim(&endpoint, 1, 10).await.expect("a claim");
        let key = Key::Claim {
            branch: BRANCH,
            generation: 2,
        }
        .path(&DB);
        let newer = bytes::Bytes::from_static(b"{\"format\":99}");
        endpoint.put_new(&key, &newer).await.expect("a put");
        let valid = validate_claim(&endpoint, &DB, &BRANCH, 1, &id(10)).await;
        assert_eq!(valid, Ok(Validity::Superseded));
        let highest = highest_claim(&endpoint, &DB, &BRANCH).await;
        assert!(matches!(highest, Err(EndpointError::NewerFormat { found: 99, .. })));
    });
}
