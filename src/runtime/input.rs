//! Reads the terminal in a thread of its own, which can be parked while somebody else has the terminal.

use super::inbox::Inbox;
use super::keys;
use crate::app::msg::{Msg, Why};
use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long one look takes when no key comes; a key ends it at once. It bounds how long parking takes at the most.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    ToBeParked,
    Parked,
    Over,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, condition: impl Fn(State) -> bool) {
        drop(self.changed.wait_while(self.lock(), |state| condition(*state)).unwrap_or_else(PoisonError::into_inner));
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }
}

/// The reading thread. It ends by itself when the terminal is gone, or soon after this is dropped.
pub struct Input(Arc<Shared>);

impl Input {
    /// Starts reading.
    pub fn start(inbox: Arc<Inbox>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(State::Reading), changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let told = Arc::clone(&inbox);
        std::thread::Builder::new().name("dbbackup-line".into()).spawn(move || {
            let terminal = rustix::stdio::stdin();
            if rustix::termios::isatty(terminal) && until_gone(terminal) == Gone::Yes {
                tracing::warn!("the terminal is gone");
                told.answer(Msg::Shutdown(Why::Hangup));
            }
        })?;
        std::thread::Builder::new().name("dbbackup-input".into()).spawn(move || {
            read(&inbox, &of_thread);
            of_thread.set(State::Over);
        })?;
        Ok(Self(shared))
    }

    /// Stops reading; returns when nothing is being read any more.
    pub fn park(&self) {
        {
            let mut state = self.0.lock();
            if *state != State::Reading {
                return;
            }
            *state = State::ToBeParked;
        }
        // The reading library listens to this signal: the look under way ends at once instead of at its time. A failure costs that time.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::WINCH);
        self.0.wait_while(|state| state == State::ToBeParked);
    }

    /// Reads on.
    pub fn resume(&self) {
        let mut state = self.0.lock();
        if *state == State::Parked {
            *state = State::Reading;
            self.0.changed.notify_all();
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.0.set(State::Over);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Yes,
    Unknown,
}

/// Waits until nobody is at the other end. A terminal that is not the one that controls the process goes without a signal, and the reading
/// library reads on for ever then.
fn until_gone(terminal: BorrowedFd<'_>) -> Gone {
    loop {
        let mut ends = [PollFd::from_borrowed_fd(terminal, PollFlags::empty())];
        match poll(&mut ends, None) {
            Err(Errno::INTR) => {}
            Ok(_) if ends[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) => return Gone::Yes,
            _ => return Gone::Unknown,
        }
    }
}

fn read(inbox: &Inbox, shared: &Shared) {
    loop {
        let state = *shared.lock();
        match state {
            State::Reading => {}
            State::ToBeParked => shared.set(State::Parked),
            State::Parked => shared.wait_while(|state| state == State::Parked),
            State::Over => return,
        }
        if state != State::Reading {
            continue;
        }
        let seen = event::poll(LOOK).and_then(|there| if there { event::read().map(Some) } else { Ok(None) });
        match seen {
            Ok(Some(Event::Key(key))) => {
                if let Some(key) = keys::key(&key) {
                    // A thousand keys wait already when this is refused; nobody typed them.
                    let _ = inbox.input(Msg::Key(key));
                }
            }
            Ok(Some(Event::Paste(text))) => {
                let _ = inbox.input(Msg::Paste(text));
            }
            Ok(Some(Event::Resize(cols, rows))) => inbox.latest(Msg::Resize { cols, rows }),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("the terminal cannot be read any more: {error}");
                return inbox.answer(Msg::Shutdown(Why::Hangup));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_terminal_that_goes_without_a_signal_is_noticed() {
        let (here, there) = std::os::unix::net::UnixStream::pair().expect("two ends");
        let watch = std::thread::spawn(move || until_gone(here.as_fd()));
        drop(there);
        assert_eq!(watch.join().expect("an answer"), Gone::Yes);
    }
}
