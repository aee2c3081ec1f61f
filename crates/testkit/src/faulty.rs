//! A TCP proxy on the loopback, for HTTP stores, whose faults are switched while it runs.
//!
//! Every switch ends all open connections, so that no request goes on under the old mode. The
//! port stays the same.

use futures::future::{Either, select};
use socket2::SockRef;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What the proxy does with connections made from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Hands everything through.
    Pass,
    /// Nobody listens: connection refused.
    Refuse,
    /// Connecting neither succeeds nor fails.
    HangConnect,
    /// Takes the request and never answers.
    HangHeaders,
    /// Hands on the head and half of the body of a response, then nothing more.
    HangBody,
    /// Hands on the head and half of the body of a response, then resets the connection.
    ResetBody,
    /// Answers 503 to so many requests, then passes.
    Unavailable(u32),
    /// Answers 503 to so many requests and asks for a pause of so many seconds, then passes.
    Busy(u32, u32),
    /// Hands so many requests on, waits for the answer and resets the connection in its place, then passes.
    LoseReply(u32),
    /// Hands on the head and half of the body of so many requests, then resets both connections; then passes.
    CutRequest(u32),
    /// Hands everything through, a little at a time.
    Slow,
}

impl Mode {
    /// The mode of the next connection; counts those that are counted.
    fn next(&mut self) -> Mode {
        let now = *self;
        let left = match self {
            Mode::Unavailable(left) | Mode::Busy(left, _) | Mode::LoseReply(left) | Mode::CutRequest(left) => left,
            _ => return now,
        };
        match left.checked_sub(1) {
            Some(fewer) => *left = fewer,
            None => *self = Mode::Pass,
        }
        if *self == Mode::Pass { Mode::Pass } else { now }
    }
}

/// How much a slow proxy hands on at a time, in bytes, and how long it rests then.
const LITTLE: usize = 16 * 1024;
const REST: Duration = Duration::from_millis(10);

/// The running proxy; stopped when dropped.
pub struct Faulty {
    address: SocketAddr,
    commands: mpsc::UnboundedSender<(Mode, std::sync::mpsc::Sender<()>)>,
    hits: Arc<AtomicU64>,
}

impl Faulty {
    /// Starts on a free port, in mode [`Mode::Pass`], in front of the given server.
    pub fn start(upstream: SocketAddr) -> Faulty {
        let (commands, orders) = mpsc::unbounded_channel();
        let (tell, told) = std::sync::mpsc::channel();
        let hits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&hits);
        std::thread::Builder::new()
            .name("faulty".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime can be made");
                runtime.block_on(async move {
                    let listener = first_listener();
                    let address = listener.local_addr().expect("it is bound");
                    tell.send(address).expect("somebody waits for it");
                    let proxy = Proxy {
                        upstream,
                        address,
                        hits: counter,
                    };
                    proxy.run(listener, orders).await;
                });
            })
            .expect("a thread can be started");
        Faulty {
            address: told.recv().expect("the proxy started"),
            commands,
            hits,
        }
    }

    /// Where to connect instead of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Switches; when it returns, no connection of the old mode is left.
    pub fn set(&self, mode: Mode) {
        let (done, wait) = std::sync::mpsc::channel();
        self.commands.send((mode, done)).expect("the proxy runs");
        wait.recv().expect("the proxy runs");
    }

    /// Faults that really happened: hangs and resets reached, 503 answered. Refused connections
    /// and hanging connects cannot be seen from here.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::SeqCst)
    }
}

struct Proxy {
    upstream: SocketAddr,
    address: SocketAddr,
    hits: Arc<AtomicU64>,
}

impl Proxy {
    async fn run(
        self,
        listener: TcpListener,
        mut orders: mpsc::UnboundedReceiver<(Mode, std::sync::mpsc::Sender<()>)>,
    ) {
        let mut mode = Mode::Pass;
        let mut listener = Some(listener);
        let mut open = JoinSet::new();
        // Connections that fill the queue of a listener that accepts nobody.
        let mut fillers: Vec<TcpStream> = Vec::new();
        loop {
            let event = {
                let accept = async {
                    match &listener {
                        Some(listener) if mode != Mode::HangConnect => listener.accept().await,
                        _ => std::future::pending().await,
                    }
                };
                match select(Box::pin(orders.recv()), Box::pin(accept)).await {
                    Either::Left((order, _)) => Either::Left(order),
                    Either::Right((accepted, _)) => Either::Right(accepted),
                }
            };
            match event {
                Either::Left(None) => return,
                Either::Left(Some((new, done))) => {
                    open.shutdown().await;
                    fillers.clear();
                    if let Some(old) = listener.take() {
                        // Closing is not enough: a process that another test just forks holds a copy until it executes.
                        SockRef::from(&old).shutdown(Shutdown::Both).expect("it listens");
                    }
                    mode = new;
                    if mode == Mode::HangConnect {
                        listener = Some(listen(self.address, 1));
                        fillers = fill(self.address).await;
                    } else if mode != Mode::Refuse {
                        listener = Some(listen(self.address, 1024));
                    }
                    done.send(()).ok();
                }
                Either::Right(Ok((socket, _))) => {
                    let now = mode.next();
                    let upstream = self.upstream;
                    let hits = Arc::clone(&self.hits);
                    open.spawn(async move {
                        // What goes wrong here is what the mode is for.
                        connection(socket, upstream, now, &hits).await.ok();
                    });
                }
                Either::Right(Err(_)) => {}
            }
            while open.try_join_next().is_some() {}
        }
    }
}

