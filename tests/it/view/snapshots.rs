//! Each screen in each state at each size, as text.

use super::{draw, fixtures};
use crate::app::harness::Harness;
use dbbackup::app::model::Model;
use dbbackup::app::msg::{Msg, Reply};
use dbbackup::view::look::{Depth, Glyphs, Look};

const SIZES: [(u16, u16); 4] = [(80, 24), (100, 30), (200, 60), (40, 10)];

/// A screen in a state, at all sizes in one file, so that they are read side by side.
fn at_sizes(name: &str, model: &Model, sizes: &[(u16, u16)]) {
    let (look, _) = Look::load("mono", Depth::Mono, Glyphs::Unicode, "");
    let mut text = String::new();
    for (cols, rows) in sizes {
        let model = Harness::of(model.clone()).at(*cols, *rows).model;
        let screen = draw(&model, &look, *cols, *rows);
        text.push_str(&format!("== {cols}x{rows}\n{screen}"));
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, { insta::assert_snapshot!(name, text) });
}

fn keys(model: Model, keys: &str) -> Model {
    Harness::of(model).keys(keys).model
}

fn with_contents(cluster: bool) -> Model {
    let harness = Harness::new().keys("3");
    let harness = if cluster { harness.keys("s s s") } else { harness };
    let (down, summary) = if cluster { (0, fixtures::cluster_archive()) } else { (0, fixtures::archive("shop", 3, 812_000_000)) };
    let harness = (0..down).fold(harness, |harness, _| harness.keys("down"));
    harness.keys("enter").answer(Ok(Reply::Contents(Box::new(fixtures::contents(summary))))).model
}

#[test]
fn home() {
    for (state, model) in [
        ("loading", fixtures::opened()),
        ("empty", fixtures::empty()),
        ("normal", fixtures::ready()),
        ("failed", fixtures::failed()),
        ("hostile", fixtures::hostile()),
        ("running", keys(fixtures::running(), "1")),
        ("recovery", keys(super::recovery::shown("6", super::recovery::report()), "1")),
        ("base", super::recovery::with_base()),
    ] {
        at_sizes(&format!("home_{state}"), &model, &SIZES);
    }
}

/// A MariaDB server that has answered.
fn mariadb() -> Model {
    use dbbackup::domain::{Connection, Product};
    let mut model = fixtures::opened();
    let server = &mut model.servers[0].connection;
    *server = Connection { host: "db02".into(), user: "backup".into(), ..Connection::to(Product::Mariadb) };
    let info = dbbackup::domain::server::ServerInfo {
        product: Product::Mariadb,
        version: "10.11.19".into(),
        version_num: 101_119,
        system_identifier: None,
        data_directory: Some("/var/lib/mysql".into()),
        ..fixtures::server_info()
    };
    let mut databases = fixtures::databases();
    databases.retain(|database| !["postgres", "template1"].contains(&database.name.as_str()));
    for database in &mut databases {
        database.owner = String::new();
        database.encoding = "utf8mb4".into();
    }
    fixtures::feed(
        &mut model,
        [
            Msg::Done(fixtures::SERVER, Ok(Reply::Server(Box::new(info), databases))),
            Msg::Done(fixtures::ARCHIVES, Ok(Reply::Archives(fixtures::archives()))),
        ],
    );
    model
}

