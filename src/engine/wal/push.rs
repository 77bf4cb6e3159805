//! Archives one file of the log, and those that wait behind it. What is in the archive is never overwritten: the same content again is success,
//! other content is a failure. Asks no server.

use super::ahead::{self, Memo};
use super::folder::{self, Content, Folder};
use super::identity::Identity;
use super::spool::Spool;
use super::{belonging, of_archive, quoted, stored};
use crate::archive::lone;
use crate::domain::wal::{Stored, WalName};
use crate::domain::{Code, Codec, Compression, Fault};
use crate::server::postgres::wal::header::{Header, LENGTH};
use crate::storage::io_fault;
use crate::storage::local::{self, NewFile};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// The archive's folder.
    pub dir: PathBuf,
    /// How files are stored.
    pub compression: Compression,
    /// Files that are archived at the same time; more than one: also those that wait behind the one that was asked for.
    pub jobs: usize,
    /// The setting `wal.spool`.
    pub spool: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is in the archive now.
    Archived,
    /// It was there already, with the same content.
    Already,
}

/// A folder of up to this size, in bytes, is looked through for leftovers each time: some thousand names.
const SMALL_FOLDER: u64 = 64 << 10;

/// A larger one is with each segment whose number is divisible by this.
const SELDOM: u32 = 64;

/// Archives a file of the server's log, `path`, under its name. When it returns without an error, the file is on the archive's disk.
///
/// # Errors
/// `WAL_ARCHIVE_MISSING`, `WAL_FOREIGN`, `WAL_CONFLICT`, and those of reading and writing. Nothing half-written counts then.
pub fn archive(order: &Order, path: &Path, name: WalName) -> Result<Done, Fault> {
    let folder = Folder::open(&order.dir)?;
    let spool = Spool::of(order.spool.as_deref(), path);
    let memo = spool.as_ref().map(|spool| Memo::read(spool, &folder.dir)).unwrap_or_default();
    if folder.identity.is_some() && memo.holds(name, path, &folder.dir) {
        return Ok(Done::Already);
    }
    let source = Source::open(path, name)?;
    let folder = settle(folder, &source, spool.as_ref())?;
    sweep(&folder.dir, name);
    if let Some(spool) = &spool {
        tidy(spool, path);
    }
    let waiting = if order.jobs > 1 { ahead::waiting(path, name) } else { Vec::new() };
    let waiting: Vec<_> = waiting.into_iter().filter(|(name, path)| !memo.holds(*name, path, &folder.dir)).collect();
    if waiting.is_empty() {
        return one(&folder, &source, order.compression);
    }
    ahead::with(order, &folder, &source, waiting, spool.as_ref(), memo)
}

/// A file of the server's log that is what its name says.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    pub name: WalName,
    file: File,
    pub meta: Metadata,
    header: Option<Header>,
}

