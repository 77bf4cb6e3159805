//! Starts the program: no core dumps and the panic hook first, then everything else, then the exit code.

use dbbackup::batch::launch;
use dbbackup::config::environment::Environment;
use dbbackup::runtime::{dumps, panic};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything is read that is a secret.
    dumps::forbid();
    // Before the terminal is touched: the hook gives it back.
    panic::install();
    let run = || launch::main(std::env::args_os(), &Environment::of_process());
    ExitCode::from(std::panic::catch_unwind(run).unwrap_or_else(|_| launch::after_panic(std::env::args_os())))
}
