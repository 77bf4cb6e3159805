//! The command line: what it reads is what the application prints, and wrong usage says what was meant.

use dbbackup::app::command;
use dbbackup::app::setup::{Mode, Setup};
use dbbackup::batch::{launch, script};
use dbbackup::cli::wal::Wal;
use dbbackup::cli::{Command as Asked, parse};
use dbbackup::config::connection::Host;
use dbbackup::config::environment::Environment;
use dbbackup::config::layers::{Resolved, resolve};
use dbbackup::config::paths::Paths;
use dbbackup::domain::schema::TableName;
use dbbackup::domain::spec::{
    BackupSpec, Care, CheckLogSpec, Depth, Effort, Enough, JobSpec, NameTime, OnFailure, Rehearse, RestoreScope, RestoreSpec, RestoreTest,
    Retries, Sample, Scope, Selection, VerifyMode, VerifySpec, What,
};
use dbbackup::domain::{Codec, Compression, Connection, SslMode};
use proptest::prelude::*;
use std::path::PathBuf;
use std::process::Command;

const HOST: Host = Host { processors: 4, memory: 8 << 30 };

/// No file of this machine counts in a test.
fn no_files() -> Paths {
    Paths { system: "/nonexistent/dbbackup.toml".into(), ..Paths::default() }
}

fn read(words: &[String]) -> (parse::Parsed, Resolved) {
    let parsed = parse::parse(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let resolved = resolve(&no_files(), &Environment::default(), &parsed.settings).expect("valid settings");
    (parsed, resolved)
}

fn setup() -> Setup {
    let (parsed, resolved) = read(&["dbbackup".to_owned()]);
    let setup = launch::setup(&parsed.cli, &resolved, Mode::Batch).expect("a set-up");
    Setup { effort: Effort::for_host(HOST.processors, HOST.memory), ..setup }
}

fn job_of(words: &[String]) -> JobSpec {
    let (parsed, resolved) = read(words);
    script::job(&parsed.cli, &resolved, HOST).expect("a job").expect("a job")
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("shop".to_owned()), Just("Sh op's".to_owned()), Just("-dash".to_owned()), "[a-zA-Zäß $%.*]{1,12}"]
}

fn connection() -> impl Strategy<Value = Connection> {
    (prop_oneof![Just("db01"), Just("/run/postgresql"), Just("::1")], 1u16.., name(), name(), any::<bool>()).prop_map(
        |(host, port, user, database, tls)| Connection {
            host: host.into(),
            port,
            user,
            database,
            ssl_mode: if tls { SslMode::VerifyFull } else { SslMode::Prefer },
            ssl_root_cert: tls.then(|| PathBuf::from("/etc/root ca.pem")),
            ..Connection::default()
        },
    )
}

fn effort() -> impl Strategy<Value = Effort> {
    (1u32..=256, 16u64 << 20..1 << 40, prop_oneof![Just(None), (64u64 << 10..1 << 30).prop_map(Some)])
        .prop_map(|(jobs, memory, chunk)| Effort { jobs, memory, chunk_size: chunk.unwrap_or_else(|| Effort::chunk_for(jobs, memory)) })
}

fn globs() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(name(), 0..3)
}

fn backup() -> impl Strategy<Value = JobSpec> {
    let scope = prop_oneof![
        proptest::collection::vec(name(), 1..4).prop_map(|databases| Scope::Single { databases }),
        (globs(), globs(), 1u32..=64).prop_map(|(include, exclude, parallel)| Scope::Cluster { include, exclude, parallel }),
    ];
    let compression = proptest::sample::select(Codec::ALL.to_vec())
        .prop_flat_map(|codec| (codec.levels().0..=codec.levels().2).prop_map(move |level| Compression { codec, level }));
    let verify = proptest::sample::select(vec![VerifyMode::Auto, VerifyMode::Quick, VerifyMode::Full, VerifyMode::Off]);
    let time = prop_oneof![Just(NameTime::Local), Just(NameTime::Utc), Just(NameTime::Pattern("%Y-%m-%d".into()))];
    (connection(), scope, compression, effort(), verify, time).prop_map(|(connection, scope, compression, effort, verify, name_time)| {
        let dir = PathBuf::from("/back ups");
        JobSpec::Backup(BackupSpec { connection, scope, dir, compression, effort, verify, name_time })
    })
}

