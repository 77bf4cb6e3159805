//! The audit: who did what, before it was done.

use super::json_lines;
use crate::support::postgres::server;
use crate::support::program::{dbbackup, on, run};
use dbbackup::app::cmd::Query;
use dbbackup::app::msg::Reply;
use dbbackup::config::environment::Environment;
use dbbackup::domain::job::Summary;
use dbbackup::domain::plan::{Confirmed, Plan};
use dbbackup::domain::spec::JobSpec;
use dbbackup::domain::wait::{Blocker, Ending};
use dbbackup::domain::{Code, Fault};
use dbbackup::engine::event::EventSink;
use dbbackup::runtime::audit::{Audit, Audited};
use dbbackup::runtime::log::chosen::Wish;
use dbbackup::runtime::work::Work;
use futures_util::future::BoxFuture;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[test]
fn a_backup_and_a_restore_that_replaces_leave_who_what_and_how() {
    let server = server(15);
    let name = server.database("audited");
    server.sql(&name, "create table t as select generate_series(1, 100) i");
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().display().to_string();
    let audit = home.path().join("deep/audit.jsonl");
    let flag = audit.display().to_string();
    let archive =
        run(&mut on(server, home.path(), &["backup", "single", &name, "--backup-dir", &dir, "--audit-file", &flag])).ok().archive();
    let archive = archive.display().to_string();
    let restore = ["restore", "single", &archive, "--target", &name, "--clean", "--confirm", &name, "--audit-file", &flag];
    run(on(server, home.path(), &restore).env("SUDO_USER", "anna")).ok();
    let lines = json_lines(&audit);
    let told: Vec<String> =
        lines.iter().map(|line| format!("{} {} {}", line["event"], line["action"], line["outcome"]).replace('"', "")).collect();
    assert_eq!(
        told,
        [
            "begin backup null",
            "end backup done",
            "begin restore null",
            "begin drop-database null",
            "end drop-database done",
            "end restore done"
        ]
    );
    for line in &lines {
        assert!(line["target"].as_str().is_some_and(|target| target.starts_with(&format!("{name} at "))), "{line}");
        assert!(line["uid"].is_u64() && line["user"].is_string() && line["host"].is_string(), "{line}");
        assert!(line["command"].as_str().is_some_and(|command| command.contains("single")), "{line}");
        assert_eq!(line["run"].as_str().map(str::len), Some(12), "{line}");
    }
    assert!(lines[..2].iter().all(|line| line["run"] == lines[0]["run"] && line.get("sudo_user").is_none()));
    assert!(lines[2..].iter().all(|line| line["run"] == lines[2]["run"] && line["sudo_user"] == "anna"));
    assert!(lines[2]["destroys"][0].as_str().is_some_and(|what| what.starts_with(&name)), "{}", lines[2]);
    assert_eq!(std::fs::metadata(&audit).expect("the file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn nothing_is_begun_when_the_audit_that_was_asked_for_cannot_be_written() {
    let server = server(15);
    let name = server.database("unaudited");
    server.sql(&name, "create table t as select 1 i");
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().display().to_string();
    let archive =
        run(&mut on(server, home.path(), &["backup", "single", &name, "--backup-dir", &dir, "--audit-file", "off"])).ok().archive();
    let archive = archive.display().to_string();
    let restore = ["restore", "single", &archive, "--target", &name, "--clean", "--confirm", &name, "--audit-file", "/dev/full"];
    run(&mut on(server, home.path(), &restore)).fails(73, "OUTPUT_UNWRITABLE");
    assert_eq!(server.sql(&name, "select count(*) from t"), "1", "the database is as it was");
}

#[test]
fn a_failed_run_says_so_and_a_refused_one_was_never_begun() {
    let home = tempfile::tempdir().expect("a folder");
    let audit = home.path().join("audit.jsonl");
    let arguments = ["backup", "single", "shop", "--host", "127.0.0.1", "--port", "1", "--batch", "--audit-file"];
    run(dbbackup(home.path(), &arguments).arg(&audit)).fails(69, "CONNECTION_REFUSED");
    assert!(!audit.exists(), "what could not even be planned has touched nothing");
}

/// Does what it is asked for.
struct Obedient;

impl Work for Obedient {
    fn plan(&self, _: JobSpec, _: Arc<dyn EventSink>, _: CancellationToken) -> BoxFuture<'static, Result<Plan, Fault>> {
        Box::pin(async { Err(Fault::internal("nothing is planned here")) })
    }

    fn run(&self, _: Confirmed, _: Arc<dyn EventSink>, _: CancellationToken) -> BoxFuture<'static, Result<Summary, Fault>> {
        Box::pin(async { Err(Fault::internal("nothing is run here")) })
    }

    fn answer(&self, query: Query) -> BoxFuture<'static, Result<Reply, Fault>> {
        Box::pin(async move {
            match query {
                Query::Delete(_) => Ok(Reply::Deleted),
                Query::EndSession(..) => Err(Fault::new(Code::PermissionDenied, "not yours\u{1b}[2J")),
                _ => Ok(Reply::Archives(Vec::new())),
            }
        })
    }
}

#[test]
fn what_the_screens_destroy_is_audited_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("audit.jsonl");
    let audited = |path: &Path, wish| Audited::new(Arc::new(Obedient), Audit::new(path.to_owned(), wish, &Environment::of([]), "dbbackup"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("threads");
    let work = audited(&path, Wish::Asked);
    let blocker = Blocker { pid: 4711, user: "anna".into(), statement: "alter role x password 'geheim'".into(), ..Blocker::default() };
    assert!(runtime.block_on(work.answer(Query::Delete("/b/a\n.tar".into()))).is_ok());
    let end = Query::EndSession(Box::default(), Box::new(blocker), Ending::Terminate);
    assert!(runtime.block_on(work.answer(end)).is_err());
    assert!(runtime.block_on(work.answer(Query::Archives("/b".into()))).is_ok());
    let told: Vec<String> = json_lines(&path)
        .iter()
        .map(|line| {
            format!("{} {} {} {} {}", line["event"], line["action"], line["target"], line["outcome"], line["code"]).replace('"', "")
        })
        .collect();
    assert_eq!(told[..2], ["begin delete-archive /b/a\\\\x0a.tar null null", "end delete-archive /b/a\\\\x0a.tar done null"]);
    assert!(told[2].starts_with("begin end-session pid 4711 at ") && told[3].ends_with("failed PERMISSION_DENIED"), "{told:?}");
    assert_eq!(told.len(), 4, "who only asks does nothing");
    assert!(!std::fs::read_to_string(&path).expect("text").contains("geheim"));
    // By default a missing audit is no reason to refuse; where it was asked for, it is.
    let full = Path::new("/dev/full");
    assert!(runtime.block_on(audited(full, Wish::Default).answer(Query::Delete("/b/a".into()))).is_ok());
    let refused = runtime.block_on(audited(full, Wish::Asked).answer(Query::Delete("/b/a".into())));
    assert_eq!(refused.expect_err("refused").code, Code::OutputUnwritable);
}
