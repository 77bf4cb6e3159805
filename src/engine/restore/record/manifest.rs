//! What a restore manifest holds, and whether it fits what is asked for now.

use super::unfit;
use crate::archive::reader::Archive;
use crate::domain::server::ServerInfo;
use crate::domain::spec::{Binlog, Care, Rehearse, RestoreScope, RestoreSpec};
use crate::domain::{Fault, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

/// The version that is written, and the newest that is read.
pub const FORMAT: u32 = 1;

/// A restore manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// `restore-single` or `restore-cluster`.
    pub operation: String,
    /// The archive, as it was named.
    pub archive: PathBuf,
    /// The archive's id.
    pub archive_id: String,
    /// The restore's own id; its ledgers have it.
    pub run: String,
    /// The target, as it was reached: `db01:5432`.
    pub server: String,
    /// The target's system identifier; none where the role may not read it.
    pub system_identifier: Option<String>,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended without being complete; none while it is at work, or when it was killed.
    pub finished: Option<String>,
    /// How many databases there are.
    pub total: usize,
    /// Those that are complete.
    pub succeeded: Vec<String>,
    /// Those that failed.
    pub failed: Vec<Failure>,
    /// Those that were not begun.
    pub skipped: Vec<String>,
    /// The first database that is not complete.
    pub continue_from: Option<String>,
    /// Whether roles and tablespaces are made.
    pub globals: bool,
    /// What was asked for, without what destroys.
    pub options: Options,
    /// How far each database is that was begun.
    pub databases: BTreeMap<String, Database>,
    /// All of them, in the archive's order.
    #[serde(skip)]
    pub names: Vec<String>,
}

/// A failure, for people and scripts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The database.
    pub database: String,
    /// The stable code.
    pub code: String,
    /// What failed, and the root cause.
    pub message: String,
    /// Steps.
    pub cure: Vec<String>,
}

impl Failure {
    /// From a fault.
    pub fn of(database: &str, fault: &Fault) -> Self {
        let cure = fault.steps.iter().map(ToString::to_string);
        Self {
            database: database.to_owned(),
            code: fault.code.as_str().to_owned(),
            message: format!("{}: {}", fault.what, fault.root_cause()),
            cure: cure.collect(),
        }
    }
}

/// How a restore was asked for: what decides over its result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// What goes where.
    pub scope: RestoreScope,
    /// Make the target.
    pub create: bool,
    /// Leave owners out.
    pub no_owner: bool,
    /// Leave rights out.
    pub no_acl: bool,
    /// Leave tablespaces out.
    pub no_tablespaces: bool,
    /// Roles under other names.
    pub map_roles: Vec<(String, String)>,
    /// Compare everything afterwards.
    pub prove: bool,
    /// Compression of long values.
    pub toast_compression: Option<String>,
    /// Go on after a failure.
    pub continue_on_error: bool,
    /// Whether it is written into the server's binary log.
    #[serde(default)]
    pub binlog: Binlog,
}

/// How a database is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// At work, or the run was killed while it was.
    #[default]
    Running,
    /// It failed or was interrupted.
    Failed,
    /// Complete.
    Done,
}

/// Where a database is on its way. What comes after a stage may have happened or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// What is there under its name is about to be dropped, which was confirmed.
    Replacing,
    /// It is about to be made; or made, and filled.
    Making,
    /// It was there, and its ledger is about to be made.
    #[default]
    Entering,
    /// It was there, has a ledger, and is filled.
    Filling,
    /// Everything is in it; the ledger is about to be removed.
    Loaded,
}

/// Whose a database is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// It was there.
    #[default]
    Before,
    /// This restore made it.
    ByUs,
    /// This restore made it after it had dropped another one of that name.
    Replaced,
}

/// What a complete database came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Tables.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// Row bytes.
    pub bytes: u64,
}

