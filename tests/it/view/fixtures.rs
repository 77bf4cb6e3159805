//! Models in states worth looking at. Everything in them is fixed: names, sizes, times.

use dbbackup::app::cmd::{Cmd, ReqId};
use dbbackup::app::model::Model;
use dbbackup::app::msg::{Clock, Msg, Reply};
use dbbackup::app::screens::settings::SettingView;
use dbbackup::app::setup::{Mode, Setup};
use dbbackup::app::update::update;
use dbbackup::config::connection::Host;
use dbbackup::config::environment::Environment;
use dbbackup::config::layers::resolve;
use dbbackup::config::paths::Paths;
use dbbackup::domain::cause::{Cause, Lost, Missing, Tally};
use dbbackup::domain::connection::Connection;
use dbbackup::domain::diagnosis::{
    About, Archiver, Diagnosis, Disk, Fact, Files, GroupLimit, Hop, HopStep, HostFacts, KeptReport, Load, Locks, Memory, ServerFacts, Slot,
    Usage,
};
use dbbackup::domain::fault::Step;
use dbbackup::domain::fault::{Code, Fault};
use dbbackup::domain::job::{
    DatabaseOutcome, DatabaseProgress, DatabaseState, Difference, JobId, Leftovers, Phase, Progress, Proof, Ratio, Summary, TableProgress,
};
use dbbackup::domain::listing::{ArchiveContents, ArchiveDatabase, ArchiveHead, ArchiveSummary, ArchiveTable};
use dbbackup::domain::plan::{Check, CheckState, Plan, PlanItem};
use dbbackup::domain::schema::TableName;
use dbbackup::domain::server::{DatabaseInfo, ServerInfo};
use dbbackup::domain::spec::{BackupSpec, Care, Effort, JobSpec, NameTime, RestoreScope, RestoreSpec, Scope, Selection, VerifyMode};
use dbbackup::domain::wait::{Blocker, Wait};
use dbbackup::domain::{Bytes, Compression, Product, Stamp};
use dbbackup::engine::event::{Event, Level};
use dbbackup::runtime::settings::views;
use std::path::PathBuf;

/// 30 January 2026, 14:30:07 CET.
pub const NOW: i64 = 1_769_779_807_000;
const HOUR: i64 = 3_600_000;

/// A name that tries everything: escapes, direction, width, length.
pub const HOSTILE: &str = "a\u{1b}[2Jb\n'; DROP TABLE x; --\u{202e}表表表表 ünïcode_and_then_some_more_letters_until_it_is_long";

pub fn clock() -> Clock {
    Clock { now: Stamp(NOW), offset: 3600, zone: "CET".into(), earlier: vec![(Stamp(NOW - 97 * 24 * HOUR), 7200, "CEST".into())] }
}

pub fn connection() -> Connection {
    Connection { host: "db01".into(), user: "backup".into(), ..Connection::default() }
}

pub fn setup(mode: Mode) -> Setup {
    Setup {
        connections: vec![connection()],
        dir: PathBuf::from("/var/backups/dbbackup"),
        compression: Compression::default(),
        effort: Effort { jobs: 4, memory: 512_000_000, chunk_size: 16 << 20 },
        verify: VerifyMode::Auto,
        name_time: NameTime::Local,
        mode,
        job: None,
        dry_run: false,
        confirm: None,
        settings: settings(&[]),
        settings_file: Some(PathBuf::from("/home/anna/.config/dbbackup/config.toml")),
        clipboard: dbbackup::app::setup::Clipboard::Terminal,
    }
}

/// All settings, as a file and the environment of somebody set them.
pub fn settings(flags: &[(dbbackup::config::settings::Key, String)]) -> Vec<SettingView> {
    let paths = Paths { system: "/nonexistent/system.toml".into(), ..Paths::default() };
    let environment = Environment::of([("DBBACKUP_JOBS", "6"), ("PGHOST", "db01")]);
    let resolved = resolve(&paths, &environment, flags).unwrap_or_else(|fault| panic!("{fault:?}"));
    let mut views = views(&resolved.on(Host { processors: 4, memory: 8 << 30 }), &paths);
    for view in &mut views {
        let file = |line| format!("/home/anna/.config/dbbackup/config.toml:{line}");
        match view.name {
            "connection.password" => (view.value, view.origin) = (Some("********".into()), file(4)),
            "backup.dir" => (view.value, view.origin) = (Some("/var/backups/dbbackup".into()), file(12)),
            _ => {}
        }
    }
    views
}

