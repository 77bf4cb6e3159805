//! Incremental and differential backups: what is put together from a chain is what the server sent.

use super::{Archived, done, folder, untar};
use crate::support::program;
use dbbackup::archive::base::{FileEntry, FileKind, INCREMENTAL, Increment, Index, PAGE};
use dbbackup::archive::reader::Archive;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a file of the list lies in a folder that tar unpacked.
fn at(dir: &Path, path: &str) -> PathBuf {
    dir.join(path)
}

/// Puts a backup together with the one that it builds on, both unpacked: by the format's words, not by the program's code.
fn combine(parent: &Path, child: &Path, files: &[FileEntry], into: &Path) {
    for file in files {
        let to = at(into, &file.path);
        match file.kind {
            FileKind::Dir => std::fs::create_dir_all(&to).expect("a folder"),
            FileKind::Link => {}
            kind => {
                std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
                let old = || std::fs::read(at(parent, &file.path)).expect("a file of the earlier one");
                let bytes = match kind {
                    FileKind::Unchanged => old(),
                    FileKind::Increment => {
                        let (dir, name) = file.path.rsplit_once('/').expect("a folder");
                        let bytes = std::fs::read(at(child, &format!("{dir}/{INCREMENTAL}{name}"))).expect("an increment");
                        let increment = Increment::read(&bytes).expect("its head");
                        let mut whole = old();
                        whole.resize(increment.reaches() as usize * PAGE, 0);
                        let blocks = &bytes[Increment::length(increment.blocks.len())..];
                        for (block, page) in increment.blocks.iter().zip(blocks.chunks(PAGE)) {
                            whole[*block as usize * PAGE..][..PAGE].copy_from_slice(page);
                        }
                        whole
                    }
                    _ => std::fs::read(at(child, &file.path)).expect("a file"),
                };
                std::fs::write(&to, bytes).expect("a file");
            }
        }
    }
}

fn files(archive: &Path) -> Vec<FileEntry> {
    Index::read(&Archive::open(archive).expect("an archive")).expect("its list").files().to_vec()
}

fn change(archived: &Archived) {
    for sql in [
        "update plain set word = 'changed' where n between 100 and 110; insert into plain select n, 'more' from generate_series(1, 3000) n",
        "delete from apart where n > 100",
        "vacuum apart",
        "create table fresh as select n from generate_series(1, 5000) n",
        "checkpoint",
    ] {
        archived.server.sql("postgres", sql);
    }
}

