//! Tests of the allow list.

use super::*;

fn matches(url: &str, patterns: &[&str]) -> bool {
    let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
    allowed(&EndpointUrl::parse(url).expect(url), &patterns)
}

#[test]
fn the_default_admits_the_public_clouds_only() {
    let default = DEFAULT_ALLOWED_ENDPOINTS;
    assert!(default.iter().all(|pattern| valid_pattern(pattern)));
    for url in [
        "s3://bucket",
        "s3://bucket?region=eu-west-1",
        "s3://buck.et?region=eu-west-1&path_style=false",
        "az://cont?account=acc",
        "gs://bucket",
    ] {
        assert!(matches(url, &default), "{url}");
    }
    for url in [
        "file:///tmp",
        "az://cont",
        "s3://bucket?endpoint=http://127.0.0.1:8500",
        "s3://bucket?endpoint=https://169.254.169.254",
        "s3://bucket?endpoint=http://s3.eu-west-1.amazonaws.com",
        "s3://bucket?endpoint=https://s3.eu-west-1.amazonaws.com:8443",
        "s3://bucket?endpoint=https://s3.eu-west-1.amazonaws.com.evil.example",
        "s3://bucket?endpoint=https://ec2-1-2-3-4.compute-1.amazonaws.com",
        "az://cont?endpoint=https://blob.core.windows.net.evil.example",
    ] {
        assert!(!matches(url, &default), "{url}");
    }
}

#[test]
fn patterns_mean_what_they_say() {
    let local = "s3://bucket?endpoint=http://127.0.0.1:9000";
    assert!(matches(local, &["http://127.0.0.1:*"]));
    assert!(matches(local, &["https://x", " http://127.0.0.1:9000/ "]));
    assert!(!matches(local, &["http://127.0.0.1"]));
    assert!(!matches(local, &["https://127.0.0.1:*"]));
    assert!(!matches(local, &["http://*.1:*", "http://*:*", "http://127.0.0.*:*"]));
    assert!(!matches(
        local,
        &["127.0.0.1:9000", "http://", "*", "", "http://127.0.0.1:90x"]
    ));
    let six = "s3://bucket?endpoint=http://[::1]:9000";
    assert!(matches(six, &["http://[::1]:9000"]));
    assert!(!matches(six, &["http://*:9000", "http://[::2]:9000"]));
    let named = "s3://bucket?endpoint=https://a.b.store.example";
    assert!(matches(named, &["https://*.store.example"]));
    assert!(matches(named, &["https://*.B.store.example:443"]));
    assert!(matches(named, &["https://a.*.store.example"]));
    assert!(!matches(named, &["https://*.a.b.store.example"]));
    assert!(!matches(named, &["https://a.*.example"]));
    assert!(!matches(named, &["https://ore.example", "https://*ore.example"]));
    assert!(!matches("file:///x", &["https://*", "file://*", "http://*:*"]));
    for bad in [
        "",
        "*",
        "file://x",
        "https://a b",
        "https://a:",
        "https://a:b",
        "https://a/b",
    ] {
        assert!(!valid_pattern(bad), "{bad:?}");
    }
}
