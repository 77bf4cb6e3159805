//! The kind of failure that a text is about, for an error that was pasted. By names and numbers where there are any, by fixed words else.

use crate::domain::{Code, Fault};

/// Words that programs say, in small letters, with what they mean. The first that is found counts, so that the more particular ones come
/// first.
const WORDS: &[(&str, Code)] = &[
    ("max_locks_per_transaction", Code::LockTableFull),
    ("out of shared memory", Code::LockTableFull),
    ("lock timeout", Code::LockTimeout),
    ("could not obtain lock", Code::LockTimeout),
    ("deadlock detected", Code::Deadlock),
    ("could not serialize access", Code::Conflict),
    ("conflict with recovery", Code::Conflict),
    ("remaining connection slots are reserved", Code::TooManyConnections),
    ("too many clients already", Code::TooManyConnections),
    ("too many connections", Code::TooManyConnections),
    ("no more connections allowed", Code::TooManyConnections),
    ("password authentication failed", Code::AuthFailed),
    ("no password supplied", Code::AuthFailed),
    ("password missing", Code::AuthFailed),
    ("expired password", Code::AuthFailed),
    ("password has expired", Code::AuthFailed),
    ("no pg_hba.conf entry", Code::AuthFailed),
    ("peer authentication failed", Code::AuthFailed),
    ("ident authentication failed", Code::AuthFailed),
    ("authentication failed", Code::AuthFailed),
    ("access denied for user", Code::AuthFailed),
    ("is not allowed to connect to this", Code::AuthFailed),
    ("lock wait timeout exceeded", Code::LockTimeout),
    ("deadlock found", Code::Deadlock),
    ("can't connect to local", Code::ConnectionRefused),
    ("server has gone away", Code::ServerUnavailable),
    ("lost connection to", Code::ServerUnavailable),
    ("could not extend file", Code::ServerDiskFull),
    ("could not write to file \"base/", Code::ServerDiskFull),
    ("could not write to file \"pg_wal", Code::ServerDiskFull),
    ("no space left on device", Code::DiskFull),
    ("disk quota exceeded", Code::DiskFull),
    ("read-only file system", Code::ReadOnlyFileSystem),
    ("could not translate host name", Code::HostUnknown),
    ("name or service not known", Code::HostUnknown),
    ("temporary failure in name resolution", Code::HostUnknown),
    ("no such host is known", Code::HostUnknown),
    ("failed to lookup address", Code::HostUnknown),
    ("no route to host", Code::HostUnknown),
    ("network is unreachable", Code::HostUnknown),
    ("connection refused", Code::ConnectionRefused),
    ("connection timed out", Code::ConnectTimeout),
    ("timeout expired", Code::ConnectTimeout),
    ("certificate", Code::TlsFailed),
    ("ssl error", Code::TlsFailed),
    ("server does not support ssl", Code::TlsFailed),
    ("tls handshake", Code::TlsFailed),
    ("starting up", Code::ServerUnavailable),
    ("shutting down", Code::ServerUnavailable),
    ("in recovery mode", Code::ServerUnavailable),
    ("not yet accepting connections", Code::ServerUnavailable),
    ("administrator command", Code::ServerUnavailable),
    ("server closed the connection", Code::ServerUnavailable),
    ("terminating connection", Code::ServerUnavailable),
    ("connection reset", Code::ServerUnavailable),
    ("server version mismatch", Code::ToolTooOld),
    ("command not found", Code::ToolMissing),
    ("unsupported version", Code::FormatTooNew),
    ("invalid page", Code::Incomplete),
    ("could not read block", Code::Incomplete),
    ("missing chunk number", Code::Incomplete),
    ("read-only transaction", Code::ServerReadOnly),
    ("unexpected end of file", Code::TruncatedBackup),
    ("checksum", Code::CorruptedBackup),
    ("does not match", Code::CorruptedBackup),
    ("permission denied for", Code::PermissionDenied),
    ("must be superuser", Code::PermissionDenied),
    ("must be owner", Code::PermissionDenied),
    ("permission denied", Code::FilePermission),
    ("too many open files", Code::TooManyFiles),
    ("input/output error", Code::Io),
    ("cannot allocate memory", Code::OutOfMemory),
    ("signal: 9", Code::OutOfMemory),
    ("out of memory", Code::ServerOutOfMemory),
    ("statement timeout", Code::StatementTimeout),
    ("extension control file", Code::MissingExtension),
    ("extension \"", Code::MissingExtension),
    ("role \"", Code::MissingRole),
    ("tablespace \"", Code::MissingTablespace),
    ("is not available", Code::MissingObject),
    ("does not exist", Code::MissingObject),
    ("already exists", Code::DuplicateObject),
];

/// An error from a text, wherever it was said.
pub fn fault(text: &str) -> Fault {
    let text = text.trim();
    let state = sqlstate(text);
    let fault = Fault::new(code(text, state.as_deref()), text);
    match state {
        Some(state) => fault.with_sqlstate(state),
        None => fault,
    }
}

