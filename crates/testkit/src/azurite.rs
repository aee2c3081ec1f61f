//! Azurite, the emulator of Azure Blob Storage, in a process of its own: checks keys, shared access signatures and
//! their ends, and keeps create-if-absent.

use crate::wait::{PATIENCE, wait_until};
use crate::{run_dir, timing, tree};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A running Azurite with one container; stopped when dropped.
pub struct Azurite {
    address: SocketAddr,
    child: Child,
}

/// Version of the signatures made here.
const VERSION: &str = "2023-11-03";

impl Azurite {
    /// The storage account.
    pub const ACCOUNT: &str = "teststore";
    /// Its first key.
    pub const KEY: &str = "Zmlyc3Qga2V5IG9mIHRoZSBzdG9yYWdlIGFjY291bnQ=";
    /// Its second key. An account has two, so that one can be changed while the other is in use.
    pub const SECOND_KEY: &str = "c2Vjb25kIGtleSBvZiB0aGUgc3RvcmFnZSBhY2NvdW50";
    /// Name of its container.
    pub const CONTAINER: &str = "container";

    /// Starts the program that `cargo xtask prepare` installs.
    pub fn start() -> Azurite {
        timing::start();
        let program = tree::build_dir()
            .with_file_name("azurite")
            .join("node_modules/.bin/azurite-blob");
        assert!(
            program.exists(),
            "{} is missing; run `cargo xtask prepare`",
            program.display()
        );
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port is free");
        let keys = format!("{}:{}:{}", Self::ACCOUNT, Self::KEY, Self::SECOND_KEY);
        let child = Command::new(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", &address.port().to_string()])
            .args(["--inMemoryPersistence", "--silent", "--disableTelemetry"])
            .env("AZURITE_ACCOUNTS", keys)
            .current_dir(run_dir::fresh("azurite"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Azurite can be started");
        run_dir::also_kill(child.id());
        let azurite = Azurite { address, child };
        wait_until("Azurite", PATIENCE, || TcpStream::connect(address).is_ok());
        azurite.make_container(Self::CONTAINER);
        azurite
    }

    /// Where it listens, to put a [`crate::Faulty`] in front.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint `az://container/prefix` with what `enable_database` needs to find it.
    pub fn url(&self, prefix: &str) -> String {
        azure_url(Self::CONTAINER, prefix, self.address)
    }

    /// A shared access signature of the container with the given permissions (such as `rcld`) until a moment (such as
    /// `2099-01-01T00:00:00Z`).
    pub fn container_sas(permissions: &str, until: &str) -> String {
        let resource = format!("/blob/{}/{}", Self::ACCOUNT, Self::CONTAINER);
        // Start, identifier, addresses, protocol; then snapshot, scope and five headers: all left open.
        let signed = format!("{permissions}\n\n{until}\n{resource}\n\n\n\n{VERSION}\nc\n\n\n\n\n\n\n");
        token(
            &[("sv", VERSION), ("sr", "c"), ("sp", permissions), ("se", until)],
            &signed,
        )
    }

    /// The same of the whole account, for services, kinds of resources (`c` containers, `o` objects) and permissions.
    pub fn account_sas(kinds: &str, permissions: &str, until: &str) -> String {
        let account = Self::ACCOUNT;
        let signed = format!("{account}\n{permissions}\nb\n{kinds}\n\n{until}\n\n\n{VERSION}\n\n");
        let parameters = [
            ("sv", VERSION),
            ("ss", "b"),
            ("srt", kinds),
            ("sp", permissions),
            ("se", until),
        ];
        token(&parameters, &signed)
    }

    fn make_container(&self, name: &str) {
        let sas = Self::account_sas("c", "c", "2099-01-01T00:00:00Z");
        let path = format!("/{}/{name}?restype=container&{sas}", Self::ACCOUNT);
        let answer = request(self.address, "PUT", &path);
        assert!(answer.starts_with("HTTP/1.1 201"), "no container: {answer}");
    }

    /// Deletes the container with all that is in it.
    pub fn delete_container(&self) {
        let sas = Self::account_sas("c", "d", "2099-01-01T00:00:00Z");
        let path = format!("/{}/{}?restype=container&{sas}", Self::ACCOUNT, Self::CONTAINER);
        let answer = request(self.address, "DELETE", &path);
        assert!(answer.starts_with("HTTP/1.1 202"), "not deleted: {answer}");
    }
}

/// An Azure endpoint on an emulator of our own.
pub fn azure_url(container: &str, prefix: &str, address: SocketAddr) -> String {
    let account = Azurite::ACCOUNT;
    format!("az://{container}/{prefix}?account={account}&endpoint=http://{address}/{account}")
}

fn token(parameters: &[(&str, &str)], signed: &str) -> String {
    let key = BASE64_STANDARD.decode(Azurite::KEY).expect("it is base64");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let signature = BASE64_STANDARD.encode(ring::hmac::sign(&key, signed.as_bytes()));
    let mut token = String::new();
    for (name, value) in parameters.iter().chain(&[("sig", signature.as_str())]) {
        let value = value
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D")
            .replace(':', "%3A");
        let separator = if token.is_empty() { "" } else { "&" };
        write!(token, "{separator}{name}={value}").expect("a string takes all");
    }
    token
}

/// One request without a body; the whole answer as text.
fn request(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nx-ms-version: {VERSION}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        run_dir::gone(self.child.id());
    }
}
