//! Out of an archive comes a server, with tar and what README.txt says alone.

use super::{Archived, Revived, SUMS, as_server, done, folder, to_server, untar};
use crate::support::postgres::{Postgres, VERSIONS};
use crate::support::program;
use std::path::Path;
use std::process::Command;

/// The script in README.txt, run as it stands there.
fn follow_readme(archive: &Path, wal: Option<&Path>) -> std::path::PathBuf {
    let dir = archive.parent().expect("a folder");
    let readme = done(Command::new("tar").args(["--zstd", "-xOf"]).arg(archive).arg("README.txt"));
    let script = readme.split("---- script ----\n").nth(1).and_then(|rest| rest.split("---- end of script ----").next()).expect("a script");
    std::fs::write(dir.join("by_hand.sh"), script).expect("a script");
    to_server(dir);
    let mut sh = as_server(Path::new("/bin/sh"));
    sh.arg("by_hand.sh").current_dir(dir);
    if let Some(wal) = wal {
        sh.env("WAL", wal);
    }
    done(&mut sh);
    dir.join("restored/base")
}

#[test]
fn the_readme_and_the_archived_log_lead_to_the_last_commit() {
    for major in VERSIONS {
        let archived = Archived::start(major, "");
        let server = &archived.server;
        let dir = folder();
        let outcome = archived.backup(dir.path(), &["--label", "it's mine"]).ok();
        let archive = outcome.archive();
        assert!(archive.file_name().expect("a name").to_string_lossy().starts_with("base_"));
        // The server itself finds nothing wrong with what tar unpacks.
        let plain = tempfile::tempdir().expect("a folder");
        let data = untar(&archive, plain.path());
        done(Command::new(server.bin.join("pg_verifybackup")).arg("-n").arg(&data));
        assert!(std::fs::read_to_string(data.join("backup_label")).expect("a label").contains("LABEL: it's mine"));
        // What is committed after the backup comes out of the log.
        server
            .sql("postgres", "insert into plain select n, 'later' from generate_series(40001, 41000) n; delete from apart where n % 2 = 0");
        server.sql("postgres", "select pg_switch_wal()");
        let wal = server.sql("postgres", "select pg_walfile_name(pg_current_wal_lsn() - 1)");
        crate::support::eventually("the log is not archived", || archived.wal.join(&wal).exists());
        let revived = Revived::start(server, &follow_readme(&archive, Some(&archived.wal)));
        assert_eq!(revived.sql(SUMS), server.sql("postgres", SUMS), "{major}");
        assert_eq!(revived.sql("select count(*) from plain where word = 'later'"), "1000");
    }
}

#[test]
fn without_an_archive_the_backup_brings_its_log() {
    let server = Postgres::start(15, "wal_keep_size = 64");
    server.sql(
        "postgres",
        "create table plain as select n, md5(n::text) as word from generate_series(1, 5000) n; create table apart as table plain",
    );
    let dir = folder();
    let args = ["backup", "base", "--backup-dir", dir.path().to_str().expect("a path"), "--compression", "gzip:1"];
    let outcome = program::run(&mut program::on(&server, dir.path(), &args)).ok();
    assert!(outcome.text().contains("nobody archives the server's log"), "{}", outcome.text());
    let archive = outcome.archive();
    std::fs::create_dir(dir.path().join("x")).expect("a folder");
    done(Command::new("tar").arg("-xzpf").arg(&archive).arg("-C").arg(dir.path().join("x")));
    let data = dir.path().join("x/base");
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("permissions");
    // With the log in it, the log is verified too.
    done(Command::new(server.bin.join("pg_verifybackup")).arg(&data).env("PATH", &server.bin));
    let revived = Revived::start(&server, &data);
    assert_eq!(revived.sql(SUMS), server.sql("postgres", SUMS));
}

#[test]
fn archives_of_servers_are_looked_into_like_others() {
    let archived = Archived::start(17, "");
    let dir = folder();
    let archive = archived.backup(dir.path(), &["--compression", "lz4", "--jobs", "1"]).ok().archive();
    let path = archive.to_str().expect("a path");
    let run = |args: &[&str]| program::run(&mut program::dbbackup(dir.path(), args));
    let shown = run(&["archive", "show", path]).ok().stdout;
    for word in ["base", "everything", "Replay begins", "Consistent", "Tablespace"] {
        assert!(shown.contains(word), "{word}\n{shown}");
    }
    assert!(!shown.contains("DATABASE"), "{shown}");
    assert_eq!(run(&["archive", "cat", path, "base/PG_VERSION"]).ok().stdout, "17\n");
    assert!(run(&["archive", "list", path]).ok().stdout.contains("base/global/pg_control"));
    run(&["archive", "extract", path, "--to", dir.path().join("out").to_str().expect("a path")]).ok();
    // A table of more than a frame: extracted by us and by tar it is the same.
    let file = archived.server.sql("postgres", "select pg_relation_filepath('plain')");
    let ours = std::fs::read(dir.path().join("out/base").join(&file)).expect("extracted");
    assert!(ours.len() > 2 << 20, "it has several frames");
    let unpacked = dir.path().join("tar");
    std::fs::create_dir(&unpacked).expect("a folder");
    let sh = format!("lz4 -dc '{path}' | tar -xf - -C '{}'", unpacked.display());
    done(Command::new("sh").args(["-c", &sh]));
    assert!(ours == std::fs::read(unpacked.join("base").join(&file)).expect("unpacked"), "they differ");
    assert!(run(&["restore", "list", "--backup-dir", dir.path().to_str().expect("a path")]).ok().stdout.contains("base"));
    for command in [&["restore", "single", path, "--target", "x", "--create"][..], &["restore", "cluster", path]] {
        let refused = program::run(&mut program::on(&archived.server, dir.path(), command)).fails(65, "FOREIGN_FILE");
        assert!(refused.text().contains("dbbackup restore pitr --base-backup"), "{}", refused.text());
    }
    // Every damaged byte of a file is found, and named.
    run(&["verify", path, "--full"]).ok();
    let mut bytes = std::fs::read(&archive).expect("the archive");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes).expect("damaged");
    run(&["verify", path, "--full"]).fails(65, "CORRUPTED_BACKUP");
}
