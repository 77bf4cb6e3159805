//! The whole way from readers to a named file, with a server that can fail at will.

use super::fake::{Fake, FakeTable, Trouble, context, table};
use dbbackup::archive::reader::Archive;
use dbbackup::domain::codec::{Codec, Compression};
use dbbackup::domain::job::{DatabaseState, Summary};
use dbbackup::domain::plan::CheckState;
use dbbackup::domain::spec::{BackupSpec, Effort, NameTime, Scope, VerifyMode};
use dbbackup::domain::{Code, Connection, Fault};
use dbbackup::engine::backup::{self, rows};
use dbbackup::engine::event::Event;
use dbbackup::engine::prove::{self, Expected};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

const MIB: u64 = 1 << 20;

fn spec(dir: &Path, scope: Scope, jobs: u32) -> BackupSpec {
    BackupSpec {
        connection: Connection::default(),
        scope,
        dir: dir.to_owned(),
        compression: Compression { codec: Codec::Zstd, level: 1 },
        effort: Effort { jobs, memory: 16 * MIB, chunk_size: MIB / 4 },
        verify: VerifyMode::Auto,
        name_time: NameTime::Utc,
    }
}

fn single(names: &[&str]) -> Scope {
    Scope::Single { databases: names.iter().map(|name| (*name).to_owned()).collect() }
}

fn cluster() -> Scope {
    Scope::Cluster { include: Vec::new(), exclude: Vec::new(), parallel: 2 }
}

