//! Which archive of a chain each file of the recovered server comes from. Reads lists; writes nothing.

use super::place::Place;
use crate::archive::base::{FileEntry, FileKind, Index};
use crate::archive::reader::Archive;
use crate::domain::{Code, Fault};
use std::path::{Path, PathBuf};

/// An opened archive of a chain with its list of files.
pub struct Link {
    /// The archive.
    pub archive: Archive,
    /// Its files.
    pub index: Index,
}

/// The archives of a chain, the full one first.
pub struct Chain {
    /// Its links.
    pub links: Vec<Link>,
}

/// Where the bytes of one file come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Link and number of the file that has all its bytes.
    pub whole: (usize, usize),
    /// Link and number of each increment to be applied to it, the oldest first.
    pub increments: Vec<(usize, usize)>,
}

/// A file of the recovered server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it goes.
    pub path: PathBuf,
    /// What it is made of.
    pub made: Made,
}

/// What is to be made, in all.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Folders with their modes.
    pub folders: Vec<(PathBuf, u32)>,
    /// Files.
    pub files: Vec<Target>,
    /// The number of `global/pg_control` in the last link: it is written when everything else is there.
    pub control: usize,
    /// Bytes to be unpacked.
    pub bytes: u64,
}

/// Files of the backup that do not belong to a recovered server: what tells of a running one, what another recovery was told, and links, which
/// are made anew.
fn is_left_out(path: &str, is_chain: bool) -> bool {
    const FILES: [&str; 8] = [
        "postmaster.pid",
        "postmaster.opts",
        "tablespace_map",
        "standby.signal",
        "recovery.signal",
        "backup_label.old",
        "tablespace_map.old",
        "global/pg_control",
    ];
    FILES.contains(&path) || path.starts_with("pg_replslot/") || (is_chain && path == "backup_manifest")
}

impl Chain {
    /// Opens the archives of a chain, the full one first. Each is checked as far as opening does.
    pub fn open(paths: &[PathBuf]) -> Result<Self, Fault> {
        let mut links = Vec::with_capacity(paths.len());
        for path in paths {
            let archive = Archive::open(path)?;
            archive.check_tail()?;
            let index = Index::read(&archive)?;
            links.push(Link { archive, index });
        }
        Ok(Self { links })
    }

    /// The archive that the recovered server is of: the last one.
    pub fn last(&self) -> Result<&Link, Fault> {
        self.links.last().ok_or_else(|| Fault::internal("a chain without links"))
    }

    /// A file of a link.
    pub fn file(&self, (link, number): (usize, usize)) -> Option<&FileEntry> {
        self.links.get(link)?.index.files().get(number)
    }

    /// Whether the backup holds a file of the data directory.
    pub fn holds(&self, path: &str) -> bool {
        self.links.last().is_some_and(|link| link.index.find(&format!("base/{path}")).is_some())
    }

    /// Decides where everything goes.
    pub fn layout(&self, target: &Path, places: &[Place]) -> Result<Layout, Fault> {
        let last = self.links.len().saturating_sub(1);
        let link = self.last()?;
        let damaged = |what: String| {
            Fault::new(Code::CorruptedBackup, what)
                .at("File", link.archive.path().display())
                .step("Recover from another base backup: --base-backup names it.")
        };
        let is_chain = last > 0;
        let mut layout = Layout::default();
        let mut control = None;
        for (number, file) in link.index.files().iter().enumerate() {
            let (tablespace, inner) = file.place();
            if tablespace.is_none() && inner == "global/pg_control" {
                control = Some(number);
            }
            if tablespace.is_none() && is_left_out(inner, is_chain) {
                continue;
            }
            let root = match tablespace {
                None => target,
                Some(oid) => match places.iter().find(|place| place.oid == oid) {
                    Some(place) => place.to.as_path(),
                    None => return Err(damaged(format!("{} lies in a tablespace that the backup does not name", file.path))),
                },
            };
            let path = root.join(inner);
            match file.kind {
                FileKind::Dir => layout.folders.push((path, file.mode)),
                FileKind::Link => {}
                FileKind::File | FileKind::Increment | FileKind::Unchanged => {
                    let made = self.made(last, number).map_err(damaged)?;
                    let parts = made.increments.iter().chain([&made.whole]);
                    layout.bytes += parts.filter_map(|part| self.file(*part)).map(|file| file.size).sum::<u64>();
                    layout.files.push(Target { path, made });
                }
            }
        }
        layout.control = control.ok_or_else(|| damaged("the backup has no global/pg_control".to_owned()))?;
        Ok(layout)
    }

    /// What a file of a link is made of: increments on top of the nearest backup that has all of it.
    fn made(&self, link: usize, number: usize) -> Result<Made, String> {
        let mut made = Made::default();
        let (mut link, mut number) = (link, number);
        loop {
            let file = self.file((link, number)).ok_or("a file that is not on the list")?;
            match file.kind {
                FileKind::File => break,
                FileKind::Increment => made.increments.push((link, number)),
                FileKind::Unchanged => {}
                FileKind::Dir | FileKind::Link => {
                    return Err(format!("{} is a file in one backup of the chain and none in another", file.path));
                }
            }
            let path = &file.path;
            link = link.checked_sub(1).ok_or_else(|| format!("{path} is not whole in any backup of the chain"))?;
            number = self.links[link].index.number(path).ok_or_else(|| format!("{path} is not in the backup that its changes build on"))?;
        }
        made.whole = (link, number);
        made.increments.reverse();
        Ok(made)
    }
}
