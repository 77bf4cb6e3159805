//! Whose an archive of the log is: a small file in its folder, by which two servers cannot share it and a vanished disk is noticed.

use crate::domain::wal::SegmentSize;
use crate::domain::{Code, Fault};
use crate::server::postgres::wal::header::Header;
use crate::storage::{io_fault, local};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The file's name in the archive's folder.
pub const FILE: &str = "dbbackup-wal.json";

/// The largest file that is read.
const LARGEST: u64 = 64 << 10;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster's system identifier. A string in the file: most programs read large numbers wrongly.
    #[serde(with = "text")]
    pub system_identifier: u64,
    /// The size of its segments.
    pub segment_size: SegmentSize,
    /// When the file was made, UTC.
    #[serde(default)]
    pub created: String,
    /// What made it.
    #[serde(default)]
    pub tool: String,
}

mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Identity {
    /// That of a cluster.
    pub fn new(system_identifier: u64, segment_size: SegmentSize) -> Self {
        let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Self { system_identifier, segment_size, created, tool: format!("dbbackup {}", env!("CARGO_PKG_VERSION")) }
    }

    /// That of the cluster which wrote a segment.
    pub fn of(header: &Header) -> Self {
        Self::new(header.system_identifier, header.segment_size)
    }

    /// Reads an archive's; none where there is no such file.
    ///
    /// # Errors
    /// `WAL_ARCHIVE_MISSING` for a file that says nothing we understand; those of reading.
    pub fn read(dir: &Path) -> Result<Option<Self>, Fault> {
        let path = dir.join(FILE);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_fault("cannot read whose the archive of the log is", &path, &error)),
            Ok(_) => {}
        }
        let text = local::read_small(&path, LARGEST)?;
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Fault::new(Code::WalArchiveMissing, "the file that says whose the archive is cannot be understood")
                .at("Path", path.display())
                .because(error)
                .step_run("Look at it; the archive's files themselves may be fine:", format!("cat {}", super::quoted(&path)))
        })
    }

    /// Writes an archive's, unless it has one; gives the one that holds.
    pub fn write(&self, dir: &Path) -> Result<Self, Fault> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|error| Fault::internal("an identity cannot be written").caused_by(&error))?;
        text.push(b'\n');
        match local::write_new(&dir.join(FILE), &text) {
            Ok(_) => Ok(self.clone()),
            // Another run was first.
            Err(fault) if fault.code == Code::OutputExists => Ok(Self::read(dir)?.unwrap_or_else(|| self.clone())),
            Err(fault) => Err(fault),
        }
    }
}
