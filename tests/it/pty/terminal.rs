//! A terminal with the program in it: what is on the screen, how many bytes came, how the terminal was left.

use crate::support::program::Outcome;
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a key is given before it counts as lost.
const AGAIN: Duration = Duration::from_secs(2);

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    ended: bool,
}

/// The terminal.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal has cells")
}

const fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// The program with an environment of its own, and a server that refuses at once.
pub fn program(variables: &[(&str, &str)]) -> CommandBuilder {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dbbackup"));
    command.args(["--host", "127.0.0.1", "--port", "1"]);
    environment(&mut command, variables);
    command
}

/// The same environment for another command.
pub fn environment(command: &mut CommandBuilder, variables: &[(&str, &str)]) {
    command.env_clear();
    let usual = [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("HOME", "/nonexistent"), ("PATH", "/usr/bin:/bin"), ("TZ", "UTC")];
    let no_logs = [("DBBACKUP_LOG_TARGET", "off"), ("DBBACKUP_AUDIT_FILE", "off")];
    for (name, value) in usual.iter().chain(&no_logs).chain(variables) {
        command.env(name, value);
    }
    // What a run leaves where its archives would be, such as reports of failures, goes with the build.
    command.cwd(env!("CARGO_TARGET_TMPDIR"));
}

impl Terminal {
    /// Starts a command in a terminal of this size.
    pub fn start(command: CommandBuilder, (cols, rows): (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(size(cols, rows)).expect("a terminal");
        let child = pair.slave.spawn_command(command).expect("the program");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let keys = pair.master.take_writer().expect("its input");
        let seen = Seen { parser: vt100::Parser::new(cells(rows), cells(cols), 0), raw: Vec::new(), ended: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let of_reader = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            loop {
                let count = reader.read(&mut buffer).unwrap_or(0);
                let mut seen = of_reader.0.lock().unwrap_or_else(PoisonError::into_inner);
                seen.ended = count == 0;
                seen.parser.process(&buffer[..count]);
                seen.raw.extend_from_slice(&buffer[..count]);
                of_reader.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { master: pair.master, child, keys, seen }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the screen is as wanted.
    pub fn wait(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.lock();
        while !wanted(seen.parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !seen.ended, "waited for {what}; on the screen:\n{}", seen.parser.screen().contents());
            seen = self.seen.1.wait_timeout(seen, left).expect("the screen").0;
        }
    }

    /// Waits for a text.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("a key");
    }

    /// Leaves the program as a person would who does not know which of the last keys it has taken: closes what is open as long as `open` is
    /// to be seen, and presses q where `free` is, again when nothing has come of it.
    pub fn leave(&mut self, open: &str, free: &str) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let before = self.contents();
            let key = match (before.contains(open), before.contains(free)) {
                (true, _) => Some("\x1b"),
                (false, true) => Some("q"),
                (false, false) => None,
            };
            if self.lock().ended {
                return;
            }
            if let Some(key) = key {
                self.press(key);
            }
            let again = (Instant::now() + AGAIN).min(deadline);
            let mut seen = self.lock();
            while !seen.ended && seen.parser.screen().contents() == before {
                let left = again.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                seen = self.seen.1.wait_timeout(seen, left).expect("the screen").0;
            }
        }
        panic!("it does not end; on the screen:\n{}", self.contents());
    }

    /// Changes the size; the screen model follows.
    pub fn resize(&self, cols: u16, rows: u16) {
        self.lock().parser.screen_mut().set_size(cells(rows), cells(cols));
        self.master.resize(size(cols, rows)).expect("another size");
    }

    /// What is on the screen.
    pub fn contents(&self) -> String {
        self.lock().parser.screen().contents()
    }

    /// Everything that was written.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.lock().raw).into_owned()
    }

    /// How many bytes come in a time.
    pub fn bytes_within(&self, window: Duration) -> usize {
        let deadline = Instant::now() + window;
        let mut seen = self.lock();
        let before = seen.raw.len();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return seen.raw.len() - before;
            }
            seen = self.seen.1.wait_timeout(seen, left).expect("the screen").0;
        }
    }

    /// Whether the terminal driver handles lines itself, as a shell wants it.
    pub fn is_cooked(&self) -> bool {
        // The type is of another crate's version; its text is enough.
        let settings = format!("{:?}", self.master.get_termios().expect("settings"));
        settings.contains("ICANON") && settings.contains("ECHO") && settings.contains("ISIG") && settings.contains("OPOST")
    }

    /// The process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.process_id().expect("a process")).expect("a number")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("a process");
        rustix::process::kill_process(pid, signal).expect("a signal");
    }

    /// Waits for its end; the terminal must be left as it was found.
    pub fn ends_well(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.lock();
        // The last process that has the terminal open closes it when it ends.
        while !seen.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not end; on the screen:\n{}", seen.parser.screen().contents());
            seen = self.seen.1.wait_timeout(seen, left).expect("the screen").0;
        }
        let screen = seen.parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.hide_cursor(), "the cursor is shown");
        assert!(!screen.bracketed_paste(), "bracketed paste is off");
        drop(seen);
        let status = self.child.wait().expect("its end");
        assert!(self.is_cooked(), "the terminal's settings are restored");
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Most have ended; one whose test failed must not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end in a large terminal, as it is, but for `--batch`. What is left on the normal screen is its result.
/// Says too whether it showed itself on a full screen meanwhile.
pub fn run(command: &std::process::Command) -> (Outcome, bool) {
    let mut there = CommandBuilder::new(command.get_program());
    there.args(command.get_args().filter(|word| *word != "--batch"));
    there.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            there.env(name, value);
        }
    }
    there.env("TERM", "xterm-256color");
    if let Some(dir) = command.get_current_dir() {
        there.cwd(dir);
    }
    let mut terminal = Terminal::start(there, (200, 60));
    let code = i32::try_from(terminal.ends_well().exit_code()).expect("a small number");
    let outcome =
        Outcome { code, stdout: terminal.contents(), stderr: String::new(), peak: 0, commands: std::collections::BTreeSet::new() };
    (outcome, terminal.raw().contains("\x1b[?1049h"))
}
