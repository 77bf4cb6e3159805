//! Errors of the server and of the line to it, as faults: a code by the server's number or by the kind of failure below it, the server's words,
//! and the first steps of a cure. Numbers are those of MySQL's "Server Error Message Reference" and MariaDB's "MariaDB Error Codes".

use super::wire::Error;
use crate::domain::{Code, Connection, Fault};
use std::io::ErrorKind;

/// A fault from an error, with what was being done.
pub fn classify(what: impl Into<String>, error: &Error) -> Fault {
    match error {
        Error::Server { number, sqlstate, message } => {
            let fault = Fault::new(server(*number, message), what).because(format!("{message} (error {number})"));
            if sqlstate.is_empty() { fault } else { fault.with_sqlstate(sqlstate) }
        }
        other => Fault::new(transport(other), what).because(other),
    }
}

/// The code of a server's error.
pub fn server(number: u16, _message: &str) -> Code {
    match number {
        1045 => Code::AuthFailed,
        1049 => Code::DatabaseMissing,
        _ => Code::SqlFailed,
    }
}

fn transport(error: &Error) -> Code {
    match error {
        Error::Unknown(_) => Code::HostUnknown,
        Error::Unreached(error) => match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Code::ConnectionRefused,
            ErrorKind::TimedOut => Code::ConnectTimeout,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Code::HostUnknown,
            ErrorKind::PermissionDenied | ErrorKind::OutOfMemory => Code::of_io(error),
            _ => Code::ServerUnavailable,
        },
        Error::Late(_) => Code::ConnectTimeout,
        Error::Tls(_) => Code::TlsFailed,
        Error::Refused(_) => Code::AuthFailed,
        Error::Server { .. } | Error::Lost(_) | Error::Protocol(_) => Code::ServerUnavailable,
    }
}

/// Adds where it happened, and the steps that need names.
pub fn place(fault: Fault, connection: &Connection, database: &str) -> Fault {
    let fault = if database.is_empty() { fault } else { fault.at("Database", database) };
    fault.at("Host", connection.address()).at("User", &connection.user)
}
