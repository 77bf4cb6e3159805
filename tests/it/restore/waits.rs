//! A restore that another session keeps from its table: what it says while it waits, how it ends, and how it is let go on.

use super::*;
use crate::postgres::locks::{client, in_background, until_waiting};
use crate::support::postgres::server;
use dbbackup::domain::Code;
use dbbackup::domain::job::Progress;
use dbbackup::domain::spec::Retries;
use dbbackup::domain::spec::What;
use dbbackup::domain::wait::Ending;
use std::time::Duration;

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

impl Bench {
    /// A bench whose sessions wait so many seconds for a lock.
    fn patient(server: &'static TestServer, lock_timeout: u64) -> Self {
        let connection = Connection { lock_timeout, ..connection(server) };
        let postgres = Postgres::new(connection, None).expect("a connection").with_tools(vec![server.bin.clone()]);
        let bench = Self::new(server);
        Self { context: Context { server: Some(Arc::new(postgres)), ..bench.context }, ..bench }
    }

    /// The last sample that shows somebody waiting.
    fn waiting(&self) -> Option<Progress> {
        let heard = self.heard.0.lock().expect("a list");
        let mut samples = heard.iter().rev().filter_map(|event| match event {
            Event::Progress(progress) if !progress.waits.is_empty() => Some((**progress).clone()),
            _ => None,
        });
        samples.next()
    }

    fn said(&self, words: &str) -> usize {
        let heard = self.heard.0.lock().expect("a list");
        heard.iter().filter(|event| matches!(event, Event::Log { text, .. } if text.contains(words))).count()
    }
}

/// Rows only, into a table that is there.
fn rows_only(server: &TestServer, archive: &Path, target: &str) -> RestoreSpec {
    let selection = Selection { what: What::DataOnly, ..Selection::default() };
    let scope = RestoreScope::Single { database: None, target: target.into(), selection };
    // What is looked at here is one wait, not those of further tries.
    let care = Care { retries: Retries(0), ..Care::default() };
    RestoreSpec { scope, create: false, prove: false, care, ..spec(server, archive, target) }
}

/// A source with an archive, and a target whose table is empty.
async fn prepared(bench: &Bench, stem: &str) -> (PathBuf, String) {
    let (source, target) = (bench.server.database(stem), bench.server.database(stem));
    bench.server.sql(&source, "create table orders as select i as id from generate_series(1, 500) i");
    bench.server.sql(&target, "create table orders (id int)");
    (bench.backup_of(&source).await, target)
}

#[test]
fn a_lock_that_is_not_granted_is_shown_counted_and_named() {
    let bench = Bench::patient(server(17), 4);
    run(async {
        let (archive, target) = prepared(&bench, "blocked").await;
        let holder = client(bench.server, &target).await;
        let pid: i32 = holder.query_one("select pg_backend_pid()", &[]).await.expect("a pid").get(0);
        holder.batch_execute("begin; lock table orders in share mode").await.expect("a lock");
        let between = in_background(bench.server, &target, "alter table orders add column note text");
        until_waiting(bench.server, &target, "somebody", 1).await;
        let restored = tokio::time::timeout(LIMIT, bench.restore(&rows_only(bench.server, &archive, &target))).await.expect("an end");
        let fault = restored.expect_err("the table is locked");
        let progress = bench.waiting().expect("the wait was shown");
        let wait = &progress.waits[0];
        assert_eq!((wait.database.as_str(), wait.object.as_str(), wait.limit_ms), (target.as_str(), "public.orders", 4000));
        assert!(
            progress.waiting.as_deref().is_some_and(|words| words.starts_with("a lock on public.orders, ") && words.ends_with("of 4 s"))
        );
        let root = wait.roots().next().expect("a root");
        assert_eq!((root.pid, root.state.as_str(), root.application.as_str()), (pid, "idle in transaction", "somebody"));
        assert!(root.transaction_ms.is_some_and(|open| open > 500) && root.statement.contains("lock table orders"), "{root:?}");
        let middle = wait.blockers.iter().find(|one| one.blocked_by == [pid]).expect("who is queued before us");
        assert!(middle.statement.starts_with("alter table orders") && !middle.is_root(), "{middle:?}");
        assert!(wait.blockers.iter().any(|one| one.pid == pid && one.depth == 1), "the tree goes on: {:?}", wait.blockers);
        assert_eq!(bench.said("waiting for a lock on public.orders") - bench.said("half of the time is over"), 1, "each wait is said once");
        assert_eq!(bench.said("half of the time is over"), 1);
        let text = fault.render("Restore failed");
        assert_eq!(fault.code, Code::LockTimeout, "{text}");
        assert!(text.contains("on public.orders, 4 s") && text.contains("Held by:") && text.contains("lock table orders"), "{text}");
        let command = format!("SELECT pg_terminate_backend({pid});");
        assert!(fault.steps.iter().any(|step| step.command.as_deref() == Some(&command)), "{text}");
        assert!(text.contains("--lock-timeout"), "{text}");
        drop(holder);
        between.await.expect("the one in between goes on");
    });
}

#[test]
fn a_restore_goes_on_when_who_is_in_the_way_is_terminated() {
    let bench = Bench::patient(server(15), 0);
    run(async {
        let (archive, target) = prepared(&bench, "freed").await;
        let holder = client(bench.server, &target).await;
        holder.batch_execute("begin; lock table orders").await.expect("a lock");
        let free = async {
            let root = loop {
                match bench.waiting() {
                    Some(progress) => break progress.waits[0].roots().next().cloned().expect("a root"),
                    None => tokio::task::yield_now().await,
                }
            };
            let server = bench.context.server.as_ref().expect("a server");
            server.end_session(&root, Ending::Terminate).await.expect("it may be ended");
            let fault = server.end_session(&root, Ending::Terminate).await.expect_err("it is gone");
            assert_eq!(fault.code, Code::Conflict);
        };
        let spec = rows_only(bench.server, &archive, &target);
        let both = async { tokio::join!(bench.restore(&spec), free) };
        let (restored, ()) = tokio::time::timeout(LIMIT, both).await.expect("an end");
        assert_eq!(restored.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed"))).rows, 500);
        assert!(holder.batch_execute("commit").await.is_err(), "its session was ended");
    });
}
