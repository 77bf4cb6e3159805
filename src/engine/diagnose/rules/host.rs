//! Rules about the host: disks, memory, open files.

use super::{Conclusion, Scene};
use crate::domain::Code;
use crate::domain::diagnosis::gauge::{self, size};
use crate::domain::diagnosis::{Disk, Usage};
use crate::domain::size::grouped;

/// A write that failed.
const WRITING: &[Code] =
    &[Code::DiskFull, Code::TempFull, Code::InodesExhausted, Code::ReadOnlyFileSystem, Code::Io, Code::OutputUnwritable];

fn shell(disk: &Disk) -> String {
    shell_words::quote(&disk.path.to_string_lossy()).into_owned()
}

fn fill(disk: &Disk, usage: &Usage) -> String {
    format!(
        "{} ({}): {} of {} used, {} free",
        disk.path.display(),
        disk.uses.join(", "),
        size(usage.used),
        size(usage.total),
        size(usage.free)
    )
}

/// A write error, and a disk that takes none.
pub fn read_only(scene: &Scene<'_>) -> Option<Conclusion> {
    let (disk, _) =
        scene.our_disks().find(|(_, usage)| usage.read_only).filter(|_| scene.is(WRITING) || scene.says(&["read-only file system"]))?;
    let text = format!("The file system of {} is mounted read-only, so nothing can be written there", disk.path.display());
    Some(
        Conclusion::new(text, "Mount it writable, or choose another folder with --backup-dir. A disk with errors is made read-only by the kernel: look there first.")
            .shown_by(format!("{} is read-only", disk.path.display()))
            .run("See how it is mounted:", format!("findmnt -T {}", shell(disk)))
            .run("See whether the kernel made it so:", "dmesg | grep -i -E 'remount|I/O error' | tail"),
    )
}

/// A write error, and no inode left.
pub fn inodes(scene: &Scene<'_>) -> Option<Conclusion> {
    let mut full =
        scene.our_disks().filter(|(_, usage)| usage.inode_percent() > gauge::DISK_CRITICAL && usage.percent() <= gauge::DISK_CRITICAL);
    let (disk, usage) = full.next().filter(|_| scene.is(WRITING))?;
    let text = format!(
        "The file system of {} has room, but no inodes: {} of {} files exist already",
        disk.path.display(),
        grouped(usage.inodes_used),
        grouped(usage.inodes)
    );
    Some(
        Conclusion::new(text, format!("Remove small files from {}, or choose another folder with --backup-dir", disk.path.display()))
            .shown_by(fill(disk, &usage))
            .run("Find folders with many files:", format!("du --inodes -xd2 {} | sort -n | tail", shell(disk))),
    )
}

/// A write error, and a disk that is full.
pub fn disk_full(scene: &Scene<'_>) -> Option<Conclusion> {
    let full = scene.our_disks().filter(|(_, usage)| usage.percent() > gauge::DISK_CRITICAL);
    let (disk, usage) = full.max_by(|a, b| a.1.percent().total_cmp(&b.1.percent())).filter(|_| scene.is(WRITING))?;
    let text = format!(
        "The disk of {} ({}) is {:.1} % full: {} free of {}, and a write there failed",
        disk.path.display(),
        disk.uses.join(", "),
        usage.percent(),
        size(usage.free),
        size(usage.total)
    );
    Some(
        Conclusion::new(
            text,
            format!("Free room on the disk of {}, or choose another folder with --backup-dir; then run this again", disk.path.display()),
        )
        .shown_by(fill(disk, &usage))
        .run("See what fills it:", format!("du -xh --max-depth=1 {} | sort -h | tail", shell(disk))),
    )
}

/// A disk was full, and is not any more: what had been written was removed.
pub fn disk_was_full(scene: &Scene<'_>) -> Option<Conclusion> {
    let (disk, usage) = scene.our_disks().next().filter(|_| scene.is(&[Code::DiskFull, Code::TempFull]))?;
    let text = format!(
        "A disk was full when it was written to. On that of {} {} are free now: either the unfinished file is gone again and more than that was needed, \
         or it was another disk, or a quota",
        disk.path.display(),
        size(usage.free)
    );
    Some(
        Conclusion::new(
            text,
            format!(
                "Look which file the error names. Make more than {} free on its disk, or choose another folder with --backup-dir; then run this again",
                size(usage.free)
            ),
        )
        .shown_by(fill(disk, &usage))
        .run("See what fills it:", format!("du -xh --max-depth=1 {} | sort -h | tail", shell(disk))),
    )
}

