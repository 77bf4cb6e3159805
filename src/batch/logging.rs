//! Starts the log of a run: which commands leave one where nobody said so, and what is said when it cannot be written.

use super::output;
use crate::cli::restore::Restore;
use crate::cli::{Cli, Command};
use crate::config::environment::Environment;
use crate::config::layers::Resolved;
use crate::config::settings::Key;
use crate::domain::text::clean;
use crate::domain::{Code, Fault};
use crate::runtime::debug_log::DebugLog;
use crate::runtime::log::chosen::{self, Wish};
use crate::runtime::log::{self, Destination, Memory};
use crate::runtime::run_id::run_id;

/// Starts the log that was asked for; of a job and of the screens also the one that is there by default.
pub fn start(cli: &Cli, resolved: &Resolved, environment: &Environment, debug: &DebugLog) -> Result<(), Fault> {
    let (destination, wish) = chosen::destination(resolved, environment);
    let works = matches!(
        cli.command,
        None | Some(Command::Interactive(_) | Command::Backup(_) | Command::Verify(_))
            | Some(Command::Restore(Restore::Single(_) | Restore::Table(_) | Restore::Cluster(_) | Restore::Pitr(_)))
    );
    let memory = if debug.is_wanted() || works { Memory::Kept } else { Memory::Off };
    let destination = if wish == Wish::Default && !works { Destination::Off } else { destination };
    let quiet = resolved.switch(Key::Quiet);
    log::on_trouble(move |text| {
        if !quiet {
            output::diagnostic(&format!("dbbackup: {}\n", clean(text)));
        }
    });
    let levels = chosen::levels(resolved);
    match log::start(&destination, &levels, memory, run_id()) {
        Err(fault) if wish == Wish::Default && fault.code == Code::OutputUnwritable => {
            if !quiet {
                let said = format!("dbbackup: there is no log of this run: {fault} (--log-file FILE, or --log-target off)\n");
                output::diagnostic(&clean(&said).replace("\\x0a", "\n"));
            }
            log::start(&Destination::Off, &levels, memory, run_id())
        }
        started => started,
    }
}