pub fn server_info() -> ServerInfo {
    ServerInfo {
        product: Product::Postgres,
        version: "15.4".into(),
        version_num: 150_004,
        system_identifier: Some("7312345678901234567".into()),
        in_recovery: false,
        superuser: true,
        max_connections: 100,
        connections: 15,
        lock_capacity: 6400,
        data_directory: Some("/var/lib/postgresql/15/main".into()),
        pooler: None,
    }
}

pub fn database(name: &str, bytes: u64) -> DatabaseInfo {
    DatabaseInfo {
        name: name.into(),
        bytes: Some(bytes),
        owner: "app".into(),
        encoding: "UTF8".into(),
        is_template: false,
        allow_connections: true,
        sessions: 2,
    }
}

pub fn databases() -> Vec<DatabaseInfo> {
    let mut all = vec![
        database("shop", 3_012_000_000),
        database("billing", 980_000_000),
        database("audit", 412_000_000),
        database("postgres", 8_000_000),
    ];
    all.push(DatabaseInfo { is_template: true, ..database("template1", 8_000_000) });
    all
}

pub fn archive(database: &str, hours_ago: i64, bytes: u64) -> ArchiveSummary {
    ArchiveSummary {
        path: PathBuf::from(format!("/var/backups/dbbackup/db_{database}_20260129_{:02}0000_CET.tar.zst", hours_ago % 24)),
        bytes: Bytes(bytes),
        head: Ok(ArchiveHead {
            id: format!("0194b0c0-0000-7000-8000-{hours_ago:012}"),
            kind: "single".into(),
            created: "2026-01-29T07:00:00+01:00".into(),
            created_ms: NOW - hours_ago * HOUR,
            complete: true,
            server: "PostgreSQL 15.4".into(),
            host: "db01:5432".into(),
            compression: Compression::default(),
            databases: vec![database.into()],
            row_bytes: Bytes(bytes * 4),
            rows: 1_650_000,
            tables: 34,
            duration_ms: 68_000,
            tool: "0.1.0".into(),
        }),
    }
}

pub fn cluster_archive() -> ArchiveSummary {
    let mut archive = archive("cluster", 12, 22_500_000_000);
    archive.path = PathBuf::from("/var/backups/dbbackup/cluster_20260130_020000_CET.tar.zst");
    if let Ok(head) = &mut archive.head {
        head.kind = "cluster".into();
        head.databases = vec!["shop".into(), "audit".into(), "auth".into()];
        head.duration_ms = 760_000;
    }
    archive
}

pub fn archives() -> Vec<ArchiveSummary> {
    let mut partial = archive("audit", 80, 118_000_000);
    if let Ok(head) = &mut partial.head {
        head.complete = false;
    }
    vec![
        archive("shop", 3, 812_000_000),
        archive("billing", 31, 240_000_000),
        partial,
        ArchiveSummary {
            path: "/var/backups/dbbackup/db_old_20250101_000000_CET.tar.zst".into(),
            bytes: Bytes(12),
            head: Err("the file ends too early".into()),
        },
    ]
}

pub fn contents(summary: ArchiveSummary) -> ArchiveContents {
    let table = |schema: &str, name: &str, rows: u64, bytes: u64| ArchiveTable {
        name: TableName::new(schema, name),
        rows,
        bytes: Bytes(bytes),
        chunks: 3,
    };
    let names = summary.head.as_ref().map(|head| head.databases.clone()).unwrap_or_default();
    let databases = names
        .into_iter()
        .map(|name| ArchiveDatabase {
            name,
            failed: None,
            bytes: Bytes(3_012_000_000),
            tables: vec![
                table("public", "orders", 14_200_000, 2_100_000_000),
                table("public", "customers", 120_000, 48_000_000),
                table("audit", "events", 9_900_000, 410_000_000),
            ],
        })
        .collect();
    ArchiveContents { summary, databases, facts: Vec::new() }
}

pub fn backup_spec() -> JobSpec {
    JobSpec::Backup(BackupSpec {
        connection: connection(),
        scope: Scope::Single { databases: vec!["shop".into()] },
        dir: PathBuf::from("/var/backups/dbbackup"),
        compression: Compression::default(),
        effort: setup(Mode::Interactive).effort,
        verify: VerifyMode::Auto,
        name_time: NameTime::Local,
    })
}

pub fn restore_spec() -> JobSpec {
    JobSpec::Restore(RestoreSpec {
        connection: connection(),
        archive: PathBuf::from("/var/backups/dbbackup/db_shop_20260129_030000_CET.tar.zst"),
        scope: RestoreScope::Single { database: None, target: "shop".into(), selection: Selection::default() },
        create: true,
        clean: true,
        no_owner: false,
        no_acl: false,
        no_tablespaces: false,
        map_roles: Vec::new(),
        effort: setup(Mode::Interactive).effort,
        prove: true,
        toast_compression: None,
        continue_on_error: false,
        binlog: Default::default(),
        care: Care::default(),
    })
}

