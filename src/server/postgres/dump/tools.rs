//! Runs pg_restore and psql on a dump. Each runs in a process group of its own, which goes with it; its sessions carry a mark by which they
//! are found on the server.

use super::messages::Listener;
pub use super::messages::Said;
use super::pg_restore::pg_restore;
use super::{Dump, Form, Item, Tool};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::program::{self, Program, Wanted};
use crate::server::{Answer, RowSource};
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(3);

/// The longest line that is listened to, in bytes; the rest of a longer one is dropped.
const LINE: usize = 16 << 10;

/// The first versions whose psql can be restricted: major, minor. Newer majors all can.
const RESTRICTS: [(u32, u32); 5] = [(13, 22), (14, 19), (15, 14), (16, 10), (17, 6)];

impl Tool {
    /// Whether this psql knows `\\restrict`, with which it refuses commands of a script.
    pub fn restricts(&self) -> bool {
        self.major > 17 || RESTRICTS.iter().any(|(major, minor)| *major == self.major && self.minor() >= *minor)
    }
}

/// Which parts of a dump are restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parts {
    /// All.
    #[default]
    All,
    /// Definitions.
    Schema,
    /// Rows.
    Data,
}

/// What pg_restore is to do.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The program.
    pub tool: &'a Tool,
    /// The database, which is there.
    pub database: &'a str,
    /// What is read.
    pub file: &'a Path,
    /// Its form.
    pub form: Form,
    /// Its entries.
    pub items: &'a [Item],
    /// The name that its sessions have on the server.
    pub mark: &'a str,
    /// Sessions at the same time.
    pub jobs: u32,
    /// Which parts.
    pub parts: Parts,
    /// Flags that leave something out: `--no-owner` and the like.
    pub without: Vec<&'static str>,
    /// Go on after a failure.
    pub go_on: bool,
}

/// How psql is run on a script.
#[derive(Clone, Debug)]
pub struct Shell<'a> {
    /// The program.
    pub tool: &'a Tool,
    /// The database that it begins in.
    pub database: &'a str,
    /// The name that its sessions have on the server.
    pub mark: &'a str,
    /// The key under which it is restricted; none for a psql that cannot be.
    pub key: Option<&'a str>,
    /// Whether everything is one transaction.
    pub whole: bool,
}

/// How a program ended that did not fail as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// What it went over.
    pub faults: Vec<Fault>,
    /// How many rows the server says it took, where that is told.
    pub rows: Option<u64>,
}

/// The programs that restore dumps.
pub trait DumpTools: Send + Sync {
    /// The program that fits a dump and a server's major version, or the fault that says how to install it.
    fn program<'a>(&'a self, dump: &'a Dump, major: u32) -> Answer<'a, Tool>;

    /// Has pg_restore restore a dump. When it is cancelled, the program and its sessions are gone when this returns.
    fn restore<'a>(
        &'a self,
        order: &'a Order<'a>,
        says: &'a mut (dyn FnMut(Said) + Send),
        cancel: &'a CancellationToken,
    ) -> Answer<'a, Ended>;

    /// Has psql run a script, piece by piece. An error of the source ends it without the last word: nothing is committed.
    fn run<'a>(&'a self, shell: &'a Shell<'a>, source: &'a mut dyn RowSource, cancel: &'a CancellationToken) -> Answer<'a, Ended>;
}

impl DumpTools for Connector {
    fn program<'a>(&'a self, dump: &'a Dump, major: u32) -> Answer<'a, Tool> {
        let (program, least) = if dump.form.is_script() { (Program::Psql, 12) } else { (Program::PgRestore, dump.least_major()) };
        Box::pin(program::find(self, Wanted { program, least, best: major.max(least) }))
    }

    fn restore<'a>(
        &'a self,
        order: &'a Order<'a>,
        says: &'a mut (dyn FnMut(Said) + Send),
        cancel: &'a CancellationToken,
    ) -> Answer<'a, Ended> {
        Box::pin(pg_restore(self, order, says, cancel))
    }

    fn run<'a>(&'a self, shell: &'a Shell<'a>, source: &'a mut dyn RowSource, cancel: &'a CancellationToken) -> Answer<'a, Ended> {
        Box::pin(psql(self, shell, source, cancel))
    }
}

/// A process group that is killed when this is dropped.
pub(super) struct Group {
    pid: Option<Pid>,
}

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self { pid: child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) }
    }

    fn send(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // A group that has just ended is what is wanted.
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Lets the program send its own requests to cancel, then ends what is left of it.
    pub(super) async fn stop(&self, child: &mut Child) {
        self.send(Signal::INT);
        let _ = tokio::time::timeout(GRACE, child.wait()).await;
        self.end(child).await;
    }

    /// Ends it now.
    async fn end(&self, child: &mut Child) {
        self.send(Signal::KILL);
        let _ = tokio::time::timeout(GRACE, child.wait()).await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.send(Signal::KILL);
    }
}