fn code(text: &str, state: Option<&str>) -> Code {
    let words = || text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    // Our own output names its code.
    let named = words().find_map(|word| Code::ALL.iter().copied().find(|code| code.as_str() == word && word.len() > 4));
    let small = text.to_lowercase();
    let said = WORDS.iter().find(|(words, _)| small.contains(words)).map(|(_, code)| *code);
    let by_state = state.map(|state| crate::server::postgres::code(state, text)).filter(|code| *code != Code::SqlFailed);
    // "No such database" is said of a database that is in the words only.
    let missing = small.contains("database \"") && small.contains("does not exist");
    let by_number = number(text).map(|number| crate::server::mysql::code(number, text)).filter(|code| *code != Code::SqlFailed);
    named.or(by_state).or(by_number).or(missing.then_some(Code::DatabaseMissing)).or(said).unwrap_or(Code::SqlFailed)
}

/// A SQLSTATE in a text: behind that word, or as servers and programs write it, `ERROR:  53300: too many`.
fn sqlstate(text: &str) -> Option<String> {
    let is_state = |word: &str| {
        word.len() == 5 && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) && word.bytes().any(|b| b.is_ascii_digit())
    };
    let mut words = text.split(|c: char| c.is_whitespace() || ":,()[]='\"".contains(c)).filter(|word| !word.is_empty());
    let mut before = "";
    words.find_map(|word| {
        let named = matches!(before.to_ascii_uppercase().as_str(), "SQLSTATE" | "ERROR" | "FATAL" | "PANIC" | "CODE" | "STATE");
        before = word;
        (named && is_state(word)).then(|| word.to_owned())
    })
}

/// A number of MySQL's or MariaDB's in a text, as their programs write it, `ERROR 1045 (28000): Access denied`, or as we do, `(error 1045)`.
fn number(text: &str) -> Option<u16> {
    let places = text.match_indices("ERROR ").chain(text.match_indices("(error ")).map(|(at, word)| &text[at + word.len()..]);
    places.into_iter().find_map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let follows =
            rest.get(digits..).is_some_and(|rest| rest.starts_with(" (") || rest.starts_with(" at line") || rest.starts_with(')'));
        if (4..=5).contains(&digits) && follows { rest[..digits].parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_codes() {
        for (text, code) in [
            (
                "pg_dump: error: query failed: ERROR:  out of shared memory\nHINT:  You might need to increase max_locks_per_transaction.",
                Code::LockTableFull,
            ),
            ("FATAL:  sorry, too many clients already", Code::TooManyConnections),
            ("FATAL:  53300: remaining connection slots are reserved for roles with SUPERUSER", Code::TooManyConnections),
            ("psql: error: connection to server at \"db01\" (10.0.0.1), port 5432 failed: Connection refused", Code::ConnectionRefused),
            ("psql: error: could not translate host name \"db02\" to address: Name or service not known", Code::HostUnknown),
            ("FATAL:  password authentication failed for user \"backup\"", Code::AuthFailed),
            ("FATAL:  database \"shpo\" does not exist", Code::DatabaseMissing),
            ("ERROR:  relation \"orders\" does not exist", Code::MissingObject),
            ("write error: No space left on device (os error 28)", Code::DiskFull),
            ("ERROR:  could not extend file \"base/5/16384\": No space left on device", Code::ServerDiskFull),
            ("[FAIL] Backup failed: lock not granted                    LOCK_TIMEOUT", Code::LockTimeout),
            ("ERROR:  55P03: whatever it says", Code::LockTimeout),
            ("SQLSTATE: 28P01", Code::AuthFailed),
            ("ERROR:  canceling statement due to lock timeout", Code::LockTimeout),
            ("ERROR:  permission denied for table orders", Code::PermissionDenied),
            ("open /backup/x: permission denied", Code::FilePermission),
            ("ERROR 1045 (28000): Access denied for user 'app'@'db01' (using password: YES)", Code::AuthFailed),
            ("ERROR 1114 (HY000) at line 3: The table 'orders' is full", Code::ServerDiskFull),
            ("ERROR 1290 (HY000): The MariaDB server is running with the --read-only option", Code::ServerReadOnly),
            ("cannot load rows: Lock wait timeout exceeded; try restarting transaction (error 1205)", Code::LockTimeout),
            (
                "ERROR 2002 (HY000): Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock' (2)",
                Code::ConnectionRefused,
            ),
            ("ERROR 2013 (HY000): Lost connection to server during query", Code::ServerUnavailable),
            ("something nobody has ever seen", Code::SqlFailed),
        ] {
            assert_eq!(fault(text).code, code, "{text}");
        }
        assert_eq!(fault("FATAL:  53300: too many").sqlstate.as_deref(), Some("53300"));
        assert_eq!(fault("row 12345 of SQLSTATES").sqlstate, None);
    }
}
