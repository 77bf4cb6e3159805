//! The bytes of a session, watched: when some moved last, and who waits for whom. Knows no SQL, and of the protocol only how questions and
//! answers end.

use futures_util::future::BoxFuture;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
type Encrypting = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

/// ReadyForQuery without its last byte, the state of the transaction: the server has answered everything (documentation, "Message Formats").
const READY: &[u8; 5] = b"Z\0\0\0\x05";

/// Sync: whatever was asked before, COPY or not, its answer is waited for.
const SYNC: &[u8; 5] = b"S\0\0\0\x04";

/// What is known of a session's bytes.
#[derive(Debug)]
pub struct Pulse {
    born: Instant,
    /// Milliseconds after `born` at which a byte moved last.
    moved: AtomicU64,
    /// Nothing is asked: the last bytes were the end of an answer.
    idle: AtomicBool,
    /// We wait for bytes. Not so while what came is not taken off our hands.
    starving: AtomicBool,
    /// We have bytes to send that nobody takes.
    blocked: AtomicBool,
    /// The last that was sent ends a question, and nothing has come since.
    asked: AtomicBool,
    /// Why the session was given up.
    reason: OnceLock<String>,
}

impl Default for Pulse {
    fn default() -> Self {
        let flag = AtomicBool::default;
        Self {
            born: Instant::now(),
            moved: AtomicU64::new(0),
            idle: flag(),
            starving: flag(),
            blocked: flag(),
            asked: flag(),
            reason: OnceLock::new(),
        }
    }
}

impl Pulse {
    fn beat(&self) {
        self.moved.store(u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A number that changes whenever a byte moves.
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// How long no byte has moved in either direction.
    pub fn silence(&self) -> Duration {
        self.born.elapsed().saturating_sub(Duration::from_millis(self.moved()))
    }

    /// Whether nothing is being waited for.
    pub fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed)
    }

    /// Whether we wait for bytes.
    pub fn is_starving(&self) -> bool {
        self.starving.load(Ordering::Relaxed)
    }

    /// Whether we wait for our bytes to be taken, or for an answer that has not begun.
    pub fn has_said(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) || self.asked.load(Ordering::Relaxed)
    }

    /// Notes why the session is given up.
    pub fn give_up(&self, reason: String) {
        // The first reason is the one that ended it.
        let _ = self.reason.set(reason);
    }

    /// Why it was given up.
    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }
}

/// How sessions reach the server: with or without TLS. In both cases the driver is told that this is TLS that begins at once or after its own
/// request, since only then it lets the bytes through our hands.
#[derive(Clone)]
pub struct Wire {
    tls: Option<MakeRustlsConnect>,
    pulse: Arc<Pulse>,
    /// The socket file, where it is one.
    socket: Option<Arc<Path>>,
}

impl Wire {
    /// A wire for one session.
    pub fn new(tls: Option<MakeRustlsConnect>) -> Self {
        Self { tls, pulse: Arc::default(), socket: None }
    }

    /// A wire for one session over a unix socket.
    pub fn local(socket: &Path) -> Self {
        Self { tls: None, pulse: Arc::default(), socket: Some(socket.into()) }
    }

    /// The socket file, where it is one.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Lays it over a stream of ours, which has no TLS.
    pub fn lay(&self) -> Laying {
        Laying { tls: None, pulse: self.pulse() }
    }

    /// What is known of its bytes.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }
}

impl MakeTlsConnect<Socket> for Wire {
    type Stream = Watched;
    type TlsConnect = Laying;
    type Error = AnyError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Laying, AnyError> {
        let tls = match &mut self.tls {
            Some(tls) => Some(MakeTlsConnect::<Socket>::make_tls_connect(tls, domain)?),
            None => None,
        };
        Ok(Laying { tls, pulse: Arc::clone(&self.pulse) })
    }
}

/// A wire being laid.
pub struct Laying {
    tls: Option<Encrypting>,
    pulse: Arc<Pulse>,
}

impl TlsConnect<Socket> for Laying {
    type Stream = Watched;
    type Error = AnyError;
    type Future = BoxFuture<'static, Result<Watched, AnyError>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let line = match self.tls {
                Some(tls) => Line::Encrypted(Box::new(tls.connect(socket).await?)),
                None => Line::Plain(Box::new(socket)),
            };
            Ok(Watched { line, pulse: self.pulse, heard: [0; 6], said: [0; 5] })
        })
    }
}

/// A stream that we have opened ourselves: the driver lets TLS through to no unix socket of its own.
impl TlsConnect<UnixStream> for Laying {
    type Stream = Watched;
    type Error = AnyError;
    type Future = BoxFuture<'static, Result<Watched, AnyError>>;

