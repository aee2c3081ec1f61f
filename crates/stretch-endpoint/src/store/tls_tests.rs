//! https with a private authority: a store whose certificate the system does not know.

use super::*;
use crate::error::{BadCaFile, Unreachable};
use crate::testing::run;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// A server for `localhost` that finds nothing; returns its port. `years`: when its certificate is valid.
fn server(issuer: &Issuer, years: Range<i32>) -> u16 {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut tls = StreamOwned::new(connection, stream);
            let mut request = [0; 4096];
            // A client that does not trust us goes away.
            if tls.read(&mut request).is_ok() {
                let _ = tls.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    port
}

fn open(host: &str, port: u16, ca_file: Option<&Path>) -> Result<Endpoint, EndpointError> {
    let url = EndpointUrl::parse(&format!("s3://bucket?endpoint=https://{host}:{port}")).expect("a URL");
    let options = OpenOptions {
        max_retries: 0,
        ca_file: ca_file.map(Path::to_path_buf),
        ..OpenOptions::default()
    };
    Endpoint::open(&url, Some(&Credential::new("AKID", "secret")), &options)
}

fn why(endpoint: &Endpoint) -> Unreachable {
    match run(endpoint.exists("k")) {
        Err(error @ EndpointError::Unreachable { why, .. }) => {
            assert!(error.hint().is_some(), "{error}");
            why
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_authority_is_trusted_when_the_file_names_it() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("ca.pem");
    let (ours, other, namesake) = (authority("ours"), authority("other"), authority("ours"));
    let port = server(&ours, 2000..2100);
    let unknown = |ca_file| why(&open("localhost", port, ca_file).expect("an endpoint"));
    assert_eq!(unknown(None), Unreachable::UnknownAuthority);
    for wrong in [other.pem(), namesake.pem()] {
        std::fs::write(&file, wrong).expect("a file");
        assert_eq!(unknown(Some(&file)), Unreachable::UnknownAuthority);
    }
    std::fs::write(&file, format!("{}\n# ours\n{}", other.pem(), ours.pem())).expect("a file");
    let trusted = open("localhost", port, Some(&file)).expect("an endpoint");
    assert_eq!(run(trusted.exists("k")), Ok(false));
    // For this name and at this time alone.
    let elsewhere = open("127.0.0.1", port, Some(&file)).expect("an endpoint");
    assert_eq!(why(&elsewhere), Unreachable::CertificateName);
    for years in [2000..2001, 2099..2100] {
        let port = server(&ours, years);
        let late = open("localhost", port, Some(&file)).expect("an endpoint");
        assert_eq!(why(&late), Unreachable::CertificateTime);
    }
}

#[test]
fn a_file_without_authorities_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("ca.pem");
    let refused = |path: &Path| match open("localhost", 9, Some(path)) {
        Err(error @ EndpointError::CaFile(why)) => {
            assert!(error.hint().is_some_and(|hint| hint.contains("stretch.ca_file")));
            assert!(!error.to_string().contains("TOPSECRET"), "{error}");
            why
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&file), BadCaFile::Unreadable(std::io::ErrorKind::NotFound));
    assert_eq!(refused(folder.path()), BadCaFile::NoFile);
    for text in [
        "",
        "TOPSECRET",
        "-----BEGIN CERTIFICATE-----\nTOPSECRET\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nVE9QU0VDUkVU\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&file, text).expect("a file");
        assert_eq!(refused(&file), BadCaFile::NoCertificate, "{text}");
    }
    // Plain http asks no authority.
    let url = EndpointUrl::parse("s3://bucket?endpoint=http://127.0.0.1:9").expect("a URL");
    let options = OpenOptions {
        allow_http: true,
        ca_file: Some(file),
        ..OpenOptions::default()
    };
    Endpoint::open(&url, Some(&Credential::new("AKID", "secret")), &options).expect("an endpoint");
}
