//! Looks through an archive of the log by names, sizes and times: one listing of each folder and one question for each file. Opens one segment, for its
//! header, and the histories of timelines; what is in segments is not its matter.
//!
//! It knows where other programs put segments: pgBackRest (`archive/<stanza>/<version>-<id>/<16 digits>/<segment>-<sha1>.zst`), WAL-G (`wal_005/`) and
//! Barman (`wals/<16 digits>/`).

use super::stored;
use crate::domain::text::clean;
use crate::domain::wal::history::{self, Branch};
use crate::domain::wal::{SegmentSize, Stored, Timeline, WalName};
use crate::domain::{Code, Fault, Stamp};
use crate::server::postgres::wal::header::Header;
use crate::storage::io_fault;
use serde::Serialize;
use std::fs::DirEntry;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Segments that are tried until one shows its header.
const TRIED: usize = 3;

/// The longest history that is read, in bytes: a line for each promotion since the cluster was made.
const LONGEST_HISTORY: u64 = 1 << 20;

/// Whose way of laying out an archive it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// All files in one folder.
    #[default]
    Flat,
    /// pgBackRest's.
    PgBackRest,
    /// WAL-G's.
    WalG,
    /// Barman's.
    Barman,
}

/// A file of the log in an archive.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What it is, by its name.
    pub stored: Stored,
    /// Whether it is compressed with something that this program does not read.
    pub foreign: bool,
    /// When it was last written.
    pub at: Stamp,
    /// Its bytes as stored.
    pub bytes: u64,
    /// In which of the folders.
    folder: u32,
    /// Its name.
    file: Box<str>,
}

impl Seen {
    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether something is around it that makes it smaller.
    pub const fn is_compressed(&self) -> bool {
        self.foreign || self.stored.wrapping.codec.is_some()
    }

    /// Whether its content can be read.
    pub const fn is_readable(&self) -> bool {
        !self.foreign && !self.stored.wrapping.encrypted
    }
}

/// What the look took: it is bounded by the number of files, whatever their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Folders that were listed.
    pub listed: u64,
    /// Files that were asked for size and time.
    pub asked: u64,
    /// Files that were opened.
    pub opened: u64,
}

/// What is in an archive.
#[derive(Debug, Default)]
pub struct Survey {
    /// The folder that was given.
    pub dir: PathBuf,
    /// How it is laid out.
    pub layout: Layout,
    /// The files of the log, by name.
    pub files: Vec<Seen>,
    /// Files that are none.
    pub strangers: u64,
    /// The header of one segment.
    pub header: Option<Header>,
    /// The size of segments, from that header or the length of a file; none where neither tells.
    pub segment_size: Option<SegmentSize>,
    /// The histories, by timeline, each with its branches or why it cannot be read.
    pub histories: Vec<(Timeline, Result<Vec<Branch>, String>)>,
    /// What could not be found out, one line each.
    pub unknown: Vec<String>,
    /// What it took.
    pub cost: Cost,
    folders: Vec<PathBuf>,
}

impl Survey {
    /// Where a file lies.
    pub fn path(&self, seen: &Seen) -> PathBuf {
        self.folders.get(seen.folder as usize).unwrap_or(&self.dir).join(&*seen.file)
    }
}

/// Looks through a folder.
pub fn survey(dir: &Path) -> Result<Survey, Fault> {
    let mut survey = Survey { dir: dir.to_owned(), ..Survey::default() };
    let mut deeper = survey.list(dir)?;
    deeper.sort();
    survey.descend(&deeper)?;
    survey.files.sort_unstable_by(|one, other| (one.stored.name, &one.file).cmp(&(other.stored.name, &other.file)));
    survey.read_header();
    survey.read_histories();
    Ok(survey)
}

