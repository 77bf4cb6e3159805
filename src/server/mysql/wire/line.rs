//! A line to a server: packets in both directions, whole, in order, and without a copy where that can be. Knows nothing of what is in them.
//!
//! A packet of 2^24-1 bytes is continued by the next one. What is received lies in one buffer that is as large as the largest packet needs,
//! and only for as long as it is needed: the next ordinary packet gives the memory back.

use super::Error;
use bytes::Buf;
use futures_util::future::BoxFuture;
use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of a packet that is continued by the next.
const FULL: usize = 0xFF_FFFF;

/// What is read ahead, in bytes.
const AHEAD: usize = 256 << 10;

/// From this many bytes on a buffer is given back after use.
const LARGE: usize = 4 << 20;

/// More than any server sends as one packet: a row is at most as long as its columns together, which are 4 GiB each.
const LIMIT: usize = 8 << 30;

/// Both directions of a line.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Duplex for T {}

/// Which side is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing comes.
    Theirs,
    /// Nobody takes what is sent.
    Ours,
}

/// Looks after a line on which no byte moves.
pub trait Watch: Send + Sync {
    /// After how long without a byte it is asked.
    fn limit(&self) -> Duration;

    /// Why the line is dead, if it is. It is listened to the line meanwhile: a byte that moves ends the question.
    fn verdict(&self, silence: Silence) -> BoxFuture<'_, Option<String>>;
}

/// Where a packet lies in the buffer, until the next one is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    start: usize,
    end: usize,
}

impl Packet {
    /// Its length in bytes.
    pub const fn size(self) -> usize {
        self.end - self.start
    }
}

/// A line to a server.
pub struct Line {
    stream: Box<dyn Duplex>,
    buffer: Vec<u8>,
    /// Where in the buffer begins what was not handed out yet.
    unread: usize,
    /// The number that the next packet has, in either direction.
    sequence: u8,
    joining: Joining,
    watch: Option<Arc<dyn Watch>>,
}

/// A packet that is being put together. Places count from the first unread byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Joining {
    /// Where what is whole of it ends.
    end: usize,
    /// Where its next header lies.
    next: usize,
    /// Whether it goes on there.
    open: bool,
}

