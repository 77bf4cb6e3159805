//! Which base backup a recovery begins with when it is named, and the chain that an incremental one needs.

use crate::archive::reader;
use crate::domain::recovery::{BaseBackup, BaseKind};
use crate::domain::{Code, Fault};
use crate::engine::bases;
use std::path::{Path, PathBuf};

/// The base backups in a folder, the oldest first. What cannot be read is passed over: it is no reason not to use another one.
pub fn list(dir: &Path) -> Result<Vec<BaseBackup>, Fault> {
    Ok(bases::list(dir)?.0)
}

/// One base backup by its path.
pub fn one(path: &Path) -> Result<BaseBackup, Fault> {
    bases::of_head(path, &reader::head(path)?).ok_or_else(|| {
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
        if let Some(why) = &parent.broken {
            return Err(broken(format!("the backup {wanted}, on which it builds, cannot be used: {why}")));
        }
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
