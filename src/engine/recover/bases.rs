//! The base backups in a folder: which of them a recovery can begin with, and the chain that an incremental one needs.

use crate::archive::manifest::{Head, Kind};
use crate::archive::reader;
use crate::domain::recovery::{BaseBackup, BaseKind};
use crate::domain::{Bytes, Code, Fault, Stamp};
use crate::storage::local;
use std::path::{Path, PathBuf};

/// A base backup as lists have it; none for an archive that is something else.
pub fn of_head(path: &Path, head: &Head) -> Option<BaseBackup> {
    let base = head.base.as_ref().filter(|_| head.kind == Kind::Base)?;
    Some(BaseBackup {
        path: path.to_owned(),
        id: head.id.clone(),
        system_identifier: head.source.system_identifier.clone().unwrap_or_default(),
        version_num: head.source.version_num,
        kind: base.kind,
        parent: base.parent.as_ref().map(|parent| parent.id.clone()),
        timeline: base.timeline,
        start: base.start,
        stop: base.stop,
        began: Stamp(base.began_ms),
        ended: Stamp(base.ended_ms),
        segment_size: base.segment_size,
        bytes: Bytes(std::fs::metadata(path).map_or(0, |meta| meta.len())),
        plain: Bytes(head.row_bytes),
        broken: None,
    })
}

/// The base backups in a folder, the oldest first. Archives that cannot be read are passed over: they are no reason not to use another one.
pub fn list(dir: &Path) -> Result<Vec<BaseBackup>, Fault> {
    let mut found: Vec<BaseBackup> = local::archives(dir)?.iter().filter_map(|path| of_head(path, &reader::head(path).ok()?)).collect();
    found.sort_by_key(|base| (base.ended, base.stop));
    Ok(found)
}

/// One base backup by its path.
pub fn one(path: &Path) -> Result<BaseBackup, Fault> {
    of_head(path, &reader::head(path)?).ok_or_else(|| {
        Fault::new(Code::ForeignFile, format!("{} is no base backup", path.display()))
            .at("File", path.display())
            .because("recovery to a moment needs the files of the whole server; an archive of databases has their rows")
            .step_run("See what base backups there are:", "dbbackup restore list")
            .step_run("Make one:", "dbbackup backup base")
    })
}

/// The chain that leads to a base backup: the full one first, the backup itself last. Its parents are looked for beside it.
pub fn chain(base: &BaseBackup, known: &[BaseBackup]) -> Result<Vec<BaseBackup>, Fault> {
    let mut chain = vec![base.clone()];
    let mut top = base;
    while top.kind != BaseKind::Full {
        let broken = |why: String| {
            Fault::new(Code::FileMissing, format!("the chain of {} is broken", base.path.display()))
                .at("File", top.path.display())
                .because(why)
                .step("Bring the missing archive back into the folder, or recover from a base backup that needs none:")
                .step_run("Look at what there is:", "dbbackup restore list")
        };
        let Some(wanted) = top.parent.as_deref() else {
            return Err(broken("it holds only what changed, and does not say since which backup".to_owned()));
        };
        let Some(parent) = known.iter().find(|one| one.id == wanted) else {
            return Err(broken(format!("it holds only what changed since the backup {wanted}, which is not in the folder")));
        };
        if parent.system_identifier != base.system_identifier || parent.start > top.start || chain.iter().any(|one| one.id == parent.id) {
            return Err(broken(format!("the backup {wanted} cannot be what it builds on")));
        }
        chain.push(parent.clone());
        top = parent;
    }
    chain.reverse();
    Ok(chain)
}

/// The folder in which an archive lies.
pub fn folder(path: &Path) -> PathBuf {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
