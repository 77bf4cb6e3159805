//! The file in work: a binary log as far as it has arrived, under a name of its own until it is whole.

use super::survey::{PARTIAL, stored_name};
use crate::archive::lone;
use crate::domain::binlog::{LogName, Place};
use crate::domain::{Bytes, Code, Compression, Fault};
use crate::server::mysql::binlog::MAGIC;
use crate::server::mysql::binlog::event::Header;
use crate::server::mysql::binlog::format::Format;
use crate::server::mysql::binlog::reader::{self, Reader, Trouble};
use crate::storage::local::NewFile;
use crate::storage::{io_fault, local};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 << 10;

/// Bytes that are compared at a time.
const PIECE: usize = 256 << 10;

/// The file in work.
pub struct Work {
    path: PathBuf,
    log: LogName,
    out: BufWriter<File>,
    at: u64,
    format: Option<Format>,
    last: u32,
}

impl Work {
    /// Opens it, or makes it, 0600. What a killed run has left is read: what stands behind its last whole event is cut off.
    pub fn open(dir: &Path, log: LogName) -> Result<Self, Fault> {
        let path = dir.join(format!("{log}{PARTIAL}"));
        let fault = |error: io::Error| io_fault("cannot write the file in work", &path, &error);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(fault)?;
        let (at, format, last) = whole_events(&file).map_err(fault)?;
        file.set_len(at).map_err(fault)?;
        file.seek(SeekFrom::Start(at)).map_err(fault)?;
        let mut work = Self { log, out: BufWriter::with_capacity(BUFFER, file), at, format, last, path: path.clone() };
        if at == 0 {
            work.out.write_all(&MAGIC).map_err(fault)?;
            work.at = MAGIC.len() as u64;
            local::sync_dir(&path)?;
        }
        Ok(work)
    }

    /// Which log it is of.
    pub const fn log(&self) -> &LogName {
        &self.log
    }

    /// How far it is.
    pub fn place(&self) -> Place {
        Place { log: self.log.clone(), offset: self.at }
    }

    /// How its events are written; none before the first one.
    pub const fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// When its last event was written, in seconds.
    pub const fn last(&self) -> u32 {
        self.last
    }

    /// Begins it anew.
    pub fn clear(&mut self) -> Result<(), Fault> {
        let path = self.path.clone();
        let fault = |error: io::Error| io_fault("cannot write the file in work", &path, &error);
        self.flush()?;
        self.out.get_ref().set_len(MAGIC.len() as u64).map_err(fault)?;
        self.out.seek(SeekFrom::Start(MAGIC.len() as u64)).map_err(fault)?;
        (self.at, self.format, self.last) = (MAGIC.len() as u64, None, 0);
        Ok(())
    }

    /// Takes the next event, once it has been checked.
    ///
    /// # Errors
    /// `CORRUPTED_BACKUP` for one that is not what was written, or not the next one.
    pub fn take(&mut self, header: &Header, event: &[u8]) -> Result<(), Fault> {
        let place = self.place();
        let damaged = |why: String| {
            Fault::new(Code::CorruptedBackup, "what the server sent is not the next event of its log")
                .at("Place", &place)
                .because(why)
                .step("It is asked for again. If it stays so, the server's own file is damaged: see its error log, and make a new backup.")
        };
        if header.length as usize != event.len() {
            return Err(damaged(format!("an event of {} bytes says that it has {}", event.len(), header.length)));
        }
        match &self.format {
            None => self.format = Some(Format::read(event).map_err(damaged)?),
            Some(format) if !format.fits(event) => return Err(damaged("its checksum does not fit".to_owned())),
            Some(_) => {}
        }
        reader::check(self.at, header).map_err(damaged)?;
        self.out.write_all(event).map_err(|error| io_fault("cannot write the file in work", &self.path, &error))?;
        self.at += event.len() as u64;
        if header.timestamp > 0 {
            self.last = header.timestamp;
        }
        Ok(())
    }

