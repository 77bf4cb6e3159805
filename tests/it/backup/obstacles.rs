//! What keeps a backup from being complete is in its plan, before anything is written: rights, locks, connections, tools.

use super::fake::context;
use crate::support::postgres;
use dbbackup::domain::codec::Compression;
use dbbackup::domain::plan::{Check, CheckState, Plan};
use dbbackup::domain::spec::{BackupSpec, Effort, NameTime, Scope, VerifyMode};
use dbbackup::domain::{Code, Connection};
use dbbackup::engine::backup;
use dbbackup::server::Server;
use dbbackup::server::postgres::Postgres;
use std::path::Path;
use std::sync::Arc;

fn connect(server: &postgres::Postgres, user: &str) -> Arc<dyn Server> {
    let connection = Connection { host: "127.0.0.1".into(), port: server.port, user: user.into(), ..Connection::default() };
    Arc::new(Postgres::new(connection, None).expect("a connection").with_tools(vec![server.bin.clone()]))
}

fn spec(server: &dyn Server, dir: &Path, scope: Scope, jobs: u32) -> BackupSpec {
    BackupSpec {
        connection: server.connection().clone(),
        scope,
        dir: dir.to_owned(),
        compression: Compression::default(),
        effort: Effort { jobs, memory: 64 << 20, chunk_size: 1 << 18 },
        verify: VerifyMode::Off,
        name_time: NameTime::Local,
    }
}

async fn plan(server: &Arc<dyn Server>, scope: Scope, jobs: u32) -> Plan {
    let dir = tempfile::tempdir().expect("a folder");
    backup::plan::plan(&spec(server.as_ref(), dir.path(), scope, jobs), &context(server.clone()).0).await.expect("a plan")
}

fn single(database: &str) -> Scope {
    Scope::Single { databases: vec![database.to_owned()] }
}

#[track_caller]
fn line<'a>(plan: &'a Plan, name: &str) -> &'a Check {
    plan.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name} in {:#?}", plan.checks))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weak_role_is_refused_by_the_plan() {
    let real = postgres::server(15);
    let source = real.database("weak_source");
    let role = real.role("weak_reader");
    real.sql("postgres", &format!("alter role {role} login"));
    let all = line(&plan(&connect(real, "postgres"), single(&source), 2).await, "rights").clone();
    assert_eq!(all.state, CheckState::Ok);
    real.sql(
        &source,
        &format!(
            "create table open (n int); create table hidden (n int); create table filtered (n int); create sequence counted; \
             alter table filtered enable row level security; create policy p on filtered using (n > 1); select lo_create(4711); \
             grant usage on schema public to {role}; grant select on open, filtered to {role}"
        ),
    );
    let weak = connect(real, &role);
    let refused = plan(&weak, single(&source), 2).await;
    let check = line(&refused, "rights");
    assert_eq!((check.state, check.code), (CheckState::Failed, Some(Code::Incomplete)), "{check:?}");
    for wanted in ["public.hidden (no right", "public.filtered (row security", "public.counted (no right", "large objects"] {
        assert!(check.detail.contains(wanted), "{wanted}: {check:?}");
    }
    assert!(!check.detail.contains("public.open"), "{check:?}");
    let cure = check.cure.clone().expect("a cure");
    let fault = refused.obstacle().expect("a failed check");
    assert_eq!(fault.code, Code::Incomplete);
    // One database of a cluster does not keep the others from being backed up.
    let cluster = plan(&weak, Scope::Cluster { include: vec![source.clone()], exclude: Vec::new(), parallel: 1 }, 2).await;
    assert_eq!(line(&cluster, "rights").state, CheckState::Warning);
    // What the cure says is the cure.
    let statements = cure.split_once(": ").map(|(_, sql)| sql).expect("statements");
    for statement in statements.split_inclusive(';') {
        real.sql(&source, statement);
    }
    assert_eq!(line(&plan(&weak, single(&source), 2).await, "rights").state, CheckState::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_table_that_is_too_small_is_refused_by_the_plan_and_by_the_server() {
    let conf = "max_connections = 12\nmax_locks_per_transaction = 10\nmax_prepared_transactions = 0\nmax_wal_senders = 0\nwal_level = replica\n\
                autovacuum_max_workers = 1\nmax_worker_processes = 1";
    let scarce = postgres::Postgres::start(15, conf);
    let file = scarce.socket.join("tables.sql");
    let make: String = (1..=1300).map(|number| format!("create table t{number} ();\n")).collect();
    std::fs::write(&file, make).expect("a script");
    scarce.script("postgres", &file);
    let server = connect(&scarce, "postgres");
    let refused = plan(&server, single("postgres"), 2).await;
    let check = line(&refused, "lock table");
    assert_eq!((check.state, check.code), (CheckState::Failed, Some(Code::LockTableFull)), "{check:?}");
    assert!(check.cure.as_deref().is_some_and(|cure| cure.starts_with("ALTER SYSTEM SET max_locks_per_transaction = ")), "{check:?}");
    let dir = tempfile::tempdir().expect("a folder");
    let fault = backup::run(&spec(server.as_ref(), dir.path(), single("postgres"), 2), &context(server.clone()).0).await;
    assert_eq!(fault.expect_err("no room").code, Code::LockTableFull, "the check was right");
    let many = plan(&server, single("postgres"), 64).await;
    let check = line(&many, "connections");
    assert!(check.state == CheckState::Warning && check.cure.as_deref().is_some_and(|cure| cure.contains("--jobs ")), "{check:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_pg_dump_is_in_the_plan() {
    let real = postgres::server(17);
    let source = real.database("no_tool");
    // The tools of the older version alone cannot read a newer server.
    let connection = Connection { host: "127.0.0.1".into(), port: real.port, ..Connection::default() };
    let old = Postgres::new(connection, None).expect("a connection").with_tools(vec![postgres::bin(15)]);
    let server: Arc<dyn Server> = Arc::new(old);
    let plan = plan(&server, single(&source), 2).await;
    let check = line(&plan, "pg_dump");
    let newer = std::path::Path::new("/usr/lib/postgresql/17/bin/pg_dump").exists();
    if newer {
        assert_eq!(check.state, CheckState::Ok, "the newest one that is there is taken: {check:?}");
    } else {
        assert_eq!((check.state, check.code), (CheckState::Failed, Some(Code::ToolTooOld)), "{check:?}");
        assert!(check.cure.as_deref().is_some_and(|cure| cure.contains("17")), "{check:?}");
    }
}
