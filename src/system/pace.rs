//! Lets a thread that receives streams breathe, so that it wakes up for many messages at once instead of for each one.
//!
//! A database server sends rows in pieces of 8 KiB. Woken for each, a reader costs both sides a fifth of their processor time; after a
//! nap of a fraction of a millisecond twenty pieces lie ready, and the socket's buffer is not yet full.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// In this time a session sends 100 KiB, half of what a socket's buffer of 208 KiB (Linux's default) takes.
const NAP: Duration = Duration::from_micros(500);

/// Streams that are being received by this process.
static STREAMS: AtomicU32 = AtomicU32::new(0);

/// A stream that is being received. While there is one, [`nap`] sleeps.
pub struct Stream(());

impl Stream {
    /// Counts a stream until it is dropped.
    pub fn begin() -> Self {
        STREAMS.fetch_add(1, Relaxed);
        Self(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Relaxed);
    }
}

/// To be called by a thread that is about to wait for input. Returns at once unless a stream is being received.
pub fn nap() {
    if STREAMS.load(Relaxed) > 0 {
        std::thread::sleep(NAP);
    }
}