pub fn cluster_restore_spec() -> JobSpec {
    match restore_spec() {
        JobSpec::Restore(mut spec) => {
            spec.archive = PathBuf::from("/var/backups/dbbackup/cluster_20260130_020000_CET.tar.zst");
            spec.scope = RestoreScope::Cluster { include: Vec::new(), exclude: Vec::new(), parallel: 2 };
            JobSpec::Restore(spec)
        }
        other => other,
    }
}

pub fn check(state: CheckState, name: &str, detail: &str, cure: Option<&str>) -> Check {
    Check { state, name: name.into(), detail: detail.into(), cure: cure.map(str::to_owned), code: None }
}

pub fn backup_plan() -> Plan {
    Plan {
        spec: backup_spec(),
        title: "Back up shop from db01:5432 to /var/backups/dbbackup".into(),
        items: vec![PlanItem {
            name: "shop".into(),
            target: "db_shop_20260130_143007_CET.tar.zst".into(),
            bytes: Some(Bytes(3_012_000_000)),
            tables: Some(34),
            note: "new".into(),
            destroys: false,
        }],
        checks: vec![
            check(CheckState::Ok, "connection", "superuser, 85 connections free (jobs need 5)", None),
            check(CheckState::Warning, "backup folder", "41 GB free, 38 GB needed at the worst", Some("dbbackup cleanup --dry-run")),
        ],
        destroys: Vec::new(),
        confirm: None,
        total: Bytes(3_012_000_000),
        facts: vec![("archive".into(), "about 750 MB".into()), ("codec".into(), "zstd:3, 4 jobs".into())],
        report: None,
    }
}

pub fn restore_plan() -> Plan {
    Plan {
        spec: restore_spec(),
        title: "Restore db_shop_20260129_030000_CET.tar.zst into shop on db01:5432".into(),
        items: vec![PlanItem {
            name: "shop".into(),
            target: "shop".into(),
            bytes: Some(Bytes(3_012_000_000)),
            tables: Some(34),
            note: "EXISTS, 212 MB: will be dropped".into(),
            destroys: true,
        }],
        checks: vec![
            check(CheckState::Ok, "archive", "complete, 1 database, 812 MB", None),
            check(CheckState::Ok, "roles", "14 of 14 are there", None),
            check(CheckState::Unknown, "free space", "the data directory cannot be looked at", None),
        ],
        destroys: vec!["shop (212 MB, 34 tables, 2 sessions)".into()],
        confirm: Some("shop".into()),
        total: Bytes(3_012_000_000),
        facts: vec![("jobs".into(), "4".into()), ("proof".into(), "all fingerprints are compared".into())],
        report: None,
    }
}

pub fn blocked_plan() -> Plan {
    let mut plan = restore_plan();
    plan.checks.push(check(
        CheckState::Failed,
        "extensions",
        "postgis 3.4 is not available on db01: 19 tables need it",
        Some("apt-get install postgresql-15-postgis-3, or leave those tables out"),
    ));
    plan
}

pub fn cluster_restore_plan() -> Plan {
    Plan { spec: cluster_restore_spec(), title: "Restore a cluster".into(), confirm: Some("db01:5432".into()), ..restore_plan() }
}

pub fn auth_fault() -> Fault {
    Fault::new(Code::AuthFailed, "cannot log in to db01:5432 as \"backup\"")
        .at("Host", "db01:5432")
        .at("User", "backup")
        .because("db error")
        .because("password authentication failed for user \"backup\"")
        .step_run("Try the password by hand:", "psql -h db01 -U backup -d postgres")
        .with_sqlstate("28P01")
}

pub fn index_fault() -> Fault {
    Fault::new(Code::MissingObject, "cannot make extension postgis")
        .at("Database", "reporting")
        .because("extension \"postgis\" is not available")
        .step_run("Install it on the server:", "apt-get install postgresql-15-postgis-3")
        .with_sqlstate("0A000")
        .with_statement("CREATE EXTENSION postgis WITH SCHEMA public")
}

fn one(name: &str, state: DatabaseState, done: u64, total: u64) -> DatabaseProgress {
    let waiting = state == DatabaseState::Waiting;
    let ended = matches!(state, DatabaseState::Done | DatabaseState::Proven | DatabaseState::Failed(_));
    DatabaseProgress {
        name: name.into(),
        state,
        bytes: Ratio { done, total },
        proof: Ratio::default(),
        rows: done / 150,
        tables: Ratio { done: if ended { 34 } else { 12.min(done) }, total: 34 },
        indexes: Ratio { done: if ended { 41 } else { 3.min(done) }, total: 41 },
        began: if waiting { None } else { Some(Stamp(NOW - 72_000)) },
        ended: if ended { Some(Stamp(NOW - 41_000)) } else { None },
    }
}

