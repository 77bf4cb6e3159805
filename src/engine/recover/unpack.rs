//! Brings the files of a chain of base backups to their places, with several threads, each byte checked on the way.

use super::chain::{Chain, Layout};
use super::increment;
use crate::archive::base::{self, FileEntry, Part};
use crate::domain::{Code, Fault};
use crate::storage::io_fault;
use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// Makes files and folders with their owner and rights from their first moment on.
#[derive(Clone, Debug)]
pub struct Maker {
    /// Numbers of the user and the group to whom everything belongs; none: whoever runs this.
    pub owner: Option<(u32, u32)>,
}

/// A failure to write into the new data directory.
pub fn write_fault(what: &str, path: &Path, error: &io::Error) -> Fault {
    let mut fault = io_fault(what, path, error);
    if matches!(fault.code, Code::DiskFull | Code::InodesExhausted) {
        fault.steps.pop();
        fault = fault.step("Make room, or choose another folder with --target-dir (tablespaces: --map-tablespace).");
    }
    fault
}

impl Maker {
    /// Makes a folder, and those above it that are not there. One that is there gets owner and rights.
    pub fn folder(&self, path: &Path, mode: u32) -> Result<(), Fault> {
        let fault = |error: io::Error| write_fault("cannot make a folder", path, &error);
        if !path.is_dir() {
            if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty() && !above.is_dir()) {
                self.folder(above, 0o700)?;
            }
            match DirBuilder::new().mode(0o700).create(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fault(error)),
                _ => {}
            }
        }
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::chown(path, Some(user), Some(group)).map_err(fault)?;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o7777)).map_err(fault)
    }

    /// Opens a file of ours for writing; one that is not there is made, for nobody but its owner to read.
    pub fn file(&self, path: &Path) -> Result<File, Fault> {
        let fault = |error: io::Error| write_fault("cannot make a file", path, &error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(fault)?;
        if let Some((user, group)) = self.owner {
            fchown(&file, Some(user), Some(group)).map_err(fault)?;
        }
        Ok(file)
    }

    /// Writes a small file whole.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<File, Fault> {
        let file = self.file(path)?;
        let written = file.set_len(0).and_then(|()| file.write_all_at(bytes, 0));
        written.map_err(|error| write_fault("cannot write a file", path, &error))?;
        Ok(file)
    }
}

/// How far one file is.
struct Growing<'a> {
    entry: &'a FileEntry,
    path: &'a Path,
    left: AtomicU64,
    /// Offset, length and CRC-32C of each part that is written.
    sums: Mutex<Vec<(u64, u64, u32)>>,
}

impl Growing<'_> {
    /// Takes one part. Whoever brings the last one finishes the file.
    fn add(&self, part: &Part, bytes: &[u8], maker: &Maker) -> Result<(), Fault> {
        let file = maker.file(self.path)?;
        file.write_all_at(bytes, part.offset).map_err(|error| write_fault("cannot write a file", self.path, &error))?;
        if self.entry.crc32c.is_some() {
            let sum = (part.offset, part.length, crc32c::crc32c(bytes));
            self.sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(sum);
        }
        if self.left.fetch_sub(part.length, Ordering::AcqRel) > part.length {
            return Ok(());
        }
        let mut sums = std::mem::take(&mut *self.sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        sums.sort_unstable();
        let sum = sums.iter().fold(0, |all, (_, length, sum)| crc32c::crc32c_combine(all, *sum, *length as usize));
        if self.entry.crc32c.is_some_and(|wanted| wanted != sum) {
            return Err(damaged(self.entry, "is not what the server sent: its checksum differs"));
        }
        settle(&file, self.entry, self.path)
    }
}

/// A file of a base backup that is not what it should be.
pub fn damaged(entry: &FileEntry, why: &str) -> Fault {
    Fault::new(Code::CorruptedBackup, format!("{} {why}", entry.path))
        .at("Entry", &entry.path)
        .step("Recover from another base backup: --base-backup names it.")
        .step_run("Check this one:", "dbbackup verify ARCHIVE --full")
}

/// Rights and time of a file that has all its bytes.
pub fn settle(file: &File, entry: &FileEntry, path: &Path) -> Result<(), Fault> {
    let time = u64::try_from(entry.mtime).ok().and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    file.set_permissions(std::fs::Permissions::from_mode(entry.mode & 0o7777))
        .and_then(|()| time.map_or(Ok(()), |time| file.set_modified(time)))
        .map_err(|error| write_fault("cannot finish a file", path, &error))
}

/// What threads that work side by side share.
pub struct Crew<'a> {
    /// How many.
    pub jobs: usize,
    /// Ends the work.
    pub cancel: &'a CancellationToken,
    /// Is told of bytes that are done.
    pub done: &'a (dyn Fn(u64) + Sync),
}

impl Crew<'_> {
    /// Has each number up to a limit worked on by one of the threads; `make` makes what a thread keeps to itself. The first failure ends all.
    pub fn each<K>(
        &self,
        count: usize,
        make: impl Fn() -> Result<K, Fault> + Sync,
        work: impl Fn(&mut K, usize) -> Result<(), Fault> + Sync,
    ) -> Result<(), Fault> {
        let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs.clamp(1, count.max(1)))
                .map(|_| {
                    scope.spawn(|| {
                        let run = || {
                            let mut own = make()?;
                            while !over.load(Ordering::Relaxed) {
                                let number = next.fetch_add(1, Ordering::Relaxed);
                                if number >= count {
                                    break;
                                }
                                if self.cancel.is_cancelled() {
                                    return Err(Fault::new(Code::Cancelled, "cancelled"));
                                }
                                work(&mut own, number)?;
                            }
                            Ok(())
                        };
                        let done = run();
                        over.fetch_or(done.is_err(), Ordering::Relaxed);
                        done
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(Fault::internal("a thread broke off")))).collect()
        });
        results.into_iter().collect()
    }
}

