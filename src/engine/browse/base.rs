//! Looks into base backups, whose files may lie in several frames.

use super::{make_dir, new_file, put};
use crate::archive::base::{self, FileKind, Index};
use crate::archive::manifest::{Base, Kind};
use crate::archive::reader::Archive;
use crate::domain::recovery::BaseKind;
use crate::domain::size::{Bytes, grouped};
use crate::domain::text::clean;
use crate::domain::time::Stamp;
use crate::domain::{Code, Fault};
use crate::storage::local;
use std::io::Write;
use std::os::unix::fs::FileExt;
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
            base::read(archive, file, &mut archive.decoder()?, &mut Default::default(), |piece| put(out, piece))?;
            Ok(Some(file.size))
        }
    }
}

/// Extracts the files of a base backup that are wanted. Modes are those of every extracted entry; links are not made, since they lead out of the
/// folder.
pub fn extract(archive: &Archive, wanted: &dyn Fn(&str) -> bool, dir: &Path, written: &mut Vec<PathBuf>) -> Result<(), Fault> {
    if archive.manifest().head.kind != Kind::Base {
        return Ok(());
    }
    let index = Index::read(archive)?;
    let mut paths = vec![None; index.files().len()];
    for (number, file) in index.files().iter().enumerate() {
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
                let (path, _) = new_file(dir, &name)?;
                written.push(path.clone());
                paths[number] = Some(path);
            }
        }
    }
    // Frame by frame: many small files lie in one.
    let (mut decoder, mut scratch, mut plain) = (archive.decoder()?, Vec::new(), Vec::new());
    let parts: Vec<_> = index.parts(archive).into_iter().filter(|part| paths[part.file].is_some()).collect();
    for parts in parts.chunk_by(|one, other| one.frame == other.frame) {
        let decoded = archive.frame(parts[0].frame, &mut decoder, &mut scratch, plain)?;
        for part in parts {
            let (Some(path), Some(bytes)) = (&paths[part.file], part.of(&decoded.plain)) else {
                return Err(Fault::internal("a frame is shorter than its record says"));
            };
            let put = std::fs::OpenOptions::new().write(true).open(path).and_then(|file| file.write_all_at(bytes, part.offset));
            put.map_err(|error| local::io_fault("cannot extract an entry", path, &error))?;
        }
        plain = decoded.plain;
    }
    Ok(())
}
