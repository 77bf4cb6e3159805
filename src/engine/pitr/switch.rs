//! Switching the archiving of a server's log on and off: what would change, the questions before it, the change itself. Never restarts a server.

use super::trial;
use crate::domain::text::clean;
use crate::domain::wal::{Answer, ArchiveFolder, ArchivingSetting, CommandKind, Direction, SettingChange, Switch, SwitchCheck};
use crate::domain::{Code, Connection, Fault};
use crate::engine::wal::folder::{Content, Folder};
use crate::engine::wal::identity::Identity;
use crate::engine::wal::{belonging, command, stored};
use crate::server::{Archiving, Server};
use crate::storage::io_fault;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the server is asked.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The archive's folder, from the root.
    pub dir: PathBuf,
    /// `archive_timeout` in seconds; none: it stays.
    pub timeout: Option<u32>,
    /// Whether another program's command may go.
    pub force: Force,
    /// This program.
    pub program: PathBuf,
}

/// Whether another program's `archive_command` may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// No.
    No,
    /// It was said so.
    Yes,
}

/// The command that archives into a folder.
pub fn archive_command(program: &Path, dir: &Path) -> String {
    // What the server would fill in has to be said twice.
    let word = |path: &Path| shell_words::quote(&path.to_string_lossy()).replace('%', "%%");
    format!("{} wal archive %p %f --archive-dir {}", word(program), word(dir))
}

async fn ask(server: &dyn Server) -> Result<Archiving, Fault> {
    let found = server.archiving(PATIENCE).await?;
    found.ok_or_else(|| Fault::new(Code::Usage, "this server has no archive of its log"))
}

/// Whether somebody else's command is in the way.
fn foreign(archiving: &Archiving, force: Force, does: &str) -> Result<(), Fault> {
    if !archiving.state.archive_library.is_empty() {
        return Err(Fault::new(Code::Config, "the server archives by a library, not by a command")
            .at("archive_library", clean(&archiving.state.archive_library))
            .step_run("If it is not needed any more, take it out first:", "ALTER SYSTEM RESET archive_library; SELECT pg_reload_conf();"));
    }
    let kind = command::read(&archiving.command).kind;
    if matches!(kind, CommandKind::Nothing | CommandKind::Dbbackup) || force == Force::Yes {
        return Ok(());
    }
    Err(Fault::new(Code::NotConfirmed, format!("the server has another archive_command, and {does} would end what it does"))
        .at("archive_command", command::shown(&archiving.command))
        .step("If its archive is not needed any more, say so with --force."))
}

/// What switching on would change.
pub async fn enable(server: &dyn Server, wanted: &Wanted) -> Result<Switch, Fault> {
    let archiving = ask(server).await?;
    if archiving.state.in_recovery {
        return Err(Fault::new(Code::ServerReadOnly, "this is a standby: its log is archived by its primary")
            .step_run("Give the primary:", "dbbackup pitr enable --host PRIMARY --archive-dir /wal"));
    }
    foreign(&archiving, wanted.force, "replacing it")?;
    let state = &archiving.state;
    let mut switch = empty(server, Direction::On);
    let mut change = |setting: ArchivingSetting, from: &str, to: String| {
        switch.changes.push(SettingChange { setting, from: from.to_owned(), to: Some(to) });
    };
    if state.wal_level == "minimal" {
        change(ArchivingSetting::WalLevel, "minimal", "replica".to_owned());
    }
    let command = archive_command(&wanted.program, &wanted.dir);
    if archiving.command != command {
        change(ArchivingSetting::ArchiveCommand, &command::shown(&archiving.command), command.clone());
    }
    if let Some(timeout) = wanted.timeout.filter(|timeout| u64::from(*timeout) != state.archive_timeout) {
        change(ArchivingSetting::ArchiveTimeout, &state.archive_timeout.to_string(), timeout.to_string());
    }
    if state.archive_mode == "off" {
        change(ArchivingSetting::ArchiveMode, "off", "on".to_owned());
    }
    waiting(&archiving, &mut switch);
    folder(server.connection(), &archiving, &wanted.dir, &command, &mut switch)?;
    if state.archive_timeout == 0 && wanted.timeout.is_none() {
        switch.notes.push(
            "archive_timeout is 0: a server that writes little archives a segment only when it is full; --archive-timeout 60 bounds what can be lost"
                .to_owned(),
        );
    }
    Ok(switch)
}

