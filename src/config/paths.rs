//! Where configuration is looked for.

use super::environment::Environment;
use std::path::PathBuf;

/// Of Debian and Red Hat, and of the products' own builds.
const SOCKETS: [&str; 4] = ["/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];

/// Files in the order in which they are read; later ones win.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// For everybody on the host.
    pub system: PathBuf,
    /// The user's own; none where the user has no home.
    pub user: Option<PathBuf>,
    /// From `--config` or `DBBACKUP_CONFIG`. Must exist.
    pub given: Option<PathBuf>,
    /// The option file of MySQL's and MariaDB's own clients.
    pub options: Option<PathBuf>,
    /// Where the socket of a MySQL or MariaDB server on this host usually is.
    pub sockets: Vec<PathBuf>,
}

impl Paths {
    /// The paths on this host; `given` is `--config`.
    pub fn of_host(given: Option<PathBuf>, environment: &Environment) -> Self {
        Self {
            system: PathBuf::from("/etc/dbbackup/config.toml"),
            user: directories::ProjectDirs::from("", "", "dbbackup").map(|dirs| dirs.config_dir().join("config.toml")),
            options: environment.get("HOME").map(|home| PathBuf::from(home).join(".my.cnf")),
            sockets: SOCKETS.map(PathBuf::from).to_vec(),
            given: given.or_else(|| environment.get("DBBACKUP_CONFIG").map(PathBuf::from)),
        }
    }

    /// The files, first the weakest.
    pub fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let mut files = vec![("system", self.system.clone())];
        files.extend(self.user.clone().map(|path| ("user", path)));
        files.extend(self.given.clone().map(|path| ("--config", path)));
        files
    }
}
