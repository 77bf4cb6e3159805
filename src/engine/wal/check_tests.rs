use super::*;
use crate::domain::wal::{Lsn, Segment};
use crate::engine::wal::survey::survey;
use std::fs::{read, remove_file, write};
use std::path::Path;

const SIZE: u32 = 1 << 20;

fn size() -> SegmentSize {
    SegmentSize::new(SIZE).expect("a size")
}

fn name(timeline: u32, number: u64) -> String {
    Segment { timeline: Timeline(timeline), number }.name(size()).to_string()
}

/// A segment with one record: the switch to the next segment.
fn segment(timeline: u32, number: u64) -> Vec<u8> {
    let mut bytes = vec![0; SIZE as usize];
    for (nth, page) in bytes.chunks_mut(8192).enumerate() {
        page[..8].copy_from_slice(&[0x10, 0xD1, if nth == 0 { 0x02 } else { 0 }, 0, timeline as u8, 0, 0, 0]);
        page[8..16].copy_from_slice(&(number * u64::from(SIZE) + nth as u64 * 8192).to_le_bytes());
    }
    bytes[24..32].copy_from_slice(&7u64.to_le_bytes());
    bytes[32..36].copy_from_slice(&SIZE.to_le_bytes());
    bytes[36..40].copy_from_slice(&8192u32.to_le_bytes());
    // Length, transaction, previous, info (XLOG_SWITCH), resource manager (XLOG), two bytes of nothing, checksum.
    let record = &mut bytes[40..64];
    record[..4].copy_from_slice(&24u32.to_le_bytes());
    record[16] = 0x40;
    let checksum = crc32c::crc32c(&record[..20]);
    record[20..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Segments 3 to 5 of timeline 1 and 6 to 8 of timeline 2, which began in 6 and has copied its beginning.
fn archive() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for number in 3..=5 {
        let packed = zstd::encode_all(segment(1, number).as_slice(), 1).expect("zstd");
        write(dir.path().join(format!("{}.zst", name(1, number))), packed).expect("a file");
    }
    write(dir.path().join(name(2, 6)), segment(1, 6)).expect("a file");
    for number in 7..=8 {
        write(dir.path().join(name(2, number)), segment(2, number)).expect("a file");
    }
    write(dir.path().join("00000002.history"), format!("1\t{}\tx\n", Lsn(6 * u64::from(SIZE) + 40))).expect("a file");
    dir
}

fn checked(dir: &Path) -> Checked {
    some(dir, &[]).expect("nobody breaks it off")
}

fn some(dir: &Path, segments: &[&str]) -> Result<Checked, Fault> {
    let spans: Vec<SegmentSpan> = segments.iter().map(|text| text.parse().expect("a span")).collect();
    check(&survey(dir).expect("a survey"), &spans, 2, &|_| ControlFlow::Continue(()))
}

fn span(timeline: u32, first: u64, last: u64) -> String {
    format!("{}..{}", name(timeline, first), name(timeline, last))
}

#[test]
fn only_what_is_named_is_read_and_missed() {
    let dir = archive();
    remove_file(dir.path().join(name(2, 7))).expect("it was there");
    write(dir.path().join(name(2, 8)), vec![0; SIZE as usize]).expect("a file");
    let good = some(dir.path(), &[&span(1, 4, 5), &span(2, 6, 6)]).expect("read");
    assert!(good.is_whole(), "{good:?}");
    // Two segments, one that began the timeline, and its history.
    assert_eq!(good.read, 4);
    let bad = some(dir.path(), &[&span(1, 2, 5), &span(2, 6, 9)]).expect("read");
    assert_eq!(bad.gaps.iter().map(|gap| (gap.timeline.0, gap.first, gap.last)).collect::<Vec<_>>(), [(1, 2, 2), (2, 7, 7), (2, 9, 9)]);
    assert_eq!(bad.damaged.iter().map(|damage| damage.file.as_str()).collect::<Vec<_>>(), [name(2, 8)]);
    let foreign = some(dir.path(), &["0000000100000000FFFFFFFF"]).expect_err("no segment of this size");
    assert_eq!(foreign.code, Code::Usage);
}

#[test]
fn it_says_how_far_it_is_and_stops_when_nobody_wants_to_know() {
    let dir = archive();
    let survey = survey(dir.path()).expect("a survey");
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |far: Far| {
        told.lock().expect("no panic").push(far);
        ControlFlow::Continue(())
    };
    check(&survey, &[], 2, &tell).expect("read");
    let told = told.into_inner().expect("no panic");
    let last = told.last().copied().expect("it told");
    assert_eq!((last.files, last.of, last.bytes), (7, 7, last.total));
    assert!(told.len() > 7 && told.iter().all(|far| far.of == 7 && far.bytes <= far.total), "{}", told.len());
    let stopped = check(&survey, &[], 2, &|_| ControlFlow::Break(())).expect_err("broken off");
    assert_eq!(stopped.code, Code::Cancelled);
}

#[test]
fn a_whole_archive_is_whole() {
    let dir = archive();
    let checked = checked(dir.path());
    assert!(checked.is_whole(), "{checked:?}");
    assert_eq!((checked.read, checked.unread), (7, 0));
    assert_eq!(checked.plain.0 / u64::from(SIZE), 6);
    assert_eq!(checked.found.iter().map(|part| (part.timeline.0, part.first, part.last)).collect::<Vec<_>>(), [(1, 3, 5), (2, 6, 8)]);
}

#[test]
fn every_kind_of_damage_is_found_and_named() {
    type Spoil = fn(&Path);
    let cases: &[(&str, &str, Spoil)] = &[
        ("000000010000000000000004.zst", "cannot be read", |dir| {
            let path = dir.join("000000010000000000000004.zst");
            let bytes = read(&path).expect("bytes");
            write(&path, &bytes[..bytes.len() / 2]).expect("a file");
        }),
        ("000000020000000000000007", "1048575 bytes", |dir| {
            let mut short = segment(2, 7);
            short.pop();
            write(dir.join(name(2, 7)), short).expect("a file");
        }),
        ("000000020000000000000007", "it was 000000020000000000000008", |dir| write(dir.join(name(2, 7)), segment(2, 8)).expect("a file")),
        ("000000020000000000000007", "system identifier is 8", |dir| {
            let mut other = segment(2, 7);
            other[24] = 8;
            write(dir.join(name(2, 7)), other).expect("a file");
        }),
        ("000000020000000000000007", "at 0/700028: ", |dir| {
            let mut torn = segment(2, 7);
            torn[44] ^= 1;
            write(dir.join(name(2, 7)), torn).expect("a file");
        }),
        ("000000020000000000000007", "does not begin", |dir| write(dir.join(name(2, 7)), vec![0; SIZE as usize]).expect("a file")),
        ("00000002.history", "no line of a timeline's history", |dir| write(dir.join("00000002.history"), "x").expect("a file")),
        ("00000003.history", "another way", |dir| {
            write(dir.join("00000003.history"), format!("1\t0/1\tx\n2\t{}\ty\n", Lsn(9 << 20))).expect("a file");
        }),
    ];
    for (file, word, spoil) in cases {
        let dir = archive();
        spoil(dir.path());
        let checked = checked(dir.path());
        assert!(!checked.is_whole(), "{word}");
        let damage = checked.damaged.iter().find(|damage| damage.file == *file).unwrap_or_else(|| panic!("{word}: {checked:?}"));
        assert!(damage.why.contains(word), "{word}: {damage:?}");
    }
}

#[test]
fn what_is_missing_is_missing() {
    let dir = archive();
    remove_file(dir.path().join(name(2, 7))).expect("it was there");
    remove_file(dir.path().join("00000002.history")).expect("it was there");
    let checked = checked(dir.path());
    assert_eq!(checked.gaps.iter().map(|gap| (gap.timeline.0, gap.first, gap.last)).collect::<Vec<_>>(), [(2, 7, 7)]);
    assert_eq!(checked.histories, ["00000002.history"]);
}

#[test]
fn what_is_encrypted_is_counted_and_not_judged() {
    let dir = archive();
    write(dir.path().join(format!("{}.age", name(2, 9))), "secret").expect("a file");
    let checked = checked(dir.path());
    assert!(checked.is_whole(), "{checked:?}");
    assert_eq!(checked.unread, 1);
}