/// The same where the log is archived: a gap, a file in work, a backup before the gap and one behind it.
fn archived(key: &str) -> Model {
    use dbbackup::domain::binlog::{BinlogGap, BinlogReport, BinlogStats, Held, Leads, LogBackup, LogScope, LogStanding, Upstream};
    use dbbackup::domain::{Bytes, Stamp};
    let mut model = mariadb();
    let view = model.setup.settings.iter_mut().find(|view| view.name == "binlog.dir").expect("the setting");
    view.value = Some("/binlog".into());
    let hour = |number: i64| Stamp(fixtures::NOW - 3_600_000 * (30 - number));
    let log = |number: u64| format!("binlog.{number:06}").parse().expect("a name");
    let held = |number: u64, at: i64, whole: bool| Held {
        log: log(number),
        file: format!("binlog.{number:06}.{}", if whole { "zst" } else { "partial" }),
        bytes: Bytes(if whole { 31_000_000 } else { 44_000_000 }),
        plain: Some(Bytes(if whole { 104_857_600 } else { 44_000_000 })),
        whole,
        first: Some(hour(at - 4)),
        last: hour(at),
        before: None,
    };
    let report = BinlogReport {
        dir: "/binlog".into(),
        owner: Some("MariaDB 10.11.19, server_id 1".into()),
        stats: BinlogStats { files: 4, bytes: Bytes(124_000_000), plain: Some(Bytes(419_430_400)), open: None, strangers: 0 },
        logs: vec![held(41, 5, true), held(42, 10, true), held(45, 20, true), held(46, 25, true), held(47, 30, false)],
        gaps: vec![BinlogGap { first: log(43), last: log(44), from: hour(10), to: hour(16) }],
        upstream: Some(Upstream { oldest: Some(log(45)), end: None, behind: Some(Bytes(12_000)) }),
        room: Some((Bytes(80_000_000_000), Bytes(100_000_000_000))),
        growth: Some(Bytes(6_200_000)),
        full_in_ms: Some(46_000_000_000),
        ..BinlogReport::default()
    };
    let backup = |number: u64, at: i64, scope, leads| LogBackup {
        path: format!("/backups/cluster_{number}.tar.zst").into(),
        databases: vec!["shop".into(), "crm".into()],
        scope,
        taken: hour(at),
        place: dbbackup::domain::binlog::Place { log: log(number), offset: 1544 },
        leads,
    };
    let backups = vec![
        backup(38, -9, LogScope::Server, Leads::Nowhere),
        backup(41, 3, LogScope::Server, Leads::UpTo(hour(10))),
        backup(45, 17, LogScope::Server, Leads::ToEnd),
    ];
    let standing = LogStanding { report, backups };
    Harness::of(model).keys(key).answer(Ok(Reply::Binlog(Box::new(standing)))).model
}

fn mariadb_contents() -> Model {
    let mut contents = fixtures::contents(fixtures::archive("shop", 3, 812_000_000));
    for table in contents.databases.iter_mut().flat_map(|database| &mut database.tables) {
        table.name.schema = String::new();
    }
    Harness::of(mariadb()).keys("3 enter").answer(Ok(Reply::Contents(Box::new(contents)))).model
}

#[test]
fn a_server_of_another_product() {
    let sizes = [(80, 24), (200, 60)];
    for (state, model) in [
        ("home", mariadb()),
        ("backup", keys(mariadb(), "2 tab down down down down down")),
        ("contents", keys(mariadb_contents(), "down space")),
        ("target", keys(mariadb_contents(), "down space enter down down down down")),
        ("pitr", keys(mariadb(), "6")),
        ("wal", keys(mariadb(), "7")),
        ("pitr_archive", archived("6")),
        ("pitr_form", keys(archived("6"), "enter down down right")),
        ("wal_archive", archived("7")),
        ("diagnostics", keys(mariadb(), "8")),
        ("diagnosed", Harness::of(mariadb()).keys("8").answer(Ok(Reply::Diagnosis(Box::new(fixtures::diagnosis_of_mariadb())))).model),
    ] {
        at_sizes(&format!("mariadb_{state}"), &model, &sizes);
    }
    let mut form = Harness::of(archived("6")).keys("enter").shows("under the name").types("crm").keys("down").types("crm_then");
    form = form.keys("down right down right enter");
    match form.take().pop() {
        Some(dbbackup::app::cmd::Cmd::Plan(_, spec)) => match *spec {
            dbbackup::domain::spec::JobSpec::Replay(spec) => {
                assert_eq!((spec.database.as_deref(), spec.rename.as_deref()), (Some("crm"), Some("crm_then")));
                assert_eq!(spec.binlog, dbbackup::domain::spec::Binlog::Off);
                let dbbackup::domain::spec::ReplayBase::Backup { restore, .. } = spec.base else { panic!("no backup") };
                assert!(restore.clean && restore.binlog == spec.binlog, "what is there is dropped first");
            }
            other => panic!("no replay: {other:?}"),
        },
        other => panic!("no plan was asked for: {other:?}"),
    }
    Harness::of(archived("6")).keys("enter").types("nobody").keys("enter").shows("not in that backup");
    let harness = Harness::of(mariadb())
        .quietly()
        .keys("6")
        .sends_nothing()
        .shows("No archive of this server's binary log is configured")
        .shows("binlog archive")
        .keys("7")
        .sends_nothing()
        .keys("6 enter")
        .shows("no archive of the binary log is configured");
    harness.keys("2 B").shows("base backups are for PostgreSQL servers, this one is MariaDB");
    let mut target =
        Harness::of(keys(mariadb_contents(), "enter")).shows("definers").hides("tablespaces").hides("long values").keys("down Y");
    let asked = format!("{:?}", target.take());
    assert!(asked.contains("dbbackup -d mariadb --host db02 --user backup restore single"), "{asked}");
}

