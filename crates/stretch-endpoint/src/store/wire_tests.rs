//! Cloud stores against a server with canned answers: what is sent, what is refused, what errors may say.

use super::*;
use crate::error::Unreachable;
use crate::testing::{CannedServer, response, run, text};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

const SECRET: &str = "TopSecretValue123";
const MARKER: &str = "BODYMARKER";

pub(super) fn options() -> OpenOptions {
    OpenOptions {
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(10),
        max_retries: 0,
        allow_http: true,
        ..OpenOptions::default()
    }
}

pub(super) fn s3_at(address: impl std::fmt::Display, options: &OpenOptions) -> Endpoint {
    let url = format!("s3://bucket/prefix?endpoint=http://{address}");
    let url = EndpointUrl::parse(&url).expect("a URL");
    let credential = Credential::new("AKIDEXAMPLE", SECRET);
    Endpoint::open(&url, Some(&credential), options).expect("an endpoint")
}

pub(super) fn az_at(address: impl std::fmt::Display) -> Endpoint {
    let url = format!("az://container/prefix?endpoint=http://{address}/account1");
    let url = EndpointUrl::parse(&url).expect("a URL");
    let credential = Credential::new("account1", "VG9wU2VjcmV0VmFsdWUxMjM=");
    Endpoint::open(&url, Some(&credential), &options()).expect("an endpoint")
}

pub(super) fn harmless(error: &EndpointError) {
    for shown in [error.to_string(), format!("{error:?}")] {
        for never in [SECRET, MARKER, "VG9wU2VjcmV0", "Signature=", "127.0.0.1"] {
            assert!(!shown.contains(never), "{shown}");
        }
    }
}

pub(super) fn error_body(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>{MARKER} {SECRET}</Message></Error>")
}

#[test]
fn statuses_are_told_apart_and_bodies_are_not_shown() {
    // Status line, store code, kind for a get, kind for a put.
    use crate::error::ErrorKind as K;
    let cases = [
        ("403 Forbidden", "SignatureDoesNotMatch", K::Refused, K::Refused),
        ("401 Unauthorized", "x", K::Refused, K::Refused),
        ("404 Not Found", "NoSuchKey", K::NotFound, K::NoSuchBucket),
        ("404 Not Found", "NoSuchBucket", K::NoSuchBucket, K::NoSuchBucket),
        ("404 Not Found", "ContainerNotFound", K::NoSuchBucket, K::NoSuchBucket),
        ("400 Bad Request", MARKER, K::Rejected, K::Rejected),
        ("503 Service Unavailable", "SlowDown", K::Unreachable, K::Unreachable),
        ("500 Internal", "InternalError", K::Unreachable, K::Unreachable),
        (
            "409 Conflict",
            "ConditionalRequestConflict",
            K::Unreachable,
            K::Unreachable,
        ),
        ("301 Moved", "PermanentRedirect", K::Redirected, K::Redirected),
    ];
    for (status, code, of_get, of_put) in cases {
        let body = error_body(if code == MARKER { "not a code" } else { code });
        let server = CannedServer::start(move |_| response(status, "", &body));
        run(async {
            for endpoint in [s3_at(server.address, &options()), az_at(server.address)] {
                let got = endpoint.get("some/key").await.expect_err(status);
                let put = endpoint.put_new("some/key", &text("x")).await.expect_err(status);
                let listed = endpoint.list("some").await.expect_err(status);
                for error in [&got, &put, &listed] {
                    harmless(error);
                }
                assert_eq!(got.kind(), of_get, "{status} {code}: {got}");
                assert_eq!(put.kind(), of_put, "{status} {code}: {put}");
            }
        });
    }
}

#[test]
fn the_error_code_is_shown() {
    let server = CannedServer::start(|_| response("403 Forbidden", "", &error_body("SignatureDoesNotMatch")));
    let error = run(async { s3_at(server.address, &options()).get("k").await });
    assert_eq!(
        error.expect_err("refused").to_string(),
        "the endpoint refused the signature: the secret is wrong, or a proxy changes the request on its way (HTTP \
         status 403, SignatureDoesNotMatch)"
    );
}

