//! The command line that does the same as a job. Holds no secret: a job has none.

mod physical;
mod replay;
mod shell;

use super::screens::diagnostics::About;
use super::setup::Setup;
use crate::domain::Bytes;
use crate::domain::connection::Connection;
use crate::domain::schema::TableName;
use crate::domain::spec::{
    BackupSpec, Binlog, Depth, Effort, Enough, JobSpec, NameTime, OnFailure, Rehearse, RestoreScope, RestoreSpec, Retries, Sample, Scope,
    VerifyMode, VerifySpec, What,
};
use shell::fold;
pub use shell::{as_lines, quote, shell};
use std::path::Path;

/// The command line of a job, in lines that a shell joins again (`\` at the ends): one to copy, as it is shown. Values that are the
/// program's own defaults are left out; those of the set-up are not, since another host may have others.
pub fn line(spec: &JobSpec, setup: &Setup) -> Vec<String> {
    fold(&words(spec, setup))
}

/// The same on one line.
pub fn one_line(spec: &JobSpec, setup: &Setup) -> String {
    words(spec, setup).iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// The command line that makes the report that the Diagnostics screen shows, as words, unquoted.
pub fn diagnosis(about: &About) -> Vec<String> {
    let mut words = Words(vec!["dbbackup".to_owned()]);
    if let Some(connection) = &about.connection {
        words.connection(connection);
    }
    words.word("diagnose");
    words.flag("--backup-dir", about.dir.to_string_lossy());
    if let Some(fault) = &about.fault {
        words.flag("--error", fault.to_string());
    }
    words.0
}

/// The command line that shows, or changes, something of a server's log, as words, unquoted.
pub fn of_server(connection: Option<&Connection>, command: &[&str], flags: &[(&str, String)]) -> Vec<String> {
    let mut words = Words(vec!["dbbackup".to_owned()]);
    if let Some(connection) = connection {
        words.connection(connection);
    }
    command.iter().for_each(|word| words.word(*word));
    flags.iter().for_each(|(flag, value)| words.flag(flag, value.clone()));
    words.0
}

/// The words of the command line, unquoted, the program's name first.
pub fn words(spec: &JobSpec, setup: &Setup) -> Vec<String> {
    let mut words = Words(vec!["dbbackup".to_owned()]);
    match spec {
        JobSpec::Backup(backup) => {
            words.connection(&backup.connection);
            words.backup(backup, setup);
        }
        JobSpec::Restore(restore) => {
            words.connection(&restore.connection);
            words.restore(restore, setup);
        }
        JobSpec::Verify(verify) => {
            if let Some(test) = &verify.restore_test {
                words.connection(&test.connection);
            }
            words.verify(verify, setup);
        }
        JobSpec::Base(base) => {
            words.connection(&base.connection);
            words.base(base, setup);
        }
        JobSpec::Recover(recover) => words.recover(recover),
        JobSpec::Replay(replay) => {
            words.connection(&replay.connection);
            words.replay(replay);
        }
        JobSpec::CheckLog(check) => words.check_log(check),
    }
    words.0
}

struct Words(Vec<String>);

impl Words {
    fn word(&mut self, word: impl Into<String>) {
        self.0.push(word.into());
    }

    fn flag(&mut self, flag: &str, value: impl Into<String>) {
        let value = value.into();
        // A value that begins with a dash would be read as a flag.
        if value.starts_with('-') {
            self.0.push(format!("{flag}={value}"));
        } else {
            self.0.push(flag.to_owned());
            self.0.push(value);
        }
    }

    fn connection(&mut self, connection: &Connection) {
        self.0.extend(connection.words());
    }

    fn effort(&mut self, effort: Effort, setup: &Setup) {
        self.flag("--jobs", effort.jobs.to_string());
        if effort.memory != setup.effort.memory {
            self.flag("--memory", exact(effort.memory));
        }
        if effort.chunk_size != setup.effort.chunk_size && effort.chunk_size != Effort::chunk_for(effort.jobs, effort.memory) {
            self.flag("--chunk-size", exact(effort.chunk_size));
        }
    }

    fn lists(&mut self, include: &[String], exclude: &[String]) {
        for glob in include {
            self.flag("--include", glob.clone());
        }
        for glob in exclude {
            self.flag("--exclude", glob.clone());
        }
    }

    /// A name that stands by itself: after `--` when it would be read as a flag.
    fn names<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            // A leading dash is hidden from the reader of flags by a path for files, and by `--` at the end otherwise.
            self.word(name);
        }
    }

    fn backup(&mut self, spec: &BackupSpec, setup: &Setup) {
        self.word("backup");
        match &spec.scope {
            Scope::Single { databases } => {
                self.word("single");
                if !databases.iter().any(|name| name.starts_with('-')) {
                    self.names(databases.iter().map(String::as_str));
                }
            }
            Scope::Cluster { include, exclude, parallel } => {
                self.word("cluster");
                self.lists(include, exclude);
                self.flag("--cluster-parallelism", parallel.to_string());
            }
        }
        self.flag("--backup-dir", spec.dir.to_string_lossy());
        self.flag("--compression", spec.compression.to_string());
        self.effort(spec.effort, setup);
        match spec.verify {
            VerifyMode::Auto => {}
            VerifyMode::Quick => self.flag("--verify", "quick"),
            VerifyMode::Full => self.flag("--verify", "full"),
            VerifyMode::Off => self.word("--no-verify"),
        }
        match &spec.name_time {
            NameTime::Local => {}
            NameTime::Utc => self.flag("--timestamp", "utc"),
            NameTime::Pattern(pattern) => self.flag("--timestamp", pattern.clone()),
        }
        if let Scope::Single { databases } = &spec.scope
            && databases.iter().any(|name| name.starts_with('-'))
        {
            self.word("--");
            self.names(databases.iter().map(String::as_str));
        }
    }

    fn restore(&mut self, spec: &RestoreSpec, setup: &Setup) {
        self.word("restore");
        match &spec.scope {
            RestoreScope::Single { database, target, selection } => {
                match &selection.rename {
                    Some((table, _)) => {
                        self.word("table");
                        self.word(path(&spec.archive));
                        self.word(written(table));
                    }
                    None => {
                        self.word("single");
                        self.word(path(&spec.archive));
                    }
                }
                if let Some(database) = database {
                    self.flag("--database", database.clone());
                }
                self.flag("--target", target.clone());
                if let Some((_, new)) = &selection.rename {
                    self.flag("--as", written(new));
                }
                if spec.create {
                    self.word("--create");
                }
                if spec.clean {
                    self.word("--clean");
                    self.flag("--confirm", target.clone());
                }
                match selection.what {
                    What::All => {}
                    What::SchemaOnly => self.word("--schema-only"),
                    What::DataOnly => self.word("--data-only"),
                }
                if selection.rename.is_none() {
                    self.lists(&selection.include, &selection.exclude);
                }
            }
            RestoreScope::Cluster { include, exclude, parallel } => {
                self.word("cluster");
                self.word(path(&spec.archive));
                self.flag("--confirm", spec.connection.confirm_name());
                if spec.clean {
                    self.word("--clean");
                }
                self.lists(include, exclude);
                self.flag("--cluster-parallelism", parallel.to_string());
            }
        }
        if spec.no_owner {
            self.word("--no-owner");
        }
        if spec.no_acl {
            self.word("--no-acl");
        }
        if spec.no_tablespaces {
            self.word("--no-tablespaces");
        }
        for (from, to) in &spec.map_roles {
            self.flag("--map-role", format!("{from}={to}"));
        }
        if spec.prove {
            self.word("--prove");
        }
        if let Some(compression) = &spec.toast_compression {
            self.flag("--toast-compression", compression.clone());
        }
        if spec.continue_on_error {
            self.word("--continue-on-error");
        }
        if spec.care.retries != Retries::default() {
            self.flag("--retries", spec.care.retries.0.to_string());
        }
        if let Some(manifest) = &spec.care.resume {
            self.flag("--resume-from-manifest", manifest.display().to_string());
        }
        if spec.care.verify_first == Depth::Full {
            self.flag("--verify-first", "full".to_owned());
        }
        if spec.binlog != Binlog::default() {
            self.flag("--binlog", spec.binlog.word().to_owned());
        }
        match spec.care.rehearse {
            Rehearse::Auto => {}
            Rehearse::On => self.flag("--rehearse", "on".to_owned()),
            Rehearse::Off => self.flag("--rehearse", "off".to_owned()),
        }
        if spec.care.force {
            self.word("--force");
        }
        if let Some(dir) = &spec.care.workdir {
            self.flag("--workdir", dir.to_string_lossy().into_owned());
        }
        if spec.care.keep_temp {
            self.word("--keep-temp");
        }
        if spec.care.on_failure != OnFailure::Keep {
            self.flag("--on-failure", spec.care.on_failure.word().to_owned());
        }
        if matches!(spec.scope, RestoreScope::Cluster { .. }) {
            match spec.care.enough {
                Enough::All => self.word("--require-all"),
                enough if enough == Enough::default() => {}
                Enough::Percent(percent) => self.flag("--success-threshold", percent.to_string()),
            }
        }
        self.effort(spec.effort, setup);
    }

    fn verify(&mut self, spec: &VerifySpec, setup: &Setup) {
        self.word("verify");
        for archive in &spec.archives {
            self.word(path(archive));
        }
        if let Some(test) = &spec.restore_test {
            self.word("--restore-test");
            if spec.archives.is_empty() {
                self.word("--clean-leftovers");
            }
            if test.sample == Sample::All {
                self.word("--all");
            }
            return self.effort(test.effort, setup);
        }
        self.word(match spec.depth {
            Depth::Quick => "--quick",
            Depth::Full => "--full",
        });
        self.flag("--jobs", spec.jobs.to_string());
    }
}

/// A table as commands take it: MySQL's have no schema.
fn written(table: &TableName) -> String {
    if table.schema.is_empty() { table.name.clone() } else { format!("{}.{}", table.schema, table.name) }
}

/// A file's path that cannot be read as a flag.
fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.starts_with('-') { format!("./{text}") } else { text.into_owned() }
}

/// A size that reads back to the very same number.
fn exact(bytes: u64) -> String {
    let short = Bytes(bytes).to_string().replace(' ', "");
    match short.parse::<Bytes>() {
        Ok(Bytes(same)) if same == bytes => short.replace(".0", ""),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ => bytes.to_string(),
    }
}