pub fn cluster_progress(done: u64) -> Progress {
    Progress {
        phase: Phase::DataAndIndexes,
        bytes: Ratio { done, total: 22_500_000_000 },
        estimated: false,
        rows: 48_000_000,
        written: 0,
        memory: 212_000_000,
        memory_limit: 512_000_000,
        databases: vec![
            one("app_production", DatabaseState::Running(Phase::Data), 2_100_000_000, 3_000_000_000),
            one("app_db", DatabaseState::Running(Phase::DataAndIndexes), 900_000_000, 980_000_000),
            one("reporting", DatabaseState::Failed(index_fault()), 0, 210_000_000),
            one("audit", DatabaseState::Proven, 410_000_000, 410_000_000),
            one("auth", DatabaseState::Done, 12_000_000, 12_000_000),
            one("scratch", DatabaseState::Waiting, 0, 40_000_000),
        ],
        active: vec![
            TableProgress {
                database: "app_production".into(),
                table: "public.orders".into(),
                doing: "rows".into(),
                bytes: Ratio { done: 1_900_000_000, total: 2_500_000_000 },
                rows: 14_200_000,
                workers: 3,
            },
            TableProgress {
                database: "app_production".into(),
                table: "public.customers".into(),
                doing: "index customers_pkey".into(),
                bytes: Ratio { done: 48_000_000, total: 48_000_000 },
                rows: 120_000,
                workers: 1,
            },
        ],
        waiting: None,
        waits: Vec::new(),
    }
}

/// Feeds a model.
pub fn feed(model: &mut Model, msgs: impl IntoIterator<Item = Msg>) -> Vec<Cmd> {
    let mut out = Vec::new();
    for msg in msgs {
        update(model, msg, &mut out);
    }
    out
}

/// A model that was just opened; nothing has answered.
pub fn opened() -> Model {
    let (mut model, _) = Model::new(setup(Mode::Interactive));
    feed(&mut model, [Msg::Tick(clock())]);
    model
}

/// The number of the request for the servers and for the archives.
pub const SERVER: ReqId = ReqId(1);
pub const ARCHIVES: ReqId = ReqId(2);

/// A model whose server and folder have answered.
pub fn ready() -> Model {
    let mut model = opened();
    feed(
        &mut model,
        [
            Msg::Done(SERVER, Ok(Reply::Server(Box::new(server_info()), databases()))),
            Msg::Done(ARCHIVES, Ok(Reply::Archives([archives(), vec![cluster_archive()]].concat()))),
        ],
    );
    model
}

/// Server and folder answered with nothing in them.
pub fn empty() -> Model {
    let mut model = opened();
    feed(
        &mut model,
        [Msg::Done(SERVER, Ok(Reply::Server(Box::new(server_info()), Vec::new()))), Msg::Done(ARCHIVES, Ok(Reply::Archives(Vec::new())))],
    );
    model
}

/// Neither answered well.
pub fn failed() -> Model {
    let mut model = opened();
    let folder = Fault::new(Code::OutputUnwritable, "cannot read the folder /var/backups/dbbackup")
        .because("No such file or directory")
        .step_run("Make it:", "install -d -m 700 /var/backups/dbbackup");
    feed(&mut model, [Msg::Done(SERVER, Err(auth_fault())), Msg::Done(ARCHIVES, Err(folder))]);
    model
}

/// Every name is hostile.
pub fn hostile() -> Model {
    let mut model = opened();
    let mut archive = archive("x", 5, 812_000_000);
    archive.path = PathBuf::from(format!("/var/backups/dbbackup/{HOSTILE}.tar.zst"));
    if let Ok(head) = &mut archive.head {
        head.databases = vec![HOSTILE.into()];
        head.host = HOSTILE.into();
    }
    feed(
        &mut model,
        [
            Msg::Done(SERVER, Ok(Reply::Server(Box::new(server_info()), vec![database(HOSTILE, 3_000_000_000)]))),
            Msg::Done(ARCHIVES, Ok(Reply::Archives(vec![archive]))),
        ],
    );
    model
}

/// The last request's number.
pub fn last_request(cmds: &[Cmd]) -> ReqId {
    cmds.iter()
        .rev()
        .find_map(|cmd| match cmd {
            Cmd::Plan(id, _) | Cmd::Fetch(id, _) => Some(*id),
            _ => None,
        })
        .expect("something was asked")
}

