//! The command line that does the same.

use crate::view::fixtures;
use dbbackup::app::command::{line, one_line, words};
use dbbackup::app::setup::Mode;
use dbbackup::domain::codec::Codec;
use dbbackup::domain::schema::TableName;
use dbbackup::domain::spec::{
    BackupSpec, Depth, JobSpec, NameTime, RestoreScope, RestoreSpec, Scope, Selection, VerifyMode, VerifySpec, What,
};
use dbbackup::domain::{Compression, SslMode};

fn backup(change: impl FnOnce(&mut BackupSpec)) -> String {
    let JobSpec::Backup(mut spec) = fixtures::backup_spec() else { panic!("a backup") };
    change(&mut spec);
    one_line(&JobSpec::Backup(spec), &fixtures::setup(Mode::Interactive))
}

fn restore(change: impl FnOnce(&mut RestoreSpec)) -> String {
    let JobSpec::Restore(mut spec) = fixtures::restore_spec() else { panic!("a restore") };
    change(&mut spec);
    one_line(&JobSpec::Restore(spec), &fixtures::setup(Mode::Interactive))
}

#[test]
fn backups() {
    assert_eq!(
        backup(|_| {}),
        "dbbackup --host db01 --user backup backup single shop --backup-dir /var/backups/dbbackup --compression zstd:3 --jobs 4"
    );
    assert_eq!(
        backup(|spec| {
            spec.connection.name = Some("shop".into());
            spec.scope = Scope::Cluster { include: vec!["app_*".into()], exclude: vec!["scratch*".into()], parallel: 2 };
            spec.compression = Compression::default_of(Codec::Lz4);
            spec.verify = VerifyMode::Off;
            spec.name_time = NameTime::Utc;
        }),
        "dbbackup --server shop backup cluster --include 'app_*' --exclude 'scratch*' --cluster-parallelism 2 \
         --backup-dir /var/backups/dbbackup --compression lz4 --jobs 4 --no-verify --timestamp utc"
    );
    assert_eq!(
        backup(|spec| {
            spec.connection.port = 5433;
            spec.connection.database = "admin".into();
            spec.connection.ssl_mode = SslMode::VerifyFull;
            spec.connection.ssl_root_cert = Some("/etc/ca.pem".into());
            spec.scope = Scope::Single { databases: vec!["my shop".into(), "o'hara".into()] };
            spec.effort.memory = 1_000_000_000;
            spec.effort.chunk_size = 8 << 20;
            spec.verify = VerifyMode::Quick;
        }),
        "dbbackup --host db01 --port 5433 --user backup --dbname admin --ssl-mode verify-full --ssl-root-cert /etc/ca.pem \
         backup single 'my shop' 'o'\\''hara' --backup-dir /var/backups/dbbackup --compression zstd:3 --jobs 4 --memory 1GB --chunk-size 8MiB --verify quick"
    );
}

#[test]
fn restores() {
    let archive = "/var/backups/dbbackup/db_shop_20260129_030000_CET.tar.zst";
    assert_eq!(
        restore(|_| {}),
        format!(
            "dbbackup --host db01 --user backup restore single {archive} --target shop --create --clean --confirm shop --prove --jobs 4"
        )
    );
    assert_eq!(
        restore(|spec| {
            spec.clean = false;
            spec.create = false;
            spec.prove = false;
            spec.no_owner = true;
            spec.no_acl = true;
            spec.no_tablespaces = true;
            spec.map_roles = vec![("a".into(), "b".into())];
            spec.toast_compression = Some("lz4".into());
            spec.continue_on_error = true;
            let selection =
                Selection { what: What::DataOnly, include: vec!["public.o*".into()], exclude: vec!["public.x".into()], rename: None };
            spec.scope = RestoreScope::Single { database: Some("shop".into()), target: "copy".into(), selection };
        }),
        format!(
            "dbbackup --host db01 --user backup restore single {archive} --database shop --target copy --data-only --include 'public.o*' \
             --exclude public.x --no-owner --no-acl --no-tablespaces --map-role 'a=b' --toast-compression lz4 --continue-on-error --jobs 4"
        )
    );
    assert_eq!(
        restore(|spec| {
            (spec.clean, spec.create) = (false, false);
            let (from, to) = (TableName::new("public", "orders"), TableName::new("public", "orders_old"));
            let selection = Selection { include: vec!["public.orders".into()], rename: Some((from, to)), ..Selection::default() };
            spec.scope = RestoreScope::Single { database: None, target: "shop".into(), selection };
        }),
        format!(
            "dbbackup --host db01 --user backup restore table {archive} public.orders --target shop --as public.orders_old --prove --jobs 4"
        )
    );
    assert_eq!(
        one_line(&fixtures::cluster_restore_spec(), &fixtures::setup(Mode::Interactive)),
        "dbbackup --host db01 --user backup restore cluster /var/backups/dbbackup/cluster_20260130_020000_CET.tar.zst --confirm db01:5432 --clean \
         --cluster-parallelism 2 --prove --jobs 4"
    );
}

