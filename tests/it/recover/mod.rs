//! Recovery to a moment: servers under load are archived, backed up and recovered to every kind of target; what is recovered is compared with
//! what the server itself remembers of each commit.

mod chains;
mod hosts;
mod records;
mod refusals;
mod story;
mod targets;