/// A model at a plan.
pub fn at_plan(plan: Plan) -> Model {
    let mut model = ready();
    let cmds = feed(&mut model, [Msg::Act(dbbackup::app::action::Action::Submit(Box::new(plan.spec.clone())))]);
    let id = last_request(&cmds);
    feed(&mut model, [Msg::Done(id, Ok(Reply::Plan(Box::new(plan))))]);
    model
}

/// The job that [`running`] starts.
pub const JOB: JobId = JobId(1);

/// A model with a cluster restore under way, for a minute.
pub fn running() -> Model {
    let mut plan = cluster_restore_plan();
    plan.confirm = None;
    plan.destroys.clear();
    let mut model = at_plan(plan);
    feed(&mut model, [crate::app::harness::key("enter"), Msg::Engine(JOB, Event::Started)]);
    for second in 0..=60u64 {
        // A speed that goes up and down around 118 MB/s.
        let done = 640_000_000 + second * 118_000_000 + (second % 7) * 20_000_000;
        let now = Stamp(NOW + i64::try_from(second).expect("small") * 1000);
        feed(&mut model, [Msg::Tick(Clock { now, ..clock() }), Msg::Engine(JOB, Event::Progress(Box::new(cluster_progress(done))))]);
    }
    feed(
        &mut model,
        [
            Msg::Engine(JOB, Event::Log { level: Level::Info, text: "auth: 12 tables, 0.1 M rows, fingerprints equal".into() }),
            Msg::Engine(JOB, Event::Log { level: Level::Error, text: "reporting: extension \"postgis\" is not available on db01".into() }),
            Msg::Engine(JOB, Event::Log { level: Level::Info, text: "app_db: indexes of public.orders".into() }),
        ],
    );
    model
}

/// The same, waiting for a lock.
pub fn waiting() -> Model {
    let mut model = running();
    let mut progress = cluster_progress(7_740_000_000);
    progress.waits = waits();
    progress.waiting = Some(progress.waits[0].words());
    feed(&mut model, [Msg::Engine(JOB, Event::Progress(Box::new(progress)))]);
    model
}

pub fn summary() -> Summary {
    Summary {
        archives: vec!["/var/backups/dbbackup/db_shop_20260130_143007_CET.tar.zst".into()],
        archive_bytes: Bytes(750_000_000),
        row_bytes: Bytes(3_012_000_000),
        rows: 14_320_000,
        duration_ms: 62_400,
        databases: vec![DatabaseOutcome {
            name: "shop".into(),
            tables: 34,
            rows: 14_320_000,
            bytes: Bytes(3_012_000_000),
            ..DatabaseOutcome::default()
        }],
        verified: Some("full".into()),
        proof: None,
        tried: Vec::new(),
        warnings: vec!["subscription \"feed\" is restored disabled: its slot is on another server".into()],
        ..Summary::default()
    }
}

pub fn finished() -> Model {
    let mut model = running();
    let proof = Proof { tables: 34, rows: 14_320_000, objects: 212, probed: 9, differences: Vec::new() };
    let summary = Summary { proof: Some(proof), ..summary() };
    feed(&mut model, [Msg::Engine(JOB, Event::Finished(Box::new(summary)))]);
    model.toasts.clear();
    model
}

