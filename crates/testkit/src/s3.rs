//! An S3 server in this process that checks access keys and signatures, over a folder.
//!
//! Its create-if-absent is check-then-write, so it loses races, unless it is started to serve one
//! request after the other. [`crate::Moto`] keeps that promise, but accepts any key.

use crate::{endpoint, run_dir, timing};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

/// A running server with one bucket; stopped when dropped.
pub struct S3Server {
    address: SocketAddr,
    root: PathBuf,
    _stop: oneshot::Sender<()>,
}

impl S3Server {
    /// Name of its bucket.
    pub const BUCKET: &str = "bucket";
    /// The identity it accepts.
    pub const ACCESS_KEY: &str = "AKIATESTKIT";
    /// The secret it accepts.
    pub const SECRET_KEY: &str = "correct-horse-battery-staple";

    /// Starts on a free port of the loopback.
    pub fn start() -> S3Server {
        S3Server::start_as(usize::MAX >> 4)
    }

    /// The same, one write at a time, so that of several writers of a new object only one wins.
    pub fn start_orderly() -> S3Server {
        S3Server::start_as(1)
    }

    fn start_as(writes_at_once: usize) -> S3Server {
        timing::start();
        let root = run_dir::fresh("s3");
        std::fs::create_dir(root.join(Self::BUCKET)).expect("the bucket can be made");
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let folder = root.clone();
        std::thread::Builder::new()
            .name("s3".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime can be made");
                runtime.block_on(serve(&folder, writes_at_once, stopped, &tell));
            })
            .expect("a thread can be started");
        S3Server {
            address: told.recv().expect("the server started"),
            root,
            _stop: stop,
        }
    }

    /// Where it listens, to put a [`crate::Faulty`] in front.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint `s3://bucket/prefix` with what `enable_database` needs to find it.
    pub fn url(&self, prefix: &str) -> String {
        s3_url(Self::BUCKET, prefix, self.address)
    }

    /// Names of all objects in the bucket, sorted.
    pub fn objects(&self) -> Vec<String> {
        let bucket = self.root.join(Self::BUCKET);
        let mut names: Vec<String> = endpoint::files(&bucket)
            .into_iter()
            .filter_map(|file| Some(file.strip_prefix(&bucket).ok()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names
    }

    /// The bucket's folder.
    pub fn bucket_path(&self) -> PathBuf {
        self.root.join(Self::BUCKET)
    }
}

/// An S3 endpoint on a server of our own.
pub fn s3_url(bucket: &str, prefix: &str, address: SocketAddr) -> String {
    format!("s3://{bucket}/{prefix}?endpoint=http://{address}&path_style=true&region=us-east-1")
}

async fn serve(
    root: &Path,
    writes_at_once: usize,
    stopped: oneshot::Receiver<()>,
    tell: &std::sync::mpsc::Sender<SocketAddr>,
) {
    let service = {
        let files = FileSystem::new(root).expect("the folder is there");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(S3Server::ACCESS_KEY, S3Server::SECRET_KEY));
        builder.build()
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    tell.send(listener.local_addr().expect("it is bound"))
        .expect("somebody waits for it");
    let turn = Arc::new(Semaphore::new(writes_at_once));
    let accept = async {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            let turn = Arc::clone(&turn);
            let bucket = root.join(S3Server::BUCKET);
            let service = service_fn(move |request: Request<Incoming>| {
                let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
                let answer = Service::call(&service, request);
                let turn = Arc::clone(&turn);
                let missing = !bucket.exists();
                async move {
                    if missing {
                        return Ok(no_bucket());
                    }
                    let _mine = match writes {
                        true => Some(turn.acquire().await.expect("nobody closes it")),
                        false => None,
                    };
                    answer.await
                }
            });
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                // A client that goes away is no concern of ours.
                server.serve_connection(TokioIo::new(socket), service).await.ok();
            });
        }
    };
    futures::future::select(Box::pin(accept), stopped).await;
}

/// What a store says to any request while its bucket is missing; the server itself would miss the key.
fn no_bucket() -> Response<Body> {
    let text = "<Error><Code>NoSuchBucket</Code><Message>no bucket</Message></Error>".to_owned();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
