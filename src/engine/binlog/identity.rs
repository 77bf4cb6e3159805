//! Whose an archive of the binary log is: a small file in its folder, by which two servers cannot share it, and which whoever archives holds locked.

use super::quoted;
use crate::domain::binlog::LogName;
use crate::domain::{Code, Fault, Product};
use crate::server::binlog::LogOwner;
use crate::storage::{io_fault, local};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::Path;

/// The file's name in the archive's folder.
pub const FILE: &str = "dbbackup-binlog.json";

/// The largest file that is read.
const LARGEST: u64 = 64 << 10;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `mysql` or `mariadb`.
    pub product: String,
    /// The server's version when the archive was begun.
    pub version: String,
    /// Its `server_id`.
    pub server_id: u32,
    /// Its `server_uuid`; MariaDB has none.
    #[serde(default)]
    pub server_uuid: Option<String>,
    /// The first file that was archived.
    pub first: LogName,
    /// When the file was made, UTC.
    #[serde(default)]
    pub created: String,
    /// What made it.
    #[serde(default)]
    pub tool: String,
}

impl Identity {
    /// That of a server whose log is archived from a file on.
    pub fn of(owner: &LogOwner, first: LogName) -> Self {
        Self {
            product: owner.product.name().to_owned(),
            version: owner.version.clone(),
            server_id: owner.server,
            server_uuid: owner.uuid.clone(),
            first,
            created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            tool: format!("dbbackup {}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// `MySQL 9.7.4, server 3e11fa47-…`, for people.
    pub fn title(&self) -> String {
        let product = Product::named(&self.product).map_or_else(|| self.product.clone(), |product| product.to_string());
        match &self.server_uuid {
            Some(uuid) => format!("{product} {}, server {uuid}", self.version),
            None => format!("{product} {}, server_id {}", self.version, self.server_id),
        }
    }

    /// Whether it is of a server: by what stays when its version or its number is changed, where there is such a thing.
    ///
    /// # Errors
    /// `WAL_FOREIGN`.
    pub fn fits(&self, owner: &LogOwner, dir: &Path) -> Result<(), Fault> {
        let same = match (&self.server_uuid, &owner.uuid) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => self.product == owner.product.name() && self.server_id == owner.server,
            _ => false,
        };
        if same {
            return Ok(());
        }
        let theirs = Identity::of(owner, self.first.clone()).title();
        Err(Fault::new(Code::WalForeign, "the archive is of another server")
            .at("Folder", dir.display())
            .at("Archive", self.title())
            .at("Server", theirs)
            .because("the logs of two servers have the same names, and must not lie in one folder")
            .step_run("Give each server a folder of its own:", "mkdir -m 700 /binlog2 && dbbackup binlog archive --binlog-dir /binlog2")
            .step_run(
                "Only if it is the same server, whose identity was changed on purpose, correct what the file says:",
                format!("cat {}", quoted(&dir.join(FILE))),
            ))
    }

    /// Reads an archive's; none where there is no such file.
    ///
    /// # Errors
    /// `WAL_ARCHIVE_MISSING` for a file that says nothing we understand; those of reading.
    pub fn read(dir: &Path) -> Result<Option<Self>, Fault> {
        let path = dir.join(FILE);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_fault("cannot read whose the archive of the binary log is", &path, &error)),
            Ok(_) => {}
        }
        let text = local::read_small(&path, LARGEST)?;
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Fault::new(Code::WalArchiveMissing, "the file that says whose the archive is cannot be understood")
                .at("Path", path.display())
                .because(error)
                .step_run("Look at it; the archive's files themselves may be fine:", format!("cat {}", quoted(&path)))
        })
    }

    /// Writes an archive's; the lock that comes with it says that somebody archives there.
    pub fn write(&self, dir: &Path) -> Result<File, Fault> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|error| Fault::internal("an identity cannot be written").caused_by(&error))?;
        text.push(b'\n');
        match local::write_new(&dir.join(FILE), &text) {
            // Another run was first.
            Err(fault) if fault.code == Code::OutputExists => hold(dir),
            written => written,
        }
    }
}

/// Locks an archive for whoever archives there.
///
/// # Errors
/// `ANOTHER_RUN`.
pub fn hold(dir: &Path) -> Result<File, Fault> {
    local::hold(&dir.join(FILE))?.ok_or_else(|| {
        Fault::new(Code::AnotherRun, "another run archives into this folder")
            .at("Folder", dir.display())
            .step_run("One for each server is enough. See it:", "pgrep -af 'dbbackup binlog archive'")
    })
}
