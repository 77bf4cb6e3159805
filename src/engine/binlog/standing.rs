//! What can be recovered from the log: looks through its archive and the folder of backups.

use super::identity::Identity;
use super::{backups, scan, survey};
use crate::archive::manifest::Kind;
use crate::domain::binlog::{Leads, LogBackup, LogScope, LogStanding};
use crate::domain::{Bytes, Fault, Stamp};
use crate::server::binlog::Binlogs;
use std::path::Path;

/// Looks; blocks. `server` is what the server says, where it was asked and answered.
///
/// # Errors
/// Those of [`survey::survey`]. A folder of backups that cannot be read is told.
pub fn look(dir: &Path, folder: &Path, server: Option<&Binlogs>) -> Result<LogStanding, Fault> {
    let mut report = survey::survey(dir)?;
    report.room = crate::system::disk::space(dir).ok().map(|space| (Bytes(space.free), Bytes(space.total)));
    survey::conclude(&mut report, server, Stamp(jiff::Timestamp::now().as_millisecond()));
    let identity = Identity::read(dir).unwrap_or_default();
    let found = match backups::list(folder, identity.as_ref()) {
        Ok((found, unread)) => {
            report.unknown.extend(unread);
            found
        }
        Err(fault) => {
            report.unknown.push(fault.to_string());
            Vec::new()
        }
    };
    let backups = found.into_iter().filter(|one| one.complete).map(|one| {
        let leads = match scan::chain(&report, &one.place) {
            Ok((_, None)) => Leads::ToEnd,
            Ok((logs, Some(_))) => Leads::UpTo(logs.last().map_or(one.taken, |held| held.last)),
            Err(_) => Leads::Nowhere,
        };
        let scope = if one.kind == Kind::Cluster { LogScope::Server } else { LogScope::Single };
        LogBackup { path: one.path, databases: one.databases, scope, taken: one.taken, place: one.place, leads }
    });
    let backups = backups.collect();
    Ok(LogStanding { backups, report })
}
