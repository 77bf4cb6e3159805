//! Restores against real servers, from archives that backups made.

mod part;
mod preflight;
mod roots;
mod transitions;
mod trouble;
mod waits;
mod whole;

use crate::support::postgres::Postgres as TestServer;
use dbbackup::domain::codec::Compression;
use dbbackup::domain::job::Summary;
use dbbackup::domain::plan::{Confirmed, Plan};
use dbbackup::domain::schema::TableName;
use dbbackup::domain::spec::{BackupSpec, Care, Effort, JobSpec, NameTime, RestoreScope, RestoreSpec, Scope, Selection, VerifyMode};
use dbbackup::domain::{Connection, Fault};
use dbbackup::engine::event::{Event, EventSink};
use dbbackup::engine::{self, Context};
use dbbackup::server::postgres::Postgres;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// Keeps what a job says.
#[derive(Default)]
pub struct Heard(Mutex<Vec<Event>>);

impl EventSink for Heard {
    fn post(&self, event: Event) {
        self.0.lock().expect("a list").push(event);
    }
}

/// The engine on a test server.
pub struct Bench {
    pub server: &'static TestServer,
    pub context: Context,
    pub heard: Arc<Heard>,
    pub dir: tempfile::TempDir,
}

impl Bench {
    pub fn new(server: &'static TestServer) -> Self {
        let postgres = Postgres::new(connection(server), None).expect("a connection").with_tools(vec![server.bin.clone()]);
        let heard = Arc::new(Heard::default());
        let context = Context { server: Some(Arc::new(postgres)), events: heard.clone(), cancel: CancellationToken::new() };
        Self { server, context, heard, dir: tempfile::tempdir().expect("a folder") }
    }

    pub async fn backup(&self, scope: Scope, effort: Effort) -> PathBuf {
        let spec = BackupSpec {
            connection: connection(self.server),
            scope,
            dir: self.dir.path().to_owned(),
            compression: Compression::default(),
            effort,
            verify: VerifyMode::Off,
            name_time: NameTime::Utc,
        };
        let plan = engine::plan(&JobSpec::Backup(spec), &self.context).await.expect("a plan");
        let plan = Confirmed::by_name(plan, None).expect("nothing is destroyed");
        let summary = engine::run(plan, &self.context).await.expect("a backup");
        summary.archives[0].clone()
    }

    pub async fn backup_of(&self, database: &str) -> PathBuf {
        self.backup(Scope::Single { databases: vec![database.into()] }, effort(2)).await
    }

    pub async fn plan(&self, spec: &RestoreSpec) -> Result<Plan, Fault> {
        engine::plan(&JobSpec::Restore(spec.clone()), &self.context).await
    }

    /// Plans and runs; failed checks end it.
    pub async fn restore(&self, spec: &RestoreSpec) -> Result<Summary, Fault> {
        let plan = self.plan(spec).await?;
        if let Some(fault) = plan.obstacle() {
            return Err(fault);
        }
        let name = plan.confirm.clone();
        engine::run(Confirmed::by_name(plan, name.as_deref())?, &self.context).await
    }

    pub fn exists(&self, database: &str) -> bool {
        self.server.sql("postgres", &format!("select count(*) from pg_database where datname = '{database}'")) == "1"
    }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(future)
}

pub fn connection(server: &TestServer) -> Connection {
    Connection { host: server.socket.display().to_string(), port: server.port, ..Connection::default() }
}

/// Small chunks, so that a test's tables are cut into several.
pub fn effort(jobs: u32) -> Effort {
    Effort { jobs, memory: 64 << 20, chunk_size: 64 << 10 }
}

/// A restore into a new database.
pub fn spec(server: &TestServer, archive: &Path, target: &str) -> RestoreSpec {
    RestoreSpec {
        connection: connection(server),
        archive: archive.to_owned(),
        scope: RestoreScope::Single { database: None, target: target.into(), selection: Selection::default() },
        create: true,
        clean: false,
        no_owner: false,
        no_acl: false,
        no_tablespaces: false,
        map_roles: Vec::new(),
        effort: effort(3),
        prove: true,
        toast_compression: None,
        continue_on_error: false,
        binlog: Default::default(),
        care: Care::default(),
    }
}

pub fn table(schema: &str, name: &str) -> TableName {
    TableName::new(schema, name)
}

/// The definitions of a database as pg_dump prints them.
pub fn definitions(server: &TestServer, database: &str) -> String {
    let out = std::process::Command::new(server.bin.join("pg_dump"))
        .arg("-h")
        .arg(&server.socket)
        .args(["-p", &server.port.to_string(), "-U", "postgres", "--schema-only", "-d", database])
        .output()
        .expect("pg_dump");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).collect::<Vec<_>>().join("\n")
}

/// All rows of all tables, sorted, with the tables' names; without temporary ones, which a crashed server leaves for autovacuum.
pub fn rows(server: &TestServer, database: &str) -> String {
    server.sql(
        database,
        "select string_agg(n, E'\\n' order by n) from (select c.oid::regclass::text || ': ' || \
           (xpath('/table/row/s/text()', query_to_xml(format('select count(*)::text || '' '' || coalesce(md5(string_agg(t::text, ''|'' order by t::text collate \"C\")), ''-'') as s from only %s t', c.oid::regclass), false, false, '')))[1]::text as n \
         from pg_class c join pg_namespace s on s.oid = relnamespace where relkind = 'r' and relpersistence <> 't' and nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_toast') x",
    )
}

/// The roles are this zoo's alone: those of the larger one come and go by their own rules.
pub fn zoo(server: &'static TestServer, stem: &str) -> String {
    server.sql(
        "postgres",
        "do $$ begin perform pg_advisory_xact_lock(77); \
           if not exists (select from pg_roles where rolname = 'cage_reader') then create role cage_reader; create role \"cage Owner\"; end if; end $$",
    );
    let database = server.database(stem);
    server.script(&database, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/restore/zoo.sql"));
    database
}
