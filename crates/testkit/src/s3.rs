//! An S3 server in this process that checks access keys, signatures and session tokens, over a folder.
//!
//! Its create-if-absent is check-then-write, so it loses races, unless it is started to serve one
//! request after the other. [`crate::Moto`] keeps that promise, but accepts any key.

use crate::{endpoint, run_dir, timing};
use gate::Gate;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;

mod gate;

/// A running server with one bucket; stopped when dropped.
pub struct S3Server {
    address: SocketAddr,
    root: PathBuf,
    gate: Arc<Gate>,
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
        S3Server::start_as(usize::MAX >> 4, None)
    }

    /// The same, one write at a time, so that of several writers of a new object only one wins.
    pub fn start_orderly() -> S3Server {
        S3Server::start_as(1, None)
    }

    /// An orderly one that speaks https alone.
    pub fn start_tls(config: Arc<ServerConfig>) -> S3Server {
        S3Server::start_as(1, Some(config))
    }

    fn start_as(writes_at_once: usize, tls: Option<Arc<ServerConfig>>) -> S3Server {
        timing::start();
        let root = run_dir::fresh("s3");
        std::fs::create_dir(root.join(Self::BUCKET)).expect("the bucket can be made");
        let gate = Arc::new(Gate::new(root.join(Self::BUCKET)));
        gate.register(Self::ACCESS_KEY, Self::SECRET_KEY);
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let server = Server {
            gate: Arc::clone(&gate),
            turn: Arc::new(Semaphore::new(writes_at_once)),
            tls: tls.map(TlsAcceptor::from),
        };
        let folder = root.clone();
        std::thread::Builder::new()
            .name("s3".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime can be made");
                runtime.block_on(server.serve(&folder, stopped, &tell));
            })
            .expect("a thread can be started");
        S3Server {
            address: told.recv().expect("the server started"),
            root,
            gate,
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

    /// Accepts this key, too.
    pub fn register(&self, access_key: &str, secret_key: &str) {
        self.gate.register(access_key, secret_key);
    }

    /// Accepts this key no more.
    pub fn revoke(&self, access_key: &str) {
        self.gate.revoke(access_key);
    }

    /// Asks for this session token with every request from now on, or for none.
    pub fn set_token(&self, token: Option<&str>) {
        self.gate.set_token(token);
    }

    /// Refuses to delete objects whose keys contain this, as a container with a policy of immutability does.
    pub fn protect(&self, key: Option<&str>) {
        self.gate.protect(key);
    }

    /// Requests that were signed with this key so far, accepted or not.
    pub fn requests_of(&self, access_key: &str) -> u64 {
        self.gate.requests_of(access_key)
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

/// What the server's thread owns.
struct Server {
    gate: Arc<Gate>,
    /// Of writers.
    turn: Arc<Semaphore>,
    tls: Option<TlsAcceptor>,
}

impl Server {
    async fn serve(self, root: &Path, stopped: oneshot::Receiver<()>, tell: &std::sync::mpsc::Sender<SocketAddr>) {
        let service = {
            let files = FileSystem::new(root).expect("the folder is there");
            let mut builder = S3ServiceBuilder::new(files);
            builder.set_auth(self.gate.auth());
            builder.build()
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        tell.send(listener.local_addr().expect("it is bound"))
            .expect("somebody waits for it");
        let accept = async {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, gate, turn) = (service.clone(), Arc::clone(&self.gate), Arc::clone(&self.turn));
                let service = service_fn(move |request: Request<Incoming>| {
                    let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
                    let refused = gate.refusal(&request);
                    let answer = Service::call(&service, request);
                    let turn = Arc::clone(&turn);
                    async move {
                        if let Some(refused) = refused {
                            return Ok(refused);
                        }
                        let _mine = match writes {
                            true => Some(turn.acquire().await.expect("nobody closes it")),
                            false => None,
                        };
                        answer.await
                    }
                });
                let tls = self.tls.clone();
                // A client that goes away is no concern of ours.
                tokio::spawn(async move {
                    match tls {
                        None => speak(socket, service).await,
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                speak(socket, service).await;
                            }
                        }
                    }
                });
            }
        };
        futures::future::select(Box::pin(accept), stopped).await;
    }
}

async fn speak<S>(socket: impl AsyncRead + AsyncWrite + Unpin + 'static, service: S)
where
    S: Service<Request<Incoming>, Response = hyper::Response<s3s::Body>> + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let server = auto::Builder::new(TokioExecutor::new());
    server.serve_connection(TokioIo::new(socket), service).await.ok();
}