/// What switching off would change. The command stays until the restart after which nothing is archived: a server that is to archive and has no command
/// keeps all of its log.
pub async fn disable(server: &dyn Server, force: Force) -> Result<Switch, Fault> {
    let archiving = ask(server).await?;
    foreign(&archiving, force, "switching it off")?;
    let state = &archiving.state;
    let mut switch = empty(server, Direction::Off);
    let is_off = state.archive_mode == "off" && !archiving.waiting.iter().any(|name| name == "archive_mode");
    if !is_off {
        let (from, to) = (state.archive_mode.clone(), Some("off".to_owned()));
        switch.changes.push(SettingChange { setting: ArchivingSetting::ArchiveMode, from, to });
        if !archiving.command.is_empty() {
            switch.notes.push(
                "archive_command stays until then: without it the server would keep all of its log until its disk is full".to_owned(),
            );
        }
    } else if !archiving.command.is_empty() {
        let from = command::shown(&archiving.command);
        switch.changes.push(SettingChange { setting: ArchivingSetting::ArchiveCommand, from, to: None });
    }
    if state.archive_timeout > 0 {
        let from = state.archive_timeout.to_string();
        switch.changes.push(SettingChange { setting: ArchivingSetting::ArchiveTimeout, from, to: Some("0".to_owned()) });
    }
    waiting(&archiving, &mut switch);
    switch.notes.push("wal_level stays: base backups and replication need it".to_owned());
    Ok(switch)
}

fn empty(server: &dyn Server, direction: Direction) -> Switch {
    let server = server.connection().label();
    Switch { direction, server, changes: Vec::new(), folder: None, checks: Vec::new(), restart: Vec::new(), notes: Vec::new() }
}

fn waiting(archiving: &Archiving, switch: &mut Switch) {
    let new = switch.changes.iter().filter(|change| change.setting.needs_restart()).map(|change| change.setting.name().to_owned());
    switch.restart = new.chain(archiving.waiting.iter().cloned()).collect();
    switch.restart.sort();
    switch.restart.dedup();
}

/// Asks about the folder, where the server is on this host.
fn folder(connection: &Connection, archiving: &Archiving, dir: &Path, command: &str, switch: &mut Switch) -> Result<(), Fault> {
    let mut say = |answer: Answer, text: String| switch.checks.push(SwitchCheck { answer, text });
    let owner = is_local(connection).then_some(archiving.data_directory.as_ref()).flatten().and_then(|data| std::fs::metadata(data).ok());
    let Some(owner) = owner.map(|meta| (meta.uid(), meta.gid())) else {
        let shown = shell_words::quote(&dir.to_string_lossy()).into_owned();
        say(Answer::NotTested, "the folder and the command: the server is on another host, or keeps its place to itself".to_owned());
        switch.notes.push(format!("On the server's host, as its user, the folder has to be there: mkdir -m 700 {shown}"));
        switch.notes.push(format!("and the command has to work there: {}", clean(command)));
        return Ok(());
    };
    let identifier = archiving.system_identifier.as_ref().and_then(|id| id.parse::<u64>().ok());
    let (Some(system_identifier), Some(segment_size)) = (identifier, archiving.segment_size) else {
        say(Answer::NotTested, "whose the folder is: this role may not ask the server for its system identifier".to_owned());
        return Ok(());
    };
    let own = Identity::new(system_identifier, segment_size);
    let user = rustix::process::geteuid();
    let can_test = user.is_root() || user.as_raw() == owner.0;
    match std::fs::metadata(dir) {
        Ok(_) => {
            of_us(dir, &own)?;
            say(Answer::Good, format!("{} is there and no other server's", clean(&dir.display().to_string())));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = dir.parent().unwrap_or(Path::new("/"));
            if !above.is_dir() {
                return Err(io_fault("the folder for the archive cannot be made: the one above it is not there", above, &error));
            }
            say(Answer::Later, format!("{} is not there and is made, for the server's user alone", clean(&dir.display().to_string())));
        }
        Err(error) => return Err(io_fault("cannot look at the folder for the archive", dir, &error)),
    }
    if can_test {
        say(Answer::Later, "the command is run on a sample before anything is changed".to_owned());
    } else {
        say(Answer::NotTested, "the command: only root and the server's user can run it as the server does".to_owned());
    }
    switch.folder = Some(ArchiveFolder { dir: dir.to_owned(), system_identifier, segment_size, owner, can_test });
    Ok(())
}

/// Whether the server is on this host, as far as its address tells.
fn is_local(connection: &Connection) -> bool {
    let is_loopback = connection.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    connection.is_socket() || connection.host.eq_ignore_ascii_case("localhost") || is_loopback
}

