//! PITR and WAL on a server of MySQL or MariaDB: what its binary log's archive holds, from which backups it leads on, and a recovery by it.

use crate::app::cmd::{Cmd, Query};
use crate::app::load::Load;
use crate::app::model::{Asked, Model};
use crate::app::nav::Place;
use crate::app::screens::settings;
use crate::app::{command, when};
use crate::domain::binlog::{Halt, LogBackup, LogScope, LogStanding};
use crate::domain::recovery::Bound;
use crate::domain::spec::{Binlog, Care, JobSpec, ReplayBase, ReplaySpec, RestoreScope, RestoreSpec};
use crate::domain::{Connection, Fault};
use std::path::PathBuf;

/// What the screens remember. The moment that is looked at is that of [`super::pitr::RecoveryScreen`].
#[derive(Clone, Debug, Default)]
pub struct BinlogScreen {
    /// What can be recovered.
    pub report: Load<LogStanding>,
    /// The server that it is about, by its place in the list.
    pub server: usize,
}

/// The folder of the archive, where the settings name one.
pub fn dir(model: &Model) -> Option<PathBuf> {
    let view = settings::named(model, "binlog.dir")?;
    view.value.as_deref().filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// Shows a screen: asks where nothing is known of this server.
pub fn open(model: &mut Model, out: &mut Vec<Cmd>) {
    if model.binlog.server != model.server {
        model.binlog = BinlogScreen { server: model.server, ..BinlogScreen::default() };
    }
    if !matches!(model.binlog.report, Load::Loading(_)) {
        ask(model, out);
    }
}

/// Asks what can be recovered, where there is an archive.
pub fn ask(model: &mut Model, out: &mut Vec<Cmd>) {
    let Some(dir) = dir(model) else { return };
    let connection = connection(model).cloned().map(Box::new);
    let id = model.request(Asked::Binlog);
    model.binlog.report.ask(id);
    out.push(Cmd::Fetch(id, Query::Binlog(connection, model.setup.dir.clone(), dir)));
}

/// Takes the answer.
pub fn take(model: &mut Model, answer: Result<LogStanding, Fault>) {
    let now = model.clock.now;
    model.binlog.report.answer(answer, now);
}

/// The server.
pub fn connection(model: &Model) -> Option<&Connection> {
    model.servers.get(model.server).map(|server| &server.connection)
}

/// The backup with which a recovery to the moment begins.
pub fn base(model: &Model) -> Option<&LogBackup> {
    let at = model.recovery.moment.map(|at| at.stamp());
    model.binlog.report.value()?.newest(at)
}

/// The recovery that Enter prepares: its plan says whether it goes, and nothing is changed before that is confirmed.
pub fn spec(model: &Model) -> Result<JobSpec, String> {
    let Some(binlog_dir) = dir(model) else { return Err("no archive of the binary log is configured (binlog.dir)".to_owned()) };
    if model.binlog.report.value().is_none() {
        return Err("it is not known yet what can be recovered".to_owned());
    }
    let connection = connection(model).ok_or("no server is configured")?.clone();
    let backup = base(model).ok_or("there is no backup from which the archived log leads to that moment")?;
    let database = match backup.scope {
        LogScope::Server => None,
        LogScope::Single => backup.databases.first().cloned(),
    };
    let scope = RestoreScope::Cluster { include: Vec::new(), exclude: Vec::new(), parallel: 2 };
    let restore = RestoreSpec {
        connection: connection.clone(),
        archive: backup.path.clone(),
        scope,
        create: true,
        clean: false,
        no_owner: false,
        no_acl: false,
        no_tablespaces: false,
        map_roles: Vec::new(),
        effort: model.setup.effort,
        prove: false,
        toast_compression: None,
        continue_on_error: false,
        binlog: Binlog::default(),
        care: Care::default(),
    };
    Ok(JobSpec::Replay(ReplaySpec {
        connection,
        base: ReplayBase::Backup { archive: Some(backup.path.clone()), dir: model.setup.dir.clone(), restore },
        binlog_dir,
        target: model.recovery.moment.map_or(Halt::Latest, Halt::Time),
        bound: Bound::Inclusive,
        database,
        rename: None,
        binlog: Binlog::default(),
    }))
}

/// The archive's folder as commands name it.
fn named_dir(model: &Model) -> String {
    dir(model).map_or_else(|| "/binlog".to_owned(), |dir| dir.to_string_lossy().into_owned())
}

/// The command that archives this server's log.
pub fn archive_words(model: &Model) -> Vec<String> {
    command::of_server(connection(model), &["binlog", "archive"], &[("--binlog-dir", named_dir(model))])
}

/// The command line that shows the same as the screen: on PITR whether the moment can be recovered, on WAL the figures.
pub fn words(model: &Model) -> Option<Vec<String>> {
    let mut flags = vec![("--binlog-dir", named_dir(model))];
    match model.nav.place() {
        Place::Wal => Some(command::of_server(connection(model), &["binlog", "stats"], &flags)),
        Place::Pitr => {
            flags.push(("--backup-dir", model.setup.dir.to_string_lossy().into_owned()));
            if let Some(backup) = base(model).filter(|backup| backup.scope == LogScope::Single) {
                flags.push(("--database", backup.databases.first().cloned().unwrap_or_default()));
            }
            flags.extend(model.recovery.moment.map(|at| ("--target-time", when::utc_micros(at))));
            let mut words = command::of_server(connection(model), &["restore", "pitr"], &flags);
            words.push("--dry-run".to_owned());
            Some(words)
        }
        _ => None,
    }
}
