//! Checks archives: `quick` and `full`, and by restoring them (`trial`).
//!
//! Quick reads the locator, the manifest and the end, and compares every frame's place with the file's length. Full reads every byte:
//! one thread reads the file in order, the others check each frame's SHA-256, decode it, and recount rows and fingerprints. The SHA-256s of
//! the frames, the manifest and the end cover the whole file between them, so the file's own is computed only where there is something to
//! compare it with.

use super::Context;
use crate::archive::manifest::{Manifest, TableEntry};
use crate::archive::reader::{self, Archive};
use crate::archive::sidecar::{self, SideSum};
use crate::archive::{self, names};
use crate::domain::job::{Damage, Summary};
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::size::grouped;
use crate::domain::spec::{Depth, JobSpec, VerifySpec};
use crate::domain::{Bytes, Code, Fault};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

mod board;
mod files;
mod foreign;
mod full;
pub mod trial;

use board::Board;

/// How many damages of one archive are told; the rest would say the same.
const TOLD: usize = 100;

/// What a verification would look at.
pub fn plan(spec: &VerifySpec) -> Result<Plan, Fault> {
    if spec.archives.is_empty() {
        return Err(Fault::new(Code::Usage, "no archive was named").step("Name one or more archives."));
    }
    let mut items = Vec::new();
    let mut checks = Vec::new();
    let mut total = Bytes(0);
    for path in &spec.archives {
        let bytes = std::fs::metadata(path).ok().map(|meta| Bytes(meta.len()));
        if let Some(dump) = foreign::dump(path)? {
            checks.push(foreign::check(&dump));
            items.push(foreign::item(&dump));
            total += Bytes(dump.bytes);
            continue;
        }
        if let Some(dump) = foreign::sql::dump(path)? {
            checks.push(foreign::sql::check(&dump));
            items.push(foreign::sql::item(&dump));
            total += Bytes(dump.bytes);
            continue;
        }
        total += bytes.unwrap_or_default();
        let head = reader::head(path);
        checks.push(match &head {
            Ok(_) => Check {
                state: CheckState::Ok,
                name: "archive".into(),
                detail: format!("{} can be opened", path.display()),
                cure: None,
                code: None,
            },
            Err(fault) if archive::is_damage(fault) => Check {
                state: CheckState::Warning,
                name: "archive".into(),
                detail: format!("{}: {fault}", path.display()),
                cure: None,
                code: None,
            },
            // What cannot be reached is found out here, before anything else is read.
            Err(fault) => return Err(fault.clone()),
        });
        items.push(PlanItem {
            name: path.display().to_string(),
            target: String::new(),
            bytes,
            tables: head.as_ref().ok().map(|head| head.tables),
            note: head.map(|head| head.created).unwrap_or_default(),
            destroys: false,
        });
    }
    let depth = word(spec.depth);
    let title = match spec.archives.as_slice() {
        [one] => format!("Verify {} ({depth})", one.display()),
        many => format!("Verify {} archives ({depth})", many.len()),
    };
    let facts = vec![("Depth".to_owned(), depth.to_owned()), ("Threads".to_owned(), spec.jobs.max(1).to_string())];
    Ok(Plan { title, items, checks, total, facts, ..Plan::of(JobSpec::Verify(spec.clone())) })
}

const fn word(depth: Depth) -> &'static str {
    match depth {
        Depth::Quick => "quick",
        Depth::Full => "full",
    }
}

/// What one archive came to.
struct Outcome {
    path: PathBuf,
    bytes: u64,
    rows: u64,
    row_bytes: u64,
    took: Duration,
    result: Result<Vec<Damage>, Fault>,
    warning: Option<String>,
    /// What it is, where it is none of ours.
    note: Option<String>,
}

/// Checks all archives of a spec, side by side; a damaged one is a fault that names entry and offset of each damage.
pub async fn run(spec: &VerifySpec, context: &Context) -> Result<Summary, Fault> {
    if let Some(test) = &spec.restore_test {
        return trial::run(spec, test, context).await;
    }
    let (spec, context) = (spec.clone(), context.clone());
    let task = tokio::task::spawn_blocking(move || run_blocking(&spec, &context));
    task.await.map_err(|error| Fault::internal("the verification broke off").caused_by(&error))?
}

