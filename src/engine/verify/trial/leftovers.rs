//! Throw-away databases: how they are named and marked, and what becomes of those whose makers are gone.

use crate::domain::text::clean;
use crate::domain::{Code, Fault};
use crate::engine::Context;
use crate::engine::event::Level;
use crate::server::Server;
use crate::system;
use crate::system::process::Process;

/// What their names begin with.
pub const PREFIX: &str = "_dbbackup_verify_";

/// What their comments begin with; host, process id and the process's start follow.
const MARK: &str = "dbbackup verify";

/// A name that nobody else has.
pub fn name() -> String {
    // The last half of a version 7 UUID is random, but for two bits.
    let random = uuid::Uuid::now_v7().as_u128() as u64;
    format!("{PREFIX}{random:016x}")
}

/// The comment of a database that this process makes.
pub fn mark() -> String {
    let own = Process::own();
    format!("{MARK} {} {} {}", system::hostname(), own.pid, own.start)
}

/// Whose a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// A process that is gone.
    Gone,
    /// A process that lives.
    Alive,
    /// A process of another host, of which nothing can be said.
    Elsewhere,
    /// Nobody says that it is ours.
    Unknown,
}

fn owner(comment: Option<&str>, host: &str, lives: impl Fn(Process) -> bool) -> Owner {
    let words: Vec<&str> =
        comment.and_then(|text| text.strip_prefix(MARK)).map(|text| text.split_whitespace().collect()).unwrap_or_default();
    let [on, pid, start] = words.as_slice() else { return Owner::Unknown };
    let (Ok(pid), Ok(start)) = (pid.parse(), start.parse()) else { return Owner::Unknown };
    match (*on == host, lives(Process { pid, start })) {
        (false, _) => Owner::Elsewhere,
        (true, true) => Owner::Alive,
        (true, false) => Owner::Gone,
    }
}

/// What came of a look at what earlier tests have left.
#[derive(Debug, Default)]
pub struct Swept {
    /// Databases that were dropped.
    pub dropped: Vec<String>,
    /// What was left alone or could not be dropped, in words.
    pub left: Vec<String>,
}

/// Drops the databases whose makers are gone, and names those that stay.
pub async fn sweep(server: &dyn Server, context: &Context) -> Result<Swept, Fault> {
    let host = system::hostname();
    let mut swept = Swept::default();
    for (database, comment) in server.commented_databases(PREFIX).await? {
        context.alive()?;
        let name = clean(&database);
        let comment = comment.as_deref();
        match owner(comment, &host, Process::lives) {
            Owner::Alive => {}
            Owner::Gone => match server.drop_database(&database).await {
                Ok(()) => {
                    context.events.log(Level::Info, format!("dropped {name}, which a killed restore test had left"));
                    swept.dropped.push(database);
                }
                Err(fault) => swept.left.push(format!("{name}, which a killed restore test had left, could not be dropped: {fault}")),
            },
            Owner::Elsewhere => {
                let comment = clean(comment.unwrap_or_default());
                swept.left.push(format!("{name} is of a restore test on another host ({comment}) and is left alone"));
            }
            Owner::Unknown => {
                swept.left.push(format!("{name} is named like a restore test's but does not say whose it is, and is left alone"));
            }
        }
    }
    swept.left.iter().for_each(|line| context.events.log(Level::Warn, line));
    Ok(swept)
}

/// The fault of a throw-away database that could not be dropped: the next test does it.
pub fn stays(name: &str, fault: Fault) -> Fault {
    let name = clean(name);
    let code = if fault.code == Code::Internal { Code::SqlFailed } else { fault.code };
    Fault::new(code, format!("the throw-away database {name} could not be dropped"))
        .because(fault)
        .step_run("Drop it, or let the next restore test do it:", format!("DROP DATABASE \"{}\" WITH (FORCE);", name.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_left_over_is_dropped() {
        let lives = |process: Process| process.pid == 7 && process.start == 99;
        let judge = |comment| owner(comment, "here", lives);
        assert_eq!(judge(Some("dbbackup verify here 7 99")), Owner::Alive);
        assert_eq!(judge(Some("dbbackup verify here 7 98")), Owner::Gone, "the number was given out again");
        assert_eq!(judge(Some("dbbackup verify here 8 99")), Owner::Gone);
        assert_eq!(judge(Some("dbbackup verify there 8 99")), Owner::Elsewhere);
        for strange in [
            None,
            Some(""),
            Some("dbbackup verify here 8"),
            Some("dbbackup verify here x 9"),
            Some("mine"),
            Some("dbbackup verify a b 1 2"),
        ] {
            assert_eq!(judge(strange), Owner::Unknown, "{strange:?}");
        }
        assert_eq!(owner(Some(&mark()), &system::hostname(), Process::lives), Owner::Alive);
        assert_ne!(name(), name());
        assert!(name().len() <= 63);
    }
}