/// A cluster restore of which something is missing for several reasons.
pub fn partial() -> Model {
    let cause = |code, what: &str, databases: &[&str], failed, skipped, lost: &[(&str, u64)], step: (&str, &str)| Cause {
        code,
        what: what.into(),
        said: String::new(),
        sqlstate: None,
        databases: databases.iter().map(|name| (*name).to_owned()).collect(),
        failed,
        skipped,
        lost: lost.iter().map(|(kind, count)| Lost { kind: (*kind).into(), count: *count }).collect(),
        steps: vec![Step { text: step.0.into(), command: Some(step.1.into()).filter(|text: &String| !text.is_empty()) }],
    };
    let causes = vec![
        cause(
            Code::MissingObject,
            "extension postgis is missing",
            &["gis", "maps"],
            2,
            68,
            &[("INDEX", 42), ("TABLE", 19), ("FK CONSTRAINT", 7)],
            ("Install its files on the server's host:", "apt-get install postgresql-15-postgis-3"),
        ),
        cause(
            Code::PermissionDenied,
            "role billing cannot be made: permission denied to create role",
            &["billing"],
            4,
            0,
            &[("TABLE", 3)],
            ("Roles are made by a superuser: log in as one.", ""),
        ),
        cause(
            Code::CorruptedBackup,
            "the archive is damaged",
            &["crm"],
            1,
            0,
            &[("TABLE DATA", 1)],
            ("Restore from another copy of the archive, or from an older backup: what is damaged cannot be read.", ""),
        ),
    ];
    let missing = |object: &str, code: Option<Code>, cause| Missing {
        object: object.into(),
        kind: "TABLE".into(),
        code,
        message: if code.is_some() { "extension \"postgis\" is not available".into() } else { String::new() },
        cause,
    };
    let fault = Fault::new(Code::Partial, "gis is restored in part: 1 object failed, 34 more were skipped because of that, 120 done")
        .because(causes[0].line())
        .at("Database", "gis")
        .step_run("Install its files on the server's host:", "apt-get install postgresql-15-postgis-3");
    let failed = |name: &str| DatabaseOutcome {
        name: name.into(),
        fault: Some(fault.clone()),
        objects: Tally { done: 120, failed: 1, skipped: 34 },
        failures: vec![missing("EXTENSION postgis", Some(Code::MissingObject), 0)],
        skipped: vec![missing("TABLE public.roads", None, 0), missing("TABLE public.towns", None, 0)],
        ..DatabaseOutcome::default()
    };
    let good = |name: &str| DatabaseOutcome { name: name.into(), tables: 12, rows: 1000, bytes: Bytes(9000), ..DatabaseOutcome::default() };
    let summary = Summary {
        archives: vec!["/var/backups/dbbackup/cluster_20260130_143007_CET.tar.zst".into()],
        databases: vec![good("auth"), failed("gis"), failed("maps"), failed("billing"), failed("crm"), good("shop")],
        causes,
        failure_list: Some("/var/backups/dbbackup/cluster-restore-failures-20260130-143007.json".into()),
        then: Some(Step {
            text: "Then restore what failed again:".into(),
            command: Some("dbbackup restore cluster /var/backups/dbbackup/cluster_20260130_143007_CET.tar.zst --include gis --include maps --clean --confirm db01:5432".into()),
        }),
        warnings: Vec::new(),
        verified: None,
        ..summary()
    };
    let mut model = running();
    feed(&mut model, [Msg::Engine(JOB, Event::Finished(Box::new(summary)))]);
    model.toasts.clear();
    model
}

pub fn differing() -> Model {
    let mut model = running();
    let difference = Difference {
        database: "shop".into(),
        object: "table public.orders".into(),
        expected: "14,200,000 rows".into(),
        found: "14,199,999 rows".into(),
    };
    let proof = Proof { tables: 33, rows: 14_319_999, objects: 212, probed: 9, differences: vec![difference] };
    feed(&mut model, [Msg::Engine(JOB, Event::Finished(Box::new(Summary { proof: Some(proof), ..summary() })))]);
    model.toasts.clear();
    model
}

pub fn broken() -> Model {
    broken_by(auth_fault())
}

pub fn broken_by(fault: Fault) -> Model {
    let mut model = running();
    feed(&mut model, [Msg::Engine(JOB, Event::Failed(fault))]);
    model.toasts.clear();
    model
}

pub fn cancelled() -> Model {
    let mut model = running();
    feed(
        &mut model,
        [Msg::Engine(JOB, Event::Cancelled(Leftovers { things: vec!["database app_db, partly restored".into()], ..Leftovers::default() }))],
    );
    model.toasts.clear();
    model
}

/// A session of ours that waits for one who is queued behind two others, one of them the root.
pub fn waits() -> Vec<Wait> {
    let one = |pid: i32, depth: u32, blocked_by: &[i32], user: &str, state: &str, open: u64, statement: &str| Blocker {
        pid,
        depth,
        blocked_by: blocked_by.to_vec(),
        user: user.into(),
        database: "app_production".into(),
        application: "psql".into(),
        client: "10.0.0.9".into(),
        state: state.into(),
        transaction_ms: Some(open),
        statement: statement.into(),
        since: Stamp(NOW - 900_000),
        ..Blocker::default()
    };
    let root = one(4711, 1, &[], "anna", "idle in transaction", 552_000, "UPDATE orders SET state = 'paid' WHERE id = 4711");
    let blockers = vec![
        one(5120, 0, &[4711], "migration", "active", 41_000, "ALTER TABLE orders ADD COLUMN note text"),
        root.clone(),
        Blocker { depth: 0, ..root },
    ];
    vec![Wait {
        pid: 6001,
        database: "app_production".into(),
        object: "public.orders".into(),
        mode: "ROW EXCLUSIVE".into(),
        statement: "COPY public.orders FROM STDIN".into(),
        waited_ms: 17_400,
        limit_ms: 60_000,
        blockers,
    }]
}

fn disk(uses: &[&str], path: &str, used: u64, total: u64) -> Disk {
    let (used, total) = (used * 1_000_000, total * 1_000_000);
    let usage = Usage {
        total: Bytes(total),
        used: Bytes(used),
        free: Bytes(total - used),
        inodes: 6_000_000,
        inodes_used: 41_000,
        read_only: false,
    };
    Disk { uses: uses.iter().map(|one| (*one).to_owned()).collect(), path: path.into(), usage: Fact::Known(usage) }
}

