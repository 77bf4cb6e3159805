//! The state machine: keys and answers in, wishes and state out.

mod command;
mod diagnostics;
mod flow;
pub mod harness;
mod keys;
mod palette;
mod random;
mod recovery;
mod screens;
