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

/// A container that answers everything so, asked with a signature that ends at this time.
fn azure_error(status: &'static str, headers: String, ends: &str) -> EndpointError {
    let server = CannedServer::start(move |_| response(status, &headers, ""));
    let url = format!("az://container?endpoint=http://{}/account1", server.address);
    let url = EndpointUrl::parse(&url).expect("a URL");
    let token = format!("sv=2023-11-03&sr=c&sp=rcl&se={ends}&sig=TopSecretValue123");
    let credential = Credential::new("Shared Access Signature", token);
    let endpoint = Endpoint::open(&url, Some(&credential), &options()).expect("an endpoint");
    let error = run(endpoint.get("some/key")).expect_err(status);
    harmless(&error);
    error
}

/// Azure has one code for all that is wrong with a signature.
#[test]
fn an_expired_signature_is_told_from_a_wrong_one() {
    const CODE: &str = "x-ms-error-code: AuthenticationFailed\r\n";
    let status = "403 Forbidden";
    let wrong = azure_error(status, CODE.into(), "2099-01-01T00:00:00Z");
    assert_eq!(why(&wrong), Some(Refusal::Credential));
    let expired = azure_error(status, CODE.into(), "2020-01-01T00:00:00Z");
    assert_eq!(why(&expired), Some(Refusal::Expired));
    assert!(expired.to_string().contains("has expired"), "{expired}");
    assert!(expired.hint().is_some_and(|hint| hint.contains("alter_credential")));
    // The store's clock decides, not ours.
    let dated = |date: &str| format!("{CODE}date: {date}\r\n");
    let expired = azure_error(status, dated("Fri, 01 Jan 2100 00:00:00 GMT"), "2099-01-01T00:00:00Z");
    assert_eq!(why(&expired), Some(Refusal::Expired));
    let off = azure_error(status, dated("Wed, 01 Jan 2020 00:00:00 GMT"), "2099-01-01T00:00:00Z");
    assert_eq!(why(&off), Some(Refusal::Clock));
    // A right that is lacking is no matter of time.
    let code = "x-ms-error-code: AuthorizationPermissionMismatch\r\n".to_owned();
    let lacks = azure_error(status, code, "2020-01-01T00:00:00Z");
    assert_eq!(why(&lacks), Some(Refusal::Permission(Operation::Read)));
}

#[test]
fn a_token_that_ended_is_told_from_a_bad_request() {
    for code in ["ExpiredToken", "TokenRefreshRequired"] {
        for error in errors("400 Bad Request", code) {
            assert_eq!(why(&error), Some(Refusal::Expired));
        }
    }
    for error in errors("400 Bad Request", "InvalidToken") {
        assert_eq!(why(&error), Some(Refusal::Credential));
    }
}

/// The answer to a batch of one deletion.
fn batch_answer(status: &str, code: &str) -> String {
    let body = format!(
        "--b\r\nContent-Type: application/http\r\nContent-ID: 0\r\n\r\n\
         HTTP/1.1 {status}\r\nx-ms-error-code: {code}\r\nContent-Length: 0\r\n\r\n--b--\r\n"
    );
    response("202 Accepted", "content-type: multipart/mixed; boundary=b\r\n", &body)
}

/// Azurite knows no policies, so this is the answer that Azure documents.
#[test]
fn what_a_policy_protects_is_refused_to_be_deleted() {
    let what = Disposable::of_probe("x", "body");
    let delete = |status: &'static str, code: &'static str| {
        let server = CannedServer::start(move |_| batch_answer(status, code));
        let result = run(az_at(server.address).delete(&what));
        assert!(server.requests()[0].contains("comp=batch"), "{:?}", server.requests());
        result
    };
    let error = delete("409 Immutable", "BlobImmutableDueToPolicy").expect_err("protected");
    assert_eq!(why(&error), Some(Refusal::Immutable));
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.starts_with("Nothing has to be done"))
    );
    let error = delete("403 No", "AuthorizationPermissionMismatch").expect_err("refused");
    assert_eq!(why(&error), Some(Refusal::Permission(Operation::Delete)));
    let error = delete("503 Busy", "ServerBusy").expect_err("busy");
    assert!(error.is_transient(), "{error}");
    assert_eq!(delete("202 Accepted", "none"), Ok(()));
    assert_eq!(delete("404 Gone", "BlobNotFound"), Ok(()));
    // A signature that may create and not overwrite hears of an object that exists by a refusal.
    let headers = "x-ms-error-code: UnauthorizedBlobOverwrite\r\n";
    let server = CannedServer::start(move |_| response("403 Forbidden", headers, ""));
    assert_eq!(run(az_at(server.address).put_new("k", &text("x"))), Ok(PutNew::Exists));
    // To a create it says that the object exists, as any other conflict does.
    let headers = "x-ms-error-code: BlobImmutableDueToPolicy\r\n";
    let server = CannedServer::start(move |_| response("409 Conflict", headers, ""));
    assert_eq!(run(az_at(server.address).put_new("k", &text("x"))), Ok(PutNew::Exists));
    // A conflict of a single deletion passes by itself.
    let server = CannedServer::start(|_| response("409 Conflict", "", ""));
    let error = run(s3_at(server.address, &options()).delete(&what)).expect_err("a conflict");
    assert!(error.is_transient(), "{error}");
}
