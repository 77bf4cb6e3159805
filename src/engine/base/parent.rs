//! The earlier backup that an incremental or differential one builds on: which one, and the hashes of its pages.

use super::split::Earlier;
use crate::archive::base::{self, BACKUP_MANIFEST, FileKind, HASHES, Index, PAGE};
use crate::archive::manifest::{Base, Head, Kind};
use crate::archive::reader::{self, Archive};
use crate::domain::Fault;
use crate::domain::fault::Code;
use crate::domain::recovery::BaseKind;
use crate::domain::server::ServerInfo;
use crate::domain::spec::BaseSpec;
use crate::domain::wal::Timeline;
use crate::server::base::BaseFacts;
use crate::storage::local;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How the two are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The server knows by the summaries of its log what has changed since.
    Summaries,
    /// Every page is read and compared with its hash.
    Hashes,
}

impl Way {
    /// Words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Way::Summaries => "the server's summaries of its log",
            Way::Hashes => "comparing every page",
        }
    }
}

/// An earlier backup.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The file.
    pub path: PathBuf,
    /// What it says of itself.
    pub head: Head,
    /// What it says of the log.
    pub base: Base,
}

/// What an earlier backup must fit.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// What is made.
    pub kind: BaseKind,
    /// The cluster.
    pub system_identifier: &'a str,
    /// The server's major version.
    pub major: u32,
    /// The timeline.
    pub timeline: Option<Timeline>,
}

/// What an incremental or differential backup builds on, and how.
pub struct Known {
    /// The earlier backup.
    pub parent: Parent,
    /// How the two are compared.
    pub way: Way,
    /// Its hashes, for comparing by them.
    pub pages: Option<Pages>,
    /// The server's list in it, for its summaries.
    pub manifest: Option<Vec<u8>>,
}

/// Looks for it.
pub async fn look(spec: &BaseSpec, info: &ServerInfo, facts: &BaseFacts) -> Result<Option<Known>, Fault> {
    if spec.kind == BaseKind::Full {
        return Ok(None);
    }
    let system_identifier = info.system_identifier.clone().unwrap_or_default();
    let (kind, dir, major) = (spec.kind, spec.dir.clone(), info.version_num / 10_000);
    let timeline = Some(facts.timeline).filter(|timeline| timeline.0 > 0);
    let summaries = major >= 17 && facts.summaries;
    let asked = move || {
        let parent = find(&dir, &Wanted { kind, system_identifier: &system_identifier, major, timeline })?;
        if summaries {
            let manifest = Some(manifest(&parent.path)?);
            return Ok(Some(Known { parent, way: Way::Summaries, pages: None, manifest }));
        }
        match Pages::open(&parent.path)? {
            Some(pages) => Ok(Some(Known { parent, way: Way::Hashes, pages: Some(pages), manifest: None })),
            None => Err(Fault::new(Code::NotInArchive, "the earlier base backup does not know all of its pages")
                .at("File", parent.path.display())
                .because("the server made it from summaries of its log, which it does not keep any more")
                .step_run("Let the server keep them again:", "ALTER SYSTEM SET summarize_wal = on; SELECT pg_reload_conf();")
                .step("Or make a full base backup first.")),
        }
    };
    tokio::task::spawn_blocking(asked).await.map_err(|error| Fault::internal("looking for an earlier backup failed").caused_by(&error))?
}

