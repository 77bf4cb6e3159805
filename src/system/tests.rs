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
    let stream = super::pace::Stream::begin();
    assert!(took() >= std::time::Duration::from_micros(500));
    drop(stream);
    // Without a stream there is no system call; of many tries one is not interrupted by anything.
    assert!((0..1000).map(|_| took()).min() < Some(std::time::Duration::from_micros(100)));
}
