//! What can be recovered to which moment, and switching archiving on and off on the server.

use crate::domain::Fault;
use crate::domain::recovery::RecoveryReport;
use crate::server::Server;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Looks at the server (where there is one), the folder of base backups and the archive of the log, which is found from the server's
/// `archive_command` where it is not given. What cannot be found out stands in the report's `wal.unknown`.
pub async fn report(server: Option<Arc<dyn Server>>, backups: &Path, wal: Option<PathBuf>) -> Result<RecoveryReport, Fault> {
    let (_, _, _) = (server, backups, wal);
    Err(Fault::internal("being built"))
}