/// The newest backup in a folder that another one can build on. Blocks.
pub fn find(dir: &Path, wanted: &Wanted<'_>) -> Result<Parent, Fault> {
    let mut best: Option<Parent> = None;
    let mut others = Vec::new();
    for path in local::archives(dir)? {
        // What cannot be read is no parent; lists and `verify` tell of it.
        let Ok(head) = reader::head(&path) else { continue };
        let Some(base) = head.base.clone().filter(|_| head.kind == Kind::Base) else { continue };
        if let Some(why) = unfit(&head, &base, wanted) {
            others.push(format!("{}: {why}", path.display()));
        } else if best.as_ref().is_none_or(|best| base.start > best.base.start) {
            best = Some(Parent { path, head, base });
        }
    }
    best.ok_or_else(|| {
        let word = if wanted.kind == BaseKind::Differential { "full base backup" } else { "base backup" };
        let fault = Fault::new(Code::FileMissing, format!("there is no {word} to build on")).at("Folder", dir.display());
        let fault = others.into_iter().take(5).fold(fault, Fault::because);
        fault
            .step_run("Make a full one first:", format!("dbbackup backup base --backup-dir {}", shell_words::quote(&dir.to_string_lossy())))
    })
}

/// Why a backup cannot be built on.
fn unfit(head: &Head, base: &Base, wanted: &Wanted<'_>) -> Option<String> {
    if head.source.system_identifier.as_deref() != Some(wanted.system_identifier) {
        return Some("it is of another server".to_owned());
    }
    if head.source.version_num / 10_000 != wanted.major {
        return Some(format!("it is of version {}", head.source.version));
    }
    if wanted.kind == BaseKind::Differential && base.kind != BaseKind::Full {
        return Some("it is not a full one".to_owned());
    }
    // One made on a timeline that was left later may hold pages that this server never had; the comparison of pages would not mind, but its
    // positions in the log mean something else.
    (wanted.timeline.is_some_and(|timeline| timeline != base.timeline)).then(|| format!("it was made on timeline {}", base.timeline))
}

/// An open earlier backup.
pub struct Pages {
    archive: Archive,
    known: HashMap<String, Range<u64>>,
    /// The entry of hashes that was read last.
    page: Option<(u64, Vec<u8>)>,
}

impl Pages {
    /// Opens it; none where it does not know all of its pages, because the server left out what had not changed. Blocks.
    pub fn open(path: &Path) -> Result<Option<Self>, Fault> {
        let archive = Archive::open(path)?;
        let index = Index::read(&archive)?;
        let mut known = HashMap::new();
        for file in index.files() {
            match (file.kind, file.pages) {
                (FileKind::File | FileKind::Increment | FileKind::Unchanged, Some(first)) => {
                    let pages = file.whole.unwrap_or(file.size) / PAGE as u64;
                    known.insert(file.path.clone(), first..first.saturating_add(pages));
                }
                (FileKind::Increment | FileKind::Unchanged, None) => return Ok(None),
                _ => {}
            }
        }
        Ok(Some(Self { archive, known, page: None }))
    }
}

/// The server's list in an earlier backup. Blocks.
pub fn manifest(path: &Path) -> Result<Vec<u8>, Fault> {
    let archive = Archive::open(path)?;
    let index = Index::read(&archive)?;
    let file = index
        .find(BACKUP_MANIFEST)
        .ok_or_else(|| Fault::new(Code::CorruptedBackup, "the base backup has no backup_manifest").at("File", path.display()))?;
    let mut text = Vec::new();
    base::read(&archive, file, &mut archive.decoder()?, &mut Default::default(), |piece| {
        text.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(text)
}

impl Earlier for Pages {
    fn find(&self, path: &str) -> Option<Range<u64>> {
        self.known.get(path).cloned()
    }

    fn hash(&mut self, number: u64) -> Result<u64, Fault> {
        let entry = number / HASHES;
        if self.page.as_ref().is_none_or(|(known, _)| *known != entry) {
            self.page = Some((entry, self.archive.entry(&base::hashes_entry(entry))?));
        }
        let at = usize::try_from(number % HASHES * 8).unwrap_or(usize::MAX);
        let hash = self.page.as_ref().and_then(|(_, hashes)| hashes.get(at..)?.first_chunk());
        hash.map(|hash| u64::from_le_bytes(*hash)).ok_or_else(|| {
            Fault::new(Code::CorruptedBackup, "the earlier base backup has fewer hashes of pages than pages")
                .at("File", self.archive.path().display())
                .at("Entry", base::hashes_entry(entry))
        })
    }
}
