//! What may be deleted, and that failures to do so are nobody's trouble.

use super::*;
use crate::bodies::{FORMAT, LeaseBody};
use crate::error::EndpointError;
use crate::faults::{Fault, FaultyStore};
use crate::keys::Key;
use crate::testing::{CannedServer, id, response, run, text};
use crate::{Credential, Endpoint, EndpointUrl, OpenOptions};
use std::time::Duration;

fn written(generation: u64, sequence: u64) -> LeaseBody {
    LeaseBody {
        format: FORMAT,
        generation,
        sequence,
        nonce: id(7),
        system_identifier: 42,
        database_oid: 5,
        timeline: 1,
        flushed_lsn: 1,
        retention_seconds: None,
    }
}

#[test]
fn only_older_heartbeats_of_the_same_claim_are_replaced() {
    let (db, branch) = (id(1), id(2));
    for sequence in 0..=2 {
        assert_eq!(Disposable::replaced_by(&db, &branch, &written(3, sequence)), None);
    }
    for sequence in [3, 4, 1_000, u64::MAX] {
        let replaced = Disposable::replaced_by(&db, &branch, &written(3, sequence)).expect("one");
        let expected = Key::Lease {
            branch,
            generation: 3,
            sequence: sequence - 2,
        };
        assert_eq!(Key::parse(replaced.key()), Some((db, expected)));
    }
    // The name of a probe's object is the name of nothing else.
    assert_eq!(Key::parse(Disposable::of_probe("scratch", "body").key()), None);
}

#[test]
fn failures_and_hangs_are_left_alone() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    let objects = ["a", "b", "c"].map(|name| Disposable::of_probe("x", name));
    run(async {
        for object in &objects {
            endpoint.put_new(object.key(), &text("x")).await.expect("a put");
        }
        store.plan(Fault::DeleteFails, "x/a", 1);
        let failed = endpoint.delete(&objects[0]).await;
        assert!(failed.is_err_and(|error| error.is_transient()));
        store.plan(Fault::Hang, "x/b", 1);
        dispose(&endpoint, &objects, Duration::from_millis(50)).await;
        assert_eq!(store.hits(), 2);
        let left = endpoint.list("probe").await.expect("a listing");
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].key, objects[1].key());
        // What is gone already is gone.
        assert_eq!(endpoint.delete(&objects[0]).await, Ok(()));
    });
}

#[test]
fn one_object_is_deleted_by_one_plain_request() {
    let refused = "<Error><Code>AccessDenied</Code></Error>";
    let server = CannedServer::start(move |_| response("403 Forbidden", "", refused));
    let url = format!("s3://bucket/prefix?endpoint=http://{}", server.address);
    let url = EndpointUrl::parse(&url).expect("a URL");
    let options = OpenOptions {
        allow_http: true,
        ..OpenOptions::default()
    };
    let endpoint = Endpoint::open(&url, Some(&Credential::new("AKID", "secret")), &options).expect("an endpoint");
    let error: EndpointError = run(endpoint.delete(&Disposable::of_probe("x", "body"))).expect_err("refused");
    assert!(error.to_string().contains("DeleteObject"), "{error}");
    let asked = server.requests();
    assert_eq!(asked.len(), 1);
    // Not every compatible store knows the request that deletes many at once.
    assert!(
        asked[0].starts_with("DELETE /bucket/prefix/probe/x/body "),
        "{}",
        asked[0]
    );
}
