//! The full screen: draws the model, one write for each frame, none for a frame that changes nothing.

use super::inbox::Inbox;
use super::input::Input;
use super::look::Pace;
use super::run::Front;
use super::terminal::Guard;
use crate::app::action::Action;
use crate::app::model::Model;
use crate::app::msg::Msg;
use crate::engine::event::Event;
use crate::view::look::Look;
use crate::view::view;
use crossterm::clipboard::CopyToClipboard;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, kill_current_process_group};
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What ratatui writes to: the bytes of one frame.
#[derive(Clone, Default)]
struct Frame(Rc<RefCell<Vec<u8>>>);

impl Write for Frame {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// ratatui ends each frame with this when no cursor is shown, even if no cell changed.
const NOTHING: &[u8] = b"\x1b[?25l";

/// Finds the look of a theme by its name, and says what is wrong with it.
pub type Dress = Box<dyn Fn(&str) -> (Look, Option<String>)>;

/// The terminal as a front.
pub struct Screen {
    guard: Option<Guard>,
    terminal: Terminal<CrosstermBackend<Frame>>,
    frame: Frame,
    /// The bytes before: a frame that repeats them changes nothing, for the cells are then as they were.
    before: Vec<u8>,
    input: Input,
    inbox: Arc<Inbox>,
    look: Look,
    dress: Dress,
    pace: Pace,
    /// The time that the last frame asks for before the next.
    gap: Duration,
    keys_seen: bool,
    /// What is on the terminal is not what was drawn last.
    stale: bool,
}

impl Screen {
    /// Takes the terminal and starts to read it.
    pub fn open(inbox: Arc<Inbox>, look: Look, dress: Dress, pace: Pace) -> io::Result<Self> {
        let guard = Guard::enter()?;
        let frame = Frame::default();
        let terminal = Terminal::new(CrosstermBackend::new(frame.clone()))?;
        let input = Input::start(Arc::clone(&inbox))?;
        let screen = Self {
            guard: Some(guard),
            terminal,
            frame,
            before: Vec::new(),
            input,
            inbox,
            look,
            dress,
            pace,
            gap: pace.gap,
            keys_seen: false,
            stale: false,
        };
        screen.tell_size();
        Ok(screen)
    }

    fn tell_size(&self) {
        if let Ok((cols, rows)) = crossterm::terminal::size() {
            self.inbox.latest(Msg::Resize { cols, rows });
        }
    }

    /// Takes the terminal for one that shows something else, so that the next frame is painted whole.
    fn forget(&mut self) -> io::Result<()> {
        // Not Terminal::clear: that asks the terminal where its cursor is, and the answer would go to the thread that reads keys.
        self.terminal = Terminal::new(CrosstermBackend::new(self.frame.clone()))?;
        self.before.clear();
        queue!(self.frame, Clear(ClearType::All))
    }

    /// Sends what ratatui wrote, in one write, so that a terminal never shows half a frame.
    fn send(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut *self.frame.0.borrow_mut());
        if bytes == NOTHING || bytes == self.before {
            return Ok(());
        }
        let mut whole = Vec::with_capacity(bytes.len() + 16);
        queue!(whole, BeginSynchronizedUpdate)?;
        whole.extend_from_slice(&bytes);
        queue!(whole, EndSynchronizedUpdate)?;
        self.gap = self.pace.after(whole.len());
        self.before = bytes;
        let mut stdout = io::stdout().lock();
        stdout.write_all(&whole)?;
        stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // What is typed from now on is for the shell.
        self.input.park();
        self.guard = None;
    }
}

impl Front for Screen {
    fn notice(&mut self, msg: &Msg) {
        self.keys_seen |= matches!(msg, Msg::Key(_));
        // Whoever presses a key, or waits for an answer or for an end, is not kept waiting by what was drawn before.
        if !matches!(msg, Msg::Tick(_) | Msg::Engine(_, Event::Progress(_) | Event::Log { .. }) | Msg::Lagged(_)) {
            self.gap = self.pace.gap;
        }
        // A window that was made small and large again between two frames has the size that it had, but lost what was in it.
        self.stale |= matches!(msg, Msg::Resize { .. });
    }

    fn show(&mut self, model: &Model) -> io::Result<()> {
        if self.keys_seen {
            super::panic::test_screen();
        }
        if std::mem::take(&mut self.stale) {
            self.forget()?;
        }
        let look = &self.look;
        self.terminal.draw(|frame| view(model, look, frame)).map(|_| ())?;
        self.send()
    }

    fn gap(&self) -> Duration {
        self.gap
    }

    fn next_wake(&self) -> Option<Instant> {
        self.stale.then(Instant::now)
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    fn theme(&mut self, name: &str) -> io::Result<()> {
        let (look, notice) = (self.dress)(name);
        self.look = look;
        if let Some(notice) = notice {
            self.inbox.answer(Msg::Act(Action::Notice(notice)));
        }
        self.redraw()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.input.park();
        self.guard = None;
        // The whole group, as the terminal driver does it: a shell sees one job stop.
        let stopped = kill_current_process_group(Signal::TSTP);
        // Continued, or the signal was not heeded: go on either way.
        self.guard = Some(Guard::enter()?);
        self.input.resume();
        self.tell_size();
        self.redraw()?;
        stopped.map_err(io::Error::from)
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.stale = true;
        Ok(())
    }
}
