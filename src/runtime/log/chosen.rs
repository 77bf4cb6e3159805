//! From settings to a destination.

use super::file::Limits;
use super::format::Format;
use super::socket::{JOURNALD, Protocol, SYSLOG};
use super::{Destination, make_folder};
use crate::config::environment::Environment;
use crate::config::layers::{Origin, Resolved};
use crate::config::settings::Key;
use crate::domain::Bytes;
use crate::domain::levels::Levels;
use std::path::PathBuf;

/// Whether somebody asked for this log, or it is there because nobody said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It was asked for: that it cannot be written is an error.
    Asked,
    /// By default: that it cannot be written is said, and the program goes on.
    Default,
}

/// The folder of logs where nothing else is said: what systemd gave us (`LogsDirectory=`), `/var/log/dbbackup` for root, the folder for
/// the user's state else; none where the user has no home.
pub fn folder(environment: &Environment) -> Option<PathBuf> {
    if let Some(given) = environment.get("LOGS_DIRECTORY").and_then(|dirs| dirs.split(':').next()) {
        return Some(PathBuf::from(given));
    }
    if crate::system::user::current().uid == 0 {
        return Some(PathBuf::from("/var/log/dbbackup"));
    }
    directories::ProjectDirs::from("", "", "dbbackup").and_then(|dirs| dirs.state_dir().map(PathBuf::from))
}

/// Whether somebody said where the log goes; asks no more than the settings.
pub fn is_asked_for(resolved: &Resolved) -> bool {
    let said = |key| resolved.values.get(&key).is_some_and(|value| value.origin != Origin::Default);
    said(Key::LogTarget) || said(Key::LogFile)
}

/// Where the log goes.
pub fn destination(resolved: &Resolved, environment: &Environment) -> (Destination, Wish) {
    let rank = |key| resolved.values.get(&key).map_or(0, |value| value.origin.rank());
    let format = if resolved.text(Key::LogFormat) == Some("json") { Format::Json } else { Format::Text };
    let file = resolved.path(Key::LogFile);
    // Who names a file on the command line wants it, whatever a configuration file says of syslog.
    let target = match resolved.text(Key::LogTarget) {
        _ if file.is_some() && rank(Key::LogFile) > rank(Key::LogTarget) => "file",
        Some(target) => target,
        None => "file",
    };
    let socket = |default: &str| resolved.path(Key::LogSocket).unwrap_or_else(|| PathBuf::from(default));
    match target {
        "off" => (Destination::Off, Wish::Asked),
        "syslog" => (Destination::Socket(socket(SYSLOG), Protocol::Syslog(format)), Wish::Asked),
        "journald" => (Destination::Socket(socket(JOURNALD), Protocol::Journald), Wish::Asked),
        _ => {
            let wish = if is_asked_for(resolved) { Wish::Asked } else { Wish::Default };
            match file.or_else(|| folder(environment).map(|dir| dir.join("dbbackup.log"))) {
                Some(path) => (Destination::File(path, limits(resolved), format), wish),
                None => (Destination::Off, wish),
            }
        }
    }
}

fn limits(resolved: &Resolved) -> Limits {
    let bytes = |key, default| resolved.parsed::<Bytes>(key).map_or(default, |bytes| bytes.0);
    Limits {
        size: bytes(Key::LogMaxSize, 100_000_000),
        files: resolved.parsed(Key::LogMaxFiles).unwrap_or(10),
        total: bytes(Key::LogMaxTotal, 1_000_000_000),
        free: bytes(Key::LogMinFree, 100_000_000),
    }
}

/// How much is logged.
pub fn levels(resolved: &Resolved) -> Levels {
    resolved.parsed(Key::LogLevel).unwrap_or_default()
}

/// Where the audit goes, and whether somebody asked for it; none where it is off.
pub fn audit(resolved: &Resolved, environment: &Environment) -> Option<(PathBuf, Wish)> {
    match resolved.path(Key::AuditFile) {
        Some(path) if path.as_os_str() == "off" => None,
        Some(path) => Some((path, Wish::Asked)),
        None => folder(environment).map(|dir| (dir.join("audit.jsonl"), Wish::Default)),
    }
    .filter(|(path, wish)| *wish == Wish::Asked || make_folder(path).is_ok())
}