fn run_blocking(spec: &VerifySpec, context: &Context) -> Result<Summary, Fault> {
    let began = Instant::now();
    let board = Board::new(spec, context);
    let next = AtomicUsize::new(0);
    // As many archives at a time as threads; a single one gets all of them.
    let side_by_side = (spec.jobs.max(1) as usize).min(spec.archives.len()).max(1);
    let threads = (spec.jobs.max(1) as usize / side_by_side).max(1) as u32;
    let mut outcomes: Vec<(usize, Outcome)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..side_by_side)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < spec.archives.len()) {
                        done.push((number, one(&spec.archives[number], number, spec.depth, threads, &board)));
                    }
                    done
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    context.alive()?;
    if outcomes.len() != spec.archives.len() {
        return Err(Fault::internal("a thread of the verification broke off"));
    }
    outcomes.sort_by_key(|(number, _)| *number);
    let outcomes: Vec<Outcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    if let Some(fault) = fault_of(&outcomes) {
        return Err(fault);
    }
    Ok(Summary {
        archives: spec.archives.clone(),
        archive_bytes: Bytes(outcomes.iter().map(|outcome| outcome.bytes).sum()),
        row_bytes: Bytes(outcomes.iter().map(|outcome| outcome.row_bytes).sum()),
        rows: outcomes.iter().map(|outcome| outcome.rows).sum(),
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        verified: Some(word(spec.depth).to_owned()),
        notes: outcomes.iter().filter_map(|outcome| outcome.note.clone()).collect(),
        warnings: outcomes.into_iter().filter_map(|outcome| outcome.warning).collect(),
        ..Summary::default()
    })
}

impl Outcome {
    /// Of what could not be looked at.
    fn failed(path: &Path, took: Duration, fault: Fault) -> Self {
        Self { path: path.to_owned(), bytes: 0, rows: 0, row_bytes: 0, took, result: Err(fault), warning: None, note: None }
    }
}

fn one(path: &Path, number: usize, depth: Depth, threads: u32, board: &Board<'_>) -> Outcome {
    let began = Instant::now();
    board.begin(number);
    let known = match foreign::dump(path) {
        Ok(None) => foreign::sql::dump(path).map(|dump| dump.map(|dump| foreign::sql::one(&dump, number, depth, board))),
        Ok(Some(dump)) => Ok(Some(foreign::one(&dump, number, depth, board))),
        Err(fault) => Err(fault),
    };
    match known {
        Ok(None) => {}
        Ok(Some(outcome)) => return outcome,
        Err(fault) => {
            let outcome = Outcome::failed(path, began.elapsed(), fault);
            board.end(number, &outcome);
            return outcome;
        }
    }
    let head = reader::head(path).ok();
    let side = sidecar::read_sha256(path);
    let expected = match &side {
        SideSum::Known(sum) => Some(sum.as_str()),
        SideSum::Missing | SideSum::Unreadable => None,
    };
    let mut result = check(path, depth, threads, expected, &|bytes| board.progress(number, bytes));
    if side == SideSum::Unreadable
        && let Ok(damages) = &mut result
    {
        damages.push(Damage { entry: None, offset: None, what: format!("{} holds no SHA-256", sidecar::sha256_path(path).display()) });
    }
    let warning = (side == SideSum::Missing).then(|| format!("{} has no .sha256 file beside it", path.display()));
    let warning = warning.or_else(|| files::without_parent(path, head.as_ref()?));
    let outcome = Outcome {
        path: path.to_owned(),
        bytes: std::fs::metadata(path).map_or(0, |meta| meta.len()),
        rows: head.as_ref().map_or(0, |head| head.rows),
        row_bytes: head.as_ref().map_or(0, |head| head.row_bytes),
        took: began.elapsed(),
        result,
        warning,
        note: None,
    };
    board.end(number, &outcome);
    outcome
}

