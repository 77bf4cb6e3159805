//! Where the manifest of a file lies, whether the file is an archive of ours at all, and what it is where it is none.

use super::codec::{self, stream_decoder};
use super::damage::{corrupted, foreign, io_error, shell, truncated};
use super::index::FrameIndex;
use super::locator::{self, Found, Locator};
use super::manifest::{self, Manifest};
use super::manifest_json::{self, Depth, Unreadable};
use super::scan::{self, First, From};
use super::tarball;
use crate::domain::codec::Codec;
use crate::domain::{Code, Fault};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The largest manifest that is read, as JSON: some seven million frames, 100 TB of rows.
const MANIFEST_LIMIT: u64 = 1 << 30;

/// A file with the place of its manifest.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) length: u64,
    pub(super) codec: Codec,
    pub(super) locator: Option<Locator>,
    /// Where the manifest's frame starts.
    pub(super) start: u64,
}

impl Place {
    pub(super) fn find(path: &Path) -> Result<Self, Fault> {
        let unreadable = |error: std::io::Error| io_error("cannot open the archive", path, &error);
        // Opening a pipe would wait for its other end.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(foreign(format!("{} is not a file", path.display())).at("File", path.display()));
        }
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut tail = vec![0; length.min(locator::LONGEST as u64) as usize];
        let before = length - tail.len() as u64;
        file.read_exact_at(&mut tail, before).map_err(unreadable)?;
        let path = path.to_owned();
        match locator::find(&tail) {
            Found::TooNew(version) => Err(too_new(&path, u64::from(version))),
            Found::Locator(codec, found) => {
                let parts = [found.offset, found.length, found.end_length, locator::length(codec) as u64];
                match parts.into_iter().try_fold(0_u64, u64::checked_add) {
                    Some(expected) if expected == length => {}
                    Some(expected) if expected > length => {
                        let missing = expected - length;
                        return Err(truncated(format!("{missing} bytes are missing: the archive has {length} of {expected} bytes"))
                            .at("File", path.display()));
                    }
                    Some(expected) => {
                        return Err(
                            corrupted(format!("the archive has {length} bytes and should have {expected}")).at("File", path.display())
                        );
                    }
                    None => return Err(corrupted("the locator is damaged").at("File", path.display())),
                }
                Ok(Self { path, file, length, codec, start: found.offset, locator: Some(found) })
            }
            Found::Nothing => Self::scan(path, file, length),
        }
    }

    fn scan(path: PathBuf, file: File, length: u64) -> Result<Self, Fault> {
        let fail = |error: std::io::Error| io_error("cannot read the archive", &path, &error);
        let mut head = vec![0; length.min(8192) as usize];
        file.read_exact_at(&mut head, 0).map_err(fail)?;
        if length == 0 {
            return Err(truncated("the file is empty").at("File", path.display()));
        }
        let codec = scan::codec_of(&head);
        // With damaged first bytes the name still says what it was.
        let by_name = Codec::ALL.into_iter().find(|codec| path.to_string_lossy().ends_with(codec.extension()));
        if let Some(codec) = codec.or(by_name)
            && let Some(start) = scan::find_manifest(&file, length, codec).map_err(fail)?
        {
            return Ok(Self { path, file, length, codec, locator: None, start });
        }
        let cut = codec.is_some_and(|codec| match scan::first_entry(&file, 0, codec) {
            First::Entry(entry) => scan::is_our_entry(&entry.name),
            First::Other => false,
            // A name like ours is the only witness left.
            First::Unreadable => by_name == Some(codec),
        });
        if cut {
            return Err(truncated("the file ends before its manifest").at("File", path.display()).at("Size", format!("{length} bytes")));
        }
        let (what, cure) = scan::describe(&head);
        let fault = foreign(format!("{} is not an archive of dbbackup", path.display())).at("File", path.display()).because(what);
        Err(match cure {
            Some((text, command)) => fault.step_run(text, format!("{command} {}", shell(&path.to_string_lossy()))),
            None => fault.step_run("Look at what it is:", format!("file -- {}", shell(&path.to_string_lossy()))),
        })
    }

    /// Reads the manifest, checked against the locator's SHA-256 where there is one.
    pub(super) fn manifest(&self, depth: Depth) -> Result<(Manifest, FrameIndex), Fault> {
        self.manifest_entry(|bytes| manifest_json::read(bytes, depth))
    }

    /// Hands the manifest's bytes to a reader of them.
    pub(super) fn manifest_entry<T>(&self, take: impl FnOnce(&mut dyn Read) -> Result<T, Unreadable>) -> Result<T, Fault> {
        let damaged = |what: String| corrupted(what).at("File", self.path.display()).at("Entry", manifest::ENTRY).at("Offset", self.start);
        let unreadable = |error: &std::io::Error| damaged("the manifest cannot be decompressed".to_owned()).because(error);
        let mut frame = Vec::new();
        let mut decoder = match &self.locator {
            Some(locator) => {
                if locator.length > MANIFEST_LIMIT || locator.plain > MANIFEST_LIMIT.min(codec::most(self.codec, locator.length)) {
                    return Err(damaged(format!("a manifest of {} bytes is no manifest", locator.plain)));
                }
                frame.resize(locator.length as usize, 0);
                self.file
                    .read_exact_at(&mut frame, self.start)
                    .map_err(|error| io_error("cannot read the manifest", &self.path, &error))?;
                if Sha256::digest(&frame)[..] != locator.sha256 {
                    return Err(damaged("the SHA-256 of the manifest is not what the locator says".to_owned()));
                }
                stream_decoder(self.codec, frame.as_slice())
            }
            None => stream_decoder(self.codec, BufReader::new(From::new(&self.file, self.start))),
        }
        .map_err(|error| unreadable(&error))?;
        let mut header = [0; tarball::BLOCK];
        decoder.read_exact(&mut header).map_err(|error| unreadable(&error))?;
        let size = match tarball::read_header(&header)? {
            Some(entry) if entry.name == manifest::ENTRY && entry.size <= MANIFEST_LIMIT => entry.size,
            _ => return Err(damaged("there is no manifest where it should be".to_owned())),
        };
        if let Some(locator) = &self.locator
            && locator.plain != tarball::BLOCK as u64 + size + tarball::padding(size).len() as u64
        {
            return Err(damaged("the manifest is not as long as the locator says".to_owned()));
        }
        take(&mut decoder.take(size)).map_err(|error| match error {
            Unreadable::TooNew(format) => too_new(&self.path, format),
            Unreadable::Damaged(why) => damaged("the manifest cannot be read".to_owned()).because(why),
        })
    }
}

fn too_new(path: &Path, format: u64) -> Fault {
    Fault::new(Code::FormatTooNew, format!("the archive has format {format}, this version reads up to {}", manifest::FORMAT))
        .at("File", path.display())
        .step("Use a newer version of dbbackup, or restore by hand: README.txt in the archive says how.")
}
