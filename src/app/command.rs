//! The command line that does the same as a job. Holds no secret: a job has none.

use super::screens::diagnostics::About;
use super::setup::Setup;
use crate::domain::Bytes;
use crate::domain::binlog::Halt;
use crate::domain::connection::{Connection, SslMode};
use crate::domain::recovery::{BaseKind, Bound, Target, TargetAction, TimelineChoice};
use crate::domain::spec::{
    BackupSpec, BaseSpec, Binlog, Checkpoint, Depth, Effort, Enough, JobSpec, NameTime, OnFailure, RecoverSpec, Rehearse, ReplayBase, ReplaySpec, RestoreScope,
    RestoreSpec, Retries, Sample, Scope, Start, VerifyMode, VerifySpec, What,
};
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

/// Words on one line, as a shell reads them.
pub fn shell(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// Words in lines that a shell joins again, and on one line.
pub fn as_lines(words: &[String]) -> (Vec<String>, String) {
    (fold(words), words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "))
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
        let usual = Connection::default();
        if connection.debug_locks {
            self.word("--debug-locks");
        }
        if let Some(name) = &connection.name {
            return self.flag("--server", name.clone());
        }
        self.flag("--host", connection.host.clone());
        if connection.port != usual.port {
            self.flag("--port", connection.port.to_string());
        }
        self.flag("--user", connection.user.clone());
        if connection.database != usual.database {
            self.flag("--dbname", connection.database.clone());
        }
        if connection.lock_timeout != usual.lock_timeout {
            self.flag("--lock-timeout", connection.lock_timeout.to_string());
        }
        if connection.ssl_mode != SslMode::Prefer {
            self.flag("--ssl-mode", connection.ssl_mode.name());
        }
        if let Some(path) = &connection.ssl_root_cert {
            self.flag("--ssl-root-cert", path.to_string_lossy());
        }
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
                        self.word(format!("{}.{}", table.schema, table.name));
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
                    self.flag("--as", format!("{}.{}", new.schema, new.name));
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

    fn base(&mut self, spec: &BaseSpec, setup: &Setup) {
        self.word("backup");
        self.word("base");
        self.flag("--backup-dir", spec.dir.to_string_lossy());
        match spec.kind {
            BaseKind::Full => {}
            BaseKind::Differential => self.flag("--type", "differential"),
            BaseKind::Incremental => self.flag("--type", "incremental"),
        }
        if let Some(label) = &spec.label {
            self.flag("--label", label.clone());
        }
        if spec.checkpoint == Checkpoint::Spread {
            self.flag("--checkpoint", "spread");
        }
        if let Some(dir) = &spec.wal_dir {
            self.flag("--archive-dir", dir.to_string_lossy());
        }
        self.flag("--compression", spec.compression.to_string());
        self.flag("--jobs", spec.jobs.to_string());
        if spec.memory != setup.effort.memory {
            self.flag("--memory", exact(spec.memory));
        }
        match spec.verify {
            None => self.word("--no-verify"),
            Some(Depth::Quick) => self.flag("--verify", "quick"),
            Some(Depth::Full) => self.flag("--verify", "full"),
        }
        match &spec.name_time {
            NameTime::Local => {}
            NameTime::Utc => self.flag("--timestamp", "utc"),
            NameTime::Pattern(pattern) => self.flag("--timestamp", pattern.clone()),
        }
    }

    fn replay(&mut self, spec: &ReplaySpec) {
        self.word("restore");
        self.word("pitr");
        self.flag("--binlog-dir", spec.binlog_dir.to_string_lossy());
        match &spec.base {
            ReplayBase::There(place) => self.flag("--from", place.to_string()),
            ReplayBase::Backup { archive, dir, restore } => {
                match archive {
                    Some(archive) => self.flag("--base-backup", archive.to_string_lossy()),
                    None => self.flag("--backup-dir", dir.to_string_lossy()),
                }
                if restore.clean {
                    self.word("--clean");
                }
            }
        }
        match &spec.target {
            Halt::Latest => {}
            Halt::Time(at) => self.flag("--target-time", super::when::utc_micros(*at)),
            Halt::Gtid(gtid) => self.flag("--target-gtid", gtid.to_string()),
            Halt::Position(place) => self.flag("--target-position", place.to_string()),
        }
        if spec.bound == Bound::Exclusive {
            self.word("--target-exclusive");
        }
        if let Some(database) = &spec.database {
            self.flag("--database", database.clone());
        }
        if let Some(name) = &spec.rename {
            self.flag("--target", name.clone());
        }
        if spec.binlog == Binlog::Off {
            self.flag("--binlog", spec.binlog.word());
        }
    }

    fn recover(&mut self, spec: &RecoverSpec) {
        self.word("restore");
        self.word("pitr");
        match &spec.base {
            Some(base) => self.flag("--base-backup", base.to_string_lossy()),
            None => self.flag("--backup-dir", spec.dir.to_string_lossy()),
        }
        if let Some(dir) = &spec.wal_dir {
            self.flag("--wal-archive", dir.to_string_lossy());
        }
        match &spec.target {
            Target::Latest => {}
            Target::Immediate => self.word("--target-immediate"),
            Target::Time(at) => self.flag("--target-time", super::when::utc_micros(*at)),
            Target::Xid(xid) => self.flag("--target-xid", xid.to_string()),
            Target::Lsn(lsn) => self.flag("--target-lsn", lsn.to_string()),
            Target::Name(name) => self.flag("--target-name", name.clone()),
        }
        if spec.bound == Bound::Exclusive {
            self.word("--target-exclusive");
        }
        match spec.timeline {
            TimelineChoice::Latest => {}
            TimelineChoice::Current => self.flag("--timeline", "current"),
            TimelineChoice::Of(timeline) => self.flag("--timeline", timeline.to_string()),
        }
        match spec.action {
            TargetAction::Pause => {}
            TargetAction::Promote => self.flag("--target-action", "promote"),
            TargetAction::Shutdown => self.flag("--target-action", "shutdown"),
        }
        self.flag("--target-dir", spec.target_dir.to_string_lossy());
        for (from, to) in &spec.map_tablespaces {
            self.flag("--map-tablespace", format!("{}={}", from.display(), to.display()));
        }
        if let Some(dir) = &spec.bin_dir {
            self.flag("--bin-dir", dir.to_string_lossy());
        }
        if spec.start == Start::Yes {
            self.word("--start");
        }
        if let Some(port) = spec.port {
            self.flag("--start-port", port.to_string());
        }
        self.flag("--jobs", spec.jobs.to_string());
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

/// A word as a shell reads it back.
pub fn quote(word: &str) -> String {
    shell_words::quote(word).into_owned()
}

/// Joins quoted words into lines of at most 76 columns; a flag stays with its value.
fn fold(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut at = 0;
    while at < words.len() {
        let mut part = quote(&words[at]);
        let takes_value = words[at].starts_with("--") && words[at] != "--" && !words[at].contains('=');
        if takes_value && words.get(at + 1).is_some_and(|next| !next.starts_with('-')) && !STANDALONE.contains(&words[at].as_str()) {
            at += 1;
            part = format!("{part} {}", quote(&words[at]));
        }
        at += 1;
        if !line.is_empty() && line.chars().count() + 1 + part.chars().count() > 74 {
            line.push_str(" \\");
            lines.push(std::mem::take(&mut line));
            line.push_str("  ");
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&part);
    }
    lines.push(line);
    lines
}

const STANDALONE: [&str; 16] = [
    "--debug-locks",
    "--create",
    "--clean",
    "--schema-only",
    "--data-only",
    "--no-owner",
    "--no-acl",
    "--no-tablespaces",
    "--prove",
    "--continue-on-error",
    "--force",
    "--keep-temp",
    "--require-all",
    "--no-verify",
    "--quick",
    "--full",
];