/// Whether a program was ended by a signal that no program sends itself.
fn was_killed(scene: &Scene<'_>) -> bool {
    scene.says(&["signal: 9", "signal 9", "sigkill", "killed by signal", "was killed", "oom-kill", "exit status 137", "exit code 137"])
}

fn is_about_memory(scene: &Scene<'_>) -> bool {
    // A server on this host shares its memory with us.
    let of_server = scene.is(&[Code::ServerOutOfMemory]) && scene.server.is_some_and(|server| server.local);
    if of_server || scene.is(&[Code::OutOfMemory]) {
        return true;
    }
    scene.says(&["cannot allocate memory", "out of memory", "memory allocation of", "oom"]) && !scene.says(&["out of shared memory"])
}

/// A program was killed, and our control group has killed before, or is at its limit.
pub fn group_killed(scene: &Scene<'_>) -> Option<Conclusion> {
    let memory = scene.host.memory.known()?;
    let group = memory.group.as_ref().filter(|_| was_killed(scene) || is_about_memory(scene))?;
    let percent = group.used.percent_of(group.limit);
    if group.killed == 0 && percent <= gauge::MEMORY_PRESSURE {
        return None;
    }
    let why = match group.killed {
        0 => format!("uses {percent:.1} % of it"),
        killed => format!(
            "has had {} killed for want of memory",
            if killed == 1 { "1 process".to_owned() } else { format!("{killed} processes") }
        ),
    };
    let text = format!("The memory limit of control group {} ({}) is too tight: the group {why}", group.group, size(group.limit));
    Some(
        Conclusion::new(text, "Raise the limit of the service or container, or let dbbackup use less: --memory 64MB --jobs 2")
            .shown_by(format!("cgroup {}: {} of {} used, {} killed", group.group, size(group.used), size(group.limit), group.killed))
            .run("See who was killed:", "journalctl -k | grep -i -E 'oom|killed process' | tail")
            .run("Raise the limit of a service:", "systemctl set-property NAME.service MemoryMax=2G"),
    )
}

/// An error about memory, and a machine without any.
pub fn memory(scene: &Scene<'_>) -> Option<Conclusion> {
    let memory = scene.host.memory.known().filter(|_| was_killed(scene) || is_about_memory(scene))?;
    let percent = memory.used.percent_of(memory.total);
    if percent <= gauge::MEMORY {
        return None;
    }
    let text = format!("The machine's memory is {percent:.1} % used ({} of {})", size(memory.used), size(memory.total));
    Some(
        Conclusion::new(text, "Let dbbackup use less (--memory 64MB --jobs 2), or run it when less else runs")
            .shown_by(format!("memory: {} of {} used", size(memory.used), size(memory.total)))
            .run("See who uses it:", "ps -eo pid,rss,comm --sort=-rss | head"),
    )
}

/// No file can be opened any more.
pub fn files(scene: &Scene<'_>) -> Option<Conclusion> {
    let files = scene
        .host
        .files
        .known()
        .filter(|_| scene.is(&[Code::TooManyFiles]) || scene.says(&["too many open files", "file descriptor", "emfile", "enfile"]))?;
    let of_system = files.system_percent() > gauge::FILES || scene.says(&["in system"]);
    let (who, used, limit, how) = if of_system {
        ("The system", files.system, files.system_limit, "sysctl -w fs.file-max=2000000")
    } else {
        ("This process", files.own, files.own_limit, "ulimit -n 65536")
    };
    let text = format!("{who} may not open more files: {} of {} are open", grouped(used), grouped(limit));
    Some(
        Conclusion::new(text, format!("Raise the limit: {how}"))
            .shown_by(format!("ours: {} of {}, the system's: {} of {}", files.own, files.own_limit, files.system, files.system_limit))
            .run("Raise the limit:", how)
            .step("Or use fewer connections and threads: --jobs 2."),
    )
}
