//! Where reports are kept: beside the backups, or where the program keeps its state when that takes nothing. The last fifty stay.

use crate::domain::diagnosis::{Diagnosis, FORMAT, KeptReport};
use crate::domain::{Code, Fault};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Reports that are kept in a folder; the oldest go first.
pub const KEPT: usize = 50;

/// What names begin and end with.
const PREFIX: &str = "diagnostics-";
const SUFFIX: &str = ".json";

/// A report is some kilobytes; more than this is none of ours.
const LARGEST: u64 = 4 << 20;

/// Folders for reports, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    /// The folder of the backups. Never made: where it is missing there is nothing to lie beside.
    pub beside: PathBuf,
    /// The program's own folders; made when they are needed.
    pub spare: Vec<PathBuf>,
}

impl Shelf {
    /// Writes a report (0600, complete or not at all) under the name of its moment, and lets the oldest go. Gives its path.
    pub fn keep(&self, diagnosis: &Diagnosis) -> Result<PathBuf, Fault> {
        let stamp: String = diagnosis.generated.chars().filter(char::is_ascii_digit).take(14).collect();
        let name = match stamp.split_at_checked(8) {
            Some((day, time)) if stamp.len() == 14 => format!("{day}-{time}"),
            _ => diagnosis.generated_ms.0.to_string(),
        };
        let text = serde_json::to_vec_pretty(diagnosis)
            .map_err(|error| Fault::internal("a report cannot be written as JSON").caused_by(&error))?;
        let mut refused = Vec::new();
        for (nth, dir) in std::iter::once(&self.beside).chain(&self.spare).enumerate() {
            if nth > 0 {
                // Whether it was there already, or cannot be made, is seen when the file is.
                let _ = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            }
            match write(dir, &name, &text) {
                Ok(path) => {
                    prune(dir);
                    return Ok(path);
                }
                Err(error) => refused.push(format!("{}: {error}", dir.display())),
            }
        }
        let mut fault = Fault::new(Code::OutputUnwritable, "the report cannot be written anywhere");
        fault.causes = refused;
        Err(fault)
    }

    /// The reports that are there, the newest first.
    pub fn list(&self) -> Vec<KeptReport> {
        let dirs = std::iter::once(&self.beside).chain(&self.spare);
        let mut paths: Vec<PathBuf> = dirs.flat_map(|dir| reports(dir)).collect();
        paths.sort_by(|a, b| b.file_name().cmp(&a.file_name()).then_with(|| a.cmp(b)));
        paths.dedup();
        paths.truncate(KEPT * 2);
        // What may not be read is somebody else's.
        paths.into_iter().filter_map(kept).collect()
    }
}

fn kept(path: PathBuf) -> Option<KeptReport> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stamp = moment(name.trim_start_matches(PREFIX).trim_end_matches(SUFFIX));
    let read = read(&path);
    if read.as_ref().is_err_and(|fault| fault.code == Code::FilePermission) {
        return None;
    }
    let code = read.as_ref().ok().and_then(|report| report.error.as_ref().map(|error| error.code));
    Some(KeptReport { stamp, about: read.map(|report| report.about()).map_err(|fault| fault.root_cause().to_owned()), code, path })
}

/// The moment in a name as people write it; what is no moment stays as it is.
fn moment(name: &str) -> String {
    let digits: Vec<&str> = [0..4, 4..6, 6..8, 9..11, 11..13, 13..15].into_iter().filter_map(|part| name.get(part)).collect();
    match digits.as_slice() {
        [year, month, day, hour, minute, second] => format!("{year}-{month}-{day} {hour}:{minute}:{second}"),
        _ => name.to_owned(),
    }
}

/// Reads a report.
pub fn read(path: &Path) -> Result<Diagnosis, Fault> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Fault::new(Code::ForeignFile, "the report cannot be read").caused_by(error).at("File", path.display())
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| crate::storage::io_fault("cannot read the report", path, &error))?;
    file.take(LARGEST).read_to_end(&mut text).map_err(|error| crate::storage::io_fault("cannot read the report", path, &error))?;
    let diagnosis: Diagnosis = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    if diagnosis.version > FORMAT {
        let why = format!("it has version {}, this dbbackup knows up to {FORMAT}", diagnosis.version);
        return Err(Fault::new(Code::FormatTooNew, "the report was written by a newer dbbackup").because(why).at("File", path.display()));
    }
    Ok(diagnosis)
}

