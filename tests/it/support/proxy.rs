//! A proxy that stalls or cuts when it is told to, or holds a statement back until something has happened. It lives as long as its value.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};

/// What it does with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Passes them on.
    Pass,
    /// Keeps every connection, new ones too, and passes nothing on.
    Stall,
    /// The same for connections that are open now; new ones are served.
    StallOld,
    /// Closes every connection and takes no new one.
    Cut,
}

/// Holds back what clients send when it contains a text.
#[derive(Clone)]
struct Gate {
    text: &'static str,
    knocks: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Gate {
    /// Waits until the gate is opened for these bytes, when they have to wait at all.
    async fn pass(&self, bytes: &[u8]) {
        if bytes.windows(self.text.len()).any(|window| window == self.text.as_bytes()) {
            let (open, opened) = oneshot::channel();
            if self.knocks.send(open).is_ok() {
                let _ = opened.await;
            }
        }
    }
}

/// A running proxy.
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    mood: watch::Sender<Mood>,
    passed: Arc<AtomicU64>,
    _runtime: Runtime,
}

impl Proxy {
    /// Starts one before a port of 127.0.0.1.
    pub fn start(to: u16) -> Self {
        Self::build(to, None)
    }

    /// Starts one that holds each message of a client back that contains `text`, until the value that comes out is answered.
    pub fn gated(to: u16, text: &'static str) -> (Self, mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
        let (knocks, heard) = mpsc::unbounded_channel();
        (Self::build(to, Some(Gate { text, knocks })), heard)
    }

    fn build(to: u16, gate: Option<Gate>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (mood, seen) = watch::channel(Mood::Pass);
        let passed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&passed);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = SocketAddr::from(([127, 0, 0, 1], to));
                tokio::spawn(serve(client, TcpStream::connect(to), seen.clone(), Arc::clone(&counter), gate.clone()));
            }
        });
        Self { port, mood, passed, _runtime: runtime }
    }

    /// Starts one before a unix socket; it has a socket file of the same name in another folder. It has no port.
    pub fn before(socket: &Path, folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let own = folder.join(socket.file_name().expect("a name"));
        let listener = runtime.block_on(async { UnixListener::bind(own) }).expect("a socket");
        let (mood, seen) = watch::channel(Mood::Pass);
        let passed = Arc::new(AtomicU64::new(0));
        let (counter, to) = (Arc::clone(&passed), socket.to_owned());
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = to.clone();
                tokio::spawn(serve(client, async move { UnixStream::connect(to).await }, seen.clone(), Arc::clone(&counter), None));
            }
        });
        Self { port: 0, mood, passed, _runtime: runtime }
    }

    /// Changes what it does from now on.
    pub fn turn(&self, mood: Mood) {
        self.mood.send_modify(|now| *now = mood);
    }

    /// Bytes passed from the server to clients.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }
}

/// Whether a mood holds the bytes of a connection back.
fn holds(mood: Mood, is_old: bool) -> bool {
    match mood {
        Mood::Stall => true,
        Mood::StallOld => is_old,
        Mood::Pass | Mood::Cut => false,
    }
}

async fn serve<S: AsyncRead + AsyncWrite>(
    client: S,
    to: impl Future<Output = std::io::Result<S>>,
    mood: watch::Receiver<Mood>,
    passed: Arc<AtomicU64>,
    gate: Option<Gate>,
) {
    let born_in = *mood.borrow();
    if born_in == Mood::Cut {
        return;
    }
    let Ok(server) = to.await else { return };
    let (client_in, client_out) = tokio::io::split(client);
    let (server_in, server_out) = tokio::io::split(server);
    let old = born_in != Mood::StallOld;
    let there = pass(client_in, server_out, mood.clone(), old, Towards::Server(gate));
    let back = pass(server_in, client_out, mood.clone(), old, Towards::Client(passed));
    let mut mood = mood;
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        _ = mood.wait_for(|mood| *mood == Mood::Cut) => {}
    }
}

/// Which way bytes go, and what is done on it.
enum Towards {
    Server(Option<Gate>),
    Client(Arc<AtomicU64>),
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut mood: watch::Receiver<Mood>,
    is_old: bool,
    towards: Towards,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        if mood.wait_for(|mood| !holds(*mood, is_old)).await.is_err() {
            return;
        }
        let Ok(read) = from.read(&mut buffer).await else { return };
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
        if let Towards::Server(Some(gate)) = &towards {
            gate.pass(&buffer[..read]).await;
        }
        // What came while the mood changed is kept back too.
        if mood.wait_for(|mood| !holds(*mood, is_old)).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        if let Towards::Client(passed) = &towards {
            passed.fetch_add(read as u64, Ordering::SeqCst);
        }
    }
}
