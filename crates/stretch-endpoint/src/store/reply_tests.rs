//! Answers of stores that say what is wrong: each gets its own sentence, and a hint where something can be done.

use super::wire_tests::{az_at, error_body, harmless, options, s3_at};
use super::*;
use crate::error::{ErrorKind, Reply, Unreachable};
use crate::refusal::Refusal;
use crate::testing::{CannedServer, response, run, text};

/// The errors of a read, a create and a listing at a store that answers everything so.
fn errors(status: &'static str, code: &'static str) -> [EndpointError; 3] {
    let server = CannedServer::start(move |_| response(status, "", &error_body(code)));
    let endpoint = s3_at(server.address, &options());
    let errors = run(async {
        [
            endpoint.get("some/key").await.expect_err(code),
            endpoint.put_new("some/key", &text("x")).await.expect_err(code),
            endpoint.list("some").await.expect_err(code),
        ]
    });
    errors.iter().for_each(harmless);
    errors
}

fn why(error: &EndpointError) -> Option<Refusal> {
    match error {
        EndpointError::Refused { why, .. } => Some(*why),
        _ => None,
    }
}

#[test]
fn a_wrong_clock_is_not_a_wrong_credential() {
    for error in errors("403 Forbidden", "RequestTimeTooSkewed") {
        assert_eq!(why(&error), Some(Refusal::Clock));
        assert!(
            error.to_string().contains("the clock of this server is wrong"),
            "{error}"
        );
        assert!(error.hint().is_some_and(|hint| hint.contains("NTP")));
    }
}

#[test]
fn a_wrong_signature_may_be_a_proxys_doing() {
    for error in errors("403 Forbidden", "SignatureDoesNotMatch") {
        assert_eq!(why(&error), Some(Refusal::Signature));
        assert!(error.to_string().contains("a proxy changes the request"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("alter_credential")));
    }
}

#[test]
fn a_lacking_permission_is_named_by_what_was_asked() {
    let expected = [
        (Operation::Read, "GetObject"),
        (Operation::Create, "PutObject"),
        (Operation::List, "ListBucket"),
    ];
    for (error, (operation, name)) in errors("403 Forbidden", "AccessDenied").iter().zip(expected) {
        assert_eq!(why(error), Some(Refusal::Permission(operation)));
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains(name)), "{error}");
    }
    // Any other code says nothing about the reason.
    for error in errors("403 Forbidden", "InvalidAccessKeyId") {
        assert_eq!(why(&error), Some(Refusal::Credential));
        assert_eq!(error.hint(), None);
    }
}

#[test]
fn an_archived_object_has_to_be_restored() {
    let [got, ..] = errors("403 Forbidden", "InvalidObjectState");
    assert_eq!(got.kind(), ErrorKind::Archived);
    assert!(
        got.to_string().starts_with("object \"some/key\" is in an archived"),
        "{got}"
    );
    assert!(got.hint().is_some_and(|hint| hint.starts_with("Restore the object")));
    // Azure says it with the status of a conflict.
    let server = CannedServer::start(|_| response("409 Conflict", "x-ms-error-code: BlobArchived\r\n", ""));
    let got = run(az_at(server.address).get("k"));
    assert_eq!(got.expect_err("archived").kind(), ErrorKind::Archived);
}

#[test]
fn a_body_that_came_too_slowly_is_sent_again() {
    let busy = EndpointError::Unreachable {
        why: Unreachable::Busy,
        reply: Reply {
            status: Some(400),
            code: Some("RequestTimeout".into()),
        },
    };
    let server = CannedServer::start(|_| response("400 Bad Request", "", &error_body("RequestTimeout")));
    let patient = OpenOptions {
        max_retries: 2,
        ..options()
    };
    let endpoint = s3_at(server.address, &patient);
    assert_eq!(run(endpoint.put_new("k", &text("x"))), Err(busy));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn what_is_not_implemented_is_a_promise_not_kept() {
    let cases = [
        ("501 Not Implemented", "NotImplemented"),
        ("501 Not Implemented", "Whatever"),
        ("400 Bad Request", "NotImplemented"),
    ];
    for (status, code) in cases {
        let [got, put, listed] = errors(status, code);
        for error in [&got, &put, &listed] {
            assert_eq!(error.kind(), ErrorKind::BrokenPromise, "{status} {code}: {error}");
        }
        assert!(put.to_string().contains("If-None-Match and a checksum"), "{put}");
    }
    let server = CannedServer::start(|_| response("501 Not Implemented", "", ""));
    let patient = OpenOptions {
        max_retries: 2,
        ..options()
    };
    let endpoint = s3_at(server.address, &patient);
    assert!(run(endpoint.put_new("k", &text("x"))).is_err());
    assert_eq!(server.requests().len(), 1, "it is not asked again");
}