/// Writes a file that was not there; the name gets a number when two reports are of one second.
fn write(dir: &Path, name: &str, text: &[u8]) -> io::Result<PathBuf> {
    for nth in 0..100 {
        let number = if nth == 0 { String::new() } else { format!("-{nth}") };
        let path = dir.join(format!("{PREFIX}{name}{number}{SUFFIX}"));
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let written = file.write_all(text).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all());
        return match written {
            Ok(()) => Ok(path),
            Err(error) => {
                // On a full disk half a report would take the last of the room and tell nothing.
                let _ = std::fs::remove_file(&path);
                Err(error)
            }
        };
    }
    Err(io::Error::other("there are a hundred reports of this second"))
}

/// The reports in a folder.
fn reports(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(PREFIX) && name.ends_with(SUFFIX) && name[PREFIX.len()..].starts_with(|c: char| c.is_ascii_digit())
        })
        .collect()
}

/// Lets the oldest reports of a folder go.
fn prune(dir: &Path) {
    // In a folder for everybody, those of others are theirs.
    let me = rustix::process::geteuid().as_raw();
    let mut all = reports(dir);
    all.retain(|path| path.symlink_metadata().is_ok_and(|data| data.uid() == me));
    all.sort();
    let surplus = all.len().saturating_sub(KEPT);
    for path in all.into_iter().take(surplus) {
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "an old report stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn at(second: u32) -> Diagnosis {
        Diagnosis { version: FORMAT, generated: format!("2026-01-30 18:15:{second:02} CET"), ..Diagnosis::default() }
    }

    #[test]
    fn the_last_fifty_stay_and_only_their_owner_reads_them() {
        let dir = tempfile::tempdir().expect("works here");
        let shelf = Shelf { beside: dir.path().to_owned(), spare: Vec::new() };
        let first = shelf.keep(&at(0)).expect("written");
        assert_eq!(first.file_name().expect("a name"), "diagnostics-20260130-181500.json");
        assert_eq!(std::fs::metadata(&first).expect("there").permissions().mode() & 0o777, 0o600);
        std::fs::write(dir.path().join("diagnostics-notes.json"), "mine").expect("works here");
        for second in 1..=55 {
            shelf.keep(&at(second)).expect("written");
        }
        let kept = shelf.list();
        assert_eq!(kept.len(), KEPT);
        assert_eq!((kept[0].stamp.as_str(), kept[49].stamp.as_str()), ("2026-01-30 18:15:55", "2026-01-30 18:15:06"));
        assert_eq!(kept[0].about.as_deref(), Ok("nothing was wrong"));
        assert!(dir.path().join("diagnostics-notes.json").exists(), "what is not ours stays");
        assert_eq!(read(&kept[0].path).expect("readable"), at(55));
        let twice = shelf.keep(&at(55)).expect("written");
        assert!(twice.ends_with("diagnostics-20260130-181555-1.json"), "{}", twice.display());
    }

    #[test]
    fn a_folder_that_takes_nothing_has_a_stand_in() {
        let dir = tempfile::tempdir().expect("works here");
        let spare = dir.path().join("state/dbbackup");
        let shelf = Shelf { beside: dir.path().join("missing"), spare: vec![spare.clone()] };
        let path = shelf.keep(&at(1)).expect("written");
        assert!(path.starts_with(&spare) && !dir.path().join("missing").exists());
        assert_eq!(std::fs::metadata(&spare).expect("there").permissions().mode() & 0o777, 0o700);
        let fault = Shelf { beside: dir.path().join("missing"), spare: Vec::new() }.keep(&at(1)).expect_err("nowhere to write");
        assert_eq!(fault.code, Code::OutputUnwritable);
    }

    #[test]
    fn a_report_of_a_newer_version_is_not_guessed_at() {
        let dir = tempfile::tempdir().expect("works here");
        let path = dir.path().join("diagnostics-20260130-181500.json");
        std::fs::write(&path, serde_json::to_string(&Diagnosis { version: FORMAT + 1, ..at(0) }).expect("JSON")).expect("works here");
        assert_eq!(read(&path).expect_err("too new").code, Code::FormatTooNew);
        std::fs::write(&path, "{").expect("works here");
        assert_eq!(read(&path).expect_err("cut off").code, Code::ForeignFile);
    }
}
