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

/// What the machine has and what of it is used, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// All of it.
    pub total: u64,
    /// What cannot be had: all without what the kernel calls available.
    pub used: u64,
    /// The control group that leaves us the least, if one has a limit.
    pub group: Option<Group>,
}

/// A control group with a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its folder, below the root of the control groups.
    pub name: String,
    /// Its limit.
    pub limit: u64,
    /// What it uses, without what the kernel can take back at once: file cache that nobody has touched lately.
    pub used: u64,
    /// Processes of it that were killed for want of memory.
    pub killed: u64,
}

/// How memory is used.
pub fn in_use(roots: &super::Roots) -> std::io::Result<Use> {
    let text = fs::read_to_string(roots.proc.join("meminfo"))?;
    let unknown = || std::io::Error::other("the kernel does not say how much memory there is");
    let total = field(&text, "MemTotal:").ok_or_else(unknown)?;
    let available = field(&text, "MemAvailable:").ok_or_else(unknown)?;
    let groups = fs::read_to_string(roots.proc.join("self/cgroup")).unwrap_or_default();
    let group = groups_of(&groups, &roots.cgroup).into_iter().min_by_key(|group| group.limit.saturating_sub(group.used));
    Ok(Use { total, used: total.saturating_sub(available), group: group.filter(|group| group.limit <= total) })
}

/// The control groups with a limit that we are in, and those above them (versions 1 and 2; Linux's documentation, "Control Group v2" and
/// "Memory Resource Controller").
fn groups_of(groups: &str, root: &Path) -> Vec<Group> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let second = controllers.is_empty();
        if !second && !controllers.split(',').any(|controller| controller == "memory") {
            continue;
        }
        let base = if second { root.to_path_buf() } else { root.join("memory") };
        for above in Path::new(path.trim_start_matches('/')).ancestors() {
            let dir = base.join(above);
            let read = |file: &str| fs::read_to_string(dir.join(file)).ok();
            let number = |file: &str| read(file).and_then(|text| text.trim().parse::<u64>().ok());
            let counter = |file: &str, name: &str| {
                let text = read(file)?;
                text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse::<u64>().ok())
            };
            let (limit, current, idle, events) = match second {
                true => ("memory.max", "memory.current", "inactive_file", "memory.events"),
                false => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory.oom_control"),
            };
            let Some(limit) = number(limit).filter(|limit| *limit < V1_UNLIMITED) else { continue };
            let idle = counter("memory.stat", idle).unwrap_or(0);
            found.push(Group {
                name: format!("/{}", above.display()),
                limit,
                used: number(current).unwrap_or(0).saturating_sub(idle),
                killed: counter(events, "oom_kill").unwrap_or(0),
            });
        }
    }
    found
}
