//! What is known before a restore touches anything: each check provoked on a real server.

mod missing;
mod program;
mod room;

use super::*;
use crate::support::postgres::server;
use dbbackup::domain::Code;
use dbbackup::domain::plan::{Check, CheckState};
use dbbackup::domain::spec::{Depth, Rehearse};

/// The lines of a plan with a name.
pub fn lines<'a>(plan: &'a Plan, name: &str) -> Vec<&'a Check> {
    plan.checks.iter().filter(|check| check.name == name).collect()
}

/// The only line with a name.
#[track_caller]
pub fn line<'a>(plan: &'a Plan, name: &str) -> &'a Check {
    match lines(plan, name)[..] {
        [only] => only,
        _ => panic!("{name} in {:#?}", plan.checks),
    }
}

/// A check failed for this reason, and says so with a cure.
#[track_caller]
pub fn failed(plan: &Plan, name: &str, code: Code, word: &str) {
    let found = lines(plan, name)
        .into_iter()
        .any(|check| check.state == CheckState::Failed && check.code == Some(code) && check.detail.contains(word) && check.cure.is_some());
    assert!(found, "{name} {code:?} {word}: {:#?}", plan.checks);
}

/// Databases of a server, by name.
pub fn databases(server: &TestServer) -> String {
    server.sql("postgres", "select string_agg(datname || ' ' || oid, ', ' order by datname) from pg_database")
}

/// The engine on another server than that of the archive.
pub fn elsewhere(there: &TestServer) -> (Context, Arc<Heard>) {
    on(connection(there), there)
}

/// The engine on a connection.
pub fn on(connection: Connection, there: &TestServer) -> (Context, Arc<Heard>) {
    let postgres = Postgres::new(connection, None).expect("a connection").with_tools(vec![there.bin.clone()]);
    let heard = Arc::new(Heard::default());
    (Context { server: Some(Arc::new(postgres)), events: heard.clone(), cancel: CancellationToken::new() }, heard)
}

pub async fn plan_on(context: &Context, spec: &RestoreSpec) -> Plan {
    engine::plan(&JobSpec::Restore(spec.clone()), context).await.unwrap_or_else(|fault| panic!("{}", fault.render("Plan failed")))
}

pub fn care(spec: &RestoreSpec, change: impl FnOnce(&mut Care)) -> RestoreSpec {
    let mut spec = spec.clone();
    change(&mut spec.care);
    spec
}

#[test]
fn every_question_is_answered_and_told_as_it_is() {
    let bench = Bench::new(server(15));
    let source = zoo(bench.server, "asked");
    run(async {
        let archive = bench.backup_of(&source).await;
        let target = format!("{source}_copy");
        let plan = bench.plan(&spec(bench.server, &archive, &target)).await.expect("a plan");
        let bad: Vec<_> = plan.checks.iter().filter(|check| !matches!(check.state, CheckState::Ok)).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        let names: Vec<&str> = plan.checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "archive",
                "server",
                "rights",
                "version",
                "extensions",
                "roles",
                "tablespaces",
                "disk space",
                "lock table",
                "connections",
                "work folder",
                "target",
                "locale",
                "rehearsal"
            ]
        );
        assert!(line(&plan, "rehearsal").detail.contains("definitions of 1 databases tried out"), "{plan:#?}");
        assert!(!bench.exists(&target), "a plan makes nothing");
        let heard = bench.heard.0.lock().expect("a list");
        let told: Vec<&Check> = heard
            .iter()
            .filter_map(|event| match event {
                Event::Checked(check) => Some(check),
                _ => None,
            })
            .collect();
        assert!(told.iter().any(|check| check.name == "rehearsal" && check.state == CheckState::Running), "{told:#?}");
        for check in &plan.checks {
            assert!(told.contains(&check), "{check:?} was not told");
        }
    });
}

#[test]
fn every_byte_is_checked_first_where_that_is_asked_for() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("bytes");
    bench.server.sql(&source, "create table t as select i, md5(i::text) from generate_series(1, 20000) i");
    run(async {
        let archive = bench.backup_of(&source).await;
        let target = format!("{source}_copy");
        let full = care(&spec(bench.server, &archive, &target), |care| care.verify_first = Depth::Full);
        assert!(line(&bench.plan(&full).await.expect("a plan"), "archive").detail.contains("every byte checked"));
        // In the middle of the rows, where no structure is.
        let mut bytes = std::fs::read(&archive).expect("an archive");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(&archive, bytes).expect("an archive");
        let quick = care(&full, |care| care.verify_first = Depth::Quick);
        assert_eq!(bench.plan(&quick).await.expect("a plan").obstacle(), None);
        let forced = care(&full, |care| care.force = true);
        let plan = bench.plan(&forced).await.expect("a plan");
        failed(&plan, "archive", Code::CorruptedBackup, "offset");
        assert_eq!(plan.obstacle().map(|fault| fault.code), Some(Code::CorruptedBackup), "nothing gets past damage");
        assert!(!bench.exists(&target));
    });
}

#[test]
fn a_standby_takes_no_restore() {
    let primary = TestServer::start(15, "");
    let bench = Bench::new(server(15));
    let source = bench.server.database("for_standby");
    bench.server.sql(&source, "create table t (id int)");
    let standby = crate::postgres::source_standby::of(&primary);
    run(async {
        let archive = bench.backup_of(&source).await;
        let to = RestoreSpec { connection: standby.connection.clone(), ..spec(&primary, &archive, "copy") };
        let (context, _) = on(standby.connection.clone(), &primary);
        let plan = plan_on(&context, &care(&to, |care| care.force = true)).await;
        failed(&plan, "server", Code::ServerUnavailable, "standby");
        assert_eq!(line(&plan, "rehearsal").state, CheckState::Unknown);
    });
}