/// One database.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Database {
    /// How it is.
    pub state: State,
    /// Where it is on its way.
    pub stage: Stage,
    /// Whose it is.
    pub made: Made,
    /// What it was doing when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What it came to.
    #[serde(default)]
    pub numbers: Numbers,
    /// Tables whose rows are in, or in part.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Table>,
}

/// How much of a database an interrupted restore has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// It was not begun, or what is in it cannot be told from what was there before.
    Unknown,
    /// What is in it is ours.
    Part,
    /// Everything.
    All,
}

/// A table of a database that is not complete.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Table {
    /// Chunks that are in: from the first to the last of each run.
    pub chunks_done: Vec<[usize; 2]>,
}

impl Database {
    /// Chunks of a table are in.
    pub fn add(&mut self, table: &str, chunks: &Range<usize>) {
        let Some(last) = chunks.end.checked_sub(1).filter(|last| *last >= chunks.start) else { return };
        let runs = &mut self.tables.entry(text::clean(table)).or_default().chunks_done;
        let at = runs.partition_point(|run| run[0] < chunks.start);
        runs.insert(at, [chunks.start, last]);
        let mut joined: Vec<[usize; 2]> = Vec::with_capacity(runs.len());
        for run in runs.drain(..) {
            match joined.last_mut() {
                Some(before) if run[0] <= before[1] + 1 => before[1] = before[1].max(run[1]),
                _ => joined.push(run),
            }
        }
        *runs = joined;
    }
}

impl Manifest {
    /// For a restore that begins.
    pub fn new(spec: &RestoreSpec, archive: &Archive, info: &ServerInfo, names: Vec<String>, now: &str) -> Self {
        let operation = match spec.scope {
            RestoreScope::Single { .. } => "restore-single",
            RestoreScope::Cluster { .. } => "restore-cluster",
        };
        Self {
            format: FORMAT,
            operation: operation.to_owned(),
            archive: std::path::absolute(&spec.archive).unwrap_or_else(|_| spec.archive.clone()),
            archive_id: archive.manifest().head.id.clone(),
            run: uuid::Uuid::now_v7().to_string(),
            server: spec.connection.confirm_name(),
            system_identifier: info.system_identifier.clone(),
            started: now.to_owned(),
            finished: None,
            total: names.len(),
            succeeded: Vec::new(),
            failed: Vec::new(),
            skipped: Vec::new(),
            continue_from: None,
            globals: false,
            options: Options {
                scope: spec.scope.clone(),
                create: spec.create,
                no_owner: spec.no_owner,
                no_acl: spec.no_acl,
                no_tablespaces: spec.no_tablespaces,
                map_roles: spec.map_roles.clone(),
                prove: spec.prove,
                toast_compression: spec.toast_compression.clone(),
                continue_on_error: spec.continue_on_error,
                binlog: spec.binlog,
            },
            databases: BTreeMap::new(),
            names,
        }
    }

    /// Whether it is of this archive, this server and this target.
    pub fn fits(&self, spec: &RestoreSpec, archive: &Archive, info: &ServerInfo) -> Result<(), Fault> {
        let id = &archive.manifest().head.id;
        if *id != self.archive_id {
            return Err(unfit("the manifest belongs to another archive")
                .because(format!(
                    "it is of the archive {} ({})",
                    text::clean(&self.archive_id),
                    text::clean(&self.archive.display().to_string())
                ))
                .because(format!("this archive is {}", text::clean(id)))
                .step("Name the archive from which the restore was begun; it may have been moved."));
        }
        let other = match (&self.system_identifier, &info.system_identifier) {
            (Some(was), Some(is)) => was != is,
            _ => self.server != spec.connection.confirm_name(),
        };
        if other {
            return Err(unfit("the manifest belongs to a restore to another server")
                .because(format!("it was begun on {}, this is {}", text::clean(&self.server), spec.connection.confirm_name()))
                .step("Connect to that server (--host, --port); or start anew, without the manifest."));
        }
        let fits = match (&self.options.scope, &spec.scope) {
            (RestoreScope::Single { target: was, .. }, RestoreScope::Single { target: is, .. }) => is.is_empty() || was == is,
            (RestoreScope::Cluster { .. }, RestoreScope::Cluster { .. }) => true,
            _ => false,
        };
        if !fits {
            let was = match &self.options.scope {
                RestoreScope::Single { target, .. } => format!("the database {}", text::clean(target)),
                RestoreScope::Cluster { .. } => "a whole cluster".to_owned(),
            };
            return Err(unfit("the manifest belongs to the restore of something else")
                .because(format!("it is of {was}"))
                .step("Leave --target out: the manifest says what goes where."));
        }
        Ok(())
    }

