//! What `wal restore` hands over, what it fetches ahead, and how it tells "not there" from trouble.

use super::{Site, content, name};
use crate::support::{eventually, program};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn what_was_archived_comes_back_whatever_is_around_it() {
    let site = Site::new();
    let names: Vec<String> = (1..5).map(|number| site.segment(number, number)).collect();
    for (name, codec) in names.iter().zip(["zstd", "gzip", "lz4", "none"]) {
        site.push(name, &["--compression", codec, "--wal-jobs", "1"]).ok();
    }
    let xz = std::process::Command::new("xz").args(["-k", "-0"]).arg(site.wal().join(&names[3])).status().expect("xz");
    assert!(xz.success());
    std::fs::remove_file(site.archive().join(&names[3])).expect("removed");
    std::fs::rename(site.wal().join(format!("{}.xz", names[3])), site.archive().join(format!("{}.xz", names[3]))).expect("moved");
    for (number, name) in (1..).zip(&names) {
        let outcome = site.restore(name, &[]).ok();
        assert_eq!(outcome.text().trim(), "");
        assert!(std::fs::read(site.handed()).expect("handed over") == content(super::OWN, number, number), "{name}");
        assert_eq!(std::fs::metadata(site.handed()).expect("handed over").permissions().mode() & 0o777, 0o600);
    }
    for (file, text) in [
        ("00000002.history", "1\t0/300000\tno recovery target specified\n"),
        ("000000010000000000000002.00000028.backup", "START WAL LOCATION: 0/200028 (file 000000010000000000000002)\n"),
    ] {
        std::fs::write(site.wal().join(file), text).expect("a text");
        site.push(file, &[]).ok();
        site.restore(file, &[]).ok();
        assert_eq!(std::fs::read_to_string(site.handed()).expect("handed over"), text);
    }
}

#[test]
fn only_what_is_not_there_ends_with_1() {
    let site = Site::new();
    let name1 = site.segment(1, 1);
    site.push(&name1, &[]).ok();
    for missing in [&*name(2), "00000002.history", "000000010000000000000002.00000028.backup"] {
        let outcome = site.restore(missing, &[]);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (1, 1), "{}", outcome.text());
        assert_eq!(site.restore(missing, &["--quiet"]).stderr, "");
    }
    let stored = site.archive().join(format!("{name1}.zst"));
    let whole = std::fs::read(&stored).expect("stored");
    let mut damages: Vec<(String, Vec<u8>)> =
        [0, 1, 20, whole.len() / 2, whole.len() - 1].map(|length| (format!("cut at {length}"), whole[..length].to_vec())).into();
    for at in [0, 5, 60, whole.len() / 2, whole.len() - 2] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        damages.push((format!("changed at {at}"), bytes));
    }
    std::fs::write(site.handed(), "as it was").expect("a file");
    for (what, bytes) in damages {
        std::fs::write(&stored, bytes).expect("damaged");
        let outcome = site.restore(&name1, &[]);
        assert_eq!(outcome.code, 65 + 128, "{what}: {}", outcome.text());
        assert_eq!(std::fs::read_to_string(site.handed()).expect("a file"), "as it was", "{what}");
    }
    // A plain one that is too short or too long, as a copy that was killed leaves it.
    std::fs::remove_file(&stored).expect("removed");
    for length in [super::SIZE - 1, super::SIZE / 2, 30, super::SIZE + 1, 2 * super::SIZE] {
        let mut bytes = content(super::OWN, 1, 1);
        bytes.resize(length, 0);
        std::fs::write(site.archive().join(&name1), bytes).expect("plain");
        assert_eq!(site.restore(&name1, &[]).code, 65 + 128, "{length}");
    }
    std::fs::remove_file(site.archive().join(&name1)).expect("removed");
    std::fs::write(site.archive().join(format!("{name1}.zst.age")), "secret").expect("encrypted");
    assert_eq!(site.restore(&name1, &[]).code, 65 + 128, "there, and not to be read");
    let outcome = program::run(&mut program::dbbackup(site.path(), &["wal", "restore", &name1, "nowhere/x", "--archive-dir", "archive"]));
    assert!(outcome.code > 125, "{}", outcome.text());
}

