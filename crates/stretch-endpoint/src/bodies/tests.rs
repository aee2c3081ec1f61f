//! Tests of the small objects: formats, owners, idempotence.

use super::*;
use crate::Endpoint;
use crate::faults::{Fault, FaultyStore};
use crate::keys::Key;
use crate::testing::{id, memory, run, text};

#[test]
fn a_place_is_created_once_and_belongs_to_its_database() {
    let endpoint = memory();
    run(async {
        let missing = open_database(&endpoint, &id(1)).await;
        assert!(matches!(missing, Err(EndpointError::NotFound { .. })));
        let made = create_database(&endpoint, &id(1), "then").await.expect("created");
        assert_eq!(made.created_at, "then");
        // Again, later: the first one stays.
        let again = create_database(&endpoint, &id(1), "now").await;
        assert_eq!(again, Ok(made.clone()));
        assert_eq!(open_database(&endpoint, &id(1)).await, Ok(made));
        // Another database's content where ours should be.
        let key = Key::Stretch.path(&id(2));
        let foreign = format!("{{\"format\":1,\"db_id\":\"{}\",\"created_at\":\"\"}}", id(3));
        endpoint.put_new(&key, &text(&foreign)).await.expect("a put");
        let error = Err(EndpointError::Foreign { found: id(3) });
        assert_eq!(open_database(&endpoint, &id(2)).await, error);
        assert_eq!(create_database(&endpoint, &id(2), "").await, error);
    });
}

#[test]
fn newer_formats_stop_and_unknown_fields_do_not() {
    let key = "k";
    let body = |text: &str| decode::<StretchJson>(key, text.as_bytes());
    let zero = id(0);
    let more = format!("{{\"colour\":[1],\"format\":1,\"db_id\":\"{zero}\",\"created_at\":\"x\"}}");
    assert_eq!(body(&more).map(|b| b.db_id), Ok(zero));
    assert_eq!(
        body("{\"format\":2,\"entirely\":\"different\"}"),
        Err(EndpointError::NewerFormat {
            key: key.into(),
            found: 2,
            known: 1
        })
    );
    for bad in ["", "{}", "[1]", "{\"format\":1}", "{\"format\":-1}", "\u{0}"] {
        assert!(matches!(body(bad), Err(EndpointError::Corrupt { .. })), "{bad:?}");
    }
}

#[test]
fn bodies_round_trip() {
    let branch = BranchJson {
        format: FORMAT,
        branch_id: id(1),
        parent: Some(id(2)),
        fork_generation: Some(3),
        fork_lsn: Some(u64::MAX),
        created_by: "me".into(),
    };
    let bytes = encode(&branch).expect("JSON");
    assert_eq!(decode("k", &bytes), Ok(branch.clone()));
    let root = BranchJson {
        parent: None,
        fork_generation: None,
        fork_lsn: None,
        ..branch
    };
    let bytes = encode(&root).expect("JSON");
    assert_eq!(decode("k", &bytes), Ok(root));
    let short = format!("{{\"format\":1,\"branch_id\":\"{}\",\"created_by\":\"\"}}", id(9));
    assert_eq!(decode("k", short.as_bytes()).map(|b: BranchJson| b.parent), Ok(None));
}

#[test]
fn a_branch_is_created_once() {
    let endpoint = memory();
    let body = BranchJson {
        format: FORMAT,
        branch_id: id(5),
        parent: None,
        fork_generation: None,
        fork_lsn: None,
        created_by: "me".into(),
    };
    run(async {
        create_branch(&endpoint, &id(1), &body).await.expect("created");
        let later = BranchJson {
            created_by: "me, later".into(),
            ..body.clone()
        };
        assert_eq!(create_branch(&endpoint, &id(1), &later).await, Ok(()));
        let other = BranchJson {
            parent: Some(id(6)),
            ..body.clone()
        };
        let result = create_branch(&endpoint, &id(1), &other).await;
        assert!(matches!(result, Err(EndpointError::Corrupt { .. })));
        assert_eq!(read_branch(&endpoint, &id(1), &id(5)).await, Ok(body));
    });
}

#[test]
fn a_forgetful_store_is_noticed_at_creation() {
    let store = FaultyStore::in_memory();
    store.plan(Fault::PutForgotten, "stretch.json", 1);
    let endpoint = Endpoint::from_store(store.clone(), "");
    let result = run(create_database(&endpoint, &id(1), ""));
    assert!(matches!(result, Err(EndpointError::BrokenPromise { .. })));
    assert_eq!(store.hits(), 1);
}

#[test]
fn the_last_word_of_the_owner_says_for_how_long() {
    let claim = ClaimBody {
        format: FORMAT,
        generation: 2,
        nonce: id(7),
        system_identifier: 1,
        database_oid: 1,
        timeline: 1,
        lsn: 1,
        retention_seconds: 70,
        created_by: "a test".into(),
    };
    let lease = |generation, retention_seconds| LeaseBody {
        format: FORMAT,
        generation,
        sequence: 1,
        nonce: id(7),
        system_identifier: 1,
        database_oid: 1,
        timeline: 1,
        flushed_lsn: 1,
        retention_seconds,
    };
    for (lease, promised) in [
        (None, 70),
        (Some(lease(2, Some(30))), 30),
        (Some(lease(2, Some(90))), 90),
        // A version that says nothing, and the owner before.
        (Some(lease(2, None)), 70),
        (Some(lease(1, Some(90))), 70),
    ] {
        assert_eq!(LeaseBody::promised(&claim, lease.as_ref()), promised, "{lease:?}");
    }
}