#[test]
fn a_failed_precondition_means_exists() {
    for status in ["412 Precondition Failed", "409 Conflict"] {
        let server = CannedServer::start(move |_| response(status, "", &error_body("Any")));
        let answer = run(async { s3_at(server.address, &options()).put_new("k", &text("x")).await });
        assert_eq!(answer, Ok(PutNew::Exists));
        let asked = server.requests().join("\n").to_ascii_lowercase();
        assert!(asked.contains("if-none-match: *"), "{asked}");
        assert!(asked.contains("x-amz-checksum-sha256:"), "{asked}");
        assert!(asked.starts_with("put /bucket/prefix/k "), "{asked}");
    }
}

/// A server that has the object and says so before it has read the body, as stores do; then it hangs up.
fn has_it_and_hangs_up(listener: TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
            head.push(byte[0]);
        }
        let answer = match head.starts_with(b"PUT ") {
            true => response("412 Precondition Failed", "", ""),
            false => "HTTP/1.1 200 OK\r\nlast-modified: Mon, 30 Nov 2026 12:00:00 GMT\r\netag: \"a\"\r\n\
                 content-length: 5\r\nconnection: close\r\n\r\n"
                .to_owned(),
        };
        // The client may have gone by now.
        let _ = stream.write_all(answer.as_bytes());
    }
}

#[test]
fn a_store_that_does_not_wait_for_the_body_is_asked_what_it_has() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || has_it_and_hangs_up(listener));
    // More than the buffers of a connection hold, so that the client still writes when the server is gone.
    let body = Bytes::from(vec![7; 16 * 1024 * 1024]);
    for _ in 0..5 {
        let put = run(s3_at(address, &options()).put_new("key", &body));
        assert_eq!(put, Ok(PutNew::Exists));
    }
}

#[test]
fn redirects_are_not_followed() {
    let trap = CannedServer::start(|_| response("200 OK", "", "stolen"));
    let location = format!("location: http://{}/elsewhere\r\n", trap.address);
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let headers = location.clone();
        let server = CannedServer::start(move |_| response(status, &headers, ""));
        run(async {
            for endpoint in [s3_at(server.address, &options()), az_at(server.address)] {
                let got = endpoint.get("k").await.expect_err(status);
                assert!(matches!(got, EndpointError::Redirected { .. }), "{got:?}");
                let put = endpoint.put_new("k", &text("x")).await.expect_err(status);
                assert!(matches!(put, EndpointError::Redirected { .. }), "{put:?}");
            }
        });
    }
    assert_eq!(trap.requests().len(), 0);
}

