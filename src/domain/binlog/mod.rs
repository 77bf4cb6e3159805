//! The binary log of MySQL and MariaDB as its archive shows it: names of files, places, transactions, what an archive holds, where a replay
//! stops. No input or output.

mod gtid;
mod name;
mod report;
mod standing;
mod target;

pub use gtid::Gtid;
pub use name::{LogName, Place};
pub use report::{BinlogGap, BinlogReport, BinlogStats, Held, Upstream};
pub use standing::{Leads, LogBackup, LogScope, LogStanding};
pub use target::{Clock, Halt, Passed, ReplayEnd, ReplayFacts};