#[test]
fn verifications() {
    let spec = VerifySpec { archives: vec!["/b/a.tar.zst".into(), "-odd".into()], depth: Depth::Quick, jobs: 2, restore_test: None };
    assert_eq!(
        one_line(&JobSpec::Verify(spec), &fixtures::setup(Mode::Interactive)),
        "dbbackup verify /b/a.tar.zst ./-odd --quick --jobs 2"
    );
}

/// What is shown in lines, what is copied in one, and what a shell makes of both is the same.
#[test]
fn a_shell_reads_back_the_same_words() {
    let setup = fixtures::setup(Mode::Interactive);
    let mut hostile = fixtures::backup_spec();
    if let JobSpec::Backup(spec) = &mut hostile {
        spec.scope = Scope::Single { databases: vec!["--all".into(), fixtures::HOSTILE.into(), "$(rm -rf /)".into()] };
    }
    for spec in [fixtures::backup_spec(), fixtures::restore_spec(), fixtures::cluster_restore_spec(), hostile] {
        let wanted = words(&spec, &setup);
        assert_eq!(shell_words::split(&one_line(&spec, &setup)).as_deref(), Ok(wanted.as_slice()));
        let lines = line(&spec, &setup);
        assert_eq!(shell_words::split(&lines.join("\n")).as_deref(), Ok(wanted.as_slice()), "{lines:?}");
    }
}

/// What is offered for copying is what the program takes.
#[test]
fn the_program_takes_its_own_command_lines() {
    use clap::Parser;
    let setup = fixtures::setup(Mode::Interactive);
    let mut table = fixtures::restore_spec();
    if let JobSpec::Restore(spec) = &mut table {
        let names = (TableName::new("public", "orders"), TableName::new("public", "old"));
        let selection = Selection { rename: Some(names), ..Selection::default() };
        spec.scope = RestoreScope::Single { database: Some("shop".into()), target: "shop".into(), selection };
        (spec.create, spec.clean) = (false, false);
    }
    let mut odd = fixtures::backup_spec();
    if let JobSpec::Backup(spec) = &mut odd {
        spec.connection =
            dbbackup::domain::Connection { port: 1, database: "x".into(), ssl_mode: SslMode::Require, ..spec.connection.clone() };
        spec.connection.ssl_root_cert = Some("/ca.pem".into());
        spec.scope = Scope::Single { databases: vec!["-odd".into()] };
        (spec.effort.memory, spec.effort.chunk_size) = (1 << 30, 1 << 20);
        (spec.verify, spec.name_time) = (VerifyMode::Off, NameTime::Pattern("%Y".into()));
    }
    let mut cluster = fixtures::backup_spec();
    if let JobSpec::Backup(spec) = &mut cluster {
        spec.scope = Scope::Cluster { include: vec!["a*".into()], exclude: vec!["-b".into()], parallel: 3 };
    }
    let mut full = fixtures::restore_spec();
    if let JobSpec::Restore(spec) = &mut full {
        (spec.no_owner, spec.no_acl, spec.no_tablespaces, spec.continue_on_error) = (true, true, true, true);
        spec.map_roles = vec![("a".into(), "b".into())];
        spec.toast_compression = Some("lz4".into());
    }
    let verify = JobSpec::Verify(VerifySpec { archives: vec!["-a.tar".into()], depth: Depth::Full, jobs: 2, restore_test: None });
    for spec in [fixtures::backup_spec(), fixtures::restore_spec(), fixtures::cluster_restore_spec(), table, odd, cluster, full, verify] {
        let words = words(&spec, &setup);
        if let Err(error) = dbbackup::cli::Cli::try_parse_from(&words) {
            panic!("{words:?}: {error}");
        }
    }
}
