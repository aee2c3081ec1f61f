//! Secrets of several parts: what is read, and that refusals repeat nothing.

use super::sas::{Sas, is_announced_by};
use super::{Credential, expiry, session};
use chrono::DateTime;

const MARK: &str = "TOPSECRET9";

#[test]
fn the_identity_of_sql_server_announces_a_sas() {
    assert!(is_announced_by("SHARED ACCESS SIGNATURE"));
    assert!(is_announced_by("Shared Access Signature "));
    assert!(!is_announced_by("SHARED ACCESS"));
    assert!(!is_announced_by(""));
}

#[test]
fn a_sas_is_read_as_it_is_shown() {
    for text in [
        "sv=2023-11-03&sr=c&sp=rcl&se=2030-01-01T00%3A00%3A00Z&sig=ab%2Bc%2F%3D",
        "?sv=2023-11-03&sr=c&sp=rcl&se=2030-01-01T00:00:00Z&sig=ab+c/%3D\n",
    ] {
        let sas = Sas::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let names: Vec<&str> = sas.parameters.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["sv", "sr", "sp", "se", "sig"]);
        assert_eq!(sas.parameters[4].1, "ab+c/=");
        assert_eq!(sas.expires, expiry::parse("2030-01-01T00:00:00Z"));
    }
    // The end may be in a policy of the container.
    let sas = Sas::parse("sv=2023-11-03&sr=c&si=policy&sig=x").expect("a SAS");
    assert_eq!(sas.expires, None);
}

#[test]
fn what_is_no_sas_is_refused_without_repeating_it() {
    for text in [
        "",
        "?",
        MARK,
        "sig=TOPSECRET9",
        "sv=2023-11-03&sig=",
        "https://a.blob.core.windows.net/c?sv=2023-11-03&sig=TOPSECRET9",
        "sv=2023-11-03 &sig=TOPSECRET9",
    ] {
        let Err(error) = Sas::parse(text) else {
            panic!("{text:?} is taken for a SAS")
        };
        assert!(!format!("{error}{error:?}").contains(MARK), "{error}");
    }
}

#[test]
fn moments_are_read_in_the_forms_of_stores() {
    let midnight = DateTime::parse_from_rfc3339("2030-01-02T00:00:00Z")
        .expect("a moment")
        .to_utc();
    for text in [
        "2030-01-02T00:00:00Z",
        "2030-01-02T00:00Z",
        "2030-01-02",
        "2030-01-02T00:00:00+00:00",
        "2030-01-02T01:00:00+01:00",
        "2030-01-02T00:00:00.000Z",
    ] {
        assert_eq!(expiry::parse(text), Some(midnight), "{text}");
    }
    assert_eq!(expiry::parse("soon"), None);
}

#[test]
fn a_plain_secret_of_s3_is_a_key() {
    let (keys, expires) = session::aws(&Credential::new("AKID", "plain/secret+key")).expect("a key");
    assert_eq!(
        (keys.key_id.as_str(), keys.secret_key.as_str()),
        ("AKID", "plain/secret+key")
    );
    assert_eq!((keys.token, expires), (None, None));
}

#[test]
fn temporary_credentials_are_read_as_they_are_printed() {
    let printed = r#" {
        "Version": 1,
        "AccessKeyId": "ASIA1",
        "SecretAccessKey": "key",
        "SessionToken": "token==",
        "Expiration": "2030-01-02T00:00:00+00:00"
    }"#;
    let (keys, expires) = session::aws(&Credential::new("ASIA1", printed)).expect("credentials");
    assert_eq!((keys.key_id.as_str(), keys.secret_key.as_str()), ("ASIA1", "key"));
    assert_eq!(keys.token.as_deref(), Some("token=="));
    assert_eq!(expires, expiry::parse("2030-01-02"));
    for (identity, secret, reason) in [
        ("AKIA2", printed, "must be the AccessKeyId"),
        ("", printed, "must be the access key id"),
        ("ASIA1", "{", "must be JSON"),
        (
            "ASIA1",
            r#"{"AccessKeyId": "ASIA1", "SecretAccessKey": "TOPSECRET9"}"#,
            "must be JSON",
        ),
        (
            "ASIA1",
            r#"{"AccessKeyId": "ASIA1", "SessionToken": TOPSECRET9}"#,
            "must be JSON",
        ),
    ] {
        let error = session::aws(&Credential::new(identity, secret)).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!format!("{error}{error:?}").contains(MARK), "{error}");
    }
}
