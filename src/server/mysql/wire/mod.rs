//! MySQL's protocol as far as a backup and a restore need it: lines, logins, questions and their answers as bytes. Knows no SQL.
//! (MySQL Internals, "Client/Server Protocol"; MariaDB, "Clients & Utilities", "Client/Server Protocol".)

mod answer;
mod error;
mod greeting;
mod line;
mod login;
mod proof;
mod row;

pub use answer::{Ended, count, ended, eof, refusal};
pub use error::Error;
pub use line::{Duplex, Line, Packet, Silence, Watch};
pub use login::{Opened, Way, login, open};
pub use row::{Column, RawRow, Row};

/// The first byte of a packet that says what was done.
pub const OK: u8 = 0x00;
/// The first byte of a packet with which the server asks for a file of ours.
pub const INFILE: u8 = 0xFB;
/// The first byte of the packet behind the last row.
pub const END: u8 = 0xFE;
/// The first byte of a packet that says what failed.
pub const REFUSED: u8 = 0xFF;
