//! The base backups in a folder, by their manifests' heads: what lists them, what judges what can be recovered and what recovers go by the same ones.

use crate::archive::manifest::{Head, Kind, Status};
use crate::archive::reader;
use crate::domain::recovery::BaseBackup;
use crate::domain::text::clean;
use crate::domain::{Bytes, Fault, Stamp};
use crate::storage::local;
use std::path::Path;

/// The base backups in a folder, the one that was consistent first foremost; and what of it could not be read, one line each.
pub fn list(dir: &Path) -> Result<(Vec<BaseBackup>, Vec<String>), Fault> {
    let (mut bases, mut unknown) = (Vec::new(), Vec::new());
    for path in local::archives(dir)? {
        match reader::head(&path) {
            Ok(head) => bases.extend(of_head(&path, &head)),
            // Archives of databases are somebody else's matter, also broken ones.
            Err(fault) if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("base_")) => {
                unknown.push(format!("{} cannot be read: {}", clean(&path.display().to_string()), clean(&fault.to_string())));
            }
            Err(_) => {}
        }
    }
    bases.sort_by(|one, other| (one.ended, one.stop, &one.path).cmp(&(other.ended, other.stop, &other.path)));
    Ok((bases, unknown))
}

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
        broken: (head.status == Status::Partial).then(|| "it is not complete".to_owned()),
    })
}
