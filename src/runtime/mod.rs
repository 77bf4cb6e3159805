//! Every effect: the loop, jobs on tokio, the terminal and its guard, signals, the clock, the log file.
//!
//! The same loop serves the full screen and the headless run; they differ in their [`run::Front`].

pub mod audit;
pub mod clock;
pub mod debug_log;
pub mod dumps;
pub mod exec;
pub mod host;
pub mod inbox;
pub mod input;
pub mod keys;
pub mod log;
pub mod look;
pub mod panic;
pub mod password;
pub mod report;
pub mod run;
pub mod run_id;
pub mod screen;
pub mod settings;
pub mod signals;
pub mod story;
pub mod terminal;
pub mod work;
