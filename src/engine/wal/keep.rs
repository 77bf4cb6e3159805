//! What of an archive no kept base backup needs any more, and taking it away.
//!
//! A base backup needs the log from its start on. All of it stays, on whatever timeline, from the start of the oldest base backup on: what lies between two of them
//! recovers the moments between them. Histories stay for ever: they are small, and without one nobody finds the way through timelines.

use super::figures;
use super::survey::{Layout, Survey};
use crate::domain::recovery::BaseBackup;
use crate::domain::text::clean;
use crate::domain::wal::{Cleanup, Segment, SegmentName, WalName};
use crate::domain::{Bytes, Code, Fault, Stamp};
use crate::storage::io_fault;
use std::path::Path;

const DAY_MS: i64 = 86_400_000;

/// What else decides, besides the base backups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    #[default]
    Bases,
    /// Only what is older than this segment goes.
    Before(SegmentName),
    /// Only what was last written so many days ago goes.
    Days(u32),
}

/// Base backups that are told one by one as reasons.
const TOLD: usize = 10;

/// Decides what goes.
///
/// # Errors
/// `USAGE` where nothing says what is needed (no base backup and no rule), and for an archive that another program keeps.
pub fn decide(survey: &Survey, bases: &[BaseBackup], rule: Rule, now: Stamp) -> Result<Cleanup, Fault> {
    if survey.layout != Layout::Flat {
        let whose = match survey.layout {
            Layout::PgBackRest => "pgBackRest",
            Layout::WalG => "WAL-G",
            _ => "Barman",
        };
        return Err(Fault::new(Code::Usage, format!("this archive is laid out and kept by {whose}"))
            .at("Folder", survey.dir.display())
            .step(format!("Let {whose} remove what is not needed any more: it knows its own backups.")));
    }
    if bases.is_empty() && rule == Rule::Bases {
        return Err(Fault::new(Code::Usage, "nothing is removed: there is no base backup, so nothing says what is needed")
            .at("Archive", survey.dir.display())
            .step("Give the folder of the base backups with --backup-dir.")
            .step_run(
                "Or say yourself what goes, for a server whose backups another program makes:",
                "dbbackup wal cleanup --keep-days 14",
            ));
    }
    let size = survey.segment_size.unwrap_or_default();
    let needed = bases.iter().map(|base| (Segment::at(base.timeline, base.start, size), base)).min_by_key(|(segment, _)| segment.number);
    let mut from = needed.map(|(segment, _)| segment.number);
    let mut reasons = Vec::new();
    for base in bases.iter().take(TOLD) {
        let start = Segment::at(base.timeline, base.start, size).name(size);
        let file = clean(&base.path.file_name().unwrap_or_default().to_string_lossy());
        reasons.push(format!("{file} needs the log from {start} on"));
    }
    if bases.len() > TOLD {
        reasons.push(format!("and {} more base backups, which need later ones", bases.len() - TOLD));
    }
    let limit = match rule {
        Rule::Bases => None,
        Rule::Before(name) => {
            let segment = name
                .segment(size)
                .ok_or_else(|| Fault::new(Code::Usage, format!("no segment of {} bytes is called {name}", size.bytes())))?;
            reasons.push(format!("--before {name}"));
            Some(segment.number)
        }
        Rule::Days(days) => {
            let since = Stamp(now.0.saturating_sub(i64::from(days) * DAY_MS));
            reasons.push(format!("--keep-days {days}"));
            let numbered = figures::segments(survey, size);
            // Up to the first that is young enough: a copy that was made later must not leave a hole behind it.
            let young = numbered.iter().filter(|(_, seen)| seen.at >= since).map(|(segment, _)| segment.number).min();
            Some(young.or_else(|| numbered.iter().map(|(segment, _)| segment.number).max()).unwrap_or(0))
        }
    };
    from = match (from, limit) {
        (Some(from), Some(limit)) => Some(from.min(limit)),
        (from, limit) => from.or(limit),
    };
    let horizon = from.unwrap_or(0);
    let mut plan = Cleanup { dir: survey.dir.clone(), reasons, ..Cleanup::default() };
    let mut first_kept: Option<Segment> = None;
    for seen in &survey.files {
        let number = match seen.stored.name {
            WalName::Segment(name) | WalName::Partial(name) | WalName::Backup(name, _) => name.segment(size),
            WalName::History(_) => None,
        };
        match number.filter(|segment| segment.number < horizon) {
            Some(_) => {
                plan.remove.push(seen.file().to_owned());
                plan.bytes += Bytes(seen.bytes);
            }
            None => {
                plan.kept.0 += 1;
                plan.kept.1 += Bytes(seen.bytes);
                if let Some(segment) = number.filter(|_| matches!(seen.stored.name, WalName::Segment(_))) {
                    first_kept = first_kept.filter(|first| first.number <= segment.number).or(Some(segment));
                }
            }
        }
    }
    plan.from = first_kept.filter(|_| !plan.remove.is_empty()).map(|segment| segment.name(size).to_string());
    Ok(plan)
}

/// Takes away what was decided; gives how many files went, and their bytes. What is gone already is no failure.
pub fn remove(plan: &Cleanup) -> Result<(u64, Bytes), Fault> {
    let (mut count, mut bytes) = (0, Bytes(0));
    let mut failed = None;
    // The oldest first: what an interrupted cleanup leaves is whole.
    for file in &plan.remove {
        if Path::new(file).components().count() != 1 || file.starts_with('.') {
            return Err(Fault::internal(format!("{file:?} is no file of the archive")));
        }
        let path = plan.dir.join(file);
        let length = path.symlink_metadata().map_or(0, |meta| meta.len());
        match std::fs::remove_file(&path) {
            Ok(()) => {
                count += 1;
                bytes += Bytes(length);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                failed = Some(io_fault("cannot remove a file of the archive", &path, &error));
                break;
            }
        }
    }
    // Best effort: what is not on the disk after a crash is there again, and goes with the next cleanup.
    let _ = std::fs::File::open(&plan.dir).and_then(|dir| dir.sync_all());
    match failed {
        Some(fault) => Err(fault.at("Removed", format!("{count} files, {bytes}"))),
        None => Ok((count, bytes)),
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