    /// The spec to go on with: what decides over the result is as it was; how hard to work, and what may be destroyed, is as is said now.
    pub fn spec(&self, spec: &RestoreSpec) -> RestoreSpec {
        let was = &self.options;
        RestoreSpec {
            scope: was.scope.clone(),
            create: was.create || spec.create,
            no_owner: was.no_owner,
            no_acl: was.no_acl,
            no_tablespaces: was.no_tablespaces,
            map_roles: was.map_roles.clone(),
            prove: was.prove || spec.prove,
            toast_compression: was.toast_compression.clone(),
            continue_on_error: was.continue_on_error || spec.continue_on_error,
            binlog: was.binlog,
            // The definitions were tried out when it was begun, and most of them are there by now.
            care: Care { rehearse: Rehearse::Off, ..spec.care.clone() },
            ..spec.clone()
        }
    }

    /// Another run goes on with it.
    pub fn begin_again(&mut self) {
        self.finished = None;
        self.failed.clear();
        self.names = self.databases.keys().cloned().chain(std::mem::take(&mut self.skipped)).collect();
    }

    /// A run ends.
    pub fn end(&mut self, now: String) {
        self.finished = Some(now);
    }

    /// Whether every database is done.
    pub fn is_complete(&self) -> bool {
        self.databases.values().filter(|one| one.state == State::Done).count() >= self.total
    }

    /// Whether a database that is to be replaced may still be there: one that was to be dropped next, or was not begun.
    pub fn has_to_replace(&self) -> bool {
        let open = |name: &String| self.databases.get(name).is_none_or(|one| one.state != State::Done && one.stage == Stage::Replacing);
        self.names.iter().any(open)
    }

    /// As it is written.
    pub fn render(&mut self) -> Result<Vec<u8>, Fault> {
        self.succeeded = self.databases.iter().filter(|(_, one)| one.state == State::Done).map(|(name, _)| name.clone()).collect();
        let open = |name: &&String| self.databases.get(*name).is_none_or(|one| one.state != State::Done);
        self.continue_from = self.names.iter().find(open).cloned();
        self.skipped = self.names.iter().filter(|name| !self.databases.contains_key(*name)).cloned().collect();
        let mut text = serde_json::to_vec_pretty(&self).map_err(|error| Fault::internal("cannot write the manifest").because(error))?;
        text.push(b'\n');
        Ok(text)
    }

    /// How much of a database is there already.
    pub fn brought(&self, database: &str) -> Brought {
        match self.databases.get(database).map(|one| (one.state, one.stage, one.made)) {
            Some((State::Done, ..) | (_, Stage::Loaded, _)) => Brought::All,
            None | Some((_, Stage::Replacing, _) | (_, _, Made::Before)) => Brought::Unknown,
            Some(_) => Brought::Part,
        }
    }

    /// How far a database is, in words; none for one that was not begun.
    pub fn words(&self, database: &str) -> Option<String> {
        let one = self.databases.get(database)?;
        Some(match (one.state, one.stage) {
            (State::Done, _) => "complete, left as it is".to_owned(),
            (_, Stage::Loaded) => "everything is in, is finished".to_owned(),
            (_, Stage::Replacing) => return None,
            _ if one.tables.is_empty() => "begun, is gone on with".to_owned(),
            _ => format!("rows of {} tables are in, is gone on with", one.tables.len()),
        })
    }
}

#[cfg(test)]
mod tests;