impl Source {
    pub fn open(path: &Path, name: WalName) -> Result<Self, Fault> {
        let cannot = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Fault::new(Code::FileMissing, "there is no such file of the log")
                .at("Path", path.display())
                .at("Folder", std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_default())
                .step("The path is relative to the server's data directory, where the server runs the command: write %p for it."),
            _ => io_fault("cannot read a file of the log", path, &error),
        };
        let file = File::open(path).map_err(cannot)?;
        let meta = file.metadata().map_err(cannot)?;
        let located = |fault: Fault| fault.at("Path", path.display());
        let header = match name {
            WalName::Segment(segment) | WalName::Partial(segment) => {
                let mut bytes = [0; LENGTH];
                // A file that is too short leaves zeros, which are no header.
                let _ = file.read_at(&mut bytes, 0).map_err(cannot)?;
                let header = Header::read(&bytes)
                    .map_err(|why| located(Fault::new(Code::WalForeign, format!("{name} is no segment of the log")).because(why)))?;
                belonging::segment(segment, &header, meta.len(), None).map_err(located)?;
                Some(header)
            }
            WalName::Backup(..) | WalName::History(_) => {
                let mut text = vec![0; usize::try_from(meta.len().min(belonging::LARGEST_TEXT)).unwrap_or(0)];
                file.read_exact_at(&mut text, 0).map_err(cannot)?;
                belonging::text(name, &text).map_err(located)?;
                None
            }
        };
        Ok(Self { path: path.to_owned(), name, file, meta, header })
    }

    /// Whether it is of the archive's server.
    pub fn fits(&self, archive: &Identity) -> Result<(), Fault> {
        self.header.as_ref().map_or(Ok(()), |header| belonging::server(self.name, header, archive))
    }

    fn unreadable(&self, error: &io::Error) -> Fault {
        io_fault("cannot read a file of the log", &self.path, error)
    }

    /// A header by which the server is known: the file's own, or that of a segment beside it.
    fn server(&self) -> Option<Header> {
        self.header.or_else(|| {
            let entries = std::fs::read_dir(self.path.parent()?).ok()?;
            let headers = entries.flatten().filter_map(|entry| {
                let name: WalName = entry.file_name().to_str()?.parse().ok()?;
                let WalName::Segment(segment) = name else { return None };
                let mut bytes = [0; LENGTH];
                let file = File::open(entry.path()).ok()?;
                file.read_exact_at(&mut bytes, 0).ok()?;
                let header = Header::read(&bytes).ok()?;
                // One that the server has put aside for later use still says what it was.
                belonging::segment(segment, &header, file.metadata().ok()?.len(), None).ok()?;
                Some(header)
            });
            headers.into_iter().next()
        })
    }
}

/// Whose the archive is: what it says, or, where it says nothing because it is new, the one who archives the first file.
fn settle(folder: Folder, source: &Source, spool: Option<&Spool>) -> Result<Folder, Fault> {
    let server = source.server();
    if let Some(identity) = &folder.identity {
        if let Some(server) = &server {
            belonging::server(source.name, server, identity).map_err(|fault| fault.at("Folder", folder.dir.display()))?;
        }
        if let Some(spool) = spool {
            spool.remember(&folder.dir);
        }
        return Ok(folder);
    }
    // A disk that is not mounted leaves an empty folder, which is no new archive.
    if let Some(memory) = spool.map(|spool| spool.memory(&folder.dir)).filter(|memory| memory.exists()) {
        return Err(folder::vanished(&folder.dir, Some(&memory)));
    }
    let unclear = |why: &str| {
        Fault::new(Code::WalArchiveMissing, "the folder is no archive of the log, and cannot become one")
            .at("Folder", folder.dir.display())
            .because(why)
            .step("Name an empty folder (--archive-dir), or move what is in this one elsewhere.")
    };
    let Some(server) = server else {
        return Err(unclear(&format!("{} does not say of which server it is, and no segment beside it does", source.name)));
    };
    let identity = Identity::of(&server);
    match folder.any()? {
        Content::Empty => {}
        Content::Segment(path, found) => {
            let there = stored::header(&path, found)?.map_err(|why| unclear(&why).at("Path", path.display()))?;
            belonging::server(source.name, &server, &Identity::of(&there)).map_err(|fault| fault.at("Path", path.display()))?;
        }
        Content::Other => return Err(unclear("it holds files of the log, and no segment that says of which server they are")),
        Content::Strangers => return Err(unclear("it holds files that are none of the log")),
    }
    let written = identity.write(&folder.dir);
    let identity = written.map_err(|fault| of_archive(fault, "cannot begin the archive of the log", &folder.dir))?;
    belonging::server(source.name, &server, &identity)?;
    if let Some(spool) = spool {
        spool.remember(&folder.dir);
    }
    Ok(Folder { identity: Some(identity), ..folder })
}

/// The name under which a file is stored.
fn stored_name(name: WalName, codec: Codec) -> String {
    let ending = match codec {
        Codec::Zstd => ".zst",
        Codec::Gzip => ".gz",
        Codec::Lz4 => ".lz4",
        Codec::Xz => ".xz",
        Codec::None => "",
    };
    format!("{name}{ending}")
}

