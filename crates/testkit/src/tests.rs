//! Stores and their faults, without PostgreSQL.

use crate::{Faulty, Mode, Moto, S3Server};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One request without credentials: the status line, or the error.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500))?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn s3_refuses_a_stranger() {
    let server = S3Server::start();
    std::fs::write(server.bucket_path().join("object"), "content").expect("writable");
    assert_eq!(server.objects(), ["object"]);
    let status = get(server.address(), "/bucket/object").expect("it answers");
    assert!(status.starts_with("HTTP/1.1 403"), "{status}");
}

#[test]
fn every_fault_happens_and_ends() {
    let server = S3Server::start();
    let proxy = Faulty::start(server.address());
    let ask = || get(proxy.address(), "/bucket/object");
    let passes = |ask: &dyn Fn() -> std::io::Result<String>| {
        let status = ask().expect("it answers");
        assert!(status.starts_with("HTTP/1.1 403"), "{status}");
    };
    passes(&ask);

    proxy.set(Mode::Refuse);
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    proxy.set(Mode::HangConnect);
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::TimedOut);
    proxy.set(Mode::HangHeaders);
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(proxy.hits(), 1);
    proxy.set(Mode::HangBody);
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(proxy.hits(), 2);
    proxy.set(Mode::ResetBody);
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(proxy.hits(), 3);
    proxy.set(Mode::Unavailable(2));
    for _ in 0..2 {
        let status = ask().expect("it answers");
        assert!(status.starts_with("HTTP/1.1 503"), "{status}");
    }
    passes(&ask);
    assert_eq!(proxy.hits(), 5);
    proxy.set(Mode::Pass);
    passes(&ask);
}

#[test]
fn moto_has_a_bucket() {
    let moto = Moto::start();
    let proxy = Faulty::start(moto.address());
    let status = get(proxy.address(), "/bucket").expect("it answers");
    assert!(status.starts_with("HTTP/1.1 "), "{status}");
    assert!(moto.url("p").starts_with("s3://bucket/p?endpoint=http://127.0.0.1:"));
}
