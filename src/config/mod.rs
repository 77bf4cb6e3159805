//! What was configured, and where: defaults, files, environment, flags; and the secrets that belong to it.
//!
//! Knows no command line library and no server: flags come in as (key, text) pairs, passwords go out as secrets.

pub mod check;
pub mod connection;
pub mod document;
pub mod edit;
pub mod environment;
pub mod file;
pub mod layers;
pub mod option_file;
pub mod passfile;
pub mod paths;
pub mod per_run;
pub mod print;
pub mod product;
pub mod secrets;
pub mod settings;
