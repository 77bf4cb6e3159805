//! What each screen makes of keys.

use super::harness::Harness;
use crate::view::fixtures;
use dbbackup::app::cmd::{Cmd, Query, ReqId};
use dbbackup::app::msg::{Msg, Reply};
use dbbackup::domain::Code;
use dbbackup::domain::Fault;
use dbbackup::domain::job::Summary;
use dbbackup::domain::schema::TableName;
use dbbackup::domain::spec::{Depth, JobSpec, RestoreScope, RestoreSpec, Sample, Scope, VerifySpec, What};
use dbbackup::engine::event::Event;

fn planned_spec(harness: &mut Harness) -> JobSpec {
    match harness.take().pop() {
        Some(Cmd::Plan(_, spec)) => *spec,
        other => panic!("no plan was asked for: {other:?}"),
    }
}

fn planned_restore(harness: &mut Harness) -> RestoreSpec {
    match planned_spec(harness) {
        JobSpec::Restore(spec) => spec,
        other => panic!("not a restore: {other:?}"),
    }
}

fn inside(summary: dbbackup::domain::listing::ArchiveSummary) -> Harness {
    Harness::new().keys("3 enter").answer(Ok(Reply::Contents(Box::new(fixtures::contents(summary))))).quietly()
}

#[test]
fn home_says_what_to_do_next_and_does_it() {
    let mut harness = Harness::new().shows("billing has no good backup since 31 h").keys("enter").shows("OPTIONS").keys("enter");
    let JobSpec::Backup(spec) = planned_spec(&mut harness) else { panic!("not a backup") };
    assert!(matches!(spec.scope, Scope::Single { databases } if !databases.is_empty()));
}

#[test]
fn home_shows_how_to_cure_a_server_that_cannot_be_reached() {
    Harness::of(fixtures::failed()).shows("cannot be reached").shows("psql -h db01 -U backup -d postgres").keys("R").expect_cmds(&[
        Cmd::Fetch(ReqId(3), Query::Server(Box::new(fixtures::connection()))),
        Cmd::Fetch(ReqId(4), Query::Archives("/var/backups/dbbackup".into())),
    ]);
}

#[test]
fn stale_figures_stay_with_a_word_of_warning() {
    let harness = Harness::new().keys("R").send(Msg::Done(ReqId(3), Err(Fault::new(Code::ConnectTimeout, "no answer"))));
    harness.shows("these are older figures").shows("PostgreSQL 15.4");
}

#[test]
fn backup_marks_several_databases() {
    let mut harness = Harness::new().keys("2 space space enter");
    let JobSpec::Backup(spec) = planned_spec(&mut harness) else { panic!("not a backup") };
    assert_eq!(spec.scope, Scope::Single { databases: vec!["shop".into(), "billing".into()] });
    let mut harness = Harness::new().keys("2 w");
    let JobSpec::Backup(spec) = planned_spec(&mut harness) else { panic!("not a backup") };
    assert!(matches!(spec.scope, Scope::Cluster { .. }));
}

#[test]
fn backup_options_are_checked_where_they_are_typed() {
    let harness = Harness::new().keys("2 tab down 9 9").shows("1 to 19").quietly().keys("enter").sends_nothing().shows("level: 1 to 19");
    let mut harness = harness.keys("up right enter");
    let JobSpec::Backup(spec) = planned_spec(&mut harness) else { panic!("not a backup") };
    assert_eq!(spec.compression.to_string(), "gzip:6", "another codec begins at its own default");
}

#[test]
fn restore_asks_what_is_in_an_archive() {
    Harness::new()
        .keys("3 enter")
        .expect_cmds(&[Cmd::Fetch(ReqId(3), Query::Contents(fixtures::archive("shop", 3, 1).path))])
        .shows("reading the archive");
}

#[test]
fn a_whole_database_is_restored_as_a_new_one_and_proven() {
    let mut harness = inside(fixtures::archive("shop", 3, 1)).keys("enter").types("2").keys("enter");
    let spec = planned_restore(&mut harness);
    assert!(spec.create && !spec.clean && spec.prove);
    assert!(
        matches!(spec.scope, RestoreScope::Single { database: None, ref target, ref selection } if target == "shop2" && selection.is_everything()),
        "{:?}",
        spec.scope
    );
}

#[test]
fn one_table_is_restored_under_another_name() {
    // shop ▸ public ▸ customers, orders: the tree opens step by step.
    let harness =
        inside(fixtures::archive("shop", 3, 1)).keys("down down right down space").shows("table public.customers of shop").keys("enter");
    let mut harness = harness.keys("down down down").types("_old").keys("enter");
    let spec = planned_restore(&mut harness);
    assert!(!spec.create && !spec.clean, "parts go into a database that is there");
    let RestoreScope::Single { selection, .. } = spec.scope else { panic!("not a single restore") };
    assert_eq!(selection.include, ["public.customers"]);
    assert_eq!(selection.rename, Some((TableName::new("public", "customers"), TableName::new("public", "customers_old"))));
    assert_eq!(selection.what, What::All);
}

