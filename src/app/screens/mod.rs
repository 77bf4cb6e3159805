//! What each screen remembers, and what it makes of the model.

pub mod archives;
pub mod backup;
pub mod binlog;
pub mod contents;
pub mod diagnostics;
pub mod home;
pub mod limits;
pub mod log;
pub mod pitr;
pub mod plan;
pub mod recover;
pub mod replay;
pub mod settings;
pub mod target;
pub mod timeline;
