pub mod search;
pub mod log;
