//! The end of an archive: manifest, sync, check of what is on the disk, name, side files. Blocks: not for async threads.

use super::progress::Meter;
use super::writing::disk_full;
use crate::archive::frame::{FrameEncoder, Part};
use crate::archive::manifest::Manifest;
use crate::archive::writer::Writer;
use crate::archive::{readme, sidecar};
use crate::domain::fault::{Code, Fault};
use crate::domain::job::{Phase, Ratio};
use crate::domain::spec::Depth;
use crate::engine::verify;
use crate::storage::local::{self, NewFile};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use tokio_util::sync::CancellationToken;

/// What the end needs.
pub struct Ending<'a> {
    /// What goes before the manifest: names and contents.
    pub documents: Vec<(String, Vec<u8>)>,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Its entries' time, in seconds since 1970.
    pub mtime: u64,
    /// What is checked.
    pub verify: Option<Depth>,
    /// Threads.
    pub jobs: u32,
    /// The final path.
    pub path: &'a Path,
    /// The counters.
    pub meter: &'a Meter,
    /// Ends it.
    pub cancel: &'a CancellationToken,
}

/// An archive that has its name.
pub struct Named {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Side files that could not be written: nothing needs them, but a person should know.
    pub warnings: Vec<String>,
}

/// Ends an archive. After a failure nothing of it remains.
pub fn finish(mut writer: Writer<NewFile>, ending: Ending<'_>) -> Result<Named, Fault> {
    let full = |fault| disk_full(fault, ending.path);
    ending.meter.phase(Phase::Finishing);
    let cancel = ending.cancel.clone();
    let mut encoder = FrameEncoder::new(ending.manifest.head.compression, ending.mtime)?.stopping(move || cancel.is_cancelled());
    let parts: Vec<_> = ending.documents.iter().map(|(name, data)| Part { name, data }).collect();
    let frame = encoder.encode(&parts, Vec::new())?;
    let before = writer.written();
    writer.append(&frame).map_err(full)?;
    let finished = writer.finish(ending.manifest).map_err(full)?;
    ending.meter.written.fetch_add(finished.bytes.saturating_sub(before), Relaxed);
    let mut file = finished.out;
    let temporary = file.sync().map_err(full)?;
    if let Some(depth) = ending.verify {
        check(&temporary, depth, finished.bytes, &ending)?;
    }
    if ending.cancel.is_cancelled() {
        return Err(Fault::new(Code::Cancelled, "cancelled"));
    }
    let path = file.commit()?;
    // Only now: another run's archive of this name would else have got our checksum beside it.
    let meta = sidecar::meta_text(&ending.manifest.head, finished.bytes, &finished.sha256);
    let sum = sidecar::sha256_text(&path, &finished.sha256);
    let mut warnings = Vec::new();
    for (side, text) in [(sidecar::sha256_path(&path), sum), (sidecar::meta_path(&path), meta)] {
        if let Err(fault) = local::write_small(&side, text.as_bytes()) {
            warnings.push(format!("{} could not be written ({fault}); the archive is complete without it", side.display()));
        }
    }
    Ok(Named { path, bytes: finished.bytes, warnings })
}

/// Checks the file, still under its temporary name, as it is on the disk.
fn check(temporary: &Path, depth: Depth, bytes: u64, ending: &Ending<'_>) -> Result<(), Fault> {
    ending.meter.phase(Phase::Verifying);
    let progress = |done: u64| {
        ending.meter.checking(Some((ending.path, Ratio { done, total: bytes })));
        !ending.cancel.is_cancelled()
    };
    // Without the SHA-256 of the file: those of the frames, the manifest and the tail cover every byte of it already.
    let found = verify::check(temporary, depth, ending.jobs, None, &progress);
    ending.meter.checking(None);
    let damages = found?;
    let Some(first) = damages.first() else { return Ok(()) };
    let entry = first.entry.as_deref().unwrap_or("the archive");
    let mut fault = Fault::new(Code::CorruptedBackup, "what is on the disk is not what was written; the file was removed")
        .at("File", ending.path.display())
        .at("Damages", damages.len());
    for damage in damages.iter().take(8) {
        let place = damage.offset.map(|offset| format!(" at offset {offset}")).unwrap_or_default();
        fault = fault.because(format!("{}{place}: {}", damage.entry.as_deref().unwrap_or(entry), damage.what));
    }
    Err(fault.step_run("Look for failures of the disk or its driver:", "dmesg --level=err,warn | tail").step("Back up to another disk."))
}

/// The texts that say how to restore by hand, which name what is in the archive, and the globals.
pub fn documents(manifest: &Manifest, path: &Path, globals: Option<String>) -> Vec<(String, Vec<u8>)> {
    let mut entries = vec![("README.txt".to_owned(), readme::readme(manifest, path).into_bytes())];
    for database in manifest.databases.iter().filter(|database| database.failed.is_none()) {
        entries.push((format!("{}/load.sql", database.dir), readme::load_sql(manifest.head.source.product(), database).into_bytes()));
    }
    if let Some(globals) = globals {
        entries.push(("globals.sql".to_owned(), globals.into_bytes()));
    }
    entries
}