#[test]
fn the_next_segments_are_fetched_ahead_and_handed_over_only_if_they_are_still_what_the_archive_holds() {
    let site = Site::new();
    for number in 1..30 {
        site.push(&site.segment(number, number), &["--wal-jobs", "1"]).ok();
    }
    // A server in recovery, which may archive at the same time.
    std::fs::write(site.path().join("recovery.signal"), "").expect("a file");
    let spool = site.wal().join(".dbbackup-spool");
    let entries = || program::names(&spool).into_iter().filter(|name| name.starts_with("0000")).collect::<Vec<_>>();
    let quiet = || {
        eventually("the one who fetches ahead ends", || {
            std::fs::File::open(spool.join("fetching.lock")).is_ok_and(|lock| lock.try_lock().is_ok())
        });
    };
    site.restore(&name(1), &["--wal-prefetch", "6"]).ok();
    eventually("six are fetched ahead", || entries().len() == 6);
    quiet();
    assert_eq!(std::fs::metadata(&spool).expect("the spool").permissions().mode() & 0o777, 0o700);
    let waiting = spool.join(&entries()[0]);
    let number = std::fs::metadata(&waiting).expect("fetched").ino();
    site.restore(&name(2), &["--wal-prefetch", "6"]).ok();
    assert_eq!(std::fs::metadata(site.handed()).expect("handed over").ino(), number, "moved, not fetched again");
    assert!(std::fs::read(site.handed()).expect("handed over") == content(super::OWN, 2, 2));
    // Another file under the same name: what was fetched of the old one is stale.
    let stored = site.archive().join(format!("{}.zst", name(3)));
    std::fs::rename(&stored, site.archive().join("old")).expect("moved");
    site.segment(3, 33);
    site.push(&name(3), &["--wal-jobs", "1"]).ok();
    site.restore(&name(3), &["--wal-prefetch", "6"]).ok();
    assert!(std::fs::read(site.handed()).expect("handed over") == content(super::OWN, 3, 33));
    // One that was spoilt in the spool is fetched again.
    quiet();
    let spoilt = entries().into_iter().find(|entry| entry.starts_with(&name(4))).expect("fetched");
    std::fs::write(spool.join(spoilt), "spoilt").expect("written");
    site.restore(&name(4), &["--wal-prefetch", "6"]).ok();
    assert!(std::fs::read(site.handed()).expect("handed over") == content(super::OWN, 4, 4));
    // The spool stays bounded, and a jump takes what is not needed out of it.
    for number in 5..12 {
        site.restore(&name(number), &["--wal-prefetch", "6"]).ok();
        assert!(entries().len() <= 12, "{:?}", entries());
    }
    quiet();
    site.restore(&name(22), &["--wal-prefetch", "6"]).ok();
    eventually("those after the jump", || entries().iter().any(|entry| entry.starts_with(&name(28))));
    quiet();
    assert_eq!(entries().len(), 6, "{:?}", entries());
    // When a recovery has ended, maybe at its target, nothing of this is needed.
    site.push(&site.segment(31, 31), &["--wal-jobs", "1"]).ok();
    assert_eq!(entries().len(), 6, "a standby may archive too");
    std::fs::remove_file(site.path().join("recovery.signal")).expect("ended");
    site.push(&site.segment(32, 32), &["--wal-jobs", "1"]).ok();
    assert_eq!(entries(), Vec::<String>::new());
    // At the archive's end nothing is left either.
    site.restore(&name(24), &["--wal-prefetch", "2"]).ok();
    eventually("two are fetched ahead", || entries().len() == 2);
    quiet();
    assert_eq!(site.restore(&name(30), &["--wal-prefetch", "6"]).code, 1);
    assert_eq!(entries(), Vec::<String>::new());
}

#[test]
fn a_spool_elsewhere_is_used_and_one_of_somebody_else_is_not() {
    let site = Site::new();
    for number in 1..6 {
        site.push(&site.segment(number, number), &["--wal-jobs", "1"]).ok();
    }
    let spools = site.path().join("spools");
    std::fs::create_dir(&spools).expect("a folder");
    let flags = ["--wal-spool", "spools", "--wal-prefetch", "3"];
    site.restore(&name(1), &flags).ok();
    let own = || program::names(&spools).first().map(|name| spools.join(name));
    let fetched = || own().map_or(0, |dir| program::names(&dir).iter().filter(|name| name.starts_with("0000")).count());
    eventually("three are fetched ahead", || fetched() == 3);
    site.restore(&name(2), &flags).ok();
    assert!(std::fs::read(site.handed()).expect("handed over") == content(super::OWN, 2, 2));
    // Others could put something into it.
    let own = own().expect("a spool");
    eventually("the one who fetches ahead ends", || {
        std::fs::File::open(own.join("fetching.lock")).is_ok_and(|lock| lock.try_lock().is_ok())
    });
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o777)).expect("opened");
    for entry in program::names(&own) {
        std::fs::write(own.join(entry), "planted").expect("written");
    }
    site.restore(&name(3), &flags).ok();
    assert!(std::fs::read(site.handed()).expect("handed over") == content(super::OWN, 3, 3));
    assert!(!site.wal().join(".dbbackup-spool/fetching.lock").exists());
}