#[test]
fn backup() {
    for (state, model) in [
        ("loading", keys(fixtures::opened(), "2")),
        ("empty", keys(fixtures::empty(), "2")),
        ("normal", keys(fixtures::ready(), "2 space")),
        ("options", keys(fixtures::ready(), "2 tab down 9 9")),
        ("base", keys(fixtures::ready(), "2 tab down down down down down right right")),
        ("failed", keys(fixtures::failed(), "2")),
        ("hostile", keys(fixtures::hostile(), "2")),
    ] {
        at_sizes(&format!("backup_{state}"), &model, &SIZES);
    }
}

#[test]
fn restore() {
    for (state, model) in [
        ("loading", keys(fixtures::opened(), "3")),
        ("empty", keys(fixtures::empty(), "3")),
        ("normal", keys(fixtures::ready(), "3")),
        ("failed", keys(fixtures::failed(), "3")),
        ("contents", keys(with_contents(false), "down right down space")),
        ("contents_cluster", with_contents(true)),
        ("contents_filter", Harness::of(with_contents(true)).keys("/").types("orders").model),
        ("target", keys(with_contents(false), "enter")),
        ("target_table", keys(with_contents(false), "down down right down space enter")),
    ] {
        at_sizes(&format!("restore_{state}"), &model, &SIZES);
    }
}

#[test]
fn plan() {
    let mut hostile = fixtures::restore_plan();
    hostile.items[0].name = fixtures::HOSTILE.into();
    hostile.items[0].target = fixtures::HOSTILE.into();
    hostile.destroys = vec![fixtures::HOSTILE.into(); 9];
    for (state, model) in [
        ("backup", fixtures::at_plan(fixtures::backup_plan())),
        ("restore", fixtures::at_plan(fixtures::restore_plan())),
        ("restore_typed_wrong", Harness::of(fixtures::at_plan(fixtures::restore_plan())).types("shpo").keys("enter").model),
        ("blocked", fixtures::at_plan(fixtures::blocked_plan())),
        ("hostile", fixtures::at_plan(hostile)),
    ] {
        at_sizes(&format!("plan_{state}"), &model, &SIZES);
    }
    let harness = Harness::new().act(dbbackup::app::action::Action::Submit(Box::new(fixtures::backup_spec())));
    at_sizes("plan_loading", &harness.model, &SIZES[..1]);
    at_sizes("plan_failed", &harness.answer(Err(fixtures::auth_fault())).model, &SIZES);
}

#[test]
fn job() {
    for (state, model) in [
        ("running", fixtures::running()),
        ("waiting", fixtures::waiting()),
        ("frozen", keys(fixtures::running(), "f")),
        ("database", keys(fixtures::running(), "enter")),
        ("database_failed", keys(fixtures::running(), "down down enter")),
        ("finished", fixtures::finished()),
        ("partial", fixtures::partial()),
        ("partial_error", keys(fixtures::partial(), "e")),
        ("differing", fixtures::differing()),
        ("failed", fixtures::broken()),
        ("cancelled", fixtures::cancelled()),
        ("replaying", super::recovery::replaying()),
        ("recovered", super::recovery::recovered()),
        ("copying", super::recovery::copying()),
        ("checking_log", super::recovery::checking()),
        ("checked_log", super::recovery::checked()),
        ("damaged_log", super::recovery::damaged()),
    ] {
        at_sizes(&format!("job_{state}"), &model, &SIZES);
    }
}

#[test]
fn jobs() {
    at_sizes("jobs_empty", &keys(fixtures::ready(), "4"), &SIZES);
    at_sizes("jobs_running", &keys(fixtures::running(), "4"), &SIZES);
    at_sizes("jobs_failed", &keys(fixtures::broken(), "4"), &SIZES);
}

