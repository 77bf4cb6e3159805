//! Where a recovered server goes: whether its folders are free, whose they will be, and whether there is room.

use super::log::quoted;
use crate::archive::manifest::Tablespace;
use crate::domain::plan::{Check, CheckState};
use crate::domain::{Bytes, Code, Fault};
use crate::system::{disk, user};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file that is there while a recovery's folder is not complete.
pub const UNFINISHED: &str = "UNFINISHED_RECOVERY";

/// Whose the files will be; none: those of who runs this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's name.
    pub name: String,
    /// Numbers of the user and the group.
    pub ids: (u32, u32),
}

/// A tablespace and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub oid: u32,
    /// Where it was.
    pub from: PathBuf,
    /// Where it will be.
    pub to: PathBuf,
    /// Bytes.
    pub bytes: u64,
}

/// Where each tablespace goes; an error for a mapping of one that the backup does not have.
pub fn places(tablespaces: &[Tablespace], map: &[(PathBuf, PathBuf)]) -> Result<Vec<Place>, Fault> {
    if let Some((from, _)) = map.iter().find(|(from, _)| !tablespaces.iter().any(|one| Path::new(&one.path) == from)) {
        let mut fault = Fault::new(Code::Usage, format!("the backup has no tablespace in {}", from.display()));
        for one in tablespaces {
            fault = fault.step_run("It has this one:", format!("--map-tablespace {}=/new/folder", quoted(Path::new(&one.path))));
        }
        return Err(fault.step("Leave --map-tablespace out where the backup has no tablespaces."));
    }
    Ok(tablespaces
        .iter()
        .map(|one| {
            let from = PathBuf::from(&one.path);
            let to = map.iter().find(|(old, _)| *old == from).map_or_else(|| from.clone(), |(_, new)| new.clone());
            Place { oid: one.oid, from, to, bytes: one.bytes }
        })
        .collect())
}

/// Who has to own the files of a server: PostgreSQL does not run as root, and takes no data directory of somebody else's.
pub fn owner(target: &Path) -> Result<Option<Owner>, Fault> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let above = disk::nearest_existing(target);
    let of_folder = std::fs::metadata(&above).ok().filter(|meta| meta.uid() != 0).and_then(|meta| user::by_id(meta.uid()));
    of_folder.or_else(|| user::by_name("postgres")).map(|found| Some(Owner { name: found.name, ids: (found.uid, found.gid) })).ok_or_else(
        || {
            Fault::new(Code::Config, "there is no user of the host to whom the server could belong")
                .because("PostgreSQL does not run as root, and there is no user postgres here")
                .step("Make the user, or run this as the one that the server runs as.")
        },
    )
}

fn failed(name: &str, detail: String, cure: String, code: Code) -> Check {
    Check { state: CheckState::Failed, name: name.to_owned(), detail, cure: Some(cure), code: Some(code) }
}

/// A check that came out well.
pub fn fine(name: &str, detail: String) -> Check {
    Check { state: CheckState::Ok, name: name.to_owned(), detail, cure: None, code: None }
}

/// Whether a folder can become a data directory, or a tablespace's.
pub fn free(name: &str, dir: &Path) -> Check {
    if !dir.is_absolute() {
        return failed(name, format!("{} does not begin with /", dir.display()), "Name the whole path.".to_owned(), Code::Usage);
    }
    let above = disk::nearest_existing(dir);
    if let Some(other) = dir.ancestors().find(|above| above.join("PG_VERSION").is_file() && *above != dir) {
        return failed(
            name,
            format!("{} lies within {}, which is the data directory of a server", dir.display(), other.display()),
            "Choose a folder outside of it.".to_owned(),
            Code::TargetNotEmpty,
        );
    }
    if above == dir {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>(),
            Err(error) => {
                return failed(
                    name,
                    format!("{} cannot be read: {error}", dir.display()),
                    "Choose another folder.".to_owned(),
                    Code::of_io(&error),
                );
            }
        };
        if entries.iter().any(|entry| entry == UNFINISHED) {
            let cure = format!("Nothing in it can be started. Remove it, then run this again: rm -rf -- {}", quoted(dir));
            return failed(
                name,
                format!("{} is what a recovery left that did not come to its end", dir.display()),
                cure,
                Code::TargetNotEmpty,
            );
        }
        // A file system's own folder is no content.
        let holds = entries.iter().filter(|entry| *entry != "lost+found").count();
        if holds > 0 {
            let what = if dir.join("PG_VERSION").is_file() {
                "holds a server's data".to_owned()
            } else {
                format!("holds {holds} files or folders")
            };
            let cure =
                format!("Choose a folder that is empty or not there yet; nothing is overwritten. Look at it: ls -la {}", quoted(dir));
            return failed(name, format!("{} {what}", dir.display()), cure, Code::TargetNotEmpty);
        }
    }
    if let Err(error) = disk::writable(&above) {
        let cure = format!("Run this as the user to whom it belongs, or choose another folder. Look at it: ls -ld {}", quoted(&above));
        return failed(name, format!("{} cannot be written to: {error}", above.display()), cure, Code::OutputUnwritable);
    }
    fine(name, format!("{} is {}", dir.display(), if above == dir { "empty" } else { "not there yet" }))
}

/// Whether there is room: `needs` has a folder and bytes for each part.
pub fn room(needs: &[(PathBuf, u64)]) -> Vec<Check> {
    let mut devices: BTreeMap<u64, (PathBuf, u64, u64)> = BTreeMap::new();
    let mut checks = Vec::new();
    for (dir, bytes) in needs {
        let above = disk::nearest_existing(dir);
        match (std::fs::metadata(&above).map(|meta| meta.dev()), disk::space(&above)) {
            (Ok(device), Ok(space)) => {
                let one = devices.entry(device).or_insert((dir.clone(), 0, space.free));
                one.1 = one.1.saturating_add(*bytes);
            }
            (Err(error), _) | (_, Err(error)) => checks.push(Check {
                state: CheckState::Unknown,
                name: "room".to_owned(),
                detail: format!("{}: {error}", above.display()),
                cure: None,
                code: None,
            }),
        }
    }
    for (dir, needed, free) in devices.into_values() {
        let (needed, free) = (Bytes(needed), Bytes(free));
        checks.push(if free >= needed {
            fine("room", format!("{free} are free for {}, {needed} are needed", dir.display()))
        } else {
            let cure = "Make room there, or choose another folder (--target-dir, --map-tablespace).".to_owned();
            failed("room", format!("{free} are free for {}, {needed} are needed", dir.display()), cure, Code::DiskFull)
        });
    }
    checks
}