#[test]
fn no_listener_and_no_answer_are_told_apart() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let why = |result: Result<Bytes, EndpointError>| match result {
        Err(EndpointError::Unreachable { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    run(async {
        let result = s3_at(gone, &options()).get("k").await;
        assert_eq!(why(result), Unreachable::ConnectionRefused);
    });
    // It accepts, because of its backlog, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let impatient = OpenOptions {
        request_timeout: Duration::from_millis(100),
        ..options()
    };
    run(async {
        let address = silent.local_addr().expect("an address");
        let result = s3_at(address, &impatient).get("k").await;
        assert_eq!(why(result), Unreachable::Timeout);
    });
    run(async {
        // A label this long is refused by the resolver itself, without a network.
        let name = format!("{}.invalid:9000", "a".repeat(64));
        let result = s3_at(name, &options()).get("k").await;
        assert_eq!(why(result), Unreachable::Dns);
    });
    // A server that speaks no TLS.
    let plain = CannedServer::start(|_| response("200 OK", "", ""));
    run(async {
        let url = format!("s3://bucket?endpoint=https://{}", plain.address);
        let url = EndpointUrl::parse(&url).expect("a URL");
        let credential = Credential::new("AKID", SECRET);
        let endpoint = Endpoint::open(&url, Some(&credential), &options()).expect("an endpoint");
        let result = within(Duration::from_secs(10), endpoint.get("k")).await;
        assert!(matches!(
            why(result),
            Unreachable::Tls | Unreachable::Connection | Unreachable::Timeout
        ));
    });
}

#[test]
fn retries_are_few_and_bounded() {
    let server = CannedServer::start(|_| response("503 Unavailable", "", ""));
    let patient = OpenOptions {
        max_retries: 2,
        ..options()
    };
    let result = run(async { s3_at(server.address, &patient).get("k").await });
    assert!(result.expect_err("busy").is_transient());
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_body_that_ends_early_is_an_error() {
    let server =
        CannedServer::start(|_| "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nshort".to_owned());
    let result = run(async { s3_at(server.address, &options()).get("k").await });
    assert!(matches!(
        result,
        Err(EndpointError::Unreachable { .. } | EndpointError::Corrupt { .. })
    ));
}

#[test]
fn without_a_credential_nothing_is_sent() {
    for text in [
        "s3://bucket?endpoint=http://127.0.0.1:9",
        "az://container?account=account1",
        "gs://bucket",
    ] {
        let url = EndpointUrl::parse(text).expect(text);
        for credential in [None, Some(Credential::new("id", ""))] {
            let result = Endpoint::open(&url, credential.as_ref(), &options());
            assert!(matches!(result, Err(EndpointError::BadCredential(_))), "{text}");
        }
    }
    let bad = |text: &str, identity: &str, secret: &str| {
        let url = EndpointUrl::parse(text).expect(text);
        let credential = Credential::new(identity, secret);
        let error = Endpoint::open(&url, Some(&credential), &options()).expect_err(text);
        assert!(matches!(error, EndpointError::BadCredential(_)), "{error:?}");
        assert!(!format!("{error}{error:?}{credential:?}").contains(secret));
    };
    bad("s3://bucket", "", SECRET);
    bad("az://container?account=account1", "account2", "VG9w");
    bad("az://container", "account1", "!not base64!");
    bad("gs://bucket", "x", SECRET);
    bad(
        "gs://bucket",
        "x",
        "{\"private_key\":\"TopSecretValue123\",\"disable_oauth\":true}",
    );
}

/// The head of the request that creates an object, in lower case.
fn head_of_create(url: &str, credential: &Credential, key: &str) -> String {
    let server = CannedServer::start(|_| response("200 OK", "etag: \"made\"\r\n", ""));
    let url = url.replace("ADDRESS", &server.address.to_string());
    let url = EndpointUrl::parse(&url).expect("a URL");
    let endpoint = Endpoint::open(&url, Some(credential), &options()).expect("an endpoint");
    run(endpoint.put_new(key, &text("x"))).expect("a put");
    server.requests().join("\n").to_ascii_lowercase()
}

#[test]
fn temporary_credentials_go_with_their_token() {
    let printed = r#"{"AccessKeyId": "ASIA1", "SecretAccessKey": "key", "SessionToken": "the+token=="}"#;
    let credential = Credential::new("ASIA1", printed);
    let head = head_of_create("s3://bucket?endpoint=http://ADDRESS", &credential, "k");
    assert!(head.contains("x-amz-security-token: the+token=="), "{head}");
    assert!(head.contains("credential=asia1/"), "{head}");
    let signed = head.split_once("signedheaders=").expect("it is signed").1;
    let signed = signed.split(',').next().expect("a list");
    assert!(signed.contains("x-amz-security-token"), "{signed}");
}

#[test]
fn new_objects_get_encryption_and_class() {
    let credential = Credential::new("AKID", SECRET);
    let at = |parameters: &str| format!("s3://bucket?endpoint=http://ADDRESS{parameters}");
    let head = head_of_create(&at(""), &credential, "k");
    assert!(
        !head.contains("x-amz-server-side") && !head.contains("x-amz-storage-class"),
        "{head}"
    );
    let head = head_of_create(&at("&sse=AES256"), &credential, "k");
    assert!(head.contains("x-amz-server-side-encryption: aes256"), "{head}");
    let head = head_of_create(&at("&sse=aws:kms&kms_key=alias/stretch"), &credential, "k");
    assert!(head.contains("x-amz-server-side-encryption: aws:kms"), "{head}");
    assert!(
        head.contains("x-amz-server-side-encryption-aws-kms-key-id: alias/stretch"),
        "{head}"
    );
    let head = head_of_create(&at("&sse=aws:kms:dsse"), &credential, "k");
    assert!(head.contains("x-amz-server-side-encryption: aws:kms:dsse"), "{head}");
    assert!(!head.contains("kms-key-id"), "{head}");

    let id = crate::testing::id;
    let (db, branch) = (id(1), id(2));
    let class = at("&storage_class=STANDARD_IA");
    for (key, has_class) in [
        (Key::Stretch, true),
        (Key::Claim { branch, generation: 1 }, true),
        (
            Key::Lease {
                branch,
                generation: 1,
                sequence: 1,
            },
            false,
        ),
    ] {
        let head = head_of_create(&class, &credential, &key.path(&db));
        assert_eq!(
            head.contains("x-amz-storage-class: standard_ia"),
            has_class,
            "{key:?}: {head}"
        );
    }
}

#[test]
fn a_shared_access_signature_goes_with_the_request_alone() {
    let credential = Credential::new(
        "SHARED ACCESS SIGNATURE",
        "sv=2023-11-03&sr=c&sp=rcl&se=2099-01-01&sig=ab%2BTopSecretValue123%3D",
    );
    let url = "az://container/prefix?account=account1&endpoint=http://ADDRESS/account1";
    let head = head_of_create(url, &credential, "k");
    assert!(head.starts_with("put /account1/container/prefix/k?sv="), "{head}");
    assert!(head.contains("sig=ab%2btopsecretvalue123%3d"), "{head}");
    assert!(
        head.contains("if-none-match: *") && !head.contains("authorization:"),
        "{head}"
    );
    // Nobody is told, whatever happens.
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let server = CannedServer::start(|_| response("403 Forbidden", "x-ms-error-code: AuthenticationFailed\r\n", ""));
    for address in [gone, server.address] {
        let url = EndpointUrl::parse(&url.replace("ADDRESS", &address.to_string())).expect("a URL");
        let endpoint = Endpoint::open(&url, Some(&credential), &options()).expect("an endpoint");
        for error in run(async {
            [
                endpoint.get("k").await.expect_err("an error"),
                endpoint.put_new("k", &text("x")).await.expect_err("an error"),
                endpoint.list("k").await.expect_err("an error"),
            ]
        }) {
            harmless(&error);
        }
    }
    // The account is in the URL, or nowhere.
    let url = EndpointUrl::parse("az://container").expect("a URL");
    let error = Endpoint::open(&url, Some(&credential), &options()).expect_err("no account");
    assert!(error.to_string().contains("must name the account"), "{error}");
    let url = url.to_string() + "?endpoint=http://127.0.0.1:9/account1";
    let url = EndpointUrl::parse(&url).expect("a URL");
    Endpoint::open(&url, Some(&credential), &options()).expect("the address names it");
}

#[test]
fn a_store_that_is_busy_is_asked_again_when_it_wishes() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;
    let first = AtomicBool::new(true);
    let server = CannedServer::start(move |_| match first.swap(false, Ordering::SeqCst) {
        true => response("503 Slow Down", "retry-after: 1\r\n", &error_body("SlowDown")),
        false => response("404 Not Found", "", ""),
    });
    let patient = OpenOptions {
        max_retries: 1,
        ..options()
    };
    let endpoint = s3_at(server.address, &patient);
    let began = Instant::now();
    assert_eq!(run(endpoint.exists("k")), Ok(false));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.requests().len(), 2);
    // What it asks for is bounded by the time that a request may take.
    let server = CannedServer::start(|_| response("429 Too Many Requests", "retry-after: 86400\r\n", ""));
    let impatient = OpenOptions {
        request_timeout: Duration::from_millis(200),
        max_retries: 2,
        ..options()
    };
    let endpoint = s3_at(server.address, &impatient);
    let result = run(within(Duration::from_secs(60), endpoint.exists("k")));
    assert!(matches!(
        result,
        Err(EndpointError::Unreachable {
            why: Unreachable::Busy,
            ..
        })
    ));
    assert_eq!(server.requests().len(), 3);
}

