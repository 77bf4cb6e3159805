//! Taking away what no base backup needs.

use super::{archive, archiving, write};
use crate::support::program::{logs, names, on, run};

#[test]
fn what_is_before_the_oldest_base_backup_goes_when_it_is_confirmed() {
    let server = archiving(15);
    let (home, backups) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let dir = backups.path().display().to_string();
    let wal = archive(&server).display().to_string();
    let cleanup = |more: &[&str]| {
        run(&mut on(&server, home.path(), &[&["wal", "cleanup", "--archive-dir", &wal, "--backup-dir", &dir], more].concat()))
    };
    write(&server, 4);
    cleanup(&[]).fails(64, "USAGE");
    run(&mut on(&server, home.path(), &["backup", "base", "--backup-dir", &dir])).ok();
    write(&server, 2);
    let before = names(&archive(&server));
    let plan = cleanup(&[]).ok().stdout;
    assert!(plan.contains("Nothing was removed.") && plan.contains("  From:           00000001000000000000000"), "{plan}");
    assert!(plan.contains(" needs the log from "), "{plan}");
    assert_eq!(names(&archive(&server)), before, "without --confirm nothing goes");
    assert_eq!(cleanup(&["--confirm", "--dry-run"]).ok().stdout, plan, "a dry run is none");
    cleanup(&["--confirm", "other"]).fails(64, "NOT_CONFIRMED");
    assert_eq!(names(&archive(&server)), before);
    let done = cleanup(&["--confirm"]).ok().stdout;
    assert!(done.contains("Removed "), "{done}");
    let after = names(&archive(&server));
    assert!(after.len() < before.len() && after.iter().all(|name| before.contains(name)), "{before:?} {after:?}");
    let status = run(&mut on(&server, home.path(), &["pitr", "status", "--json", "--backup-dir", &dir])).ok().stdout;
    let told: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(told["report"]["windows"].as_array().map(Vec::len), Some(1), "what the base backup needs is there: {status}");
    assert!(cleanup(&["--confirm"]).ok().stdout.contains("Nothing has to go."));
    let audit = std::fs::read_to_string(logs(home.path()).join("audit.jsonl")).expect("an audit");
    assert!(audit.lines().filter(|line| line.contains("\"action\":\"clean-log\"")).count() == 2, "{audit}");
}