#[test]
fn pages_are_compared_where_the_server_keeps_no_summaries() {
    let archived = Archived::start(15, "");
    archived.server.sql("postgres", "vacuum (freeze, analyze)");
    let dir = folder();
    let refused = archived.backup(dir.path(), &["--type", "incremental"]).fails(66, "FILE_MISSING");
    assert!(refused.text().contains("Make a full one first"), "{}", refused.text());
    let full = archived.backup(dir.path(), &["--timestamp", "%Y_1full"]).ok().archive();
    change(&archived);
    let second = archived.backup(dir.path(), &["--type", "incremental", "--timestamp", "%Y_2incremental"]).ok();
    assert!(second.text().contains("comparing every page"), "{}", second.text());
    let second = second.archive();
    archived.server.sql("postgres", "update apart set word = 'again'; drop table fresh; checkpoint");
    let third = archived.backup(dir.path(), &["--type", "incremental", "--timestamp", "%Y_3incremental"]).ok().archive();
    let differential = archived.backup(dir.path(), &["--type", "differential", "--timestamp", "%Y_4differential"]).ok().archive();
    let parent = |archive: &Path| {
        Archive::open(archive).expect("an archive").manifest().head.base.clone().expect("a base").parent.expect("a parent").file
    };
    let name = |archive: &Path| archive.file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!((parent(&second), parent(&third), parent(&differential)), (name(&full), name(&second), name(&full)));
    let size = |archive: &Path| std::fs::metadata(archive).expect("a file").len();
    assert!(size(&second) < size(&full) / 3, "{} of {}", size(&second), size(&full));
    let kinds = files(&second);
    let plain = archived.server.sql("postgres", "select pg_relation_filepath('plain')");
    let of = |path: &str| kinds.iter().find(|file| file.path == format!("base/{path}")).map(|file| file.kind);
    assert_eq!(of(&plain), Some(FileKind::Increment));
    assert!(kinds.iter().filter(|file| file.kind == FileKind::Unchanged).count() > 500);
    // Put together, each is what the server's list says, to the last bit.
    let unpacked = tempfile::tempdir().expect("a folder");
    let dirs = ["1", "2", "3", "4"].map(|name| unpacked.path().join(name));
    for (archive, dir) in [&full, &second, &third, &differential].iter().zip(&dirs) {
        std::fs::create_dir(dir).expect("a folder");
        done(Command::new("tar").args(["--zstd", "-xpf"]).arg(archive).arg("-C").arg(dir));
        program::run(&mut program::dbbackup(unpacked.path(), &["verify", "--full", archive.to_str().expect("a path")])).ok();
    }
    let [whole2, whole3, whole4] = ["w2", "w3", "w4"].map(|name| unpacked.path().join(name));
    combine(&dirs[0], &dirs[1], &files(&second), &whole2);
    combine(&whole2, &dirs[2], &files(&third), &whole3);
    combine(&dirs[0], &dirs[3], &files(&differential), &whole4);
    for whole in [&whole2, &whole3, &whole4] {
        for entry in std::fs::read_dir(whole.join("tablespaces")).expect("tablespaces") {
            let entry = entry.expect("an entry");
            std::os::unix::fs::symlink(entry.path(), whole.join("base/pg_tblspc").join(entry.file_name())).expect("a link");
        }
        done(Command::new(archived.server.bin.join("pg_verifybackup")).arg("-n").arg(whole.join("base")));
    }
    // Without the one that it builds on it is whole, and of no use: verification says so.
    std::fs::rename(&full, dir.path().join("away")).expect("a name");
    let lonely = program::run(&mut program::dbbackup(dir.path(), &["verify", "--quick", second.to_str().expect("a path")])).ok();
    assert!(lonely.text().contains("which is not beside it"), "{}", lonely.text());
}

#[test]
fn the_servers_summaries_are_used_where_it_keeps_them() {
    let archived = Archived::start(17, "summarize_wal = on");
    let dir = folder();
    let full = archived.backup(dir.path(), &["--timestamp", "%Y_1full"]).ok().archive();
    change(&archived);
    let second = archived.backup(dir.path(), &["--type", "incremental", "--timestamp", "%Y_2incremental"]).ok();
    assert!(second.text().contains("the server's summaries of its log"), "{}", second.text());
    let second = second.archive();
    let increments = files(&second).iter().filter(|file| file.kind == FileKind::Increment).count();
    assert!(increments > 100, "{increments}");
    program::run(&mut program::dbbackup(dir.path(), &["verify", "--full", second.to_str().expect("a path")])).ok();
    // PostgreSQL's own program puts them together.
    let unpacked = tempfile::tempdir().expect("a folder");
    let datas = [&full, &second].map(|archive| untar(archive, &unpacked.path().join(archive.file_stem().expect("a name"))));
    let whole = unpacked.path().join("whole");
    let space = |data: &Path| std::fs::read_dir(data.join("pg_tblspc")).expect("links").next().expect("a link").expect("a link").path();
    let from = std::fs::read_link(space(&datas[1])).expect("a link");
    let map = format!("{}={}", from.display(), unpacked.path().join("space").display());
    done(Command::new(archived.server.bin.join("pg_combinebackup")).args(&datas).arg("-o").arg(&whole).arg("-T").arg(map));
    done(Command::new(archived.server.bin.join("pg_verifybackup")).arg("-n").arg(&whole));
    // A server that has stopped to keep summaries says nothing of what has changed since.
    archived.server.sql("postgres", "alter system set summarize_wal = off");
    archived.server.sql("postgres", "select pg_reload_conf()");
    crate::support::eventually("it does not stop", || archived.server.sql("postgres", "show summarize_wal") == "off");
    archived.backup(dir.path(), &["--type", "incremental", "--timestamp", "%Y_3incremental"]).fails(66, "NOT_IN_ARCHIVE");
    let differential = archived.backup(dir.path(), &["--type", "differential", "--timestamp", "%Y_4differential"]).ok();
    assert!(differential.text().contains("comparing every page"), "{}", differential.text());
}