/// A report of a server in trouble: a disk nearly full, a lock table as well, an archiver that fails.
pub fn diagnosis() -> Diagnosis {
    let hop =
        |step: HopStep, took_ms: u64, said: &str| Hop { step, took_ms, outcome: Fact::Known(said.into()), code: None, sqlstate: None };
    let locks = Locks { per_transaction: 64, max_connections: 100, max_prepared: 100 };
    let about = About {
        version: "PostgreSQL 15.4".into(),
        version_num: 150_004,
        max_connections: 100,
        reserved: 3,
        locks,
        shared_buffers: "128MB".into(),
        data_directory: Some("/var/lib/postgresql/15/main".into()),
        started: Stamp(NOW - 40 * HOUR),
        now: Stamp(NOW),
        ..About::default()
    };
    let archiver = Archiver {
        mode: "on".into(),
        failing: true,
        archived: 1204,
        failed: 38,
        last_archived: Some("00000001000000470000002E".into()),
        last_failed: Some("00000001000000470000002F".into()),
        failed_ago_ms: Some(19_000),
    };
    let slot = Slot { name: "old_standby".into(), kind: "physical".into(), held: Some(Bytes(18_400_000_000)), ..Slot::default() };
    let group =
        GroupLimit { group: "/system.slice/backup.service".into(), limit: Bytes(8_000_000_000), used: Bytes(3_200_000_000), killed: 0 };
    dbbackup::engine::diagnose::judge(Diagnosis {
        version: 1,
        tool: "0.1.0".into(),
        generated_ms: Stamp(NOW),
        generated: "2026-01-30 14:30:07 CET".into(),
        took_ms: 600,
        host: HostFacts {
            name: "backup01".into(),
            processors: 8,
            disks: vec![disk(&["backup"], "/var/backups/dbbackup", 96_100, 100_000), disk(&["work", "log"], "/", 12_000, 40_000)],
            memory: Fact::Known(Memory { total: Bytes(16_000_000_000), used: Bytes(5_000_000_000), group: Some(group) }),
            files: Fact::Known(Files { own: 234, own_limit: 4096, system: 9000, system_limit: 9_000_000 }),
            load: Fact::Known(Load { one: 0.5, five: 0.4, fifteen: 0.3 }),
        },
        server: Some(ServerFacts {
            label: "db01:5432".into(),
            address: "db01:5432".into(),
            host: "db01".into(),
            port: 5432,
            user: "backup".into(),
            database: "postgres".into(),
            reach: vec![
                hop(HopStep::Resolve, 1, "10.0.0.7"),
                hop(HopStep::Connect, 2, "10.0.0.7:5432"),
                hop(HopStep::Tls, 4, "encrypted"),
                hop(HopStep::Login, 6, "as backup"),
            ],
            about: Fact::Known(about),
            connections: Fact::Known(15),
            locks_in_use: Fact::Known(12_040),
            slots: Fact::Known(vec![slot]),
            archiver: Fact::Known(archiver),
            tool: Fact::Known("pg_dump 15.4".into()),
            ..ServerFacts::default()
        }),
        ..Diagnosis::default()
    })
}

