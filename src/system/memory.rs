//! How much memory there is for us and how much we use.

use std::fs;
use std::path::Path;

/// What cgroup version 1 writes for "no limit" is this or a little less (the greatest multiple of the page size).
const V1_UNLIMITED: u64 = 1 << 60;

/// Memory that this process may use, in bytes: the machine's, or its cgroup's limit (version 1 or 2) where that is less. None where
/// neither can be read.
pub fn limit() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| field(&text, "MemTotal:"));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    [machine, group_limit(&groups, Path::new("/sys/fs/cgroup"))].into_iter().flatten().min()
}

/// Memory of this process that is in RAM now, in bytes.
pub fn resident() -> Option<u64> {
    own("VmRSS:")
}

/// The greatest that [`resident`] ever was, in bytes.
pub fn peak() -> Option<u64> {
    own("VmHWM:")
}

fn own(name: &str) -> Option<u64> {
    field(&fs::read_to_string("/proc/self/status").ok()?, name)
}

/// The value of a `Name:  123 kB` line, in bytes.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The least limit of the cgroups that `/proc/self/cgroup` names, and of those above them: a limit binds all groups below.
pub(super) fn group_limit(groups: &str, root: &Path) -> Option<u64> {
    let mut least: Option<u64> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (base, file) = if controllers.is_empty() {
            (root.to_path_buf(), "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            (root.join("memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        // In a container the path is often the host's and not there; the root of the mount is then the container's own group.
        for above in Path::new(path.trim_start_matches('/')).ancestors() {
            let limit = fs::read_to_string(base.join(above).join(file)).ok().and_then(|text| text.trim().parse::<u64>().ok());
            least = [least, limit.filter(|limit| *limit < V1_UNLIMITED)].into_iter().flatten().min();
        }
    }
    least
}
