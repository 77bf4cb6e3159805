//! Checks what only base backups have: the list of files, their checksums, the server's own list, and the earlier backup that one builds on.

use super::{TOLD, damage_of};
use crate::archive::base::{self, BACKUP_MANIFEST, FileKind, Index, Part};
use crate::archive::manifest::{Head, Kind};
use crate::archive::reader::{self, Archive};
use crate::domain::Fault;
use crate::domain::job::Damage;
use crate::engine::base::listed;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A part whose frame was not seen.
const UNSEEN: u64 = u64::MAX;

/// The files of a base backup while their frames are read.
pub(super) struct Files {
    index: Index,
    parts: Vec<Part>,
    /// The CRC-32C of each part.
    sums: Vec<AtomicU64>,
}

impl Files {
    /// Of an archive; none where it is no base backup. The list and what must be in it is checked here.
    pub fn of(archive: &Archive) -> Result<Option<Self>, Fault> {
        if archive.manifest().head.kind != Kind::Base {
            return Ok(None);
        }
        let index = Index::read(archive)?;
        let wrong = |name: &str, what: String| {
            Fault::new(crate::domain::Code::CorruptedBackup, what).at("File", archive.path().display()).at("Entry", name)
        };
        for needed in ["base/backup_label", "base/PG_VERSION", "base/global/pg_control", BACKUP_MANIFEST] {
            if index.find(needed).is_none_or(|file| file.kind != FileKind::File) {
                return Err(wrong(needed, "a base backup has this file, and it is not in the list".to_owned()));
            }
        }
        for file in index.files() {
            let Some(name) = file.entry() else { continue };
            let frame = archive.frame_of(&name);
            // The header of a file whose blocks were compared may stand alone in the frame before.
            if frame != Some(file.frame) && !(file.at == 0 && frame.map(|frame| frame + 1) == Some(file.frame)) {
                return Err(wrong(&name, format!("it is not in frame {}, where the list has it", file.frame)));
            }
        }
        let parts = index.parts(archive);
        let sums = parts.iter().map(|_| AtomicU64::new(UNSEEN)).collect();
        Ok(Some(Self { index, parts, sums }))
    }

    /// Takes the sums of the parts in a frame.
    pub fn saw(&self, frame: u32, plain: &[u8]) {
        let start = self.parts.partition_point(|part| part.frame < frame);
        for (part, sum) in self.parts[start..].iter().zip(&self.sums[start..]).take_while(|(part, _)| part.frame == frame) {
            if let Some(bytes) = part.of(plain) {
                sum.store(u64::from(crc32c::crc32c(bytes)), Relaxed);
            }
        }
    }

    /// Compares the sums with the list, and the list with the server's own.
    pub fn compare(&self, archive: &Archive) -> Vec<Damage> {
        let mut whole: Vec<Option<u32>> = vec![Some(0); self.index.files().len()];
        // Parts of a file come in the order of its bytes.
        for (part, sum) in self.parts.iter().zip(&self.sums) {
            let sum = u32::try_from(sum.load(Relaxed)).ok();
            let so_far = &mut whole[part.file];
            *so_far = match (*so_far, sum) {
                (Some(before), Some(sum)) => Some(crc32c::crc32c_combine(before, sum, usize::try_from(part.length).unwrap_or(usize::MAX))),
                _ => None,
            };
        }
        let mut damages = Vec::new();
        for (file, found) in self.index.files().iter().zip(whole) {
            // A frame that could not be read is told of by itself. The sum of an increment of ours is that of the file it becomes.
            let (Some(found), Some(wanted), None) = (found, file.crc32c, file.whole) else { continue };
            if found != wanted && damages.len() < TOLD {
                let what = format!("its CRC-32C is {found:08x}, the list says {wanted:08x}");
                damages.push(Damage { entry: Some(file.path.clone()), offset: None, what });
            }
        }
        if let Err(fault) = self.listed(archive) {
            damages.push(Damage { entry: Some(BACKUP_MANIFEST.to_owned()), ..damage_of(&fault) });
        }
        damages
    }

    fn listed(&self, archive: &Archive) -> Result<(), Fault> {
        let Some(file) = self.index.find(BACKUP_MANIFEST) else { return Ok(()) };
        let mut text = Vec::new();
        base::read(archive, file, &mut archive.decoder()?, &mut Default::default(), |piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
        listed::check(&text, self.index.files())
    }
}

/// What a person should know of a backup that is of no use alone: the one that it builds on is not beside it.
pub(super) fn without_parent(path: &Path, head: &Head) -> Option<String> {
    let parent = head.base.as_ref()?.parent.as_ref()?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_it = |path: &Path| reader::head(path).is_ok_and(|head| head.id == parent.id);
    // Its name when this was made is looked at first.
    let is_there = names_a_file(&parent.file) && is_it(&dir.join(&parent.file));
    let is_there = is_there || crate::storage::local::archives(dir).is_ok_and(|all| all.iter().any(|path| is_it(path)));
    (!is_there).then(|| format!("{} builds on {}, which is not beside it", path.display(), crate::domain::text::clean(&parent.file)))
}

/// Whether a name from an archive is one of a file in the same folder.
fn names_a_file(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && name != ".."
}