/// A report of a MariaDB server in trouble: a replica that has stopped, a waiter whose obstacle it does not name, a log that grows.
pub fn diagnosis_of_mariadb() -> Diagnosis {
    use dbbackup::domain::Product;
    use dbbackup::domain::diagnosis::mysql::{BinaryLog, BufferPool, Channel, MysqlFacts, OpenFiles, ServerSettings, UserConnections};
    use dbbackup::domain::wait::Wait;
    let user = |user: &str, connections, idle| UserConnections { user: user.into(), connections, idle };
    let channel = Channel {
        source: "db01:3306".into(),
        receives: "Yes".into(),
        applies: "No".into(),
        error: Some(
            "Could not execute Write_rows_v1 event on table shop.orders; Duplicate entry '4711' for key 'PRIMARY' (error 1062)".into(),
        ),
        gtid: Some("0-1-88213".into()),
        ..Channel::default()
    };
    let facts = MysqlFacts {
        users: Fact::Known(vec![user("app", 118, 97), user("report", 14, 1), user("backup", 3, 1)]),
        pool: Fact::Known(BufferPool {
            size: Bytes(134_217_728),
            used: Bytes(131_000_000),
            dirty: Bytes(9_400_000),
            requests: 9_210_431,
            reads: 801_223,
        }),
        data: Fact::Known(Bytes(48_200_000_000)),
        files: Fact::Known(OpenFiles { files: 611, limit: 32_000, tables: 400, cache: 2000, opened: 4410, up_ms: 144_000_000 }),
        log: Fact::Known(BinaryLog { written: true, files: 212, bytes: Bytes(31_800_000_000), keep_seconds: 0 }),
        replication: Fact::Known(vec![channel]),
        settings: Fact::Known(ServerSettings {
            max_allowed_packet: Bytes(16_777_216),
            read_only: "read_only".into(),
            ..ServerSettings::default()
        }),
    };
    let wait = Wait {
        pid: 5120,
        database: "shop".into(),
        object: "the definition of a table".into(),
        statement: "ALTER TABLE orders ADD COLUMN note varchar(200)".into(),
        waited_ms: 184_000,
        ..Wait::default()
    };
    let mut diagnosis = diagnosis();
    let server = diagnosis.server.as_mut().expect("a server");
    let (label, address) = ("db02:3306".to_owned(), "db02:3306".to_owned());
    let none = || "this product has none".to_owned();
    *server = ServerFacts {
        product: Product::Mariadb,
        label,
        address,
        host: "db02".into(),
        port: 3306,
        database: String::new(),
        about: Fact::Known(About {
            version: "MariaDB 10.11.19".into(),
            version_num: 101_119,
            in_recovery: true,
            max_connections: 151,
            shared_buffers: "134.2 MB".into(),
            data_directory: Some("/var/lib/mysql/".into()),
            started: Stamp(NOW - 40 * HOUR),
            now: Stamp(NOW),
            ..About::default()
        }),
        connections: Fact::Known(135),
        locks_in_use: Fact::Unknown(none()),
        slots: Fact::Unknown(none()),
        archiver: Fact::Unknown(none()),
        transactions: Fact::Known(Vec::new()),
        waits: Fact::Known(vec![wait]),
        wal: Fact::Known(Bytes(31_800_000_000)),
        tool: Fact::Known("SHOW CREATE".into()),
        mysql: Some(facts),
        ..server.clone()
    };
    diagnosis.host.disks =
        vec![disk(&["backup"], "/var/backups/dbbackup", 40_000, 100_000), disk(&["data directory"], "/var/lib/mysql", 81_000, 100_000)];
    dbbackup::engine::diagnose::judge(diagnosis)
}

/// The same server, stopped, and the failure that came of it.
pub fn diagnosis_of_failure() -> Diagnosis {
    let refused = "10.0.0.7:5432: Connection refused (os error 111)";
    let mut diagnosis = diagnosis();
    let fault = Fault::new(Code::ConnectionRefused, "cannot connect to db01:5432").because("Connection refused (os error 111)");
    diagnosis.error = Some((&fault).into());
    if let Some(server) = &mut diagnosis.server {
        server.reach.truncate(1);
        server.reach.push(Hop {
            step: HopStep::Connect,
            took_ms: 3,
            outcome: Fact::Unknown(refused.into()),
            code: Some(Code::ConnectionRefused),
            sqlstate: None,
        });
        let why = || format!("connect failed: {refused}");
        server.about = Fact::Unknown(why());
        server.connections = Fact::Unknown(why());
        server.locks_in_use = Fact::Unknown(why());
        server.slots = Fact::Unknown(why());
        server.archiver = Fact::Unknown(why());
    }
    diagnosis.host.disks[0] = disk(&["backup"], "/var/backups/dbbackup", 40_000, 100_000);
    dbbackup::engine::diagnose::judge(diagnosis)
}

/// The screen with its report.
pub fn diagnosed() -> Model {
    crate::app::harness::Harness::of(ready()).keys("8").answer(Ok(Reply::Diagnosis(Box::new(diagnosis())))).model
}

/// Reports of before.
pub fn kept_reports() -> Vec<KeptReport> {
    let report = |second: u32, code: Code, about: Result<&str, &str>| KeptReport {
        path: format!("/var/backups/dbbackup/diagnostics-20260130-1815{second:02}.json").into(),
        stamp: format!("2026-01-30 18:15:{second:02}"),
        about: about.map(str::to_owned).map_err(str::to_owned),
        code: Some(code),
    };
    vec![
        report(
            40,
            Code::LockTableFull,
            Ok(
                "Lock table capacity too low (12,800 total locks). Likely cause: max_locks_per_transaction (128) too low for this database size",
            ),
        ),
        report(31, Code::AuthFailed, Ok(HOSTILE)),
        report(3, Code::DiskFull, Err("EOF while parsing a value at line 1 column 0")),
    ]
}

/// The screen with them.
pub fn past_reports() -> Model {
    crate::app::harness::Harness::of(diagnosed()).keys("h").answer(Ok(Reply::Reports(kept_reports()))).model
}
