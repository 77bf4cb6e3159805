//! The line of a replication session: bytes in and out, over TLS or not, watched for silence. Knows how messages are parted, not what they mean.

use super::messages::{self, Message};
use crate::server::postgres::wire::{Pulse, Watched};
use bytes::{Buf, BytesMut};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes that are read at once where there are so many: a server sends copies in messages of at most 32 KiB.
const ROOM: usize = 1 << 18;

/// A line.
pub struct Line {
    stream: Watched,
    pulse: Arc<Pulse>,
    heard: BytesMut,
    said: BytesMut,
}

impl Line {
    /// Over a stream.
    pub fn over(stream: Watched, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse, heard: BytesMut::with_capacity(ROOM), said: BytesMut::new() }
    }

    /// What is known of its bytes.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Sends what `write` makes.
    pub async fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> io::Result<()> {
        self.said.clear();
        write(&mut self.said)?;
        while self.said.has_remaining() {
            self.stream.write_buf(&mut self.said).await?;
        }
        self.stream.flush().await
    }

    /// The next message. Safe to abandon while it waits.
    pub async fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = messages::take(&mut self.heard)? {
                return Ok(message);
            }
            self.heard.reserve(ROOM);
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
        }
    }
}
