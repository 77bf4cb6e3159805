use super::*;
use std::fs::{File, create_dir_all, write};
use std::time::{Duration, SystemTime};

/// The beginning of a segment, as a server of version 15 writes it.
pub fn head(timeline: u32, number: u64, size: u32) -> Vec<u8> {
    let mut bytes = vec![0; 40];
    bytes[..8].copy_from_slice(&[0x10, 0xD1, 0x06, 0, timeline as u8, 0, 0, 0]);
    bytes[8..16].copy_from_slice(&(number * u64::from(size)).to_le_bytes());
    bytes[24..32].copy_from_slice(&7_321_455_120_984_321_001_u64.to_le_bytes());
    bytes[32..36].copy_from_slice(&size.to_le_bytes());
    bytes[36..].copy_from_slice(&8192u32.to_le_bytes());
    bytes
}

fn name(number: u64) -> String {
    format!("00000001{:08X}{:08X}", number / 256, number % 256)
}

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_hundred_thousand_segments_cost_one_listing_and_a_question_each() {
    const MANY: u64 = 100_000;
    // In memory where that can be had: what is counted is ours, not the disk's.
    let memory = Path::new("/dev/shm");
    let dir = tempfile::tempdir_in(if memory.is_dir() { memory } else { Path::new("/tmp") }).expect("a folder");
    for number in 0..MANY {
        File::create(dir.path().join(format!("{}.zst", name(number)))).expect("a file");
    }
    write(dir.path().join(name(MANY)), head(1, MANY, 16 << 20)).expect("a file");
    let survey = survey(dir.path()).expect("a survey");
    assert_eq!(survey.cost, Cost { listed: 1, asked: MANY + 1, opened: 1 });
    assert_eq!(survey.files.len() as u64, MANY + 1);
    assert_eq!(survey.segment_size, SegmentSize::new(16 << 20));
    assert!(survey.files.windows(2).all(|two| two[0].stored.name < two[1].stored.name));
}

#[test]
fn every_ending_is_known_and_strangers_are_counted() {
    let dir = dir();
    for end in [
        "",
        ".gz",
        ".zst",
        ".lz4",
        ".xz",
        ".bz2",
        ".br",
        ".age",
        ".enc",
        ".encrypted",
        ".zst.age",
        ".partial",
        ".partial.gz",
        ".00000028.backup",
    ] {
        File::create(dir.path().join(format!("{}{end}", name(7)))).expect("a file");
    }
    write(dir.path().join("00000002.history"), "1\t0/3000158\tno recovery target specified\n").expect("a file");
    for other in ["README", "000000010000000000000042.tmp", ".000000010000000000000042.zst", "archive.json"] {
        File::create(dir.path().join(other)).expect("a file");
    }
    File::create(dir.path().join(crate::engine::wal::identity::FILE)).expect("a file");
    let survey = survey(dir.path()).expect("a survey");
    assert_eq!((survey.files.len(), survey.strangers), (15, 4));
    let stats = super::super::figures::stats(&survey);
    assert_eq!((stats.segments, stats.partials, stats.labels, stats.histories), (11, 2, 1, 1));
    assert_eq!((stats.compressed.0, stats.encrypted), (7, 4));
    assert_eq!(survey.histories[0].1.as_ref().expect("read")[0].from, Timeline(1));
    assert_eq!(survey.header, None);
    assert!(survey.unknown.iter().any(|line| line.contains("headers of its segments cannot be read")), "{:?}", survey.unknown);
}

#[test]
fn the_size_of_segments_is_the_headers_own() {
    let dir = dir();
    write(dir.path().join("000000010000000000000003"), head(1, 3, 1 << 20)).expect("a file");
    let found = survey(dir.path()).expect("a survey");
    assert_eq!(found.segment_size, SegmentSize::new(1 << 20));
    assert_eq!(found.header.expect("a header").system_identifier, 7_321_455_120_984_321_001);
    // Without a header the length of a whole segment tells.
    File::create(dir.path().join("000000010000000000000003")).and_then(|file| file.set_len(2 << 20)).expect("a file");
    assert_eq!(survey(dir.path()).expect("a survey").segment_size, SegmentSize::new(2 << 20));
}

#[test]
fn other_programs_folders_are_known() {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    for (file, layout) in [
        (format!("archive/main/15-1/0000000100000000/{}-{hash}.zst", name(5)), Layout::PgBackRest),
        (format!("0000000100000000/{}-{hash}.gz", name(5)), Layout::PgBackRest),
        (format!("wal_005/{}.br", name(5)), Layout::WalG),
        (format!("wals/0000000100000000/{}", name(5)), Layout::Barman),
    ] {
        let dir = dir();
        create_dir_all(dir.path().join("backup")).expect("a folder");
        let path = dir.path().join(&file);
        create_dir_all(path.parent().expect("a folder")).expect("a folder");
        write(&path, "x").expect("a file");
        let survey = survey(dir.path()).expect("a survey");
        assert_eq!((survey.layout, survey.files.len()), (layout, 1), "{file}");
        assert_eq!(survey.path(&survey.files[0]), path);
    }
    let two = dir();
    create_dir_all(two.path().join("archive/main/15-1")).expect("a folder");
    create_dir_all(two.path().join("archive/test/17-1")).expect("a folder");
    create_dir_all(two.path().join("backup")).expect("a folder");
    let found = survey(two.path()).expect("a survey");
    assert!(found.unknown[0].contains("2 stanzas; give one of"), "{:?}", found.unknown);
}

#[test]
fn a_folder_that_is_not_there_says_so() {
    let fault = survey(Path::new("/nowhere/wal")).expect_err("no folder");
    assert_eq!(fault.code, crate::domain::Code::FileMissing);
}

#[test]
fn the_time_of_a_segment_is_that_of_its_file() {
    let dir = dir();
    let file = File::create(dir.path().join(name(1))).expect("a file");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(1_769_778_179_184)).expect("a time");
    assert_eq!(survey(dir.path()).expect("a survey").files[0].at, Stamp(1_769_778_179_184));
}

#[test]
fn links_are_followed_and_pipes_are_not_opened() {
    let (dir, other) = (dir(), dir());
    write(other.path().join("x"), head(1, 1, 16 << 20)).expect("a file");
    std::os::unix::fs::symlink(other.path().join("x"), dir.path().join(name(1))).expect("a link");
    std::os::unix::fs::symlink("/nowhere/at/all", dir.path().join(name(2))).expect("a link");
    let pipe = dir.path().join("00000002.history");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let survey = survey(dir.path()).expect("a survey");
    assert_eq!((survey.files.len(), survey.files[0].bytes, survey.strangers), (1, 40, 1));
    assert!(survey.header.is_some());
}