/// That nobody else's log is in a folder.
fn of_us(dir: &Path, own: &Identity) -> Result<(), Fault> {
    let folder = Folder::open(dir)?;
    match &folder.identity {
        Some(other) if other.system_identifier != own.system_identifier || other.segment_size != own.segment_size => {
            Err(Fault::new(Code::WalForeign, "the folder is another server's archive")
                .at("Folder", dir.display())
                .because(format!("the server's system identifier is {}, the archive's {}", own.system_identifier, other.system_identifier))
                .step("Give this server a folder of its own with --archive-dir."))
        }
        Some(_) => Ok(()),
        None => match folder.any()? {
            Content::Segment(path, what) => match stored::header(&path, what)? {
                Ok(header) => belonging::server(path.file_name().unwrap_or_default().to_string_lossy(), &header, own),
                Err(why) => Err(Fault::new(Code::WalForeign, "the folder holds segments that cannot be told whose they are")
                    .at("Path", path.display())
                    .because(why)
                    .step("Give this server a folder of its own with --archive-dir.")),
            },
            Content::Strangers => Err(Fault::new(Code::TargetNotEmpty, "the folder holds files that are none of an archive")
                .at("Folder", dir.display())
                .step("Give the archive a folder of its own with --archive-dir.")),
            Content::Empty | Content::Other => Ok(()),
        },
    }
}

/// Makes the change: the folder first, then the command on a sample, then the settings. Gives what was found out on the way.
pub async fn carry_out(server: &dyn Server, switch: &Switch) -> Result<Vec<SwitchCheck>, Fault> {
    let mut checks = Vec::new();
    if let Some(folder) = switch.folder.clone() {
        let command =
            switch.changes.iter().find(|change| change.setting == ArchivingSetting::ArchiveCommand).and_then(|change| change.to.clone());
        let tried = tokio::task::spawn_blocking(move || {
            let made = make(&folder)?;
            let tried = match command.filter(|_| folder.can_test) {
                Some(command) => trial::run(&folder, &command).map(Some),
                None => Ok(None),
            };
            if tried.is_err() && made == Made::New {
                // Nothing of a switch that did not come about stays; where it cannot be taken away it does no harm.
                let _ = std::fs::remove_file(folder.dir.join(crate::engine::wal::identity::FILE));
                let _ = std::fs::remove_dir(&folder.dir);
            }
            tried
        });
        let tried = tried.await.map_err(|error| Fault::internal("the folder was not looked at to the end").because(error))??;
        checks.extend(tried.map(|text| SwitchCheck { answer: Answer::Good, text }));
    }
    let changes: Vec<_> = switch.changes.iter().map(|change| (change.setting, change.to.clone())).collect();
    server.set_archiving(&changes).await?;
    Ok(checks)
}

/// Whether a folder was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// It was not.
    New,
    /// It was.
    Before,
}

/// Makes the folder, of the server's user and with the word whose it is. One that is there keeps its owner and rights.
fn make(folder: &ArchiveFolder) -> Result<Made, Fault> {
    let (user, dir) = (rustix::process::geteuid(), &folder.dir);
    let cannot = |error: io::Error| io_fault("cannot make the folder for the archive", dir, &error);
    let own = Identity::new(folder.system_identifier, folder.segment_size);
    let made = match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => Made::New,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Made::Before,
        Err(error) => return Err(cannot(error)),
    };
    let give = |path: &Path| -> Result<(), Fault> {
        let (uid, gid) = folder.owner;
        if user.is_root() { std::os::unix::fs::lchown(path, Some(uid), Some(gid)).map_err(cannot) } else { Ok(()) }
    };
    if made == Made::New {
        give(dir)?;
    }
    if folder.can_test {
        trial::writable(folder)?;
    }
    // Asked again: between the look and now another server may have taken it.
    of_us(dir, &own)?;
    if folder.can_test && Folder::open(dir)?.identity.is_none() {
        own.write(dir)?;
        give(&dir.join(crate::engine::wal::identity::FILE))?;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_survives_shell_and_server() {
        let plain = archive_command(Path::new("/usr/bin/dbbackup"), Path::new("/wal"));
        assert_eq!(plain, "/usr/bin/dbbackup wal archive %p %f --archive-dir /wal");
        let odd = archive_command(Path::new("/opt/my tools/dbbackup"), Path::new("/wal/100%p it's"));
        assert!(odd.contains("100%%p"), "{odd}");
        let read = command::read(&odd);
        assert_eq!((read.kind, read.dir), (CommandKind::Dbbackup, Some("/wal/100%p it's".into())));
    }
}
