//! What can be recovered to which moment, and switching archiving on and off on the server.

mod bases;
pub mod findings;
mod gather;

pub use gather::{Gathered, LIMIT, gather};

use crate::domain::Fault;
use crate::domain::recovery::RecoveryReport;
use crate::server::Server;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Looks at the server (where there is one), the folder of base backups and the archive of the log, which is found from the server's
/// `archive_command` where it is not given. What cannot be found out stands in the report's `wal.unknown`. It is there after [`LIMIT`],
/// whatever hangs, and never fails.
pub async fn report(server: Option<Arc<dyn Server>>, backups: &Path, wal: Option<PathBuf>) -> Result<RecoveryReport, Fault> {
    Ok(gather(server, Some(backups), wal).await.report)
}