/// A port below those that the system gives to outgoing connections, and never one of another proxy of this process:
/// while the proxy refuses, nobody else may get it.
fn first_listener() -> TcpListener {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16 % 8000;
    (0..8000)
        .map(|_| 20_000 + (start + TAKEN.fetch_add(1, Ordering::SeqCst)) % 8000)
        .find_map(|port| try_listen(SocketAddr::from(([127, 0, 0, 1], port)), 1024).ok())
        .expect("one of eight thousand ports is free")
}

/// The same port again and again, also while old connections linger.
fn listen(address: SocketAddr, backlog: u32) -> TcpListener {
    try_listen(address, backlog).expect("the port is ours")
}

fn try_listen(address: SocketAddr, backlog: u32) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// Connects until the queue is full and the system drops further attempts.
async fn fill(address: SocketAddr) -> Vec<TcpStream> {
    let mut fillers = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        fillers.push(stream);
    }
    fillers
}

async fn connection(mut client: TcpStream, upstream: SocketAddr, mode: Mode, hits: &AtomicU64) -> std::io::Result<()> {
    match mode {
        Mode::HangHeaders => {
            read_message(&mut client, &mut Vec::new()).await?;
            hits.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        }
        Mode::Unavailable(_) => unavailable(client, "", hits).await,
        Mode::Busy(_, seconds) => unavailable(client, &format!("Retry-After: {seconds}\r\n"), hits).await,
        Mode::LoseReply(_) => {
            let mut server = TcpStream::connect(upstream).await?;
            let mut request = Vec::new();
            read_message(&mut client, &mut request).await?;
            server.write_all(&request).await?;
            read_head(&mut server, &mut Vec::new()).await?;
            hits.fetch_add(1, Ordering::SeqCst);
            client.set_zero_linger()
        }
        Mode::CutRequest(_) => {
            let mut server = TcpStream::connect(upstream).await?;
            let mut request = Vec::new();
            let head = read_head(&mut client, &mut request).await?;
            let length = content_length(&request[..head]);
            let until = head + length / 2;
            while request.len() < until && client.read_buf(&mut request).await? > 0 {}
            server.write_all(&request[..until.min(request.len())]).await?;
            hits.fetch_add(1, Ordering::SeqCst);
            server.set_zero_linger()?;
            client.set_zero_linger()
        }
        Mode::Slow => {
            let server = TcpStream::connect(upstream).await?;
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            hits.fetch_add(1, Ordering::SeqCst);
            let there = slowly(from_client, to_server);
            let back = slowly(from_server, to_client);
            select(Box::pin(there), Box::pin(back)).await.factor_first().0
        }
        _ => {
            let server = TcpStream::connect(upstream).await?;
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let there = forward(from_client, to_server);
            let back = async {
                match mode {
                    Mode::HangBody | Mode::ResetBody => half(from_server, to_client, mode, hits).await,
                    _ => forward(from_server, to_client).await,
                }
            };
            // Either side may close; the other then has nothing more to say.
            select(Box::pin(there), Box::pin(back)).await.factor_first().0
        }
    }
}

async fn unavailable(mut client: TcpStream, header: &str, hits: &AtomicU64) -> std::io::Result<()> {
    // The whole request first: closing with unread bytes would reset the answer away.
    read_message(&mut client, &mut Vec::new()).await?;
    hits.fetch_add(1, Ordering::SeqCst);
    let answer = format!("HTTP/1.1 503 Service Unavailable\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n");
    client.write_all(answer.as_bytes()).await
}

async fn slowly(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    let mut little = vec![0; LITTLE];
    loop {
        match from.read(&mut little).await? {
            0 => return Ok(()),
            length => to.write_all(&little[..length]).await?,
        }
        tokio::time::sleep(REST).await;
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    copy(&mut from, &mut to).await.map(|_| ())
}

/// Hands on responses without a body, and the first half of the first one with a body.
async fn half(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mode: Mode, hits: &AtomicU64) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let head = read_head(&mut from, &mut buffer).await?;
        let length = content_length(&buffer[..head]);
        if length == 0 {
            to.write_all(&buffer[..head]).await?;
            buffer.drain(..head);
            continue;
        }
        let until = head + length / 2;
        while buffer.len() < until {
            if from.read_buf(&mut buffer).await? == 0 {
                break;
            }
        }
        to.write_all(&buffer[..until.min(buffer.len())]).await?;
        hits.fetch_add(1, Ordering::SeqCst);
        if mode == Mode::HangBody {
            std::future::pending::<()>().await;
        }
        to.as_ref().set_zero_linger()?;
        // A half dropped as it is would say goodbye properly first.
        to.forget();
        return Ok(());
    }
}

/// Reads one request with its body.
async fn read_message(from: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    let head = read_head(from, buffer).await?;
    let whole = head + content_length(&buffer[..head]);
    while buffer.len() < whole && from.read_buf(buffer).await? > 0 {}
    Ok(())
}

/// Reads until the empty line; returns where the body begins.
async fn read_head(from: &mut (impl AsyncReadExt + Unpin), buffer: &mut Vec<u8>) -> std::io::Result<usize> {
    loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            return Ok(at + 4);
        }
        if from.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The length that the head announces. A chunked body counts as long: what is asked of it is
/// only to be cut somewhere.
fn content_length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    match field("content-length:") {
        Some(value) => value.parse().unwrap_or(0),
        None if field("transfer-encoding:").is_some() => 64,
        None => 0,
    }
}
