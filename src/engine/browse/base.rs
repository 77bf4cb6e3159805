//! Looks into base backups, whose files may lie in several frames.

use super::{make_dir, new_file, put};
use crate::archive::base::{self, FileEntry, FileKind, Index};
use crate::archive::manifest::{Base, Kind};
use crate::archive::reader::Archive;
use crate::domain::recovery::BaseKind;
use crate::domain::size::{Bytes, grouped};
use crate::domain::text::clean;
use crate::domain::time::Stamp;
use crate::domain::{Code, Fault};
use crate::storage::local;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Whether an entry of this name is a file of a server.
pub fn is_file(name: &str) -> bool {
    name.starts_with("base/") || name.starts_with("tablespaces/")
}

fn utc(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| Stamp(ms).0.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// What it says of itself.
pub fn facts(base: &Base) -> Vec<(String, String)> {
    let holds = match base.kind {
        BaseKind::Full => "everything",
        BaseKind::Differential => "what has changed since the last full one",
        BaseKind::Incremental => "what has changed since the last one",
    };
    let mut facts = vec![("Holds", holds.to_owned())];
    if let Some(parent) = &base.parent {
        facts.push(("Builds on", format!("{} (id {})", clean(&parent.file), clean(&parent.id))));
    }
    facts.extend([
        ("Label", clean(&base.label)),
        ("Timeline", base.timeline.to_string()),
        ("Replay begins", format!("{} ({})", base.start, utc(base.began_ms))),
        ("Consistent", format!("{} ({})", base.stop, utc(base.ended_ms))),
        ("Segments", Bytes(base.segment_size.bytes()).to_string()),
        ("Checksums", if base.checksums { "every page was checked" } else { "the server has none" }.to_owned()),
        ("Files", grouped(base.files)),
    ]);
    for tablespace in &base.tablespaces {
        facts.push(("Tablespace", format!("{} at {}, {}", tablespace.oid, clean(&tablespace.path), Bytes(tablespace.bytes))));
    }
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Writes a file of a base backup to `out`; none where it is no base backup, or has no such file.
pub fn cat(archive: &Archive, name: &str, out: &mut dyn Write) -> Result<Option<u64>, Fault> {
    if archive.manifest().head.kind != Kind::Base || !is_file(name) {
        return Ok(None);
    }
    let index = Index::read(archive)?;
    let Some(file) = index.files().iter().find(|file| file.path == name || file.entry().as_deref() == Some(name)) else { return Ok(None) };
    match file.kind {
        FileKind::Unchanged => {
            Err(Fault::new(Code::NotInArchive, format!("{name} is as it is in the earlier base backup, and is not in this one"))
                .at("File", archive.path().display())
                .step("Look into the earlier one: dbbackup archive show names it."))
        }
        FileKind::Dir | FileKind::Link => {
            Err(Fault::new(Code::NotInArchive, format!("{name} is no file but a folder")).at("File", archive.path().display()))
        }
        FileKind::File | FileKind::Increment => {
            read(archive, file, &mut archive.decoder()?, &mut Default::default(), out)?;
            Ok(Some(file.size))
        }
    }
}

fn read(
    archive: &Archive,
    file: &FileEntry,
    decoder: &mut crate::archive::frame::FrameDecoder,
    buffers: &mut (Vec<u8>, Vec<u8>),
    out: &mut dyn Write,
) -> Result<(), Fault> {
    base::read(archive, file, decoder, buffers, |piece| put(out, piece))
}

/// Extracts the files of a base backup that are wanted. Modes are those of every extracted entry; links are not made, since they lead out of the
/// folder.
pub fn extract(archive: &Archive, wanted: &dyn Fn(&str) -> bool, dir: &Path, written: &mut Vec<PathBuf>) -> Result<(), Fault> {
    if archive.manifest().head.kind != Kind::Base {
        return Ok(());
    }
    let index = Index::read(archive)?;
    let (mut decoder, mut buffers) = (archive.decoder()?, Default::default());
    for file in index.files() {
        let Some(name) = file.entry().filter(|name| wanted(name)) else { continue };
        match file.kind {
            FileKind::Dir => {
                let mut path = dir.to_owned();
                for part in name.split('/') {
                    path.push(part);
                    make_dir(&path)?;
                }
            }
            FileKind::Link | FileKind::Unchanged => {}
            FileKind::File | FileKind::Increment => {
                let (path, mut out) = new_file(dir, &name)?;
                base::read(archive, file, &mut decoder, &mut buffers, |piece| {
                    out.write_all(piece).map_err(|error| local::io_fault("cannot extract an entry", &path, &error))
                })?;
                written.push(path);
            }
        }
    }
    Ok(())
}