/// What the client offers is in its first message, before any encryption.
#[test]
fn http_11_can_be_forced() {
    use std::io::Read;
    for (parameter, offers_http_2) in [("", true), ("&http=1.1", false)] {
        for scheme in ["s3://bucket?", "az://container?account=account1&"] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            let hello = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("a client");
                let mut bytes = vec![0; 16 * 1024];
                let length = stream.read(&mut bytes).expect("its hello");
                bytes.truncate(length);
                bytes
            });
            let text = format!("{scheme}endpoint=https://{address}{parameter}");
            let url = EndpointUrl::parse(&text).expect("a URL");
            let credential = Credential::new("account1", "VG9wU2VjcmV0");
            let endpoint = Endpoint::open(&url, Some(&credential), &options()).expect("an endpoint");
            assert!(run(endpoint.get("k")).is_err(), "nobody answers");
            let hello = hello.join().expect("no panic");
            let offers = |name: &[u8]| hello.windows(name.len()).any(|window| window == name);
            assert_eq!(offers(b"\x02h2"), offers_http_2, "{text}");
        }
    }
}

#[test]
fn plain_http_needs_permission() {
    let url = EndpointUrl::parse("s3://bucket?endpoint=http://127.0.0.1:9").expect("a URL");
    let credential = Credential::new("AKID", SECRET);
    let result = Endpoint::open(&url, Some(&credential), &OpenOptions::default());
    assert!(matches!(result, Err(EndpointError::BadUrl(_))));
}

