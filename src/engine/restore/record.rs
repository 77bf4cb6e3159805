//! The restore manifest: what was asked for, and how far each database is, in a file from which an interrupted restore is gone on with.
//!
//! What is done inside a database is not decided here but by the ledger in that database; the chunks that stand here are for people.
//! What only the host can know is: which databases were begun, which were made by us, and which are complete and have no ledger any more.

mod file;
mod manifest;

pub use manifest::{Brought, Made, Manifest, Numbers, Stage, State};

use super::source::blocking;
use crate::archive::reader::Archive;
use crate::domain::server::ServerInfo;
use crate::domain::spec::{Journal, RestoreScope, RestoreSpec};
use crate::domain::{Code, Fault, text};
use crate::engine::Context;
use crate::engine::event::Level;
use crate::engine::restore::report;
use crate::engine::restore::transition::Transition;
use crate::server::LedgerHead;
use manifest::{Database, Failure};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The record of one restore.
pub struct Record {
    journal: Journal,
    state: Mutex<Manifest>,
    /// Where it is written, and the file, locked as long as this run lives. One writer at a time.
    file: tokio::sync::Mutex<Place>,
}

/// A manifest that stays, since the restore is not complete.
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// Whether databases are still to be replaced: going on with it destroys something.
    pub replaces: bool,
}

/// The manifest's lock: it is the open file's, and ends with it.
struct Held {
    _file: File,
}

/// Where the manifest is.
enum Place {
    /// Not written yet: the folders to try.
    Nowhere(Vec<PathBuf>),
    /// There.
    At(PathBuf, Held),
    /// No folder takes it: this restore cannot be gone on with.
    Impossible,
}

impl Record {
    /// The record of a new restore. Nothing is written yet.
    pub fn new(spec: &RestoreSpec, archive: &Archive, info: &ServerInfo, names: Vec<String>) -> Self {
        let manifest = Manifest::new(spec, archive, info, names, &now());
        let folders = file::folders(&spec.archive);
        Self { journal: spec.care.journal, state: Mutex::new(manifest), file: tokio::sync::Mutex::new(Place::Nowhere(folders)) }
    }

    /// The record of an interrupted restore, for this archive and this server, with the spec as it was. The file is locked.
    pub async fn resume(path: &Path, spec: &RestoreSpec, archive: &Archive, info: &ServerInfo) -> Result<(Self, RestoreSpec), Fault> {
        let path = path.to_owned();
        let (manifest, file) = blocking({
            let path = path.clone();
            move || file::take(&path)
        })
        .await?;
        manifest.fits(spec, archive, info).map_err(|fault| fault.at("Manifest", path.display()))?;
        let spec = manifest.spec(spec);
        let mut manifest = manifest;
        manifest.begin_again();
        let place = tokio::sync::Mutex::new(Place::At(path, Held { _file: file }));
        Ok((Self { journal: Journal::Kept, state: Mutex::new(manifest), file: place }, spec))
    }

    fn lock(&self) -> MutexGuard<'_, Manifest> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose ledger the databases get; none where none is kept.
    pub fn head(&self) -> Option<LedgerHead> {
        let state = self.lock();
        (self.journal == Journal::Kept).then(|| LedgerHead {
            run: state.run.clone(),
            archive: state.archive_id.clone(),
            started: state.started.clone(),
        })
    }

    /// How far an earlier run has come with a database.
    pub fn stage(&self, database: &str) -> Option<(Stage, Made)> {
        self.lock().databases.get(database).map(|one| (one.stage, one.made))
    }

    /// What a database that an earlier run has completed came to.
    pub fn complete(&self, database: &str) -> Option<Numbers> {
        self.lock().databases.get(database).filter(|one| one.state == State::Done).map(|one| one.numbers)
    }

    /// Whether an earlier run has made the globals.
    pub fn has_globals(&self) -> bool {
        self.lock().globals
    }

    /// The globals are made.
    pub async fn globals_made(&self, context: &Context) -> Result<(), Fault> {
        self.lock().globals = true;
        self.write(context).await
    }

    /// A database comes to a stage. On the disk when this returns: what follows may be told from it only.
    pub async fn enter(&self, context: &Context, database: &str, stage: Stage, made: Made) -> Result<(), Fault> {
        {
            let mut state = self.lock();
            let one = state.databases.entry(database.to_owned()).or_default();
            *one = Database { state: State::Running, stage, made, ..std::mem::take(one) };
        }
        self.write(context).await
    }

