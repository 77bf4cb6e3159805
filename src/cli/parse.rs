//! Reads the command line.

use super::{Cli, flags};
use crate::config::settings::Key;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;

/// The exit code for wrong usage, as sysexits.h has it.
pub const USAGE: u8 = 64;

/// What was typed.
#[derive(Debug)]
pub struct Parsed {
    /// The command with what belongs to it alone.
    pub cli: Cli,
    /// The settings among the flags.
    pub settings: Vec<(Key, String)>,
}

/// The command with all its help.
pub fn command() -> clap::Command {
    flags::explain(Cli::command())
}

/// The command as completion scripts know it: with the words that settings take.
pub fn completed() -> clap::Command {
    flags::with_choices(command())
}

/// Reads arguments, the program's name first.
pub fn parse<I: IntoIterator<Item = T>, T: Into<OsString> + Clone>(arguments: I) -> Result<Parsed, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok(Parsed { cli, settings: flags::typed(&matches) })
}

/// The exit code of clap's answer: help and version are no failure.
pub fn exit_code(error: &clap::Error) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => USAGE,
    }
}
