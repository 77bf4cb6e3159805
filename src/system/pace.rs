//! Lets a thread that receives streams breathe, so that it wakes up for many messages at once instead of for each one.
//!
//! A database server sends rows in pieces of 8 KiB. Woken for each, a reader costs both sides a fifth of their processor time; after a
//! nap of a fraction of a millisecond twenty pieces lie ready, and the socket's buffer is not yet full.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// In this time a session sends 100 KiB, half of what a socket's buffer of 208 KiB (Linux's default) takes.
const NAP: Duration = Duration::from_micros(500);

/// The nap while the one stream is a base backup: a server sends files ten times as fast as rows, and fills the buffer in this time and the
/// fifty microseconds by which Linux lets a sleeper sleep longer.
const SHORT_NAP: Duration = Duration::from_micros(60);

/// Streams that are being received by this process.
static STREAMS: AtomicU32 = AtomicU32::new(0);

/// Those of them that bring files.
static FILES: AtomicU32 = AtomicU32::new(0);

/// What a stream brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    /// Rows, which the server makes as it sends them.
    Rows,
    /// Files, which it only reads.
    Files,
}

/// A stream that is being received. While there is one, [`nap`] sleeps.
pub struct Stream(Brings);

impl Stream {
    /// Counts a stream until it is dropped.
    pub fn begin(brings: Brings) -> Self {
        STREAMS.fetch_add(1, Relaxed);
        if brings == Brings::Files {
            FILES.fetch_add(1, Relaxed);
        }
        Self(brings)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Relaxed);
        if self.0 == Brings::Files {
            FILES.fetch_sub(1, Relaxed);
        }
    }
}

/// To be called by a thread that is about to wait for input. Returns at once unless a stream is being received.
pub fn nap() {
    if STREAMS.load(Relaxed) > 0 {
        std::thread::sleep(if FILES.load(Relaxed) > 0 { SHORT_NAP } else { NAP });
    }
}
