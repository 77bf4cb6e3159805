//! Whose an archive is: a second server, a segment under another name, a folder that is none.

use super::{OWN, Site, content, name};
use crate::support::program;

#[test]
fn the_first_push_into_an_empty_folder_makes_it_an_archive_that_says_whose_it_is() {
    let site = Site::new();
    std::fs::create_dir(site.archive().join("lost+found")).expect("as on a new disk");
    site.push(&site.segment(1, 1), &[]).ok();
    let text = std::fs::read_to_string(site.archive().join("dbbackup-wal.json")).expect("an identity");
    let said: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(said["system_identifier"], OWN.to_string());
    assert_eq!(said["segment_size"], super::SIZE);
    assert!(
        said["created"].as_str().is_some_and(|time| time.ends_with('Z'))
            && said["tool"].as_str().is_some_and(|tool| tool.starts_with("dbbackup "))
    );
}

#[test]
fn a_second_server_is_refused_with_everything_it_has() {
    let site = Site::new();
    site.push(&site.segment(1, 1), &[]).ok();
    let before = program::names(&site.archive());
    let other = site.segment_of(OWN + 1, 2, 2);
    let outcome = site.push(&other, &[]).fails(65, "WAL_FOREIGN");
    assert!(outcome.stderr.contains(&OWN.to_string()) && outcome.stderr.contains(&(OWN + 1).to_string()), "{}", outcome.stderr);
    // A history says nothing of its server; the segments beside it do.
    std::fs::remove_file(site.wal().join(name(1))).expect("the first one's");
    std::fs::write(site.wal().join("00000002.history"), "1\t0/300000\tno recovery target specified\n").expect("a history");
    site.push("00000002.history", &[]).fails(65, "WAL_FOREIGN");
    assert_eq!(program::names(&site.archive()), before);
    // What it archived before nobody can hand to it either.
    std::fs::write(site.archive().join(&other), content(OWN + 1, 2, 2)).expect("by hand");
    site.restore(&other, &[]).fails(65 + 128, "WAL_FOREIGN");
    assert!(!site.handed().exists());
}

#[test]
fn a_segment_that_is_not_what_its_name_says_is_refused() {
    let site = Site::new();
    site.push(&site.segment(1, 1), &[]).ok();
    let good = content(OWN, 5, 5);
    let changed = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let cases = [
        ("another address", changed(10, 9)),
        ("a later timeline", changed(4, 2)),
        ("another size", good[..good.len() - 8192].to_vec()),
        ("no header", vec![0; good.len()]),
        ("nothing", Vec::new()),
    ];
    for (what, bytes) in cases {
        for ending in ["", ".partial"] {
            let file = format!("{}{ending}", name(5));
            std::fs::write(site.wal().join(&file), &bytes).expect(what);
            let outcome = site.push(&file, &[]);
            assert_eq!(outcome.code, 65, "{what}: {}", outcome.text());
        }
    }
    for (file, text) in
        [("00000002.history", "drop table x"), ("000000010000000000000005.00000028.backup", "START WAL LOCATION: 0/1 (file x)\n")]
    {
        std::fs::write(site.wal().join(file), text).expect("a text");
        site.push(file, &[]).fails(65, "WAL_FOREIGN");
    }
    for word in ["../x", "RECOVERYXLOG", "000000010000000000000005.zst"] {
        site.push(word, &[]).fails(64, "USAGE");
    }
    assert_eq!(site.complete().len(), 1);
}

#[test]
fn an_archive_of_another_program_is_taken_over_only_by_its_own_server() {
    let site = Site::new();
    std::fs::write(site.archive().join(name(1)), content(OWN, 1, 1)).expect("as cp does");
    let other = site.segment_of(OWN + 1, 2, 2);
    site.push(&other, &[]).fails(65, "WAL_FOREIGN");
    assert!(!site.archive().join("dbbackup-wal.json").exists());
    // Recovery reads it as it is.
    site.restore(&name(1), &[]).ok();
    assert_eq!(site.restore(&name(2), &[]).code, 1);
    site.segment(2, 2);
    site.segment(1, 1);
    site.push(&name(2), &[]).ok();
    assert_eq!(site.complete().len(), 2);
}

#[test]
fn a_folder_with_other_things_in_it_is_no_archive() {
    let site = Site::new();
    std::fs::write(site.archive().join("holiday.jpg"), "x").expect("a file");
    site.push(&site.segment(1, 1), &[]).fails(73, "WAL_ARCHIVE_MISSING");
    site.restore(&name(1), &[]).fails(73 + 128, "WAL_ARCHIVE_MISSING");
    assert_eq!(program::names(&site.archive()), ["holiday.jpg"]);
}

#[test]
fn a_folder_that_was_an_archive_and_is_empty_now_is_a_disk_that_is_not_mounted() {
    let site = Site::new();
    site.push(&site.segment(1, 1), &[]).ok();
    std::fs::rename(site.archive(), site.path().join("the disk")).expect("unmounted");
    let next = site.segment(2, 2);
    site.push(&next, &[]).fails(73, "WAL_ARCHIVE_MISSING");
    assert!(!site.archive().exists(), "no folder is made in its place");
    assert_eq!(site.restore(&name(1), &[]).code, 73 + 128);
    std::fs::create_dir(site.archive()).expect("the place where it was mounted");
    let outcome = site.push(&next, &[]).fails(73, "WAL_ARCHIVE_MISSING");
    assert_eq!(program::names(&site.archive()), Vec::<String>::new());
    assert_eq!(site.restore(&name(1), &[]).code, 73 + 128);
    // As the message says, on purpose.
    let memory = outcome.stderr.lines().find_map(|line| line.split("rm -- ").nth(1)).expect("the cure").trim();
    std::fs::remove_file(site.path().join(memory)).expect("forgotten");
    site.push(&next, &[]).ok();
    assert_eq!(site.complete().len(), 1);
}
