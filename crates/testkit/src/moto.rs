//! The S3 server moto in a process of its own: keeps create-if-absent, accepts any key.

use crate::wait::{PATIENCE, wait_until};
use crate::{run_dir, s3, timing, tree};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// Starts moto's application with one request at a time: otherwise it now and then loses the race that it
/// promises to decide, when the machine is busy.
const PROGRAM: &str = r#"
import sys, threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
app = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()
def orderly(environ, start_response):
    with turn:
        return list(app(environ, start_response))
run_simple("127.0.0.1", int(sys.argv[1]), orderly, threaded=True)
"#;

/// A running moto with one bucket; stopped when dropped.
pub struct Moto {
    address: SocketAddr,
    child: Child,
}

impl Moto {
    /// Name of its bucket.
    pub const BUCKET: &str = "bucket";

    /// Starts it from the virtual environment that `cargo xtask prepare` makes.
    pub fn start() -> Moto {
        timing::start();
        let program = tree::build_dir().with_file_name("venv").join("bin/python");
        assert!(
            program.exists(),
            "{} is missing; run `cargo xtask prepare`",
            program.display()
        );
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port is free");
        let child = Command::new(program)
            .args(["-c", PROGRAM, &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto can be started");
        run_dir::also_kill(child.id());
        let moto = Moto { address, child };
        wait_until("moto", PATIENCE, || TcpStream::connect(address).is_ok());
        moto.make_bucket();
        moto
    }

    /// Where it listens, to put a [`crate::Faulty`] in front.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint `s3://bucket/prefix` with what `enable_database` needs to find it.
    pub fn url(&self, prefix: &str) -> String {
        s3::s3_url(Self::BUCKET, prefix, self.address)
    }

    /// The head of an object, in lower case: its class and its encryption are there.
    pub fn head(&self, key: &str) -> String {
        self.ask("HEAD", &format!("/{}/{key}", Self::BUCKET))
            .to_ascii_lowercase()
    }

    fn make_bucket(&self) {
        let answer = self.ask("PUT", &format!("/{}", Self::BUCKET));
        assert!(answer.starts_with("HTTP/1.1 200"), "no bucket: {answer}");
    }

    /// One request without a body; the whole answer.
    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        // The scope tells moto which of its services is meant; it checks nothing else.
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=any/20130101/us-east-1/s3/aws4_request\r\n\r\n",
            self.address
        )
        .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        run_dir::gone(self.child.id());
    }
}