    /// Hands what was gathered to the system, where a reader, and whoever comes after a killed run, finds it.
    pub fn flush(&mut self) -> Result<(), Fault> {
        self.out.flush().map_err(|error| io_fault("cannot write the file in work", &self.path, &error))
    }

    /// Brings it to the disk.
    pub fn sync(&mut self) -> Result<(), Fault> {
        self.flush()?;
        self.out.get_ref().sync_data().map_err(|error| io_fault("cannot bring the file in work to the disk", &self.path, &error))
    }

    /// Gives it its name, compressed, when it is whole. Returns its bytes before and after.
    pub fn seal(mut self, dir: &Path, compression: Compression) -> Result<(Bytes, Bytes), Fault> {
        self.sync()?;
        let target = dir.join(stored_name(&self.log, compression.codec));
        let cannot = |error: io::Error| io_fault("cannot read the file in work", &self.path, &error);
        let mut input = self.out.get_ref().try_clone().map_err(cannot)?;
        input.seek(SeekFrom::Start(0)).map_err(cannot)?;
        let mut new = NewFile::create(&target)?;
        lone::compress(compression, self.at, &mut input, &mut new).map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
                Some(fault) => fault.clone(),
                None => cannot(error),
            }
        })?;
        // By its time people and programs see until when it reaches.
        new.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(self.last)))?;
        new.commit()?;
        let stored = std::fs::metadata(&target).map_or(0, |meta| meta.len());
        remove(&self.path)?;
        Ok((Bytes(self.at), Bytes(stored)))
    }
}

/// Takes a file in work away whose whole file is there: its run was killed between the two. One that says something else stays, and is named.
pub fn clear_left_over(dir: &Path, log: &LogName, whole: &mut dyn Read) -> Result<(), Fault> {
    let path = dir.join(format!("{log}{PARTIAL}"));
    let mut left = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_fault("cannot read what a killed run has left", &path, &error)),
    };
    let fault = |error: io::Error| io_fault("cannot compare what a killed run has left", &path, &error);
    let length = left.metadata().map_err(fault)?.len();
    let (mut ours, mut theirs) = (vec![0; PIECE], vec![0; PIECE]);
    let mut at = 0;
    while at < length {
        let piece = usize::try_from(length - at).unwrap_or(PIECE).min(PIECE);
        left.read_exact(&mut ours[..piece]).map_err(fault)?;
        if whole.read_exact(&mut theirs[..piece]).is_err() || ours[..piece] != theirs[..piece] {
            return Err(Fault::new(Code::WalConflict, "the archive holds a whole file and another one in work under the same name")
                .at("Path", path.display())
                .because("the server has begun its log anew (RESET MASTER), or two servers archive into this folder")
                .step("Archive into a new folder, and make a new backup, from which the log is whole again."));
        }
        at += piece as u64;
    }
    remove(&path)
}

fn remove(path: &Path) -> Result<(), Fault> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_fault("cannot remove the file in work", path, &error)),
        _ => Ok(()),
    }
}

/// How far a file consists of whole events, its format, and when the last of them was written.
fn whole_events(file: &File) -> io::Result<(u64, Option<Format>, u32)> {
    let mut reader = match Reader::new(BufReader::with_capacity(BUFFER, file)) {
        Ok(reader) => reader,
        Err(Trouble::Io(error)) => return Err(error),
        // Shorter than its first four bytes, or other ones.
        Err(_) => return Ok((0, None, 0)),
    };
    let mut last = 0;
    loop {
        match reader.next() {
            Ok(Some(event)) => last = if event.header.timestamp > 0 { event.header.timestamp } else { last },
            Err(Trouble::Io(error)) => return Err(error),
            // A torn or damaged event and what follows it comes again.
            Ok(None) | Err(_) => return Ok((reader.at(), reader.format().cloned(), last)),
        }
    }
}