#[test]
fn archives() {
    for (state, model) in [
        ("base", keys(super::recovery::with_base(), "5")),
        ("loading", keys(fixtures::opened(), "5")),
        ("empty", keys(fixtures::empty(), "5")),
        ("normal", keys(fixtures::ready(), "5 space")),
        ("by_size", keys(fixtures::ready(), "5 s s S")),
        ("filter", Harness::new().keys("5 /").types("bill").model),
        ("failed", keys(fixtures::failed(), "5")),
        ("hostile", keys(fixtures::hostile(), "5")),
        ("delete_one", keys(fixtures::ready(), "5 d")),
        ("delete_two", Harness::new().keys("5 space space d").types("delete").model),
    ] {
        at_sizes(&format!("archives_{state}"), &model, &SIZES);
    }
}

#[test]
fn log_and_questions() {
    let lagged = Harness::of(fixtures::running()).send(Msg::Lagged(312)).keys("9").model;
    for (state, model) in [
        ("log_empty", keys(fixtures::ready(), "9")),
        ("log_normal", lagged),
        ("log_warnings", keys(fixtures::running(), "9 l")),
        ("help", keys(fixtures::running(), "?")),
        ("help_all", keys(fixtures::ready(), "? ?")),
        ("ask_cancel", keys(fixtures::running(), "c")),
        ("ask_quit", keys(fixtures::running(), "q")),
        ("error", keys(fixtures::running(), "e")),
        ("command", keys(fixtures::running(), "Y")),
    ] {
        at_sizes(state, &model, &SIZES);
    }
}