impl Survey {
    /// Lists one folder; gives the folders in it.
    fn list(&mut self, dir: &Path) -> Result<Vec<PathBuf>, Fault> {
        let fault = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => missing(dir),
            _ => io_fault("cannot look through the archive of the log", dir, &error),
        };
        let folder = u32::try_from(self.folders.len()).unwrap_or(u32::MAX);
        self.folders.push(dir.to_owned());
        self.cost.listed += 1;
        let mut deeper = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                deeper.push(entry.path());
            } else {
                self.look(&entry, folder);
            }
        }
        Ok(deeper)
    }

    fn look(&mut self, entry: &DirEntry, folder: u32) {
        let name = entry.file_name();
        if name == super::identity::FILE {
            return;
        }
        let Some((name, (stored, foreign, hashed))) = name.to_str().and_then(|name| Some((name, parse(name)?))) else {
            self.strangers += 1;
            return;
        };
        self.cost.asked += 1;
        // What has gone since it was listed was taken away by a cleanup: it is not there.
        let Ok(mut meta) = entry.metadata() else { return };
        if meta.is_symlink() {
            self.cost.asked += 1;
            let Ok(behind) = std::fs::metadata(entry.path()) else { return };
            meta = behind;
        }
        // Opening a pipe would wait for its other end.
        if !meta.is_file() {
            self.strangers += 1;
            return;
        }
        if hashed {
            self.layout = Layout::PgBackRest;
        }
        let at = Stamp(meta.mtime().saturating_mul(1000).saturating_add(meta.mtime_nsec() / 1_000_000));
        self.files.push(Seen { stored, foreign, at, bytes: meta.len(), folder, file: name.into() });
    }

    /// Looks into the folders that other programs make.
    fn descend(&mut self, deeper: &[PathBuf]) -> Result<(), Fault> {
        let named = |wanted: &str| deeper.iter().find(|path| path.file_name().is_some_and(|name| name == wanted));
        if let Some(path) = named("wal_005") {
            self.layout = Layout::WalG;
            self.list(path)?;
        } else if let Some(path) = named("wals") {
            self.layout = Layout::Barman;
            let deeper = self.list(path)?;
            self.prefixes(&deeper)?;
        } else if let (Some(path), Some(_)) = (named("archive"), named("backup")) {
            self.layout = Layout::PgBackRest;
            self.repository(path)?;
        } else if !self.prefixes(deeper)? && self.files.is_empty() && !deeper.is_empty() {
            self.unknown.push(format!("the {} folders in it were not looked into: none is named as segments are", deeper.len()));
        }
        Ok(())
    }

    /// Lists the folders that are named after the first sixteen digits of segments; whether there is one.
    fn prefixes(&mut self, deeper: &[PathBuf]) -> Result<bool, Fault> {
        let is_prefix = |path: &&PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
        };
        let mut found = false;
        for path in deeper.iter().filter(is_prefix) {
            found = true;
            if self.layout == Layout::Flat {
                self.layout = Layout::Barman;
            }
            self.list(path)?;
        }
        Ok(found)
    }

    /// Looks into pgBackRest's repository where it holds one server's log: `archive/<stanza>/<version>-<id>`.
    fn repository(&mut self, archive: &Path) -> Result<(), Fault> {
        let mut at = archive.to_owned();
        for level in ["stanzas", "clusters"] {
            let mut deeper = self.list(&at)?;
            deeper.sort();
            match deeper.as_slice() {
                [one] => at.clone_from(one),
                [] => return Ok(()),
                many => {
                    let names: Vec<String> = many.iter().map(|path| clean(&path.display().to_string())).collect();
                    self.unknown.push(format!("pgBackRest's repository holds {} {level}; give one of {}", many.len(), names.join(", ")));
                    return Ok(());
                }
            }
        }
        let mut deeper = self.list(&at)?;
        deeper.sort();
        self.prefixes(&deeper).map(drop)
    }

    /// Reads the header of one segment, the newest that shows one.
    fn read_header(&mut self) {
        let whole = |seen: &&Seen| matches!(seen.stored.name, WalName::Segment(_)) && seen.bytes > 0;
        let mut why = None;
        let candidates: Vec<(PathBuf, Stored)> = self
            .files
            .iter()
            .rev()
            .filter(whole)
            .filter(|seen| seen.is_readable())
            .take(TRIED)
            .map(|seen| (self.path(seen), seen.stored))
            .collect();
        for (path, stored) in candidates {
            self.cost.opened += 1;
            match stored::header(&path, stored) {
                Ok(Ok(header)) => {
                    self.segment_size = Some(header.segment_size);
                    self.header = Some(header);
                    return;
                }
                Ok(Err(wrong)) => why = why.or(Some(wrong)),
                Err(fault) => why = why.or(Some(fault.to_string())),
            }
        }
        // A whole segment that is stored as it is has its length.
        let plain = self.files.iter().filter(whole).find(|seen| !seen.is_compressed() && !seen.stored.wrapping.encrypted);
        self.segment_size = plain.and_then(|seen| SegmentSize::new(u32::try_from(seen.bytes).ok()?));
        if self.files.iter().any(|seen| matches!(seen.stored.name, WalName::Segment(_))) {
            let why =
                why.unwrap_or_else(|| "they are empty, encrypted, or compressed with something that dbbackup does not read".to_owned());
            self.unknown.push(format!("the headers of its segments cannot be read: {}", clean(&why)));
        }
    }

    fn read_histories(&mut self) {
        let files: Vec<(Timeline, PathBuf, Stored, bool)> = self
            .files
            .iter()
            .filter_map(|seen| match seen.stored.name {
                WalName::History(timeline) => Some((timeline, self.path(seen), seen.stored, seen.foreign)),
                _ => None,
            })
            .collect();
        for (timeline, path, stored, foreign) in files {
            if self.histories.iter().any(|(known, branches)| *known == timeline && branches.is_ok()) {
                continue;
            }
            self.cost.opened += 1;
            let read = if foreign {
                Err("it is compressed with something that dbbackup does not read".to_owned())
            } else {
                branches(&path, stored)
            };
            if let Err(why) = &read {
                self.unknown.push(format!("the history of timeline {timeline} cannot be read: {}", clean(why)));
            }
            self.histories.retain(|(known, _)| *known != timeline);
            self.histories.push((timeline, read));
        }
    }
}

