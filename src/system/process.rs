//! Who this process is, and whether another one of this host still lives.

use std::fs;

/// A process of this host: its number, and when it started. Numbers are given out again, the two together are not while the host is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since the host did (`man 5 proc_pid_stat`, field 22). 0 where that cannot be known.
    pub start: u64,
}

impl Process {
    /// This one.
    pub fn own() -> Self {
        let pid = std::process::id();
        Self { pid, start: start_of(pid).unwrap_or(0) }
    }

    /// Whether it still lives. What cannot be known counts as life.
    pub fn lives(self) -> bool {
        match start_of(self.pid) {
            Some(start) => self.start == 0 || start == self.start,
            None => !std::path::Path::new("/proc/self/stat").exists(),
        }
    }
}

fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the third field follows it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_as_long_as_it_does() {
        let own = Process::own();
        assert!(own.lives() && own.start > 0);
        assert!(!Process { start: own.start + 1, ..own }.lives(), "the same number, another process");
        let mut child = std::process::Command::new("true").spawn().expect("a child");
        let pid = child.id();
        child.wait().expect("its end");
        assert!(!Process { pid, start: 0 }.lives());
    }
}