#[test]
fn one_database_of_a_cluster_archive_is_restored() {
    let mut harness = inside(fixtures::cluster_archive()).shows("the whole cluster").keys("down space enter enter");
    let spec = planned_restore(&mut harness);
    assert!(matches!(spec.scope, RestoreScope::Single { database: Some(ref name), .. } if name == "audit"), "{:?}", spec.scope);
}

#[test]
fn tables_of_two_databases_are_not_restored_at_once() {
    // shop ▸ audit marked, then audit ▸ audit.
    let harness = inside(fixtures::cluster_archive()).keys("right down space down down right down space");
    harness.shows("tables of several databases are marked").keys("enter").sends_nothing();
}

#[test]
fn roles_get_other_names_and_long_values_another_compression() {
    // target, database, restore, owners, roles.
    let harness = inside(fixtures::archive("shop", 3, 1)).keys("enter").types("2").keys("down down down down");
    let harness = harness.types("old").shows("write old=new").keys("enter").sends_nothing();
    let mut harness = harness.types("=new, app = \"App\"").keys("down down down right enter");
    let spec = planned_restore(&mut harness);
    assert_eq!(spec.map_roles, [("old".to_owned(), "new".to_owned()), ("app".to_owned(), "\"App\"".to_owned())]);
    assert_eq!(spec.toast_compression.as_deref(), Some("lz4"));
}

#[test]
fn an_empty_target_is_refused_where_it_is_typed() {
    let harness = inside(fixtures::archive("shop", 3, 1)).keys("enter ctrl-u").shows("a name is needed").quietly();
    harness.keys("enter").sends_nothing().shows("target: a name is needed");
}

#[test]
fn archives_are_verified_at_once_and_the_result_is_shown() {
    let paths = vec![fixtures::archive("shop", 3, 1).path];
    let spec = JobSpec::Verify(VerifySpec { archives: paths.clone(), depth: Depth::Full, jobs: 4, restore_test: None });
    let harness = Harness::new().keys("5 v").expect_cmds(&[Cmd::Plan(ReqId(3), Box::new(spec.clone()))]);
    let plan = dbbackup::domain::plan::Plan { spec, ..fixtures::backup_plan() };
    let harness = harness.send(Msg::Done(ReqId(3), Ok(Reply::Plan(Box::new(plan))))).shows("verifying");
    harness.send(Msg::Engine(fixtures::JOB, Event::Failed(Fault::new(Code::CorruptedBackup, "damaged")))).keys("5").shows("the backup is");
}

#[test]
fn a_restore_test_shows_its_plan_first() {
    let mut harness = Harness::new().keys("5 t");
    let spec = planned_spec(&mut harness);
    let JobSpec::Verify(verify) = &spec else { panic!("a verification: {spec:?}") };
    let test = verify.restore_test.as_ref().expect("a restore test");
    assert_eq!((verify.archives.len(), test.sample, test.effort.jobs), (1, Sample::Three, 4));
    let plan = dbbackup::domain::plan::Plan { spec, ..fixtures::backup_plan() };
    let mut harness = harness.send(Msg::Done(ReqId(3), Ok(Reply::Plan(Box::new(plan))))).sends_nothing().keys("enter");
    assert!(matches!(harness.take().as_slice(), [Cmd::Start(..)]));
    let done = Summary { verified: Some("restore-test".into()), ..Summary::default() };
    harness.send(Msg::Engine(fixtures::JOB, Event::Finished(Box::new(done)))).keys("5").shows("restore-tested");
}

#[test]
fn deleting_asks_and_several_want_a_word() {
    let gone = |path: std::path::PathBuf, id| Cmd::Fetch(ReqId(id), Query::Delete(path));
    let harness = Harness::new().keys("5 d").shows("Delete 1 archive").keys("enter").sends_nothing();
    harness.keys("y").expect_cmds(&[gone(fixtures::archive("shop", 3, 1).path, 3)]);
    let harness = Harness::new().keys("5 space space d").shows("Delete 2 archives").keys("enter").sends_nothing();
    let harness = harness.send(Msg::Paste("delete 2".into())).keys("enter").sends_nothing();
    harness
        .types("delete 2")
        .keys("enter")
        .expect_cmds(&[gone(fixtures::archive("shop", 3, 1).path, 3), gone(fixtures::cluster_archive().path, 4)]);
}

#[test]
fn a_frozen_job_counts_what_it_misses() {
    let harness = Harness::of(fixtures::running()).keys("f").shows("FROZEN");
    let progress = Event::Progress(Box::new(fixtures::cluster_progress(20_000_000_000)));
    let harness = harness.send(Msg::Engine(fixtures::JOB, progress)).shows("1 change missed").hides("20.0 GB");
    harness.keys("f").hides("FROZEN").shows("20.0 GB");
}

#[test]
fn an_error_is_shown_in_full() {
    Harness::of(fixtures::running())
        .keys("down down e")
        .shows("CREATE EXTENSION postgis")
        .shows("0A000")
        .shows("apt-get install")
        .keys("esc")
        .hides("0A000");
}

