//! What a session of ours waits for on the server, and who is in its way: plain data for events, screens and faults.

use super::time::{Stamp, span};
use serde::{Deserialize, Serialize};

/// A session of ours that waits for a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wait {
    /// The session's process on the server.
    pub pid: i32,
    /// Its database; or the one that it waits for, where a whole database is locked.
    pub database: String,
    /// What is locked, for people: `public.orders`, `transaction 742`, `the database shop`.
    pub object: String,
    /// The lock that is wanted: `ACCESS EXCLUSIVE`.
    pub mode: String,
    /// The statement that waits, cleaned and cut.
    pub statement: String,
    /// For how long, in milliseconds.
    pub waited_ms: u64,
    /// After how long it gives up, in milliseconds; 0: never.
    pub limit_ms: u64,
    /// Who is in the way: each followed by whoever that one waits for. Empty when the server named nobody.
    pub blockers: Vec<Blocker>,
}

/// A session that is in the way of another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blocker {
    /// Its process on the server; 0 for a prepared transaction, which has none.
    pub pid: i32,
    /// How deep in the tree: 0 is in our way itself.
    pub depth: u32,
    /// Processes that it waits for itself. Empty: it is a root, and everybody above waits until it is done.
    pub blocked_by: Vec<i32>,
    /// Its role.
    pub user: String,
    /// Its database.
    pub database: String,
    /// Its `application_name`.
    pub application: String,
    /// The address of its client, or `local`.
    pub client: String,
    /// `active`, `idle in transaction`, …
    pub state: String,
    /// How long its transaction is open, in milliseconds; none without a transaction, or where our role may not know.
    pub transaction_ms: Option<u64>,
    /// What it runs, or ran last, cleaned and cut.
    pub statement: String,
    /// When the session began: with the pid, this is who it is, for pids are used again.
    pub since: Stamp,
    /// Whether it belongs to a run of dbbackup.
    pub ours: bool,
    /// The statement that cancels what it runs, in the words of its server.
    pub cancel: String,
    /// The statement that ends it; for a prepared transaction the words for both of its ends.
    pub end: String,
}

/// How a session in the way is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Its statement is cancelled; a transaction that is idle stays.
    Cancel,
    /// The session is ended, and its transaction rolled back.
    Terminate,
}

impl Wait {
    /// What is waited for, and how long of how long: `a lock on public.orders, 17 s of 60 s`.
    pub fn words(&self) -> String {
        let waited = whole(self.waited_ms);
        match self.limit_ms {
            0 => format!("a lock on {}, {waited} so far (no limit)", self.object),
            limit => format!("a lock on {}, {waited} of {}", self.object, whole(limit)),
        }
    }

    /// Those that everybody waits for in the end, each once however many ways lead to it.
    pub fn roots(&self) -> impl Iterator<Item = &Blocker> {
        let is_first = |at: usize, pid: i32| self.blockers.iter().position(|one| one.pid == pid) == Some(at);
        self.blockers.iter().enumerate().filter(move |(at, one)| one.is_root() && is_first(*at, one.pid)).map(|(_, one)| one)
    }

    /// The whole wait as lines for a log: what is waited for, then the tree.
    pub fn lines(&self) -> Vec<String> {
        // MySQL's sessions need not be in a database, and its list of sessions knows no modes.
        let within = if self.database.is_empty() { String::new() } else { format!(" in {}", self.database) };
        let mode = if self.mode.is_empty() { "a lock" } else { &self.mode };
        let head = format!("pid {}{within} waits for {mode} on {}: {}", self.pid, self.object, self.statement);
        let tree = self.blockers.iter().map(|blocker| {
            let root = if blocker.is_root() { " (root)" } else { "" };
            format!("{}└ {}{root}", "  ".repeat(blocker.depth as usize + 1), blocker.words())
        });
        std::iter::once(head).chain(tree).collect()
    }
}

/// A span in whole seconds up to two minutes, so that a countdown moves evenly: `60 s`.
fn whole(milliseconds: u64) -> String {
    match milliseconds / 1000 {
        seconds @ 0..120 => format!("{seconds} s"),
        _ => span(milliseconds),
    }
}

impl Blocker {
    /// Whether it waits for nobody.
    pub fn is_root(&self) -> bool {
        self.blocked_by.is_empty()
    }

    /// Who it is, on one line: `pid 4711, alice (psql, 10.0.0.9), idle in transaction, open for 3 min 12 s: UPDATE orders …`.
    pub fn words(&self) -> String {
        if self.pid == 0 {
            return format!("a prepared transaction: {}", self.statement);
        }
        let application = if self.application.is_empty() { String::new() } else { format!("{}, ", self.application) };
        let mut words = format!("pid {}, {} ({application}{})", self.pid, self.user, self.client);
        if !self.state.is_empty() {
            words.push_str(&format!(", {}", self.state));
        }
        if let Some(open) = self.transaction_ms {
            words.push_str(&format!(", transaction open for {}", span(open)));
        }
        if !self.statement.is_empty() {
            words.push_str(&format!(": {}", self.statement));
        }
        words
    }

    /// Why this session may not be ended from here, if so.
    pub fn untouchable(&self) -> Option<&'static str> {
        match self {
            Blocker { pid: 0, .. } => Some("a prepared transaction has no session: rolling it back by its name ends it"),
            Blocker { ours: true, .. } => Some("it belongs to a run of dbbackup: cancel that job instead"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_countdown_reads_well() {
        let wait = Wait { object: "public.orders".into(), waited_ms: 17_400, limit_ms: 60_000, ..Wait::default() };
        assert_eq!(wait.words(), "a lock on public.orders, 17 s of 60 s");
        assert_eq!(Wait { waited_ms: 2300, limit_ms: 5000, ..wait.clone() }.words(), "a lock on public.orders, 2 s of 5 s");
        assert_eq!(Wait { limit_ms: 0, ..wait }.words(), "a lock on public.orders, 17 s so far (no limit)");
    }

    #[test]
    fn roots_wait_for_nobody() {
        let middle = Blocker { pid: 2, blocked_by: vec![3], ..Blocker::default() };
        let root = Blocker { pid: 3, depth: 1, ..Blocker::default() };
        let again = Blocker { depth: 0, ..root.clone() };
        let wait = Wait { blockers: vec![middle, root, again], ..Wait::default() };
        assert_eq!(wait.roots().map(|one| one.pid).collect::<Vec<_>>(), [3]);
        assert!(wait.lines()[2].starts_with("    └ pid 3"), "{:?}", wait.lines());
    }
}
