use super::*;
use crate::domain::wal::{Lsn, SegmentSize, Timeline};
use crate::engine::wal::survey::survey;
use std::collections::BTreeSet;
use std::fs::File;
use std::time::{Duration, SystemTime};

const SIZE: u64 = 16 << 20;

fn name(timeline: u32, number: u64) -> String {
    Segment { timeline: Timeline(timeline), number }.name(SegmentSize::default()).to_string()
}

/// Segments 1 to 9 of timeline 1, 8 to 12 of timeline 2, each last written on the day of its number; a label, an unfinished one, a history.
fn archive() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let put = |name: String, day: u64| {
        let file = File::create(dir.path().join(name)).expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400)).expect("a time");
    };
    (1..=9).for_each(|number| put(format!("{}.zst", name(1, number)), number));
    (8..=12).for_each(|number| put(format!("{}.zst", name(2, number)), number));
    put(format!("{}.00000028.backup", name(1, 2)), 2);
    put(format!("{}.00000028.backup", name(1, 5)), 5);
    put(format!("{}.partial.zst", name(1, 10)), 10);
    put("00000002.history".to_owned(), 8);
    put("README".to_owned(), 1);
    dir
}

fn base(timeline: u32, number: u64) -> BaseBackup {
    let path = format!("base_{number}.tar.zst").into();
    BaseBackup { path, timeline: Timeline(timeline), start: Lsn(number * SIZE + 40), ..BaseBackup::default() }
}

fn plan(dir: &Path, bases: &[BaseBackup], rule: Rule) -> Cleanup {
    decide(&survey(dir).expect("a survey"), bases, rule, Stamp(13 * 86_400_000)).expect("a plan")
}

#[test]
fn what_is_before_the_oldest_base_backup_goes_and_nothing_else() {
    let dir = archive();
    let before: BTreeSet<_> = std::fs::read_dir(dir.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    let plan = plan(dir.path(), &[base(2, 9), base(1, 5)], Rule::Bases);
    assert_eq!(plan.remove.len(), 5, "{plan:?}");
    assert_eq!(plan.from, Some(name(1, 5)));
    assert!(plan.reasons[1].contains(&format!("base_5.tar.zst needs the log from {} on", name(1, 5))), "{plan:?}");
    assert_eq!(remove(&plan).expect("they go"), (5, Bytes(0)));
    let after: BTreeSet<_> = std::fs::read_dir(dir.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    let gone: Vec<_> = before.difference(&after).map(|name| name.to_string_lossy().into_owned()).collect();
    let mut wanted: Vec<String> = (1..=4).map(|number| format!("{}.zst", name(1, number))).collect();
    wanted.push(format!("{}.00000028.backup", name(1, 2)));
    wanted.sort();
    assert_eq!(gone, wanted);
    assert_eq!(remove(&plan).expect("again"), (0, Bytes(0)));
}

#[test]
fn without_a_base_backup_nothing_goes_unless_it_is_said_what() {
    let dir = archive();
    let survey = survey(dir.path()).expect("a survey");
    let fault = decide(&survey, &[], Rule::Bases, Stamp(0)).expect_err("refused");
    assert_eq!(fault.code, Code::Usage);
    let before = Rule::Before(match name(1, 4).parse() {
        Ok(WalName::Segment(name)) => name,
        other => panic!("{other:?}"),
    });
    assert_eq!(plan(dir.path(), &[], before).remove.len(), 4);
    assert_eq!(plan(dir.path(), &[], Rule::Days(6)).remove.len(), 8, "segments 1 to 6 and two labels");
    assert_eq!(plan(dir.path(), &[], Rule::Days(100)).remove, Vec::<String>::new());
    let all_old = plan(dir.path(), &[], Rule::Days(1));
    assert_eq!(all_old.from, Some(name(2, 12)), "the newest one always stays");
}

#[test]
fn a_rule_never_takes_what_a_base_backup_needs() {
    let dir = archive();
    let before = Rule::Before(match name(2, 12).parse() {
        Ok(WalName::Segment(name)) => name,
        other => panic!("{other:?}"),
    });
    assert_eq!(plan(dir.path(), &[base(1, 3)], before).from, Some(name(1, 3)));
    assert_eq!(plan(dir.path(), &[base(1, 3)], Rule::Days(1)).from, Some(name(1, 3)));
    let older = Rule::Days(11);
    assert_eq!(plan(dir.path(), &[base(1, 3)], older).from, Some(name(1, 2)));
}

#[test]
fn an_archive_that_another_program_keeps_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("wal_005")).expect("a folder");
    let survey = survey(dir.path()).expect("a survey");
    let fault = decide(&survey, &[base(1, 3)], Rule::Bases, Stamp(0)).expect_err("refused");
    assert!(fault.what.contains("WAL-G"), "{fault}");
}

#[test]
fn nothing_outside_the_folder_is_ever_removed() {
    for file in ["../x", "/etc/passwd", "a/b", ".", ".."] {
        let plan = Cleanup { dir: "/nowhere".into(), remove: vec![file.to_owned()], ..Cleanup::default() };
        assert_eq!(remove(&plan).expect_err("refused").code, Code::Internal, "{file}");
    }
}