/// That there is no such folder.
fn missing(dir: &Path) -> Fault {
    Fault::new(Code::FileMissing, "there is no archive of the log")
        .at("Folder", dir.display())
        .step("Give the right folder with --archive-dir, or mount its disk.")
        .step_run("See where the server puts its log:", "dbbackup pitr status")
}

fn branches(path: &Path, stored: Stored) -> Result<Vec<Branch>, String> {
    let mut text = String::new();
    let file = stored::open(path, stored).map_err(|fault| fault.to_string())?;
    file.take(LONGEST_HISTORY).read_to_string(&mut text).map_err(|error| error.to_string())?;
    history::read(&text)
}

/// What a file is by its name; whether something is around it that this program does not read; whether pgBackRest's hash is in its name.
fn parse(name: &str) -> Option<(Stored, bool, bool)> {
    let (rest, foreign) = [".bz2", ".br", ".lzma", ".lzo", ".snappy"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .map_or((name, false), |rest| (rest, true));
    if let Some(stored) = Stored::parse(rest) {
        return Some((stored, foreign, false));
    }
    // `<segment>-<40 digits of SHA-1>.zst`, `<segment>.partial-….gz`.
    let dash = rest.find('-')?;
    let (head, tail) = (rest.get(..dash)?, rest.get(dash + 1..)?);
    let hash = tail.get(..40).filter(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let stored = Stored::parse(&format!("{head}{}", tail.get(hash.len()..)?))?;
    Some((stored, foreign, true))
}

#[cfg(test)]
#[path = "survey_tests.rs"]
mod tests;