    /// Chunks of a table are in. For people who read the manifest; it is written with the next change.
    pub fn loaded(&self, database: &str, table: &str, chunks: &Range<usize>) {
        if let Some(one) = self.lock().databases.get_mut(database) {
            one.add(table, chunks);
        }
    }

    /// A database is complete.
    pub async fn done(&self, context: &Context, database: &str, numbers: Numbers) -> Result<(), Fault> {
        {
            let mut state = self.lock();
            let one = state.databases.entry(database.to_owned()).or_default();
            *one = Database { state: State::Done, stage: Stage::Loaded, made: one.made, numbers, ..Database::default() };
        }
        self.write(context).await
    }

    /// A database failed, or was not finished.
    pub fn failed(&self, database: &str, phase: &str, fault: &Fault) {
        let mut state = self.lock();
        if let Some(one) = state.databases.get_mut(database).filter(|one| one.state != State::Done) {
            one.state = State::Failed;
            one.phase = Some(phase.to_owned());
        }
        let failure = Failure::of(database, fault);
        state.failed.retain(|one| one.database != failure.database);
        state.failed.push(failure);
    }

    /// A database that this run made is gone again: as if it had never been begun.
    pub fn forget(&self, database: &str) {
        self.lock().databases.remove(database);
    }

    async fn write(&self, context: &Context) -> Result<(), Fault> {
        if self.journal == Journal::Off {
            return Ok(());
        }
        let mut place = self.file.lock().await;
        let content = self.lock().render()?;
        let written = match &mut *place {
            Place::Impossible => return Ok(()),
            Place::At(path, held) => {
                let path = path.clone();
                let file = blocking(move || crate::storage::local::replace(&path, &content)).await?;
                *held = Held { _file: file };
                return Ok(());
            }
            Place::Nowhere(folders) => {
                let folders = std::mem::take(folders);
                let single = self.lock().started.clone();
                blocking(move || file::create(&folders, &file::stem(&single), &content)).await
            }
        };
        match written {
            Ok((path, file)) => {
                *place = Place::At(path, Held { _file: file });
                context.events.passing(Transition::ManifestWritten);
            }
            Err(fault) => {
                context
                    .events
                    .log(Level::Warn, format!("no manifest can be written, so that this restore cannot be gone on with: {fault}"));
                *place = Place::Impossible;
            }
        }
        Ok(())
    }

    /// The end of the run: the manifest goes when everything is done or nothing was begun. Else it stays, and is where this says.
    pub async fn end(&self, context: &Context, spec: &RestoreSpec) -> Option<Kept> {
        let (keep, replaces) = {
            let mut state = self.lock();
            state.end(now());
            (!state.is_complete() && !state.databases.is_empty(), spec.clean && state.has_to_replace())
        };
        if keep && let Err(fault) = self.write(context).await {
            context.events.log(Level::Warn, format!("the manifest is not up to date: {fault}"));
        }
        let place = self.file.lock().await;
        let Place::At(path, _) = &*place else { return None };
        if keep {
            return Some(Kept { path: path.clone(), replaces });
        }
        if let Err(error) = std::fs::remove_file(path) {
            context.events.log(Level::Warn, format!("cannot remove {}: {error}", path.display()));
        }
        None
    }
}

/// What an interrupted restore was asked for, and how far it is: for a plan, which locks nothing.
pub async fn look(spec: &RestoreSpec) -> Result<Option<Manifest>, Fault> {
    let Some(path) = spec.care.resume.clone() else { return Ok(None) };
    blocking(move || file::read(&path)).await.map(Some)
}

/// The command that goes on with a restore. What was to be replaced and is still there is replaced only when that is said again.
pub fn command(spec: &RestoreSpec, kept: &Kept) -> String {
    let quoted = |text: &str| shell_words::quote(&text::clean(text)).into_owned();
    let path = |path: &Path| quoted(&path.display().to_string());
    let (verb, confirm) = match &spec.scope {
        RestoreScope::Single { target, .. } => ("single", target.clone()),
        RestoreScope::Cluster { .. } => ("cluster", spec.connection.confirm_name()),
    };
    let clean = match kept.replaces {
        true => format!(" --clean --confirm {}", quoted(&confirm)),
        false => String::new(),
    };
    let server = text::clean(&report::server_flags(&spec.connection));
    format!("dbbackup restore {verb} {} --resume-from-manifest {}{clean} {server}", path(&spec.archive), path(&kept.path))
}

/// The fault of a manifest that does not fit.
fn unfit(what: impl Into<String>) -> Fault {
    Fault::new(Code::Usage, what)
}

/// RFC 3339, with the zone's offset.
fn now() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