fn restore() -> impl Strategy<Value = JobSpec> {
    let what = proptest::sample::select(vec![What::All, What::SchemaOnly, What::DataOnly]);
    let scope = prop_oneof![
        (proptest::option::of(name()), name(), what, globs(), globs()).prop_map(|(database, target, what, include, exclude)| {
            RestoreScope::Single { database, target, selection: Selection { what, include, exclude, rename: None } }
        }),
        (globs(), globs(), 1u32..=64).prop_map(|(include, exclude, parallel)| RestoreScope::Cluster { include, exclude, parallel }),
    ];
    let on_failure = proptest::sample::select(OnFailure::ALL.to_vec());
    let enough = prop_oneof![Just(Enough::All), (0u8..=100).prop_map(Enough::Percent)];
    let verify_first = prop_oneof![Just(Depth::Quick), Just(Depth::Full)];
    let rehearse = prop_oneof![Just(Rehearse::Auto), Just(Rehearse::On), Just(Rehearse::Off)];
    let workdir = proptest::option::of(Just(PathBuf::from("/work space")));
    let manifest = proptest::option::of(Just(PathBuf::from("/back ups/restore-manifest-1.json")));
    let care = (on_failure, enough, verify_first, rehearse, workdir, any::<[bool; 2]>(), 0u32..9, manifest).prop_map(
        |(on_failure, enough, verify_first, rehearse, workdir, [force, keep_temp], retries, resume)| Care {
            verify_first,
            rehearse,
            force,
            on_failure,
            enough,
            retries: Retries(retries),
            resume,
            workdir,
            keep_temp,
            ..Care::default()
        },
    );
    (connection(), scope, effort(), any::<[bool; 7]>(), proptest::option::of(Just("lz4".to_owned())), care).prop_map(
        |(connection, scope, effort, [create, clean, no_owner, no_acl, no_tablespaces, prove, go_on], toast_compression, mut care)| {
            let single = matches!(scope, RestoreScope::Single { .. });
            if single {
                // How much of a cluster has to come back is no matter of one database.
                care.enough = Enough::default();
            }
            JobSpec::Restore(RestoreSpec {
                connection,
                archive: "/back ups/db_shop.tar.zst".into(),
                scope,
                create: create && single,
                clean,
                no_owner,
                no_acl,
                no_tablespaces,
                map_roles: vec![("old".into(), "new role".into())],
                effort,
                prove,
                toast_compression,
                continue_on_error: go_on,
                binlog: Default::default(),
                care,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_a_screen_prints_reads_back_as_the_same_job(spec in prop_oneof![backup(), restore()]) {
        let words = command::words(&spec, &setup());
        prop_assert_eq!(job_of(&words), spec, "{:?}", words);
    }
}

#[test]
fn the_verification_that_a_screen_prints_reads_back() {
    for depth in [Depth::Quick, Depth::Full] {
        let spec =
            JobSpec::Verify(VerifySpec { archives: vec!["a b.tar.zst".into(), "-x.tar".into()], depth, jobs: 3, restore_test: None });
        let words = command::words(&spec, &setup());
        let JobSpec::Verify(read) = job_of(&words) else { panic!("not a verification: {words:?}") };
        assert_eq!((read.depth, read.jobs, read.archives.len()), (depth, 3, 2));
    }
}

#[test]
fn the_restore_test_that_a_screen_prints_reads_back() {
    for (archives, sample) in
        [(vec!["-x.tar".into(), "b.tar.zst".into()], Sample::All), (vec!["b.tar.zst".into()], Sample::Three), (vec![], Sample::Three)]
    {
        let effort = setup().effort;
        let test = RestoreTest { connection: setup().connections[0].clone(), sample, effort };
        let spec = VerifySpec { archives, depth: Depth::Full, jobs: effort.jobs, restore_test: Some(Box::new(test)) };
        let words = command::words(&JobSpec::Verify(spec.clone()), &setup());
        let JobSpec::Verify(read) = job_of(&words) else { panic!("not a verification: {words:?}") };
        assert_eq!((read.restore_test, read.archives.len()), (spec.restore_test, spec.archives.len()), "{words:?}");
    }
}

#[test]
fn the_check_of_the_log_that_a_screen_prints_reads_back() {
    let segments = ["000000010000000000000003..000000010000000000000009", "00000002000000000000000A"];
    let segments: Vec<_> = segments.iter().map(|text| text.parse().expect("a span")).collect();
    let spec = CheckLogSpec { wal_dir: "/w a l".into(), dir: "/backups".into(), segments: segments.clone(), jobs: 3 };
    let words = command::words(&JobSpec::CheckLog(spec), &setup());
    let parsed = parse::parse(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let Some(Asked::Wal(Wal::Verify { segments: read, place, backup_dir, jobs })) = parsed.cli.command else { panic!("{words:?}") };
    assert_eq!(read, segments);
    assert_eq!((place.archive_dir.as_deref(), backup_dir.as_deref(), jobs.as_deref()), (Some("/w a l"), Some("/backups"), Some("3")));
    let wrong = parse::parse(["dbbackup", "wal", "verify", "--segments", "00000002.history"]).expect_err("no segment");
    assert_eq!(parse::exit_code(&wrong), 64);
}

#[test]
fn one_table_goes_to_another_name() {
    let words = ["dbbackup", "restore", "table", "a.tar.zst", "public.orders", "--target", "shop", "--as", "public.\"old.orders\""];
    let JobSpec::Restore(spec) = job_of(&words.map(str::to_owned)) else { panic!("not a restore") };
    let RestoreScope::Single { target, selection, .. } = spec.scope else { panic!("not a single one") };
    assert_eq!(target, "shop");
    assert_eq!(selection.include, ["public.orders"]);
    assert_eq!(selection.rename, Some((TableName::new("public", "orders"), TableName::new("public", "old.orders"))));
    assert!(!spec.clean && !spec.create);
}

#[test]
fn a_target_is_never_guessed() {
    let error = parse::parse(["dbbackup", "restore", "single", "a.tar.zst"]).expect_err("no target");
    assert_eq!(parse::exit_code(&error), 64);
    assert!(error.to_string().contains("--target"));
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_dbbackup"))
        .args(arguments)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("DBBACKUP_LOG_TARGET", "off")
        .env("DBBACKUP_AUDIT_FILE", "off")
        .output()
        .expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

#[test]
fn wrong_usage_ends_with_64_and_says_what_was_meant() {
    for (arguments, says) in [
        (&["backup", "singel", "shop"][..], "single"),
        (&["backup", "single", "shop", "--job", "4"], "--jobs"),
        (&["backup", "single", "shop", "--jobs", "many"], "not a number"),
        (&["backup", "single", "shop", "--compression", "bzip2"], "zstd"),
        (&["backup", "single", "shop", "--compression", "gzip", "--compression-level", "12"], "1 to 9"),
        (&["backup", "single", "shop", "--engine", "mysql"], "comes in a later version"),
        (&["restore", "single", "a", "--target", "b", "--schema-only", "--data-only"], "cannot be used with"),
        (&["restore", "table", "a", "orders", "--target", "b"], "public.orders"),
        (&["restore", "cluster", "a", "--map-role", "x"], "FROM=TO"),
        (&["list", "--server", "shop"], "servers.shop"),
        (&["config", "show", "backup.job"], "backup.jobs"),
        (&["--batch"], "full screen"),
        (&[], "needs a terminal"),
    ] {
        let (code, _, err) = run(arguments);
        assert_eq!(code, 64, "{arguments:?}: {err}");
        assert!(err.contains(says), "{arguments:?}: {err}");
    }
}

#[test]
fn every_command_has_help_with_examples_and_its_defaults() {
    fn walk(command: &clap::Command, path: &[&str], seen: &mut u32) {
        let mut arguments = path.to_vec();
        arguments.push("--help");
        let (code, out, err) = run(&arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{path:?}");
        assert!(out.contains("Examples:") && out.contains("dbbackup "), "{path:?}: {out}");
        assert!(out.contains("[default: 5432]") && out.contains("DBBACKUP_PORT") && out.contains("connection.port"), "{path:?}: {out}");
        *seen += 1;
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            walk(sub, &[path, &[sub.get_name()]].concat(), seen);
        }
    }
    let mut seen = 0;
    walk(&parse::command(), &[], &mut seen);
    assert!(seen >= 24, "{seen} commands");
}

#[test]
fn no_flag_takes_a_password_and_every_flag_is_explained() {
    fn walk(command: &clap::Command) {
        for arg in command.get_arguments() {
            assert_ne!(arg.get_long(), Some("password"));
            assert!(arg.get_help().is_some() || arg.is_hide_set(), "{} {}", command.get_name(), arg.get_id());
        }
        command.get_subcommands().for_each(walk);
    }
    let mut command = parse::command();
    command.build();
    walk(&command);
}

#[test]
fn completions_and_version_print_to_stdout() {
    let (code, out, _) = run(&["completions", "bash"]);
    assert!(code == 0 && out.contains("_dbbackup"));
    // A shell completes what it has typed.
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &out).expect("a script");
    for (words, wanted) in [
        ("dbbackup restore single a --on-failure re", "rename"),
        ("dbbackup --ssl-mode verify-f", "verify-full"),
        ("dbbackup config show backup.chu", "backup.chunk_size"),
        ("dbbackup config ch", "check"),
    ] {
        let script = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _dbbackup dbbackup \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[@]}}\"",
            file.path().display()
        );
        let shell = Command::new("bash").args(["--norc", "-c", &script]).output().expect("bash");
        assert_eq!(String::from_utf8_lossy(&shell.stdout).trim(), wanted, "{words}: {}", String::from_utf8_lossy(&shell.stderr));
    }
    let (code, out, _) = run(&["man"]);
    assert!(code == 0 && out.contains(".TH dbbackup 1") && out.contains("connection.port"), "{out}");
    assert_eq!(run(&["--version"]).0, 0);
}

#[test]
fn the_last_word_of_a_flag_counts_and_lists_grow() {
    let words = ["dbbackup", "--port", "1", "backup", "cluster", "--port", "2", "--include", "a", "--include", "b"];
    let JobSpec::Backup(spec) = job_of(&words.map(str::to_owned)) else { panic!("not a backup") };
    assert_eq!(spec.connection.port, 2, "an alias with a flag can be overridden");
    assert!(matches!(spec.scope, Scope::Cluster { include, .. } if include == ["a", "b"]));
}

/// The full screen begins with what the flags say, with `interactive` and without; behind a command they mean the same as before it.
#[test]
fn the_full_screen_takes_settings_as_flags() {
    let flags =
        ["--host", "db01", "--port", "6000", "--user", "me", "--theme", "mono", "--backup-dir", "/backups", "--jobs", "7", "--no-verify"];
    for command in [&[][..], &["interactive"]] {
        let words: Vec<String> = ["dbbackup"].iter().chain(command).chain(&flags).map(|word| (*word).to_owned()).collect();
        let (parsed, resolved) = read(&words);
        let setup = launch::setup(&parsed.cli, &resolved, Mode::Interactive).expect("a set-up");
        let connection = &setup.connections[0];
        assert_eq!((connection.host.as_str(), connection.port, connection.user.as_str()), ("db01", 6000, "me"));
        assert_eq!((setup.dir, setup.effort.jobs, setup.verify, setup.job), (PathBuf::from("/backups"), 7, VerifyMode::Off, None));
        assert_eq!(resolved.text(dbbackup::config::settings::Key::Theme), Some("mono"));
    }
    let words = ["dbbackup", "--backup-dir", "/before", "--jobs", "2", "backup", "single", "shop", "--jobs", "3"].map(str::to_owned);
    match job_of(&words) {
        JobSpec::Backup(spec) => assert_eq!((spec.dir, spec.effort.jobs), (PathBuf::from("/before"), 3)),
        other => panic!("{other:?}"),
    }
}
