//! Troubles of the host: a full disk, no inodes, a memory limit.

use super::{Home, alone, finding, report, rule};
use crate::support::program;
use dbbackup::domain::diagnosis::Diagnosis;
use dbbackup::domain::{Code, Fault};
use dbbackup::engine::diagnose::{Subject, diagnose};
use dbbackup::system::Roots;

/// A report from within a small file system of these options, after a script has filled it.
fn in_small(home: &Home, options: &str, fill: &str, error: &str) -> Diagnosis {
    let dir = home.backups().display().to_string();
    let script = format!("mount -t tmpfs -o {options} none \"$1\" || exit 99; cd \"$1\"; {fill}; cd /; shift; exec \"$@\"");
    let args = [&dir, env!("CARGO_BIN_EXE_dbbackup"), "diagnose", "--json", "--backup-dir", &dir, "--host", "/nowhere", "--error", error];
    report(program::run(&mut alone(home, &script, &args)))
}

#[test]
fn a_disk_that_is_97_percent_full_explains_a_write_error() {
    let home = Home::new();
    let diagnosis =
        in_small(&home, "size=10m", "head -c 10170000 /dev/zero >filler", "write failed: No space left on device (os error 28)");
    assert_eq!((rule(&diagnosis), diagnosis.error.as_ref().expect("an error").code), ("disk-full", Code::DiskFull));
    let usage = diagnosis.host.disks[0].usage.known().expect("a disk");
    assert!((96.5..97.6).contains(&usage.percent()) && usage.total.0 == 10 << 20, "{usage:?}");
    assert!(finding(&diagnosis, "is nearly full: 97").steps[0].command.as_ref().is_some_and(|command| command.contains("du -xh")));
    let text = dbbackup::domain::diagnosis::text::render(&diagnosis);
    assert!(text.contains("/ 10.5 MB (97.") && text.contains("% used)"), "{text}");
}

#[test]
fn no_inodes_left_is_another_trouble_than_no_room() {
    let home = Home::new();
    let diagnosis = in_small(&home, "size=10m,nr_inodes=64", "for i in $(seq 62); do : >$i; done", "INODES_EXHAUSTED");
    assert_eq!(rule(&diagnosis), "inodes-exhausted");
    finding(&diagnosis, "nearly no inodes left");
}

#[test]
fn a_read_only_file_system_explains_why_nothing_is_written() {
    let home = Home::new();
    let diagnosis = in_small(&home, "ro,size=10m", ":", "cannot create: Read-only file system (os error 30)");
    assert_eq!(rule(&diagnosis), "read-only-disk");
}

/// The kernel's word for a limit is written to a folder, so that the test needs no right to make control groups.
#[test]
fn a_limit_of_the_control_group_explains_a_killed_child() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    };
    write("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\n");
    write("proc/self/cgroup", "0::/system.slice/dbbackup.service\n");
    write("cgroup/system.slice/dbbackup.service/memory.max", "268435456\n");
    write("cgroup/system.slice/dbbackup.service/memory.current", "262000000\n");
    write("cgroup/system.slice/dbbackup.service/memory.events", "oom 1\noom_kill 1\n");
    let roots = Roots { proc: dir.path().join("proc"), cgroup: dir.path().join("cgroup") };
    let fault = Fault::new(Code::SqlFailed, "pg_restore failed").because("it ended by signal: 9 (SIGKILL)");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let diagnosis = runtime.block_on(diagnose(Subject { roots, ..Subject::default() }, Some(&fault)));
    assert_eq!(rule(&diagnosis), "cgroup-killed");
    let cause = diagnosis.root_cause.as_ref().expect("a cause");
    assert!(cause.text.contains("268.4 MB") && cause.text.contains("1 process killed"), "{}", cause.text);
    finding(&diagnosis, "memory is under pressure");
}