impl Default for Joining {
    fn default() -> Self {
        Self { end: 4, next: 0, open: true }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl Line {
    /// A line over an open connection.
    pub fn over(stream: Box<dyn Duplex>) -> Self {
        Self { stream, buffer: Vec::with_capacity(16 << 10), unread: 0, sequence: 0, joining: Joining::default(), watch: None }
    }

    /// The connection itself, between two packets, to lay TLS over it. What was received in clear text beyond the last packet is not TLS's.
    pub fn into_stream(self) -> Result<Box<dyn Duplex>, Error> {
        if self.buffer.len() > self.unread {
            return Err(Error::protocol("it sends before it is asked"));
        }
        Ok(self.stream)
    }

    /// The same line behind TLS.
    #[must_use]
    pub fn after(mut self, sequence: u8) -> Self {
        self.sequence = sequence;
        self
    }

    /// The number that the next packet has.
    pub fn sequence(&self) -> u8 {
        self.sequence
    }

    /// Has somebody look after it when it is silent.
    pub fn watched(&mut self, watch: Arc<dyn Watch>) {
        self.watch = Some(watch);
    }

    /// Breaks it: the other side finds it closed.
    pub fn cut(&mut self) {
        self.stream = Box::new(tokio::io::empty());
    }

    /// A packet's bytes.
    pub fn bytes(&self, packet: Packet) -> &[u8] {
        self.buffer.get(packet.start..packet.end).unwrap_or_default()
    }

    /// Sends a question: its first byte, and the rest of it, in as many packets as it needs.
    pub async fn ask(&mut self, command: u8, text: &[u8]) -> Result<(), Error> {
        self.sequence = 0;
        let first = text.len().min(FULL - 1);
        let (head, mut rest) = text.split_at(first);
        let header = self.header(first + 1);
        let mut full = first + 1 == FULL;
        self.write(Buf::chain([&header[..], &[command]].concat().as_slice(), head)).await?;
        while full {
            let (head, tail) = rest.split_at(rest.len().min(FULL));
            let header = self.header(head.len());
            self.write(Buf::chain(&header[..], head)).await?;
            full = head.len() == FULL;
            rest = tail;
        }
        self.flush().await
    }

    /// Sends one packet of less than 2^24-1 bytes in answer to the last one.
    pub async fn answer(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.part(bytes).await?;
        self.flush().await
    }

    /// The same for one of many: it may lie here until [`Line::flush`].
    pub async fn part(&mut self, bytes: &[u8]) -> Result<(), Error> {
        debug_assert!(bytes.len() < FULL, "such a packet would be continued");
        let header = self.header(bytes.len());
        self.write(Buf::chain(&header[..], bytes)).await
    }

    fn header(&mut self, length: usize) -> [u8; 4] {
        let [low, middle, high, ..] = length.to_le_bytes();
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        [low, middle, high, sequence]
    }

    async fn write(&mut self, mut bytes: impl Buf) -> Result<(), Error> {
        while bytes.has_remaining() {
            let written = patient(self.watch.as_deref(), Silence::Ours, self.stream.write_buf(&mut bytes)).await?;
            if written == 0 {
                return Err(Error::Lost(io::ErrorKind::WriteZero.into()));
            }
        }
        Ok(())
    }

    /// Has all that was written sent.
    pub async fn flush(&mut self) -> Result<(), Error> {
        patient(self.watch.as_deref(), Silence::Ours, self.stream.flush()).await?;
        Ok(())
    }

    /// Waits for the next packet. Nothing is lost when this is given up in the middle: the next call goes on.
    pub async fn packet(&mut self) -> Result<Packet, Error> {
        while self.joining.open {
            let Joining { end, next, .. } = self.joining;
            self.need(next + 4).await?;
            let header = &self.buffer[self.unread + next..][..4];
            let length = usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16;
            if header[3] != self.sequence {
                return Err(Error::protocol("packets are out of order"));
            }
            if end + length > LIMIT {
                return Err(Error::protocol("a packet without an end"));
            }
            if next == 0 && length < LARGE {
                self.give_back();
            }
            self.need(next + 4 + length).await?;
            // From here on nothing is waited for, so that a step is done or not begun. Headers between the parts of a packet vanish.
            let (from, to) = (self.unread + next + 4, self.unread + end);
            if from != to {
                self.buffer.copy_within(from..from + length, to);
            }
            self.sequence = self.sequence.wrapping_add(1);
            self.joining = Joining { end: end + length, next: next + 4 + length, open: length == FULL };
        }
        let Joining { end, next, .. } = std::mem::take(&mut self.joining);
        let packet = Packet { start: self.unread + 4, end: self.unread + end };
        self.unread += next;
        Ok(packet)
    }

    /// Waits until so many unread bytes are there.
    async fn need(&mut self, count: usize) -> Result<(), Error> {
        while self.buffer.len() - self.unread < count {
            if self.unread > 0 {
                self.buffer.drain(..self.unread);
                self.unread = 0;
            }
            let (there, room) = (self.buffer.len(), self.buffer.capacity());
            if room < count.max(AHEAD) {
                // A packet of many parts grows part by part: not each of them is worth a move.
                self.buffer.reserve_exact(count.max(AHEAD).max(there + there / 4) - there);
            }
            let read = patient(self.watch.as_deref(), Silence::Theirs, self.stream.read_buf(&mut self.buffer)).await?;
            if read == 0 {
                return Err(Error::Lost(io::Error::new(io::ErrorKind::UnexpectedEof, "the server has closed the connection")));
            }
        }
        Ok(())
    }

    /// Lets go of what only a large packet needed.
    fn give_back(&mut self) {
        let rest = &self.buffer[self.unread..];
        if self.buffer.capacity() > LARGE && rest.len() < LARGE {
            let mut buffer = Vec::with_capacity(rest.len().max(AHEAD));
            buffer.extend_from_slice(rest);
            (self.buffer, self.unread) = (buffer, 0);
        }
    }
}

/// Waits for bytes to move; while none do, the watch is asked now and then whether they ever will.
async fn patient<T>(watch: Option<&dyn Watch>, silence: Silence, work: impl Future<Output = io::Result<T>>) -> Result<T, Error> {
    let Some(watch) = watch else { return work.await.map_err(Error::Lost) };
    let mut work = pin!(work);
    let mut silent = Duration::ZERO;
    loop {
        if let Ok(done) = tokio::time::timeout(watch.limit(), &mut work).await {
            return done.map_err(Error::Lost);
        }
        silent += watch.limit();
        tokio::select! {
            biased;
            done = &mut work => return done.map_err(Error::Lost),
            verdict = watch.verdict(silence) => if let Some(why) = verdict {
                let why = format!("no byte has moved for {} s: {why}", silent.as_secs());
                return Err(Error::Lost(io::Error::new(io::ErrorKind::TimedOut, why)));
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets as a server sends them, cut into parts.
    fn sent(packets: &[Vec<u8>]) -> Vec<u8> {
        let (mut bytes, mut sequence) = (Vec::new(), 0_u8);
        for packet in packets {
            let mut rest = packet.as_slice();
            loop {
                let (head, tail) = rest.split_at(rest.len().min(FULL));
                bytes.extend_from_slice(&head.len().to_le_bytes()[..3]);
                bytes.push(sequence);
                bytes.extend_from_slice(head);
                (sequence, rest) = (sequence.wrapping_add(1), tail);
                if head.len() < FULL {
                    break;
                }
            }
        }
        bytes
    }

    #[tokio::test]
    async fn packets_of_any_length_arrive_and_memory_goes_back() {
        let packets: Vec<Vec<u8>> =
            [5, FULL - 1, FULL, FULL + 1, 0, 2 * FULL, 3].iter().enumerate().map(|(at, length)| vec![at as u8 + 1; *length]).collect();
        let bytes = sent(&packets);
        let (near, mut far) = tokio::io::duplex(100_000);
        let sender = tokio::spawn(async move { far.write_all(&bytes).await.expect("written") });
        let mut line = Line::over(Box::new(near));
        for packet in &packets {
            let got = line.packet().await.expect("a packet");
            assert!(line.bytes(got) == packet.as_slice(), "{} bytes", packet.len());
        }
        assert!(line.buffer.capacity() < LARGE, "{} bytes are kept", line.buffer.capacity());
        assert!(matches!(line.packet().await, Err(Error::Lost(_))), "the end of the line is no packet");
        sender.await.expect("sent");
    }

    #[tokio::test]
    async fn what_is_given_up_in_the_middle_goes_on_where_it_was() {
        let packet = vec![7; FULL + 100];
        let bytes = sent(std::slice::from_ref(&packet));
        let (near, mut far) = tokio::io::duplex(64);
        let mut line = Line::over(Box::new(near));
        let (first, last) = bytes.split_at(FULL + 50);
        let (first, last) = (first.to_vec(), last.to_vec());
        tokio::select! {
            _ = line.packet() => panic!("half a packet is none"),
            () = async { far.write_all(&first).await.expect("written") } => {}
        }
        let sender = tokio::spawn(async move { far.write_all(&last).await.expect("written") });
        let got = line.packet().await.expect("a packet");
        assert!(line.bytes(got) == packet.as_slice());
        sender.await.expect("sent");
    }

    #[tokio::test]
    async fn long_questions_are_cut_where_the_protocol_cuts_them() {
        for length in [0, FULL - 2, FULL - 1, FULL, 2 * FULL] {
            let (near, mut far) = tokio::io::duplex(100_000);
            let mut line = Line::over(Box::new(near));
            let text = vec![b'x'; length];
            let asked = tokio::spawn(async move {
                line.ask(3, &text).await.expect("asked");
            });
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.expect("read");
            asked.await.expect("asked");
            let question = [vec![3], vec![b'x'; length]].concat();
            assert!(got == sent(&[question]), "{length}");
        }
    }

    struct Dead;

    impl Watch for Dead {
        fn limit(&self) -> Duration {
            Duration::from_millis(10)
        }

        fn verdict(&self, silence: Silence) -> BoxFuture<'_, Option<String>> {
            Box::pin(std::future::ready(Some(format!("{silence:?}"))))
        }
    }

    #[tokio::test]
    async fn a_silent_line_ends_with_the_verdict_of_its_watch() {
        let (near, _far) = tokio::io::duplex(64);
        let mut line = Line::over(Box::new(near));
        line.watched(Arc::new(Dead));
        let heard = line.packet().await.expect_err("nobody speaks").to_string();
        assert!(heard.ends_with("Theirs"), "{heard}");
        let said = line.ask(3, &[0; 1000]).await.expect_err("nobody listens").to_string();
        assert!(said.ends_with("Ours"), "{said}");
    }
}
