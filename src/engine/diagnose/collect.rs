//! Collects the facts: host and server at the same time, each on its own, none waited for longer than the limit.
//!
//! A file system that hangs (a network one whose server is gone) blocks whoever asks it, uninterruptibly. So each path is asked on a thread
//! of its own that is left behind when it does not come back.

use super::DATA;
use crate::domain::Bytes;
use crate::domain::diagnosis::{Disk, Fact, Files, GroupLimit, HostFacts, Load, Memory, ServerFacts, Usage};
use crate::engine::aside::{NO_ANSWER, aside};
use crate::server::Server;
use crate::system::{self, Roots, disk, files, load, memory};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A report is there after this time, whatever hangs.
pub const LIMIT: Duration = Duration::from_secs(5);

/// What is left of the limit for what cannot be asked before the server has answered: the disk of its data.
const RESERVE: Duration = Duration::from_millis(500);

/// What is left for drawing conclusions.
const LAST: Duration = Duration::from_millis(100);

/// A path that is involved, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// `backup`, `work`, `log`.
    pub what: String,
    /// The path; it need not exist.
    pub path: PathBuf,
}

/// What a report is about.
#[derive(Clone, Default)]
pub struct Subject {
    /// The server, where one is involved.
    pub server: Option<Arc<dyn Server>>,
    /// The paths that are involved, the most important first.
    pub paths: Vec<Use>,
    /// Where the kernel tells about itself.
    pub roots: Roots,
}

/// Collects.
pub async fn collect(subject: Subject) -> (HostFacts, Option<ServerFacts>) {
    let end = Instant::now() + LIMIT - LAST;
    let Subject { server, paths, roots } = subject;
    let asked = async {
        let server = server?;
        Some(server.examine(LIMIT - LAST - RESERVE).await)
    };
    let ((mut host, mut found), server) = tokio::join!(host(paths, &roots, end - RESERVE), asked);
    let data = server.as_ref().filter(|server| server.local).and_then(|server| server.about.known()?.data_directory.clone());
    if let Some(dir) = data {
        // The path is the server's: where it is in a container of its own it is not there, or another.
        let data = fills(vec![Use { what: DATA.to_owned(), path: dir.into() }], Existing::Only, end).await;
        found.extend(data.into_iter().filter(|(disk, _)| disk.usage.why().is_none_or(|why| why.starts_with(NO_ANSWER))));
    }
    host.disks = merged(found);
    (host, server)
}

/// A disk with its device, where that is known.
type Found = (Disk, Option<u64>);

async fn host(paths: Vec<Use>, roots: &Roots, end: Instant) -> (HostFacts, Vec<Found>) {
    let kernel = roots.clone();
    let told = aside("dbbackup-host", end, move || {
        let use_of = memory::in_use(&kernel).map(|found| Memory {
            total: Bytes(found.total),
            used: Bytes(found.used),
            group: found.group.map(|group| GroupLimit {
                group: group.name,
                limit: Bytes(group.limit),
                used: Bytes(group.used),
                killed: group.killed,
            }),
        });
        let open = files::open(&kernel).map(|found| Files {
            own: found.own,
            own_limit: found.own_limit,
            system: found.system,
            system_limit: found.system_limit,
        });
        let averages = load::averages(&kernel).map(|[one, five, fifteen]| Load { one, five, fifteen });
        (Fact::of(use_of), Fact::of(open), Fact::of(averages))
    });
    let (told, found) = tokio::join!(told, fills(paths, Existing::OrAbove, end));
    let (memory, files, load) = match told {
        Ok(told) => told,
        Err(why) => (Fact::Unknown(why.clone()), Fact::Unknown(why.clone()), Fact::Unknown(why)),
    };
    let (name, processors) = (system::hostname(), system::processors());
    (HostFacts { name, processors, disks: Vec::new(), memory, files, load }, found)
}

/// What is asked of a path that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    /// Nothing: it is of no interest then.
    Only,
    /// The nearest folder above it: what will be made lies there.
    OrAbove,
}

/// How full the disks of these paths are; all are asked at the same time.
async fn fills(paths: Vec<Use>, existing: Existing, end: Instant) -> Vec<Found> {
    let asked = paths.into_iter().map(|Use { what, path }| async move {
        let looked_at = path.clone();
        let found = aside("dbbackup-disk", end, move || {
            let path = if existing == Existing::OrAbove { disk::nearest_existing(&looked_at) } else { looked_at };
            (disk::fill(&path), path)
        });
        let (usage, device, path) = match found.await {
            // The kernel's own file systems have no room that could be used up.
            Ok((Ok(fill), path)) if fill.used == 0 && fill.free == 0 && fill.inodes == 0 => {
                (Fact::Unknown("a file system without a size".to_owned()), Some(fill.device), path)
            }
            Ok((Ok(fill), path)) => {
                let usage = Usage {
                    total: Bytes(fill.used.saturating_add(fill.free)),
                    used: Bytes(fill.used),
                    free: Bytes(fill.free),
                    inodes: fill.inodes,
                    inodes_used: fill.inodes.saturating_sub(fill.inodes_free),
                    read_only: fill.read_only,
                };
                (Fact::Known(usage), Some(fill.device), path)
            }
            Ok((Err(error), path)) => (Fact::Unknown(error.to_string()), None, path),
            Err(why) => (Fact::Unknown(why), None, path),
        };
        (Disk { uses: vec![what], path: absolute(&path), usage }, device)
    });
    futures_util::future::join_all(asked).await
}

/// The path from the root, for people who read the report elsewhere. Asks nobody: links stay as they are.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// One entry for each file system, under the path of its first use.
fn merged(found: Vec<Found>) -> Vec<Disk> {
    let mut all: Vec<Found> = Vec::new();
    for (disk, device) in found {
        match all.iter_mut().find(|(known, other)| (device.is_some() && *other == device) || known.path == disk.path) {
            Some((known, _)) => {
                for one in disk.uses {
                    if !known.holds(&one) {
                        known.uses.push(one);
                    }
                }
            }
            None => all.push((disk, device)),
        }
    }
    all.into_iter().map(|(disk, _)| disk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn paths_of_one_disk_are_one_disk_and_one_that_is_not_there_is_that_above_it() {
        let dir = tempfile::tempdir().expect("works here");
        let using = |what: &str, path: PathBuf| Use { what: what.to_owned(), path };
        let paths = vec![
            using("backup", dir.path().to_owned()),
            using("work", dir.path().join("not/there")),
            using("log", dir.path().to_owned()),
            using("kernel", "/proc".into()),
        ];
        let (host, server) = collect(Subject { paths, ..Subject::default() }).await;
        assert!(server.is_none());
        assert_eq!(host.disks.len(), 2, "{:?}", host.disks);
        assert_eq!(host.disks[0].uses, ["backup", "work", "log"]);
        let usage = host.disks[0].usage.known().expect("a disk");
        assert!(usage.used + usage.free == usage.total && usage.used.0 > 0);
        assert!(host.memory.known().is_some() && host.files.known().is_some() && host.load.known().is_some());
    }

    #[tokio::test]
    async fn a_kernel_that_tells_nothing_is_no_failure() {
        let roots = Roots { proc: "/nowhere".into(), cgroup: "/nowhere".into() };
        let (host, _) = collect(Subject { roots, ..Subject::default() }).await;
        assert!(host.memory.why().is_some_and(|why| why.contains("No such file")), "{:?}", host.memory);
    }
}
