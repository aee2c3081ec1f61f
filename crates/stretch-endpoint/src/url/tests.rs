//! Tests of endpoint URLs: what is refused, what is canonical.

use super::*;

fn refused(text: &str) -> String {
    match EndpointUrl::parse(text) {
        Err(error @ EndpointError::BadUrl(_)) => error.to_string(),
        other => panic!("{text:?} gave {other:?}"),
    }
}

#[test]
fn bad_urls_are_refused_without_echoing_secrets() {
    const MARK: &str = "TOPSECRET9";
    let cases = [
        ("", "must begin"),
        ("/tmp/x", "must begin"),
        ("http://127.0.0.1/x", "scheme must be"),
        ("S3://bucket", "scheme must be"),
        ("file://relative/x", "must be absolute"),
        ("file://localhost/x", "must be absolute"),
        ("file:///a/../b", ". or .."),
        ("file:///a/./b", ". or .."),
        ("file:///a//b", "empty part"),
        ("file:///", "root directory"),
        ("file:///a?region=x", "unknown parameter \"region\""),
        ("file:///a%2e%2e/b", "percent"),
        ("file:///a\nb", "control"),
        ("s3://", "bucket is missing"),
        ("s3://Bu_cket", "not a valid name"),
        ("s3://bucket/a/../b", ". or .."),
        ("s3://bucket/a b", "letters, digits"),
        ("s3://user:TOPSECRET9@bucket/x", "user name"),
        ("s3://AKIA:TOPSECRET9@bucket", "user name"),
        ("s3://bucket:9000/x", "port"),
        ("s3://bucket/x#TOPSECRET9", "fragment"),
        ("s3://bucket?sig=TOPSECRET9", "secret"),
        ("s3://bucket?token=TOPSECRET9", "secret"),
        ("s3://bucket?AWSAccessKeyId=TOPSECRET9", "secret"),
        ("s3://bucket?secret_access_key=TOPSECRET9", "secret"),
        ("s3://bucket?password=TOPSECRET9", "secret"),
        ("s3://bucket?TOPSECRET9", "secret"),
        ("s3://bucket?X9-TOP9=1", "unknown parameter"),
        ("s3://bucket?region=x.evil.com", "region is not"),
        ("s3://bucket?region=", "empty"),
        ("s3://bucket?region=a&region=b", "twice"),
        ("s3://bucket?path_style=yes", "true or false"),
        ("s3://bucket?endpoint=ftp://h", "endpoint"),
        ("s3://bucket?endpoint=TOPSECRET9", "endpoint"),
        ("s3://bucket?endpoint=http://u:TOPSECRET9@h", "user name"),
        ("s3://bucket?endpoint=http://h/path", "must not hold a path"),
        ("s3://bucket?endpoint=http://h?x=1", "endpoint"),
        ("s3://bucket?path_style=false&endpoint=http://127.0.0.1:1", "host name"),
        ("az://container?account=UPPER", "account is not"),
        ("az://container?sv=2020&sig=TOPSECRET9", "unknown parameter"),
        ("az://container?sas=TOPSECRET9", "unknown parameter"),
        ("gs://bucket?endpoint=https://h", "unknown parameter"),
        ("s3://bucket?http=2", "\"http\" must be 1.1"),
        ("s3://bucket?http=TOPSECRET9", "\"http\" must be 1.1"),
        ("az://container?http=1", "\"http\" must be 1.1"),
        ("s3://bucket?http=", "empty"),
        ("s3://bucket?sse=TOPSECRET9", "must be AES256"),
        ("s3://bucket?sse=aws:kms:other", "must be AES256"),
        ("s3://bucket?kms_key=abc", "needs sse=aws:kms"),
        ("s3://bucket?sse=AES256&kms_key=abc", "needs sse=aws:kms"),
        ("s3://bucket?sse=aws:kms&kms_key=TOPSECRET9!", "id, alias or ARN"),
        ("s3://bucket?storage_class=GLACIER", "cannot be read at once"),
        ("s3://bucket?storage_class=DEEP_ARCHIVE", "cannot be read at once"),
        ("s3://bucket?storage_class=TOPSECRET9", "must be STANDARD"),
        ("s3://bucket?storage_class=standard", "must be STANDARD"),
        ("az://container?storage_class=STANDARD", "unknown parameter"),
        ("s3://bucket?http=1.1&http=1.1", "twice"),
        ("gs://bucket?http=1.1", "unknown parameter \"http\""),
        ("file:///a?http=1.1", "unknown parameter \"http\""),
    ];
    for (url, reason) in cases {
        let text = refused(url);
        assert!(text.contains(reason), "{url}: {text}");
        assert!(!text.contains(MARK), "{url}: {text}");
    }
}