    fn connect(self, stream: UnixStream) -> Self::Future {
        Box::pin(std::future::ready(Ok(Watched { line: Line::Local(Box::new(stream)), pulse: self.pulse, heard: [0; 6], said: [0; 5] })))
    }
}

/// A stream in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

enum Line {
    Own(Box<dyn Duplex>),
    Local(Box<UnixStream>),
    Plain(Box<Socket>),
    Encrypted(Box<Encrypted>),
}

/// A wire that is watched.
pub struct Watched {
    line: Line,
    pulse: Arc<Pulse>,
    /// The last bytes that came.
    heard: [u8; 6],
    /// The last bytes that went.
    said: [u8; 5],
}

impl Watched {
    /// Over a stream that the driver does not know.
    pub fn over(stream: Box<dyn Duplex>, pulse: &Arc<Pulse>) -> Self {
        Self { line: Line::Own(stream), pulse: Arc::clone(pulse), heard: [0; 6], said: [0; 5] }
    }
}

/// Appends bytes to what is remembered of the last ones.
fn remember<const N: usize>(last: &mut [u8; N], new: &[u8]) {
    let new = &new[new.len().saturating_sub(N)..];
    last.rotate_left(new.len());
    last[N - new.len()..].copy_from_slice(new);
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let polled = match &mut this.line {
            Line::Own(line) => Pin::new(line).poll_read(cx, buffer),
            Line::Local(line) => Pin::new(line).poll_read(cx, buffer),
            Line::Plain(line) => Pin::new(line).poll_read(cx, buffer),
            Line::Encrypted(line) => Pin::new(line).poll_read(cx, buffer),
        };
        this.pulse.starving.store(polled.is_pending(), Ordering::Relaxed);
        let new = &buffer.filled()[before..];
        if !new.is_empty() {
            remember(&mut this.heard, new);
            this.pulse.idle.store(this.heard.starts_with(READY), Ordering::Relaxed);
            this.pulse.asked.store(false, Ordering::Relaxed);
            this.pulse.beat();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let this = &mut *self;
        let polled = match &mut this.line {
            Line::Own(line) => Pin::new(line).poll_write(cx, bytes),
            Line::Local(line) => Pin::new(line).poll_write(cx, bytes),
            Line::Plain(line) => Pin::new(line).poll_write(cx, bytes),
            Line::Encrypted(line) => Pin::new(line).poll_write(cx, bytes),
        };
        this.pulse.blocked.store(polled.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(written)) = &polled {
            remember(&mut this.said, &bytes[..*written]);
            this.pulse.asked.store(this.said == *SYNC, Ordering::Relaxed);
            this.pulse.idle.store(false, Ordering::Relaxed);
            this.pulse.beat();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let polled = match &mut self.line {
            Line::Own(line) => Pin::new(line).poll_flush(cx),
            Line::Local(line) => Pin::new(line).poll_flush(cx),
            Line::Plain(line) => Pin::new(line).poll_flush(cx),
            Line::Encrypted(line) => Pin::new(line).poll_flush(cx),
        };
        // What TLS has taken is sent here. The driver comes here only when everything else is written.
        self.pulse.blocked.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.line {
            Line::Own(line) => Pin::new(line).poll_shutdown(cx),
            Line::Local(line) => Pin::new(line).poll_shutdown(cx),
            Line::Plain(line) => Pin::new(line).poll_shutdown(cx),
            Line::Encrypted(line) => Pin::new(line).poll_shutdown(cx),
        }
    }
}

impl TlsStream for Watched {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.line {
            Line::Own(_) | Line::Local(_) | Line::Plain(_) => ChannelBinding::none(),
            Line::Encrypted(line) => line.channel_binding(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer_is_seen_however_it_is_cut() {
        let answer = b"D\0\0\0\x0b\0\x01\0\0\0\x011C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05T";
        for cut in 0..answer.len() {
            let mut last = [0; 6];
            remember(&mut last, &answer[..cut]);
            assert!(!last.starts_with(READY));
            remember(&mut last, &answer[cut..]);
            assert!(last.starts_with(READY), "{cut}");
        }
        let mut said = [0; 5];
        remember(&mut said, b"c\0\0\0\x04S\0\0\0\x04");
        assert_eq!(&said, SYNC);
        remember(&mut said, b"x");
        assert_ne!(&said, SYNC);
    }

    #[test]
    fn silence_ends_with_a_byte() {
        let pulse = Pulse { born: Instant::now().checked_sub(Duration::from_secs(9)).expect("an uptime"), ..Pulse::default() };
        assert!(pulse.silence() >= Duration::from_secs(9));
        pulse.beat();
        assert!(pulse.silence() < Duration::from_secs(5));
    }
}