/// In every theme a picture has its colours: one text and one map of styles would hide what a theme breaks, so that all cells are compared.
#[test]
fn settings_and_palette() {
    const SIZES: [(u16, u16); 5] = [(80, 24), (120, 40), (200, 60), (50, 12), (24, 4)];
    let states = [
        ("settings_normal", keys(fixtures::ready(), ", down")),
        ("settings_filter", Harness::new().keys(", /").types("lock").model),
        ("settings_edit", Harness::new().keys(", /").types("jobs").keys("enter enter").model),
        ("settings_wrong", Harness::new().keys(", /").types("jobs").keys("enter enter ctrl-u").types("many").model),
        ("settings_theme", Harness::new().keys(", /").types("theme").keys("enter").model),
        ("palette", keys(fixtures::running(), ":")),
        ("palette_typed", Harness::new().keys("2 :").types("re").model),
        ("palette_nothing", Harness::new().keys(":").types("xyzzy").model),
    ];
    for (state, model) in &states {
        at_sizes(state, model, &SIZES);
    }
    for theme in dbbackup::view::look::themes() {
        let (look, problem) = Look::load(theme, Depth::True, Glyphs::Unicode, "");
        assert_eq!(problem, None);
        let mut text = String::new();
        for (state, model) in [&states[3], &states[6]] {
            for (cols, rows) in [(80, 24), (120, 40)] {
                let model = Harness::of(model.clone()).at(cols, rows).model;
                text.push_str(&format!("== {state} {cols}x{rows}\n{}", super::styled(&model, &look, cols, rows)));
            }
        }
        let name = format!("theme_{theme}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, { insta::assert_snapshot!(name, text) });
    }
}

#[test]
fn pitr() {
    use super::recovery::{calm, failing, foreign, fresh, hostile, lost, off, report, shown};
    let asked = Harness::new().keys("6");
    let form = |path: &str| keys(shown("6", report()), path);
    for (state, model) in [
        ("loading", asked.model.clone()),
        ("failed", asked.answer(Err(fixtures::auth_fault())).model),
        ("normal", shown("6", report())),
        ("calm", shown("6", calm())),
        ("moment", Harness::of(shown("6", report())).keys("t").types("30 Jan 14:02:59.184").keys("enter").model),
        ("gap", keys(shown("6", report()), "p p p p p p p p")),
        ("branch", keys(shown("6", report()), "up left left")),
        ("nearer", keys(shown("6", report()), "p p p p p p p p + + +")),
        ("typing", Harness::of(shown("6", report())).keys("t").types("yesterday 14:02").model),
        ("typing_wrong", Harness::of(shown("6", report())).keys("t").types("29 Feb 14:02").model),
        ("failing", shown("6", failing())),
        ("off", shown("6", off())),
        ("fresh", shown("6", fresh())),
        ("foreign", shown("6", foreign())),
        ("lost", shown("6", lost())),
        ("hostile", shown("6", hostile())),
        ("stale", Harness::of(shown("6", report())).keys("R").answer(Err(fixtures::auth_fault())).model),
        ("form", form("p enter")),
        ("form_xid", Harness::of(form("enter")).types("/restore").keys("down right right").types("x").model),
    ] {
        at_sizes(&format!("pitr_{state}"), &model, &[(80, 24), (120, 40), (200, 60), (40, 10)]);
    }
}

#[test]
fn wal() {
    use super::recovery::{calm, failing, foreign, fresh, hostile, off, report, shown};
    let asked = Harness::new().keys("7");
    for (state, model) in [
        ("loading", asked.model.clone()),
        ("failed", asked.answer(Err(fixtures::auth_fault())).model),
        ("normal", shown("7", report())),
        ("calm", shown("7", calm())),
        ("failing", shown("7", failing())),
        ("off", shown("7", off())),
        ("fix", keys(shown("7", off()), "y")),
        ("fresh", shown("7", fresh())),
        ("foreign", shown("7", foreign())),
        ("hostile", shown("7", hostile())),
    ] {
        at_sizes(&format!("wal_{state}"), &model, &[(80, 24), (120, 40), (200, 60), (40, 10)]);
    }
}

#[test]
fn diagnostics() {
    let asked = Harness::new().keys("8");
    let kept = Harness::of(fixtures::past_reports()).keys("enter").answer(Ok(Reply::Diagnosis(Box::new(fixtures::diagnosis_of_failure()))));
    let calm = {
        let mut calm = fixtures::diagnosis();
        calm.findings.clear();
        Harness::new().keys("8").answer(Ok(Reply::Diagnosis(Box::new(calm)))).model
    };
    for (state, model) in [
        ("loading", asked.model.clone()),
        ("failed", asked.answer(Err(fixtures::auth_fault())).model),
        ("calm", calm),
        ("normal", fixtures::diagnosed()),
        ("evidence", keys(fixtures::diagnosed(), "down enter")),
        ("fix", keys(fixtures::diagnosed(), "down y")),
        ("of_failure", kept.model),
        ("past", fixtures::past_reports()),
    ] {
        at_sizes(&format!("diagnostics_{state}"), &model, &[(80, 24), (120, 40), (200, 60), (40, 10)]);
    }
}

/// What a theme makes of the screen: each text with its style, so that a level that cannot be told apart from another is seen.
#[test]
fn diagnostics_in_every_theme() {
    for theme in dbbackup::view::look::themes() {
        let (look, _) = Look::load(theme, Depth::True, Glyphs::Unicode, "");
        let mut text = String::new();
        for (cols, rows) in [(80, 24), (120, 40)] {
            let model = Harness::of(fixtures::diagnosed()).at(cols, rows).model;
            let buffer = super::buffer(&model, &look, cols, rows);
            text.push_str(&format!("== {cols}x{rows}\n"));
            for row in 3..rows - 2 {
                let mut runs: Vec<(String, String)> = Vec::new();
                for col in 0..cols {
                    let cell = &buffer[(col, row)];
                    let style = format!("{:?}/{:?}/{:?}", cell.fg, cell.bg, cell.modifier);
                    match runs.last_mut() {
                        Some((known, run)) if *known == style => run.push_str(cell.symbol()),
                        _ => runs.push((style, cell.symbol().to_owned())),
                    }
                }
                let runs = runs.iter().filter(|(_, run)| !run.trim().is_empty());
                let line: Vec<String> = runs.map(|(style, run)| format!("{}<{style}>", run.trim())).collect();
                text.push_str(&format!("{}\n", line.join(" ")));
            }
        }
        let name = format!("styles_diagnostics_{theme}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, { insta::assert_snapshot!(name, text) });
    }
}

#[test]
fn ascii() {
    let (look, _) = Look::load("mono", Depth::Mono, Glyphs::Ascii, "");
    for (name, model) in [
        ("ascii_job", fixtures::waiting()),
        ("ascii_home", fixtures::ready()),
        ("ascii_hostile", keys(fixtures::hostile(), "5")),
        ("ascii_pitr", keys(super::recovery::shown("6", super::recovery::report()), "p + +")),
        ("ascii_pitr_whole", super::recovery::shown("6", super::recovery::report())),
        ("ascii_wal", super::recovery::shown("7", super::recovery::report())),
    ] {
        let text = draw(&model, &look, 100, 30);
        assert!(text.is_ascii(), "{text}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, { insta::assert_snapshot!(name, text) });
    }
}
