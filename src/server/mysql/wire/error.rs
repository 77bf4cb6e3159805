//! What can go wrong between us and a server, before anybody says what it means for a backup.

use std::fmt;
use std::io;
use std::time::Duration;

/// A failure of a question, or of the line to the server.
#[derive(Debug)]
pub enum Error {
    /// The name of the host is not known.
    Unknown(io::Error),
    /// No line could be laid to it.
    Unreached(io::Error),
    /// A line could not be laid, or a login not be done, in this time.
    Late(Duration),
    /// The server said no.
    Server {
        /// Its number: 1045.
        number: u16,
        /// The SQLSTATE; empty before the login.
        sqlstate: String,
        /// Its words.
        message: String,
    },
    /// The line broke, or whoever is at its other end does not answer any more.
    Lost(io::Error),
    /// TLS could not be agreed upon.
    Tls(String),
    /// We do not do what the server wants of us.
    Refused(String),
    /// What came is not what the protocol has.
    Protocol(String),
}

impl Error {
    /// The server's number, where it was the server that said no.
    pub fn number(&self) -> Option<u16> {
        match self {
            Self::Server { number, .. } => Some(*number),
            _ => None,
        }
    }

    /// What came is not what the protocol has.
    pub(super) fn protocol(what: &str) -> Self {
        Self::Protocol(what.to_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => write!(f, "the name of the host is not known: {error}"),
            Self::Unreached(error) => error.fmt(f),
            Self::Late(limit) => write!(f, "no answer within {} s", limit.as_secs()),
            Self::Server { number, message, .. } => write!(f, "{message} (error {number})"),
            Self::Lost(error) => write!(f, "the connection is lost: {error}"),
            Self::Tls(why) | Self::Refused(why) => f.write_str(why),
            Self::Protocol(why) => write!(f, "the server does not keep to the protocol: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}