/// Archives a file.
pub(super) fn one(folder: &Folder, source: &Source, compression: Compression) -> Result<Done, Fault> {
    let target = folder.dir.join(stored_name(source.name, compression.codec));
    let told = |fault: Fault| of_archive(fault, format!("cannot archive {}", source.name), &folder.dir);
    loop {
        let found = folder.find(source.name)?;
        if !found.is_empty() {
            return already(&found, source).map(|()| Done::Already);
        }
        let mut new = match NewFile::create(&target) {
            // Somebody else archived it just now.
            Err(fault) if fault.code == Code::OutputExists => continue,
            new => new.map_err(told)?,
        };
        let mut input = &source.file;
        io::Seek::seek(&mut input, io::SeekFrom::Start(0)).map_err(|error| source.unreadable(&error))?;
        lone::compress(compression, source.meta.len(), &mut input, &mut new).map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
                Some(fault) => told(fault.clone()),
                None => source.unreadable(&error),
            }
        })?;
        // The archive's statistics, and what can be recovered, are read from the time at which the segment was last written.
        new.set_modified(source.meta.modified().map_err(|error| source.unreadable(&error))?).map_err(told)?;
        match new.commit() {
            Err(fault) if fault.code == Code::OutputExists => continue,
            done => return done.map(|_| Done::Archived).map_err(told),
        }
    }
}

/// Compares with what is stored, decoded. What is the same is brought to the disk: whoever stored it may have been killed before that.
fn already(found: &[(PathBuf, Stored)], source: &Source) -> Result<(), Fault> {
    for (path, there) in found {
        if !same(path, *there, source)? {
            return Err(Fault::new(Code::WalConflict, format!("the archive holds another {}, which is not overwritten", source.name))
                .at("Archive", path.display())
                .at("Server", source.path.display())
                .step_run("See whose it is and when it was written:", format!("ls -l {}* {}", quoted(path), quoted(&source.path)))
                .step("Most often a second server with the same origin (a promoted standby, a restored copy) archives into the same folder: give each its own.")
                .step_run(
                    "Only if the archive's file is known to be worthless, move it away; the server then tries again by itself:",
                    format!("mv -n -- {0} {0}.old", quoted(path)),
                ));
        }
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|error| io_fault("cannot bring an archived file to the disk", path, &error))?;
        local::sync_dir(path)?;
    }
    Ok(())
}

fn same(path: &Path, there: Stored, source: &Source) -> Result<bool, Fault> {
    let damaged = |error: io::Error| match error.raw_os_error() {
        Some(_) => io_fault("cannot read an archived file of the log", path, &error),
        None => Fault::new(Code::CorruptedBackup, "the archive's file of that name is damaged, and is not overwritten")
            .at("Path", path.display())
            .because(error)
            .step_run(
                "The server still has the segment. Move the damaged file away; the server tries again by itself:",
                format!("mv -n -- {0} {0}.old", quoted(path)),
            ),
    };
    let mut reader = stored::open(path, there)?;
    let (mut ours, mut theirs) = (vec![0; 1 << 18], vec![0; 1 << 18]);
    let mut at = 0;
    loop {
        let length = fill(&mut reader, &mut theirs).map_err(damaged)?;
        let wanted = usize::try_from(source.meta.len().saturating_sub(at)).unwrap_or(usize::MAX).min(ours.len());
        source.file.read_exact_at(&mut ours[..wanted], at).map_err(|error| source.unreadable(&error))?;
        if theirs[..length] != ours[..wanted] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
        at += length as u64;
    }
}

/// Reads until a buffer is full or the input ends.
pub(super) fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Removes what was fetched ahead of a recovery that has ended: one that stops at its target needs no more of the log.
fn tidy(spool: &Spool, path: &Path) {
    let data = path.parent().and_then(Path::parent).filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let recovering = ["recovery.signal", "standby.signal"].iter().any(|name| data.join(name).exists());
    if !recovering && !spool.entries().is_empty() {
        spool.clear();
    }
}

/// Removes what killed runs left: a lock on each file tells it from a living run's.
fn sweep(dir: &Path, name: WalName) {
    let small = dir.metadata().is_ok_and(|meta| meta.size() <= SMALL_FOLDER);
    let turn = matches!(name, WalName::Segment(name) if name.segment % SELDOM == 0);
    if small || turn {
        // A leftover does no harm, and is tried again.
        let _ = local::sweep(dir);
    }
}
