//! Files get their names only when they are whole, are nobody else's business, and leave nothing behind.

use super::folder;
use dbbackup::domain::{Code, Fault};
use dbbackup::storage::local::{self, NewFile};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_has_its_name_only_after_the_commit() {
    let dir = folder();
    let path = dir.path().join("db_shop.tar.zst");
    let mut file = NewFile::create(&path).expect("a file");
    file.write_all(b"content").expect("written");
    let temporary = file.sync().expect("synced");
    assert_eq!(std::fs::metadata(&temporary).expect("meta").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read(&temporary).expect("content"), b"content");
    let name = temporary.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(name.starts_with(".db_shop.tar.zst.") && name.ends_with(".partial"), "{name}");
    assert_eq!(local::archives(dir.path()).expect("archives"), Vec::<PathBuf>::new());
    assert_eq!(file.commit().expect("named"), path);
    assert_eq!(names(dir.path()), ["db_shop.tar.zst"]);
    assert_eq!(local::archives(dir.path()).expect("archives"), vec![path]);
}

#[test]
fn a_dropped_file_is_gone() {
    let dir = folder();
    let mut file = NewFile::create(&dir.path().join("a.tar")).expect("a file");
    file.write_all(b"half").expect("written");
    drop(file);
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn no_file_is_overwritten_even_one_that_came_late() {
    let dir = folder();
    let path = dir.path().join("a.tar");
    let mut file = NewFile::create(&path).expect("a file");
    file.write_all(b"new").expect("written");
    std::fs::write(&path, "old").expect("another's file");
    assert_eq!(file.commit().expect_err("it is there").code, Code::OutputExists);
    assert_eq!(NewFile::create(&path).expect_err("it is there").code, Code::OutputExists);
    assert_eq!(std::fs::read(&path).expect("content"), b"old");
    assert_eq!(names(dir.path()), ["a.tar"]);
}

#[test]
fn a_small_file_replaces_its_predecessor() {
    let dir = folder();
    let path = dir.path().join("a.sha256");
    local::write_small(&path, b"one").expect("written");
    local::write_small(&path, b"two").expect("written");
    assert_eq!(std::fs::read(&path).expect("content"), b"two");
    assert_eq!(std::fs::metadata(&path).expect("meta").mode() & 0o777, 0o600);
    assert_eq!(names(dir.path()), ["a.sha256"]);
}

#[test]
fn the_sweep_takes_the_dead_and_leaves_the_living() {
    let dir = folder();
    let mut living = NewFile::create(&dir.path().join("living.tar.zst")).expect("a file");
    let kept = living.sync().expect("synced");
    let dead = dir.path().join(".dead.tar.zst.4711-0123456789ab.partial");
    std::fs::write(&dead, "left").expect("a file");
    for other in [".mine.partial", "notes.4711-0123456789ab.partial", ".x.4711-0123456789ab.partial2", "db_a.tar.zst"] {
        std::fs::write(dir.path().join(other), "").expect("a file");
    }
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join(".link.1-0123456789ab.partial")).expect("a link");
    assert_eq!(local::sweep(dir.path()).expect("swept"), vec![dead]);
    assert!(kept.exists());
    assert_eq!(names(dir.path()).len(), 6);
    living.commit().expect("still whole");
}

#[test]
fn archives_come_newest_first() {
    let dir = folder();
    for (name, age) in [("a.tar.zst", 300), ("b.tar.gz", 100), ("c.tar", 200), ("d.txt", 0), ("e.tar.zst.sha256", 0), (".f.tar.xz", 0)] {
        let path = dir.path().join(name);
        let file = std::fs::File::create(&path).expect("a file");
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age)).expect("a time");
    }
    let found = local::archives(dir.path()).expect("archives");
    let found: Vec<_> = found.iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(found, ["b.tar.gz", "c.tar", "a.tar.zst"]);
    assert_eq!(local::archives(&dir.path().join("none")).expect_err("missing").code, Code::FileMissing);
}

#[test]
fn the_folder_is_made_for_its_owner_alone() {
    let dir = folder();
    let path = dir.path().join("a/b");
    local::prepare_dir(&path).expect("made");
    assert_eq!(std::fs::metadata(&path).expect("meta").mode() & 0o777, 0o700);
    assert_eq!(names(&path), Vec::<String>::new());
    std::fs::write(dir.path().join("file"), "").expect("a file");
    assert_eq!(local::prepare_dir(&dir.path().join("file")).expect_err("a file").code, Code::OutputUnwritable);
    assert_eq!(local::prepare_dir(&dir.path().join("file/sub")).expect_err("in a file").code, Code::OutputUnwritable);
    assert_eq!(local::prepare_dir(Path::new("/proc/nothing")).expect_err("no folder").code.exit(), 73);
}

#[test]
fn a_full_disk_says_what_is_free_and_what_to_do() {
    let fault = local::io_fault("cannot write the archive", &std::env::temp_dir().join("x.tar"), &io::Error::from_raw_os_error(28));
    assert_eq!(fault.code, Code::DiskFull);
    assert!(fault.context.iter().any(|(name, value)| name == "Free" && value.contains(" of ")));
    assert!(fault.steps.iter().any(|step| step.command.as_deref().is_some_and(|command| command.starts_with("df -h"))));
    for (number, code) in [
        (30, Code::ReadOnlyFileSystem),
        (24, Code::TooManyFiles),
        (12, Code::OutOfMemory),
        (13, Code::FilePermission),
        (122, Code::DiskFull),
        (5, Code::Io),
    ] {
        assert_eq!(local::io_fault("x", Path::new("/tmp/x"), &io::Error::from_raw_os_error(number)).code, code);
    }
}

#[test]
fn a_write_that_fails_carries_its_fault_to_the_writer() {
    use dbbackup::archive::frame::{FrameEncoder, Part};
    use dbbackup::archive::writer::Writer;
    use dbbackup::domain::codec::Compression;
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::StorageFull, Fault::new(Code::DiskFull, "no room on /backup")))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let frame = FrameEncoder::new(Compression::default(), 0)
        .and_then(|mut encoder| encoder.encode(&[Part { name: "a", data: b"b" }], Vec::new()))
        .expect("a frame");
    let fault = Writer::new(Full, Compression::default(), 0).and_then(|mut writer| writer.append(&frame)).expect_err("full");
    assert_eq!((fault.code, fault.what.as_str()), (Code::DiskFull, "no room on /backup"));
}
