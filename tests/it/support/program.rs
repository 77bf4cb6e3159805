//! The built program, run as a user runs it: with its output, its exit code, its memory and the command lines of its children.

use super::postgres::Postgres;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No run of any test takes longer, on however slow a machine.
const LIMIT: Duration = Duration::from_secs(300);

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; negative: the number of the signal that ended it.
    pub code: i32,
    /// What it printed as result.
    pub stdout: String,
    /// What it said meanwhile.
    pub stderr: String,
    /// Its largest resident memory, in bytes.
    pub peak: u64,
    /// Command lines seen of it and its descendants.
    pub commands: BTreeSet<String>,
}

impl Outcome {
    /// The same, after checking that it succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// The same, after checking how it failed: with this code, naming this kind of failure, and without a panic.
    #[track_caller]
    pub fn fails(self, code: i32, kind: &str) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        assert!(self.text().contains(kind), "{kind} is not named\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        assert!(!self.text().contains("panicked at"), "a panic\n{}", self.stderr);
        self
    }

    /// Everything it printed.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// The archive that a backup names in its last line.
    #[track_caller]
    pub fn archive(&self) -> PathBuf {
        let path = PathBuf::from(self.stdout.trim_end().lines().last().expect("a line with the archive's path"));
        assert!(path.is_file(), "the last line is no file: {}\n{}", path.display(), self.text());
        path
    }
}

/// The program with arguments, in a clean environment with a home of its own.
pub fn dbbackup(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbbackup"));
    command.args(args);
    clean(&mut command, home);
    command
}

/// The folder in which a run with this home leaves its log and its audit.
pub fn logs(home: &Path) -> PathBuf {
    home.join(".logs")
}

/// Takes the environment of the one who runs the tests away from a command.
pub fn clean(command: &mut Command, home: &Path) {
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", home).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command.env("LOGS_DIRECTORY", logs(home));
    command.current_dir(home);
}

/// The flags that lead to a server.
pub fn connection(server: &Postgres) -> Vec<String> {
    ["--host", &server.socket.display().to_string(), "--port", &server.port.to_string(), "--user", "postgres", "--batch"]
        .map(str::to_owned)
        .into()
}

/// The program with arguments and the flags that lead to a server; client programs of the server's version come first.
pub fn on(server: &Postgres, home: &Path, args: &[&str]) -> Command {
    let mut command = dbbackup(home, args);
    command.args(connection(server)).env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", server.bin.display()));
    command
}

/// A run under way.
pub struct Running {
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
    ended: Receiver<()>,
    peak: u64,
    commands: BTreeSet<String>,
    started: Instant,
}

/// Starts a command.
pub fn start(command: &mut Command) -> Running {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let (end, ended) = channel();
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut stderr = child.stderr.take().expect("a pipe");
    let stdout = std::thread::spawn(move || {
        let mut all = Vec::new();
        stdout.read_to_end(&mut all).expect("output");
        let _ = end.send(());
        all
    });
    let stderr = std::thread::spawn(move || {
        let mut all = Vec::new();
        stderr.read_to_end(&mut all).expect("output");
        all
    });
    Running { child, stdout, stderr, ended, peak: 0, commands: BTreeSet::new(), started: Instant::now() }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Outcome {
    start(command).finish()
}

impl Running {
    /// Looks at the process; false once it has closed its output.
    fn look(&mut self) -> bool {
        let ended = !matches!(self.ended.recv_timeout(Duration::from_millis(4)), Err(RecvTimeoutError::Timeout));
        let pid = self.child.id();
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
            let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
            self.peak = self.peak.max(kib.unwrap_or(0) * 1024);
        }
        collect_commands(pid, &mut self.commands);
        if self.started.elapsed() > LIMIT {
            let _ = self.child.kill();
            panic!("still running after {LIMIT:?}; seen: {:?}", self.commands);
        }
        !ended
    }

    /// Waits until something is true; false when the run ended before.
    pub fn until(&mut self, mut condition: impl FnMut() -> bool) -> bool {
        self.until_it(|_| condition())
    }

    /// The same, of the run itself.
    pub fn until_it(&mut self, mut condition: impl FnMut(&Self) -> bool) -> bool {
        loop {
            if condition(self) {
                return true;
            }
            if !self.look() {
                return false;
            }
        }
    }

    /// The most processor time that one of its threads of this name has had, in hundredths of a second.
    pub fn thread_time(&self, name: &str) -> u64 {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.child.id())) else { return 0 };
        let time = |text: String| {
            let (head, tail) = text.rsplit_once(')')?;
            let ticks = tail.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
            head.ends_with(&format!("({name}")).then_some(ticks)
        };
        threads.flatten().filter_map(|thread| time(std::fs::read_to_string(thread.path().join("stat")).ok()?)).max().unwrap_or(0)
    }

    /// What the system says of it: a file of its folder in /proc, as text; empty once it is gone.
    pub fn proc(&self, file: &str) -> String {
        std::fs::read(format!("/proc/{}/{file}", self.child.id()))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        // A process that has just ended is no error: the caller looks at how it ended.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal);
    }

    /// Waits for the end.
    pub fn finish(mut self) -> Outcome {
        while self.look() {}
        let status = self.child.wait().expect("a child");
        let text = |bytes: std::thread::Result<Vec<u8>>| String::from_utf8_lossy(&bytes.expect("a reader")).into_owned();
        Outcome {
            code: status.code().unwrap_or_else(|| -std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0)),
            stdout: text(self.stdout.join()),
            stderr: text(self.stderr.join()),
            peak: self.peak,
            commands: self.commands,
        }
    }
}

fn collect_commands(pid: u32, commands: &mut BTreeSet<String>) {
    if let Ok(bytes) = std::fs::read(format!("/proc/{pid}/cmdline")) {
        commands.insert(String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned());
    }
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return };
    for thread in threads.flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            collect_commands(child, commands);
        }
    }
}

/// Names in a folder, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The same without the reports of failures, which are meant to stay.
pub fn leftovers(dir: &Path) -> Vec<String> {
    names(dir).into_iter().filter(|name| !name.starts_with("diagnostics-")).collect()
}