/// All that is wrong, as one fault; a failure to read comes before a damage.
fn fault_of(outcomes: &[Outcome]) -> Option<Fault> {
    let mut bad = outcomes.iter().filter_map(|outcome| {
        let fault = match &outcome.result {
            Ok(damages) => damage_fault(&outcome.path, damages)?,
            Err(fault) => fault.clone().at("File", outcome.path.display()),
        };
        Some((outcome, fault))
    });
    let (_, mut first) = bad.next()?;
    for (outcome, other) in bad {
        let what = format!("{}: {}", outcome.path.display(), other.what);
        first.context.push(("Also".to_owned(), what));
    }
    Some(first)
}

/// The damages of an archive as a fault; none where there are none.
pub fn damage_fault(path: &Path, damages: &[Damage]) -> Option<Fault> {
    let first = damages.first()?;
    let mut fault = Fault::new(Code::CorruptedBackup, format!("{}: {}", path.display(), first.what)).at("File", path.display());
    for damage in damages.iter().take(TOLD) {
        let place = match (&damage.entry, damage.offset) {
            (Some(entry), Some(offset)) => format!("{entry} at offset {offset}: "),
            (Some(entry), None) => format!("{entry}: "),
            (None, Some(offset)) => format!("offset {offset}: "),
            (None, None) => String::new(),
        };
        fault.context.push(("Damage".to_owned(), format!("{place}{}", damage.what)));
    }
    Some(
        fault
            .step("Use another copy of this archive, or an older archive: this one must not be trusted.")
            .step("Look for the cause on the storage (dmesg, SMART, a transfer that broke off) before it damages more."),
    )
}

/// A damage as a fault of this room's check.
fn damage_of(fault: &Fault) -> Damage {
    let fact = |name: &str| fault.context.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let what = match fault.causes.last() {
        Some(cause) => format!("{}: {cause}", fault.what),
        None => fault.what.clone(),
    };
    Damage { entry: fact("Entry"), offset: fact("Offset").and_then(|offset| offset.parse().ok()), what }
}

/// Checks one file with so many threads, reading it from the disk; `expected_sha256` of the whole file where known.
/// `progress` is told how many bytes of the file were checked; returning false ends the check with a `CANCELLED` fault.
///
/// A file that cannot be opened as an archive is a fault (`CORRUPTED_BACKUP`, `TRUNCATED_BACKUP`, `FOREIGN_FILE`, …); damage within one
/// is listed.
pub fn check(
    path: &Path,
    depth: Depth,
    jobs: u32,
    expected_sha256: Option<&str>,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Vec<Damage>, Fault> {
    let archive = Archive::open(path)?;
    let mut damages = structure(&archive);
    let files = files::Files::of(&archive);
    damages.extend(files.as_ref().err().map(damage_of));
    let files = files.ok().flatten();
    if depth == Depth::Full {
        damages.extend(full::check(&archive, files.as_ref(), jobs.max(1), expected_sha256, progress)?);
        damages.extend(files.map(|files| files.compare(&archive)).unwrap_or_default());
    } else if !progress(archive.bytes()) {
        return Err(Fault::new(Code::Cancelled, "cancelled"));
    }
    damages.truncate(TOLD);
    Ok(damages)
}

/// What can be seen without reading the frames, beyond what opening has checked.
fn structure(archive: &Archive) -> Vec<Damage> {
    let mut damages: Vec<Damage> = archive.check_tail().err().iter().map(damage_of).collect();
    let manifest = archive.manifest();
    let mut wrong = |entry: &str, what: String| {
        if damages.len() < TOLD {
            damages.push(Damage { entry: Some(entry.to_owned()), offset: None, what });
        }
    };
    for table in tables(manifest) {
        let mut rows = 0_u64;
        for chunk in &table.chunks {
            let name = names::chunk(&table.dir, chunk.number, table.table.format);
            if archive.frame_of(&name) != Some(chunk.frame) {
                wrong(&name, format!("it is not in frame {}, where the manifest has it", chunk.frame));
            }
            rows = rows.saturating_add(chunk.rows);
        }
        if rows != table.rows {
            wrong(&table.dir, format!("its chunks have {} rows, the table has {}", grouped(rows), grouped(table.rows)));
        }
    }
    damages
}

/// The tables that count: those of databases that did not fail.
fn tables(manifest: &Manifest) -> impl Iterator<Item = &TableEntry> {
    manifest.databases.iter().filter(|database| database.failed.is_none()).flat_map(|database| &database.tables)
}