#[test]
fn the_log_is_held_and_followed() {
    let harness = Harness::of(fixtures::running()).keys("9").shows("following").keys("up").shows("▲ held");
    harness.keys("f").shows("following").keys("/").types("postgis").shows("1 found");
}

#[test]
fn help_shows_the_keys_of_the_screen_then_all() {
    Harness::new()
        .keys("5 ?")
        .shows("Keys here")
        .shows("verify")
        .hides("Question: delete")
        .keys("?")
        .shows("All keys")
        .keys("esc")
        .hides("All keys");
}

#[test]
fn the_command_is_copied_and_shown() {
    let mut harness = Harness::of(fixtures::running()).quietly().keys("Y").shows("dbbackup --host db01");
    let cmds = harness.take();
    assert!(
        matches!(cmds.as_slice(), [Cmd::Copy(line)] if line.starts_with("dbbackup --host db01 --user backup restore cluster ")),
        "{cmds:?}"
    );
}

/// The first word of each line of the table of databases.
fn listed(harness: &Harness) -> Vec<String> {
    let screen = harness.screen();
    let table = screen.lines().skip_while(|line| !line.contains("DATABASE")).skip(1);
    let names = table.map(|line| line.trim_start_matches(['│', '▸', '>', ' ']).split_whitespace().next().unwrap_or_default().to_owned());
    names.take_while(|name| name.starts_with("db_")).collect()
}

#[test]
fn what_failed_or_runs_is_in_sight_among_many_and_the_cursor_stays_on_its_database() {
    use dbbackup::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress};
    let at = |states: &[(usize, DatabaseState)]| {
        let mut databases: Vec<DatabaseProgress> =
            (0..30).map(|at| DatabaseProgress { name: format!("db_{at:02}"), ..DatabaseProgress::default() }).collect();
        for (at, state) in states {
            databases[*at].state = state.clone();
        }
        Msg::Engine(fixtures::JOB, Event::Progress(Box::new(Progress { databases, ..Progress::default() })))
    };
    let failed = || DatabaseState::Failed(Fault::new(Code::SqlFailed, "no"));
    let running = || DatabaseState::Running(Phase::Data);
    let done: Vec<(usize, DatabaseState)> = (0..20).map(|at| (at, DatabaseState::Done)).collect();
    let with = |more: &[(usize, DatabaseState)]| at(&[&done[..], more].concat());
    let harness = Harness::of(fixtures::running()).at(80, 24).send(with(&[(21, running()), (25, failed()), (27, running())]));
    assert_eq!(listed(&harness)[..4], ["db_25", "db_21", "db_27", "db_20"], "{}", harness.screen());
    // The cursor is on db_27; what comes before it does not take it away.
    let harness = harness.keys("down down").send(with(&[(21, DatabaseState::Done), (22, failed()), (25, failed()), (27, running())]));
    assert_eq!(listed(&harness)[..4], ["db_22", "db_25", "db_27", "db_20"], "{}", harness.screen());
    let harness = harness.keys("enter").shows("db_27");
    // Nothing moves between two samples of the same states.
    let harness = harness.keys("esc").send(with(&[(21, DatabaseState::Done), (22, failed()), (25, failed()), (27, running())]));
    assert_eq!(listed(&harness)[..4], ["db_22", "db_25", "db_27", "db_20"], "{}", harness.screen());
}

#[test]
fn limits_are_as_configured_until_they_are_set() {
    let mut closed = inside(fixtures::archive("shop", 3, 1)).keys("enter").keys("enter");
    let plain = planned_restore(&mut closed);
    let open = inside(fixtures::archive("shop", 3, 1)).keys("enter").hides("lock wait").keys("down end right");
    let open = open.shows("lock wait").shows("where this host has such things");
    // One field below the other: the wait for locks, silence, retries, the work folder.
    let mut open = open.keys("down backspace 5 down down backspace 7 down").types("/scratch").keys("down right").keys("enter");
    let set = planned_restore(&mut open);
    let expected = dbbackup::domain::spec::RestoreSpec {
        connection: dbbackup::domain::Connection { lock_timeout: 65, ..plain.connection.clone() },
        care: dbbackup::domain::spec::Care {
            retries: dbbackup::domain::spec::Retries(7),
            workdir: Some("/scratch".into()),
            keep_temp: true,
            ..plain.care.clone()
        },
        ..plain.clone()
    };
    assert_eq!(set, expected);
    // Closed again, they are as configured.
    let mut again = inside(fixtures::archive("shop", 3, 1))
        .keys("enter")
        .keys("down end right down backspace up left")
        .hides("lock wait")
        .keys("enter");
    assert_eq!(planned_restore(&mut again), plain);
    let mut harness = Harness::new().keys("2 tab end right").shows("silence").keys("down down backspace enter");
    let JobSpec::Backup(spec) = planned_spec(&mut harness) else { panic!("not a backup") };
    assert_eq!(spec.connection.network_timeout, 12);
}