/// Runs in a process of its own, because other tests must not see the environment change.
#[test]
fn the_environment_does_not_matter() {
    const CHILD: &str = "STRETCH_ENDPOINT_TEST_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let me = std::env::current_exe().expect("this test");
        let trap = CannedServer::start(|_| response("200 OK", "", "stolen"));
        let proxy = format!("http://{}", trap.address);
        let output = std::process::Command::new(me)
            .args(["--exact", "store::wire_tests::the_environment_does_not_matter"])
            .env(CHILD, "1")
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .env("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
            .env("AWS_SECRET_ACCESS_KEY", "environment")
            .env("AWS_SESSION_TOKEN", "environment")
            .env("AWS_ENDPOINT", &proxy)
            .env("AWS_ENDPOINT_URL", &proxy)
            .env("AWS_REGION", "environment-1")
            .env("AZURE_STORAGE_ACCOUNT_NAME", "environment")
            .env("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
            .env("HTTP_PROXY", &proxy)
            .env("http_proxy", &proxy)
            .env("ALL_PROXY", &proxy)
            .output()
            .expect("a child");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        assert_eq!(trap.requests().len(), 0);
        return;
    }
    let server = CannedServer::start(|_| response("404 Not Found", "", ""));
    run(async {
        let result = s3_at(server.address, &options()).exists("k").await;
        assert_eq!(result, Ok(false));
    });
    // Without any certificate https cannot be had, which has a name of its own.
    let url = EndpointUrl::parse("s3://bucket").expect("a URL");
    let credential = Credential::new("AKIDEXAMPLE", SECRET);
    let opened = Endpoint::open(&url, Some(&credential), &options());
    assert_eq!(opened.expect_err("no TLS"), EndpointError::NoTls);
    let asked = server.requests().join("\n");
    assert!(asked.contains("Credential=AKIDEXAMPLE/"), "{asked}");
    assert!(asked.contains("/us-east-1/s3/"), "{asked}");
    assert!(!asked.to_ascii_lowercase().contains("environment"), "{asked}");
    assert!(!asked.to_ascii_lowercase().contains("security-token"), "{asked}");
}
