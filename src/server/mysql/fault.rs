//! Errors of the server and of the line to it, as faults: a code by the server's number or by the kind of failure below it, and the server's
//! words. Numbers are those of MySQL's "Server Error Message Reference" and MariaDB's "MariaDB Error Codes".

mod cures;

use super::wire::Error;
use crate::domain::{Code, Fault};
pub use cures::{located, place};
use std::io::ErrorKind;

/// A fault from an error, with what was being done.
pub fn classify(what: impl Into<String>, error: &Error) -> Fault {
    match error {
        Error::Server { number, sqlstate, message } => {
            let fault = Fault::new(server(*number, message), what).because(format!("{message} (error {number})"));
            let fault = if sqlstate.is_empty() { fault } else { fault.with_sqlstate(sqlstate) };
            cures::steps(fault, *number, message)
        }
        other => cures::steps(Fault::new(transport(other), what).because(other), 0, ""),
    }
}

/// The code of a server's error; its words tell apart what shares a number. Storage engines put the system's own number into them.
pub fn server(number: u16, message: &str) -> Code {
    let full = || {
        message.contains("No space left")
            || ["errno: 28", "error 28", "Errcode: 28", "OS errno 28"].iter().any(|words| message.contains(words))
    };
    match number {
        // Wrong password, no account for this host, one that is locked or whose password has ended, a plugin that we do not have.
        1045 | 1130 | 1251 | 1275 | 1698 | 1820 | 1862 | 3118 | 3955 | 4151 => Code::AuthFailed,
        // 1095: a session of somebody else's; 1148, 3948 and 4166: LOCAL INFILE is off; 1419: a routine where a binary log is written.
        1044 | 1095 | 1142 | 1143 | 1148 | 1227 | 1370 | 1410 | 1419 | 1873 | 3948 | 4166 => Code::PermissionDenied,
        1290 if message.contains("read-only") || message.contains("read_only") || message.contains("READ_ONLY") => Code::ServerReadOnly,
        1290 => Code::PermissionDenied,
        1036 | 1792 | 1836 | 3100 => Code::ServerReadOnly,
        1008 | 1049 => Code::DatabaseMissing,
        1040 | 1203 | 1226 => Code::TooManyConnections,
        1037 | 1038 | 1041 | 1135 | 5 => Code::ServerOutOfMemory,
        1205 | 1222 | 3572 => Code::LockTimeout,
        1206 => Code::LockTableFull,
        1213 | 1614 => Code::Deadlock,
        // A row or a definition that is not what it was when the statement began.
        1020 | 1412 | 1637 | 3058 => Code::Conflict,
        1021 | 1114 => Code::ServerDiskFull,
        3 | 20 | 1004..=1006 | 1023 | 1026 | 1030 | 1878 if full() => Code::ServerDiskFull,
        3 | 20 | 1023 | 1024 | 1026 | 1878 => Code::Io,
        // Tables that are damaged on the server.
        126 | 127 | 144 | 145 | 1034 | 1035 | 1194 | 1195 | 1877 => Code::Incomplete,
        1053 | 1077..=1080 | 1129 | 1152 | 1158..=1161 | 1184 | 1218 | 1927 | 2006 | 2013 | 3032 | 3168 | 3169 | 4031 => {
            Code::ServerUnavailable
        }
        1317 => Code::Cancelled,
        1969 | 3024 => Code::StatementTimeout,
        3159 => Code::TlsFailed,
        1007 | 1050 | 1060 | 1061 | 1304 | 1359 | 1537 | 1826 | 3822 | 4001 => Code::DuplicateObject,
        1396 if message.contains("CREATE") => Code::DuplicateObject,
        1133 | 1141 | 1396 | 1449 | 3162 | 3523 => Code::MissingRole,
        1115 | 1273 => Code::MissingCollation,
        1126 | 1127 | 1524 => Code::MissingLibrary,
        1051 | 1054 | 1091 | 1109 | 1146 | 1176 | 1286 | 1298 | 1305 | 1356 | 1360 | 1539 | 1824 | 4091 => Code::MissingObject,
        1022 | 1048 | 1062 | 1169 | 1216 | 1217 | 1364 | 1451 | 1452 | 1526 | 1557 | 1586 | 1748 | 1761 | 1762 | 3819 | 4025 => {
            Code::ConstraintViolated
        }
        1300 | 1366 | 1977 | 3854 => Code::Encoding,
        1264 | 1265 | 1292 | 1406 | 1690 => Code::OutOfRange,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_codes() {
        for (number, message, code) in [
            (1045, "Access denied for user 'a'@'h' (using password: YES)", Code::AuthFailed),
            (1044, "", Code::PermissionDenied),
            (1227, "", Code::PermissionDenied),
            (1040, "Too many connections", Code::TooManyConnections),
            (1205, "", Code::LockTimeout),
            (1213, "", Code::Deadlock),
            (1114, "The table 't' is full", Code::ServerDiskFull),
            (1030, "Got error 28 \"No space left on device\" from storage engine InnoDB", Code::ServerDiskFull),
            (1030, "Got error 168 'Unknown (generic) error from engine'", Code::SqlFailed),
            (3, "Error writing file '/tmp/MYx' (OS errno 28 - No space left on device)", Code::ServerDiskFull),
            (1026, "Error writing file './a.frm' (errno: 5)", Code::Io),
            (1005, "Can't create table `a`.`b` (errno: 28 \"No space left on device\")", Code::ServerDiskFull),
            (1005, "Can't create table `a`.`b` (errno: 150 \"Foreign key constraint is incorrectly formed\")", Code::SqlFailed),
            (
                1290,
                "The MySQL server is running with the --super-read-only option so it cannot execute this statement",
                Code::ServerReadOnly,
            ),
            (1290, "The MariaDB server is running with the --secure-file-priv option", Code::PermissionDenied),
            (1396, "Operation CREATE USER failed for 'a'@'%'", Code::DuplicateObject),
            (1396, "Operation DROP USER failed for 'a'@'%'", Code::MissingRole),
            (1317, "", Code::Cancelled),
            (1969, "", Code::StatementTimeout),
            (1053, "", Code::ServerUnavailable),
            (1062, "", Code::ConstraintViolated),
            (1194, "", Code::Incomplete),
            (1064, "", Code::SqlFailed),
        ] {
            assert_eq!(server(number, message), code, "{number} {message}");
        }
    }
}