/// Some tables: one that is cut into ranges (the server says that it is heavy), small ones, an empty one.
fn tables() -> Vec<FakeTable> {
    vec![FakeTable { heavier: 200, ..table("giant", 30_000, 120) }, table("small", 7, 40), table("empty", 0, 10), table("wide", 40, 50_000)]
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .map(|dir| dir.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

async fn back_up(server: &Arc<Fake>, spec: &BackupSpec) -> Result<Summary, Fault> {
    let (context, _) = context(server.clone());
    let done = backup::run(spec, &context).await;
    assert_eq!(server.books.open.load(SeqCst), 0, "every reader is closed, whatever happened");
    assert_eq!(server.books.snapshots.load(SeqCst), 0, "and every snapshot");
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_holds_exactly_the_rows_whatever_the_number_of_jobs() {
    let mut prints = Vec::new();
    for jobs in [1, 4] {
        let dir = tempfile::tempdir().expect("a folder");
        let server = Fake::new(vec![("shop", tables())]);
        let summary = back_up(&server, &spec(dir.path(), single(&["shop"]), jobs)).await.expect("a backup");
        assert!(server.books.most_open.load(SeqCst) <= i64::from(rows::sessions(jobs)));
        let [path] = summary.archives.as_slice() else { panic!("one archive: {summary:?}") };
        assert_eq!((summary.verified.as_deref(), summary.failed().count()), (Some("full"), 0));
        assert_eq!(summary.rows, tables().iter().map(|table| table.rows).sum::<u64>());
        assert_eq!(summary.warnings, ["shop: a note"]);
        let names = files(dir.path());
        assert_eq!(names.len(), 3, "the archive and its side files, nothing else: {names:?}");
        assert!(names[0].starts_with("db_shop_") && names[0].ends_with("_UTC.tar.zst"));
        for name in &names {
            let mode = std::fs::metadata(dir.path().join(name)).expect("metadata").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let archive = Archive::open(path).expect("an archive");
        let database = &archive.manifest().databases[0];
        for (entry, table) in database.tables.iter().zip(tables()) {
            let mut found = Vec::new();
            for chunk in &entry.chunks {
                let name = dbbackup::archive::names::chunk(&entry.dir, chunk.number, entry.table.format);
                assert_eq!(archive.frame_of(&name), Some(chunk.frame));
                let data = archive.entry(&name).expect("a chunk");
                assert_eq!(data.len() as u64, chunk.bytes);
                found.extend(data);
            }
            assert!(found == table.all_rows(), "the chunks of {} are in the table's order", table.name);
            assert_eq!((entry.rows, entry.bytes), (table.rows, found.len() as u64));
        }
        assert!(database.tables[0].chunks.len() > 8, "{}", database.tables[0].chunks.len());
        prints.push(database.tables.iter().map(|table| table.fingerprint.clone()).collect::<Vec<_>>());
        for entry in ["README.txt", "databases/shop/schema.jsonl", "databases/shop/post-data.sql", "databases/shop/load.sql"] {
            assert!(!archive.entry(entry).expect(entry).is_empty());
        }
    }
    assert_eq!(prints[0], prints[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_of_a_reader_ends_the_run_and_leaves_nothing() {
    for (trouble, code) in [(Trouble::Fails, Code::PermissionDenied), (Trouble::Panics, Code::Internal), (Trouble::Lies, Code::Internal)] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut all = tables();
        all.push(table("bad", 5_000, 100).with(trouble));
        let server = Fake::new(vec![("shop", all)]);
        let fault = back_up(&server, &spec(dir.path(), single(&["shop"]), 2)).await.expect_err("a failure");
        assert_eq!(fault.code, code, "{fault:?}");
        if trouble != Trouble::Panics {
            assert!(fault.context.contains(&("Table".into(), "public.bad".into())), "{fault:?}");
            assert!(fault.context.contains(&("Database".into(), "shop".into())), "{fault:?}");
        }
        assert_eq!(files(dir.path()), [] as [&str; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_ends_the_statements_on_the_server_and_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Fake::new(vec![("shop", vec![table("stuck", 5_000, 100).with(Trouble::Hangs), table("fine", 500, 100)])]);
    let (context, _) = context(server.clone());
    let spec = spec(dir.path(), single(&["shop"]), 2);
    let cancel = context.cancel.clone();
    let books = server.books.clone();
    let (done, ()) = tokio::join!(backup::run(&spec, &context), async move {
        books.hanging.acquire().await.expect("open").forget();
        cancel.cancel();
    });
    assert_eq!(done.expect_err("it was cancelled").code, Code::Cancelled);
    assert_eq!(server.books.cancels.load(SeqCst), 1);
    assert_eq!((server.books.open.load(SeqCst), server.books.snapshots.load(SeqCst)), (0, 0));
    assert_eq!(files(dir.path()), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failed_database_does_not_spoil_a_cluster() {
    let dir = tempfile::tempdir().expect("a folder");
    let bad = vec![table("bad", 5_000, 100).with(Trouble::Fails), table("good", 50, 100)];
    let panics = vec![table("panics", 50, 100).with(Trouble::Panics)];
    let mut server = Fake::new(vec![("a", tables()), ("b", bad), ("c", vec![table("t", 10, 10)]), ("d", panics)]);
    Arc::get_mut(&mut server).expect("nobody else has it").closed = vec!["shut"];
    let summary = back_up(&server, &spec(dir.path(), cluster(), 2)).await.expect("a backup of the rest");
    let failed: Vec<_> =
        summary.failed().map(|database| (database.name.as_str(), database.fault.as_ref().map(|fault| fault.code))).collect();
    assert_eq!(failed, [("b", Some(Code::PermissionDenied)), ("d", Some(Code::Internal)), ("shut", Some(Code::Incomplete))]);
    assert_eq!(summary.verified.as_deref(), Some("quick"));
    let archive = Archive::open(&summary.archives[0]).expect("an archive");
    let manifest = archive.manifest();
    assert_eq!(manifest.head.status, dbbackup::archive::manifest::Status::Partial);
    assert_eq!(manifest.head.database_names, ["a", "b", "c", "d", "shut"]);
    let why: Vec<_> = manifest.databases.iter().map(|database| database.failed.is_some()).collect();
    assert_eq!(why, [false, true, false, true, true]);
    assert_eq!(manifest.databases[2].tables[0].rows, 10);
    assert!(!archive.entry("globals.sql").expect("globals").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_which_nothing_can_be_read_fails() {
    let dir = tempfile::tempdir().expect("a folder");
    let bad = || vec![table("bad", 50, 100).with(Trouble::Fails)];
    let server = Fake::new(vec![("a", bad()), ("b", bad())]);
    let fault = back_up(&server, &spec(dir.path(), cluster(), 2)).await.expect_err("a failure");
    assert_eq!(fault.code, Code::PermissionDenied);
    assert_eq!(files(dir.path()), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_databases_become_several_archives_and_a_missing_one_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Fake::new(vec![("shop", tables()), ("bad", vec![table("bad", 50, 100).with(Trouble::Fails)]), ("crm", tables())]);
    let summary = back_up(&server, &spec(dir.path(), single(&["shop", "bad", "crm", "shpo"]), 2)).await.expect("two archives");
    assert_eq!(summary.archives.len(), 2);
    let failed: Vec<_> =
        summary.failed().map(|database| (database.name.as_str(), database.fault.as_ref().map(|fault| fault.code))).collect();
    assert_eq!(failed, [("bad", Some(Code::PermissionDenied)), ("shpo", Some(Code::DatabaseMissing))]);
    assert_eq!(files(dir.path()).len(), 6);
    let fault = back_up(&server, &spec(dir.path(), single(&["shpo"]), 2)).await.expect_err("nothing to do");
    assert_eq!(fault.code, Code::DatabaseMissing);
    assert!(fault.steps[0].text.contains("\"shop\""), "{fault:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_rows_go_through_a_small_budget_and_progress_never_says_all_done_too_early() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = vec![table("huge", 12, 3 * MIB as usize), table("plain", 20_000, 100)];
    let server = Fake::new(vec![("shop", all)]);
    let (context, heard) = context(server.clone());
    let mut spec = spec(dir.path(), single(&["shop"]), 2);
    spec.effort = Effort { jobs: 2, memory: MIB, chunk_size: MIB / 4 };
    backup::run(&spec, &context).await.expect("a backup");
    let heard = heard.0.lock().expect("no panic while it is held");
    let samples: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            Event::Progress(progress) => Some(progress),
            _ => None,
        })
        .collect();
    assert!(!samples.is_empty());
    for sample in &samples {
        assert!(sample.bytes.percent() < 100.0);
        assert!(sample.memory < MIB + 3 * 8 * MIB, "one huge row for each reader may be above the limit: {}", sample.memory);
        assert_eq!(sample.memory_limit, MIB);
    }
    let last = samples.last().expect("a last sample");
    assert_eq!(last.databases[0].state, DatabaseState::Done);
    assert_eq!(last.databases[0].bytes.done, last.databases[0].bytes.total);
    assert!(last.written > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_will_be_done_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let below = dir.path().join("backups");
    let server = Fake::new(vec![("shop", tables())]);
    let (context, heard) = context(server.clone());
    let plan = backup::plan::plan(&spec(&below, single(&["shop", "crm"]), 2), &context).await.expect("a plan");
    assert!(!below.exists());
    assert_eq!((plan.items.len(), plan.items[0].tables, plan.confirm.as_deref()), (1, Some(4), None));
    assert!(plan.items[0].target.starts_with("db_shop_"));
    assert!(plan.total.0 > 0);
    let failed: Vec<_> = plan.checks.iter().filter(|check| check.state == CheckState::Failed).map(|check| check.name.as_str()).collect();
    assert_eq!(failed, ["database crm"]);
    let told = heard.0.lock().expect("no panic while it is held").iter().filter(|event| matches!(event, Event::Checked(_))).count();
    assert_eq!(told, plan.checks.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_finds_what_differs_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Fake::new(vec![("shop", tables())]);
    let summary = back_up(&server, &spec(dir.path(), single(&["shop"]), 2)).await.expect("a backup");
    let archive = Archive::open(&summary.archives[0]).expect("an archive");
    let database = &archive.manifest().databases[0];
    let inventory = archive.entry("databases/shop/inventory.jsonl").expect("an inventory");
    let inventory: Vec<_> = serde_json::Deserializer::from_slice(&inventory).into_iter().map(|item| item.expect("an item")).collect();
    let expected = Expected {
        database,
        inventory,
        same_version: true,
        tables: database.tables.iter().enumerate().map(|(at, table)| (at, table.table.name.clone())).collect(),
        whole: true,
        ignore_owners: false,
        ignore_acl: false,
    };
    let mut changed = tables();
    changed[0].rows -= 1;
    changed[3].width += 1;
    changed.remove(1);
    for (tables, tables_equal, differences) in [
        (tables(), 4, vec!["sequence of column public.a.id"]),
        (changed, 1, vec!["table public.small", "table public.giant", "table public.wide", "sequence of column public.a.id"]),
    ] {
        let target = Fake::new(vec![("copy", tables)]);
        let (context, _) = context(target.clone());
        let effort = Effort { jobs: 3, memory: 8 * MIB, chunk_size: MIB / 4 };
        let proof = prove::prove(&expected, "copy", effort, &context, &|done, total| assert!(done <= total), None).await.expect("a proof");
        assert_eq!((proof.tables, proof.objects, proof.probed), (tables_equal, 2, 3), "{proof:?}");
        let objects: Vec<_> = proof.differences.iter().map(|difference| difference.object.as_str()).collect();
        assert_eq!(objects, differences);
        assert_eq!((target.books.open.load(SeqCst), target.books.snapshots.load(SeqCst)), (0, 0));
    }
}