/// Hands over lines until the stream ends.
pub(super) async fn lines(mut from: impl AsyncRead + Unpin, mut take: impl FnMut(&str)) {
    let mut piece = vec![0; 1 << 15];
    let mut line = Vec::new();
    loop {
        let read = match from.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        for part in piece[..read].split_inclusive(|byte| *byte == b'\n') {
            let ended = part.ends_with(b"\n");
            let room = LINE.saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            if ended {
                take(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        take(&String::from_utf8_lossy(&line));
    }
}

/// What a program's end means.
pub(super) fn outcome(
    connector: &Connector,
    tool: &Tool,
    database: &str,
    status: std::process::ExitStatus,
    faults: Vec<Fault>,
    count: u64,
    go_on: bool,
) -> Result<Ended, Fault> {
    let place = |fault: Fault| {
        let host = connector.connection().address();
        fault
            .at("Database", crate::domain::text::clean(database))
            .at("Host", host)
            .at("Program", format!("{} {}", tool.path.display(), tool.version))
    };
    if status.success() {
        return Ok(Ended::default());
    }
    if go_on && status.code() == Some(1) && count > 0 {
        return Ok(Ended { faults: faults.into_iter().map(place).collect(), rows: None });
    }
    let first = program::killed(tool, status).or_else(|| faults.into_iter().next()).map(place);
    Err(first.unwrap_or_else(|| place(Fault::new(Code::SqlFailed, format!("{} failed", tool.title())).because(status))))
}

async fn psql(connector: &Connector, shell: &Shell<'_>, source: &mut dyn RowSource, cancel: &CancellationToken) -> Result<Ended, Fault> {
    let mut command = program::command(connector, shell.tool, shell.database);
    command.args(["--no-psqlrc", "--no-password", "--no-align", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose", "--file=-"]);
    command.env("PGAPPNAME", shell.mark).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| program::cannot_run(shell.tool, &error))?;
    let group = Group::of(&child);
    // Held here, not by who feeds it: psql takes the end of its input for the end of a table's rows, so it must be dead before this is dropped.
    let mut stdin = child.stdin.take();
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Fault::internal("a pipe that was asked for is not there"));
    };
    let mut listener = Listener::new(&[]);
    listener.lead = u64::from(shell.key.is_some());
    let (mut rows, mut committed) = (0_u64, false);
    let feed = async {
        let mut first = shell.key.map_or_else(String::new, |key| format!("\\restrict {key}\n"));
        if shell.whole {
            // psql's own --single-transaction would commit when its input ends early. The dump's first line keeps its number.
            first.push_str("BEGIN; ");
        }
        let Some(pipe) = &mut stdin else { return Err(Fault::internal("a pipe that was asked for is not there")) };
        // Once psql has ended there is nobody to write to; it says itself why.
        let mut heard = pipe.write_all(first.as_bytes()).await.is_ok();
        while let Some(piece) = source.next().await? {
            heard = heard && pipe.write_all(&piece).await.is_ok();
            if !heard {
                return Ok(());
            }
        }
        if shell.whole {
            let _ = pipe.write_all(b"\n;COMMIT;\n").await;
        }
        let _ = pipe.shutdown().await;
        stdin = None;
        Ok(())
    };
    let answers = lines(stdout, |line| match line.strip_prefix("COPY ").and_then(|count| count.parse::<u64>().ok()) {
        Some(count) => rows += count,
        None => committed = line == "COMMIT" || (committed && line != "ROLLBACK"),
    });
    let complaints = lines(stderr, |line| listener.psql(line));
    // The streams end when psql does; a fault of the source ends this at once.
    let all = async {
        tokio::try_join!(
            feed,
            async {
                answers.await;
                Ok(())
            },
            async {
                complaints.await;
                Ok(())
            }
        )
    };
    let fed = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        fed = all => Some(fed),
    };
    let ended = match fed {
        None => {
            group.stop(&mut child).await;
            end_sessions(connector, shell.mark).await;
            Err(Fault::new(Code::Cancelled, "cancelled"))
        }
        Some(Err(fault)) => {
            group.end(&mut child).await;
            end_sessions(connector, shell.mark).await;
            Err(fault)
        }
        Some(Ok(_)) => {
            let status = child.wait().await.map_err(|error| Fault::new(Code::Io, "cannot wait for psql").because(error))?;
            drop(group);
            let count = listener.count;
            let mut ended = outcome(connector, shell.tool, shell.database, status, listener.faults("psql"), count, false)?;
            if shell.whole && !committed {
                return Err(Fault::new(Code::SqlFailed, "the transaction that the dump was restored in was not committed"));
            }
            ended.rows = Some(rows);
            Ok(ended)
        }
    };
    drop(stdin);
    ended
}

/// Ends the sessions that carry a mark, and waits for their end, for a few seconds. What fails here is seen by whoever looks for them.
pub(super) async fn end_sessions(connector: &Connector, mark: &str) {
    let work = async {
        let session = connector.session(&connector.connection().database).await?;
        let sql = "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity \
                   WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid()";
        loop {
            let row = session.client.query_one(sql, &[&mark]).await;
            let left: i64 = row.map_err(|error| connector.fault("cannot end the sessions of the program", &error, ""))?.get(0);
            if left == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        session.close().await;
        Ok::<_, Fault>(())
    };
    match tokio::time::timeout(GRACE, work).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => tracing::debug!(%fault, "sessions of a program may be left"),
        Err(_) => tracing::debug!("sessions of a program may be left"),
    }
}
