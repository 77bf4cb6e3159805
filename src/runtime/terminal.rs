//! Takes the terminal and gives it back as it was, whatever happens in between.

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{Command, execute};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Holds the terminal: raw mode, alternate screen, bracketed paste; the mouse stays the terminal's, so that text can be selected.
/// Dropped, it gives everything back.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Takes the terminal. The panic hook must be installed before.
    pub fn enter() -> io::Result<Self> {
        // From here on restore() has something to do, even when a step fails half way.
        TAKEN.store(true, Ordering::SeqCst);
        let guard = Self(());
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. May be called at any time and more than once; each step is done even if one before it failed, and none fails
/// the caller: there is nobody left to tell.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    step(EndSynchronizedUpdate);
    step(DisableBracketedPaste);
    step(LeaveAlternateScreen);
    step(Show);
    let _ = io::stdout().flush();
    let _ = disable_raw_mode();
}

fn step(command: impl Command) {
    let _ = execute!(io::stdout(), command);
}
