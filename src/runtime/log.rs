//! The log file. Nothing is ever logged to the terminal.

use crate::domain::{Code, Fault};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;
use tracing_subscriber::EnvFilter;

/// Logs to a file from now on, to its end; made readable by its owner only.
pub fn start(path: &Path, level: &str) -> Result<(), Fault> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Fault::new(Code::OutputUnwritable, "cannot write the log file").at("File", path.display()).because(error))?;
    // Libraries are asked for their warnings only: a driver's debug lines hold statements.
    let filter = EnvFilter::new(format!("warn,dbbackup={level}"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Mutex::new(file)).with_ansi(false).finish();
    tracing::subscriber::set_global_default(subscriber).map_err(|error| Fault::internal("the log was started twice").because(error))
}