#[test]
fn display_is_canonical_and_parses_again() {
    let cases = [
        ("file:///a/b/", "file:///a/b"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/p/q/", "s3://bucket/p/q"),
        (
            "s3://bucket/p?path_style=true&endpoint=HTTP://LocalHost:9000/&region=eu-west-1",
            "s3://bucket/p?region=eu-west-1&endpoint=http://localhost:9000",
        ),
        (
            "s3://bucket/p?endpoint=https%3A%2F%2Fstore.example%3A443",
            "s3://bucket/p?endpoint=https://store.example",
        ),
        ("s3://bucket?path_style=false", "s3://bucket?path_style=false"),
        (
            "az://cont/p?account=acc&endpoint=http://127.0.0.1:10000/acc",
            "az://cont/p?account=acc&endpoint=http://127.0.0.1:10000/acc",
        ),
        ("gs://bucket.example/p", "gs://bucket.example/p"),
        ("s3://bucket/p?http=1.1", "s3://bucket/p?http=1.1"),
        (
            "s3://bucket/p?http=1.1&path_style=false&region=eu-west-1",
            "s3://bucket/p?region=eu-west-1&path_style=false&http=1.1",
        ),
        ("az://cont?http=1.1&account=acc", "az://cont?account=acc&http=1.1"),
        (
            "s3://bucket?storage_class=GLACIER_IR&kms_key=arn%3Aaws%3Akms%3Aeu-west-1:1:key/a-b&sse=aws:kms",
            "s3://bucket?sse=aws:kms&kms_key=arn:aws:kms:eu-west-1:1:key/a-b&storage_class=GLACIER_IR",
        ),
        ("s3://bucket?sse=AES256", "s3://bucket?sse=AES256"),
    ];
    for (text, canonical) in cases {
        let url = EndpointUrl::parse(text).expect(text);
        assert_eq!(url.to_string(), canonical);
        assert_eq!(EndpointUrl::parse(canonical).expect(canonical), url);
    }
}

#[test]
fn the_server_is_the_one_that_will_be_talked_to() {
    let cases = [
        ("file:///a", None),
        ("s3://bucket", Some("https://s3.us-east-1.amazonaws.com")),
        (
            "s3://bucket?region=eu-west-1",
            Some("https://s3.eu-west-1.amazonaws.com"),
        ),
        (
            "s3://bucket?region=eu-west-1&path_style=false",
            Some("https://bucket.s3.eu-west-1.amazonaws.com"),
        ),
        (
            "s3://bucket?endpoint=http://2130706433:9000",
            Some("http://127.0.0.1:9000"),
        ),
        ("az://cont?account=acc", Some("https://acc.blob.core.windows.net")),
        ("az://cont", None),
        (
            "az://cont?endpoint=http://127.0.0.1:10000/acc",
            Some("http://127.0.0.1:10000"),
        ),
        ("gs://bucket", Some("https://storage.googleapis.com")),
    ];
    for (text, server) in cases {
        let url = EndpointUrl::parse(text).expect(text);
        assert_eq!(url.host_for_allow_list().as_deref(), server, "{text}");
    }
    let url = EndpointUrl::parse("file:///a/b").expect("a file URL");
    assert_eq!(url.file_path(), Some(Path::new("/a/b")));
    assert!(url.is_file() && url.scheme() == Scheme::File);
}

#[test]
fn http_11_can_be_forced() {
    for (text, versions) in [
        ("s3://bucket?http=1.1", HttpVersions::Http11),
        ("az://cont?http=1.1", HttpVersions::Http11),
        ("s3://bucket", HttpVersions::Any),
        ("az://cont", HttpVersions::Any),
        ("gs://bucket", HttpVersions::Any),
        ("file:///a", HttpVersions::Any),
    ] {
        let url = EndpointUrl::parse(text).expect(text);
        assert_eq!(url.http_versions(), versions, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "(file|s3|az|gs)?(://)?[ -~]{0,60}") {
        if let Ok(url) = EndpointUrl::parse(&text) {
            let shown = url.to_string();
            proptest::prop_assert_eq!(EndpointUrl::parse(&shown), Ok(url));
        }
    }
}
