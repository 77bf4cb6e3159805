use super::*;
use std::fs;
use std::path::Path;

#[test]
fn the_least_limit_of_the_groups_counts() {
    let root = tempfile::tempdir().expect("works here");
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("works here")).expect("works here");
        fs::write(path, text).expect("works here");
    };
    write("memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
    write("memory/docker/memory.limit_in_bytes", "2000000000\n");
    write("a/b/memory.max", "max\n");
    write("a/memory.max", "1000000000\n");
    assert_eq!(memory::group_limit("5:cpu,memory:/docker/abc\n", root.path()), Some(2_000_000_000));
    assert_eq!(memory::group_limit("5:cpu:/docker\n0::/a/b\n", root.path()), Some(1_000_000_000));
    assert_eq!(memory::group_limit("0::/elsewhere\n", root.path()), None);
}

#[test]
fn the_host_answers() {
    assert!(processors() >= 1);
    assert!(!hostname().is_empty());
    let limit = memory::limit().expect("a Linux host says how much memory it has");
    let resident = memory::resident().expect("a Linux host says how much memory a process uses");
    assert!(resident > 0 && resident < limit);
    assert!(memory::peak().expect("and used") >= resident);
    let space = disk::space(Path::new("/")).expect("works here");
    assert!(space.free <= space.total && space.total > 0);
}

#[test]
fn a_folder_that_is_not_there_has_one_above_it() {
    let root = tempfile::tempdir().expect("works here");
    assert_eq!(disk::nearest_existing(&root.path().join("a/b")), root.path());
    assert!(disk::writable(root.path()).is_ok());
    assert!(disk::writable(&root.path().join("a")).is_err());
    assert_eq!(disk::nearest_existing(Path::new("not-there")), Path::new("."));
}

#[test]
fn only_who_receives_a_stream_naps() {
    let took = || {
        let began = std::time::Instant::now();
        super::pace::nap();
        began.elapsed()
    };
    let stream = super::pace::Stream::begin(super::pace::Brings::Rows);
    assert!(took() >= std::time::Duration::from_micros(500));
    drop(stream);
    // Without a stream there is no system call; of many tries one is not interrupted by anything.
    assert!((0..1000).map(|_| took()).min() < Some(std::time::Duration::from_micros(100)));
}

/// Folders that look like a kernel's, with these files.
fn roots(files: &[(&str, &str)]) -> (tempfile::TempDir, Roots) {
    let root = tempfile::tempdir().expect("works here");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("works here")).expect("works here");
        fs::write(path, text).expect("works here");
    }
    let roots = Roots { proc: root.path().join("proc"), cgroup: root.path().join("cgroup") };
    (root, roots)
}

const MEMINFO: &str = "MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable:    4800000 kB\n";

#[test]
fn memory_in_use_is_what_cannot_be_had() {
    let (_keep, roots) = roots(&[("proc/meminfo", MEMINFO), ("proc/self/cgroup", "0::/\n")]);
    let memory = memory::in_use(&roots).expect("the files are there");
    assert_eq!((memory.total, memory.used, memory.group), (8_192_000_000, 3_276_800_000, None));
}

#[test]
fn a_group_of_either_version_tells_limit_use_and_kills() {
    let (_keep, second) = roots(&[
        ("proc/meminfo", MEMINFO),
        ("proc/self/cgroup", "0::/system.slice/backup.service\n"),
        ("cgroup/system.slice/backup.service/memory.max", "536870912\n"),
        ("cgroup/system.slice/backup.service/memory.current", "530000000\n"),
        ("cgroup/system.slice/backup.service/memory.stat", "anon 500000000\ninactive_file 10000000\n"),
        ("cgroup/system.slice/backup.service/memory.events", "low 0\noom 2\noom_kill 1\n"),
        ("cgroup/system.slice/memory.max", "max\n"),
    ]);
    let group = memory::in_use(&second).expect("the files are there").group.expect("a limit");
    let wanted = memory::Group { name: "/system.slice/backup.service".into(), limit: 536_870_912, used: 520_000_000, killed: 1 };
    assert_eq!(group, wanted);
    let (_keep, first) = roots(&[
        ("proc/meminfo", MEMINFO),
        ("proc/self/cgroup", "5:cpu:/\n4:memory:/docker/abc\n"),
        ("cgroup/memory/docker/abc/memory.limit_in_bytes", "1000000000\n"),
        ("cgroup/memory/docker/abc/memory.usage_in_bytes", "700000000\n"),
        ("cgroup/memory/docker/abc/memory.stat", "cache 5\ntotal_inactive_file 100000000\n"),
        ("cgroup/memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
    ]);
    let group = memory::in_use(&first).expect("the files are there").group.expect("a limit");
    assert_eq!((group.limit, group.used, group.killed), (1_000_000_000, 600_000_000, 3));
}

#[test]
fn files_and_load_are_read_where_the_kernel_tells_them() {
    let (_keep, roots) = roots(&[
        ("proc/self/fd/0", ""),
        ("proc/self/fd/1", ""),
        ("proc/self/fd/2", ""),
        (
            "proc/self/limits",
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            4096                 1048576              files     \n",
        ),
        ("proc/sys/fs/file-nr", "1984\t0\t9223372\n"),
        ("proc/loadavg", "0.52 1.25 2.00 2/345 6789\n"),
    ]);
    assert_eq!(
        files::open(&roots).expect("the files are there"),
        files::Open { own: 2, own_limit: 4096, system: 1984, system_limit: 9_223_372 }
    );
    assert_eq!(load::averages(&roots).expect("the file is there"), [0.52, 1.25, 2.0]);
    assert!(files::open(&Roots { proc: "/nowhere".into(), ..roots }).is_err());
    assert!(files::open(&Roots::default()).expect("a Linux host").own > 2);
}

#[test]
fn used_space_is_used_space() {
    let space = disk::space(Path::new("/")).expect("works here");
    let root = disk::fill(Path::new("/")).expect("works here");
    assert!(root.used + root.free <= space.total && root.used > 0 && !root.read_only, "{root:?}");
}