/// Makes all folders and files but `global/pg_control`.
pub fn all(chain: &Chain, layout: &Layout, maker: &Maker, crew: &Crew<'_>) -> Result<(), Fault> {
    for (folder, mode) in &layout.folders {
        maker.folder(folder, *mode)?;
    }
    for folder in layout.files.iter().filter_map(|file| file.path.parent()).collect::<std::collections::BTreeSet<_>>() {
        if !folder.is_dir() {
            maker.folder(folder, 0o700)?;
        }
    }
    for number in 0..chain.links.len() {
        whole(chain, number, layout, maker, crew)?;
        changes(chain, number, layout, maker, crew)?;
    }
    Ok(())
}

/// Applies the increments of a link. Those that lie in one frame are applied together, so that it is unpacked once: most are small, and there
/// are thousands of them in a frame.
fn changes(chain: &Chain, number: usize, layout: &Layout, maker: &Maker, crew: &Crew<'_>) -> Result<(), Fault> {
    let link = &chain.links[number];
    let targets: HashMap<usize, &Path> = layout
        .files
        .iter()
        .filter_map(|file| Some((file.made.increments.iter().find(|(link, _)| *link == number)?.1, file.path.as_path())))
        .collect();
    let parts = link.index.parts(&link.archive);
    let wanted: Vec<&Part> = parts.iter().filter(|part| part.offset == 0 && targets.contains_key(&part.file)).collect();
    let frames: Vec<&[&Part]> = wanted.chunk_by(|a, b| a.frame == b.frame).collect();
    let make = || Ok((link.archive.decoder()?, (Vec::new(), Vec::new())));
    crew.each(frames.len(), make, |(decoder, buffers), at| {
        let decoded = link.archive.frame(frames[at][0].frame, decoder, &mut buffers.0, std::mem::take(&mut buffers.1))?;
        let mut long = None;
        for part in frames[at] {
            let (entry, path) = (&link.index.files()[part.file], targets[&part.file]);
            if part.length < entry.size {
                long = Some((entry, path));
                continue;
            }
            let bytes = part.of(&decoded.plain).ok_or_else(|| damaged(entry, "is not where the list of files says"))?;
            increment::apply(entry, maker, path, &mut |take| take(bytes))?;
            (crew.done)(entry.size);
        }
        buffers.1 = decoded.plain;
        // The last one of a frame may go on in the frames that follow.
        if let Some((entry, path)) = long {
            increment::apply(entry, maker, path, &mut |take| base::read(&link.archive, entry, decoder, buffers, take))?;
            (crew.done)(entry.size);
        }
        Ok(())
    })?;
    if wanted.len() == targets.len() { Ok(()) } else { Err(Fault::internal("an increment without bytes")) }
}

/// Unpacks the files that a link has whole and that are still wanted in the end.
fn whole(chain: &Chain, number: usize, layout: &Layout, maker: &Maker, crew: &Crew<'_>) -> Result<(), Fault> {
    let link = &chain.links[number];
    let mut growing: HashMap<usize, Growing<'_>> = HashMap::new();
    for target in layout.files.iter().filter(|target| target.made.whole.0 == number) {
        let entry = &link.index.files()[target.made.whole.1];
        if !entry.has_bytes() {
            settle(&maker.file(&target.path)?, entry, &target.path)?;
            continue;
        }
        let one = Growing { entry, path: &target.path, left: AtomicU64::new(entry.size), sums: Mutex::default() };
        growing.insert(target.made.whole.1, one);
    }
    let parts = link.index.parts(&link.archive);
    let wanted: Vec<&Part> = parts.iter().filter(|part| growing.contains_key(&part.file)).collect();
    let frames: Vec<&[&Part]> = wanted.chunk_by(|a, b| a.frame == b.frame).collect();
    let make = || Ok((link.archive.decoder()?, Vec::new(), Vec::new()));
    crew.each(frames.len(), make, |(decoder, scratch, plain), at| {
        let decoded = link.archive.frame(frames[at][0].frame, decoder, scratch, std::mem::take(plain))?;
        for part in frames[at] {
            let Some(file) = growing.get(&part.file) else { continue };
            let bytes = part.of(&decoded.plain).ok_or_else(|| damaged(file.entry, "is not where the list of files says"))?;
            file.add(part, bytes, maker)?;
            (crew.done)(part.length);
        }
        *plain = decoded.plain;
        Ok(())
    })?;
    match growing.values().find(|one| one.left.load(Ordering::Relaxed) > 0) {
        Some(one) => Err(damaged(one.entry, "is not all in the archive")),
        None => Ok(()),
    }
}

/// Brings everything in these folders to the disks.
pub fn sync(folders: &[PathBuf]) -> Result<(), Fault> {
    for folder in folders {
        let synced = File::open(folder).and_then(|file| sync_file_system(&file));
        synced.map_err(|error| write_fault("cannot bring the files to the disk", folder, &error))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_: &File) -> io::Result<()> {
    // Elsewhere no single file system can be asked.
    rustix::fs::sync();
    Ok(())
}
