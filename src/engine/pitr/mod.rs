//! What can be recovered to which moment, and switching archiving on and off on the server.

mod gather;
pub mod switch;
mod trial;

pub use gather::{Gathered, LIMIT, Wanted, gather};

use crate::domain::recovery::{BaseBackup, RecoveryReport};
use crate::domain::{Code, Fault};
use crate::engine::bases;
use crate::server::Server;
use std::path::Path;
use std::sync::Arc;

/// Looks at the server (where there is one), the folder of base backups and the archive of the log, which is found from the server's
/// `archive_command` where it is not given. What cannot be found out stands in the report's `wal.unknown`. It is there after [`LIMIT`],
/// whatever hangs, and never fails.
pub async fn report(server: Option<Arc<dyn Server>>, wanted: Wanted) -> Result<RecoveryReport, Fault> {
    Ok(gather(server, wanted).await.report)
}

/// The base backups in a folder, for whoever decides what they need: one that cannot be read is a failure, because what it needs is not known.
pub fn bases(backups: &Path) -> Result<Vec<BaseBackup>, Fault> {
    let (bases, unread) = bases::list(backups)?;
    match unread.first() {
        None => Ok(bases),
        Some(line) => Err(Fault::new(Code::CorruptedBackup, "what a base backup needs is not known, because it cannot be read")
            .at("Folder", backups.display())
            .because(line)
            .step("Mend it, or move it out of the folder if it is of no use any more.")),
    }
}
