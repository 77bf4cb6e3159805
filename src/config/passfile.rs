//! libpq's password file (PostgreSQL documentation, "The Password File"), read as libpq reads it: `passwordFromFile` and
//! `pwdfMatchesString` of its fe-connect.c. What the documentation leaves open is decided as there, and compared with psql by a test.

use crate::domain::Connection;
use secrecy::SecretString;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// What a password file had.
pub enum Found {
    /// The password of the first line that matches.
    Password(SecretString),
    /// No line matches, or there is no file.
    Nothing,
    /// The file is ignored, and why.
    Ignored(String),
}

/// What a line has to match.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Host name, address, or folder of the socket.
    pub host: &'a str,
    /// Port.
    pub port: u16,
    /// Database; none: whatever the line says.
    pub database: Option<&'a str>,
    /// Role.
    pub user: &'a str,
}

/// Looks a connection up in a file. One that others may read is ignored, as libpq does.
///
/// A role has one password on a server, whatever the database. So a line for another database than the one of the connection serves where
/// none fits better; libpq would need one for each.
pub fn look_up(path: &Path, connection: &Connection) -> Found {
    let shown = path.display();
    let ignored = |why: &str| Found::Ignored(format!("password file {shown} is ignored: {why}"));
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Found::Nothing,
        _ => ignored(&format!("it cannot be read: {error}")),
    };
    // Asked before it is opened, since opening a pipe would wait for somebody to write.
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return ignored("it is not a plain file"),
        Ok(_) => {}
        Err(error) => return unreadable(error),
    }
    let mut content = Zeroizing::new(Vec::new());
    let read = std::fs::File::open(path).and_then(|mut file| {
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 == 0 {
            file.read_to_end(&mut content)?;
        }
        Ok(mode)
    });
    match read {
        Ok(mode) if mode & 0o077 != 0 => {
            return ignored(&format!("others may read it (cure: chmod 600 {})", shell_words::quote(&shown.to_string())));
        }
        Ok(_) => {}
        Err(error) => return unreadable(error),
    }
    let by = |database| {
        names(&connection.host)
            .into_iter()
            .find_map(|host| find(&content, Wanted { host, port: connection.port, database, user: &connection.user }))
    };
    match by(Some(connection.database.as_str())).or_else(|| by(None)) {
        None => Found::Nothing,
        // The first line that matches counts, and libpq takes an empty password for none.
        Some(password) if password.is_empty() => Found::Nothing,
        Some(password) => match std::str::from_utf8(&password) {
            Ok(password) => Found::Password(SecretString::from(password)),
            Err(_) => ignored("the password that it has for this server is not UTF-8"),
        },
    }
}

/// Under which names a host may stand in the file. libpq looks the folder of sockets that it was built with up as "localhost", and only
/// so; which one that is, differs: /var/run/postgresql or /run/postgresql in distributions, /tmp in PostgreSQL's own build.
fn names(host: &str) -> Vec<&str> {
    match host {
        "" => vec!["localhost"],
        "/var/run/postgresql" => vec!["localhost", host],
        "/run/postgresql" | "/tmp" => vec![host, "localhost"],
        host => vec![host],
    }
}

/// The password of the first line that matches.
pub fn find(text: &[u8], wanted: Wanted<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let port = wanted.port.to_string();
    let mut line = Zeroizing::new(Vec::new());
    for part in text.split_inclusive(|byte| *byte == b'\n') {
        // libpq measures what it reads with strlen: behind a NUL everything is lost, the line's end too, so that the next line is joined.
        line.extend_from_slice(part.split(|byte| *byte == 0).next().unwrap_or_default());
        if !line.ends_with(b"\n") && part.ends_with(b"\n") {
            continue;
        }
        let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        if !line.starts_with(b"#") && end > 0 {
            let rest = after(&line[..end], Some(wanted.host))
                .and_then(|rest| after(rest, Some(&port)))
                .and_then(|rest| after(rest, wanted.database))
                .and_then(|rest| after(rest, Some(wanted.user)));
            if let Some(rest) = rest {
                return Some(unescape(rest));
            }
        }
        line.clear();
    }
    None
}

/// What follows a field that matches. A colon within a field needs no escape as long as it is what is looked for: `::1` matches itself.
fn after<'a>(rest: &'a [u8], wanted: Option<&str>) -> Option<&'a [u8]> {
    if let Some(rest) = rest.strip_prefix(b"*:") {
        return Some(rest);
    }
    let (mut at, mut matched) = (0, 0);
    while at < rest.len() {
        let escaped = rest[at] == b'\\';
        at += usize::from(escaped);
        let byte = *rest.get(at)?;
        let next = wanted.map(|wanted| wanted.as_bytes().get(matched));
        match next {
            // The end of what is looked for, or anything at all.
            Some(None) | None if byte == b':' && !escaped => return Some(&rest[at + 1..]),
            None => {}
            Some(next) if next == Some(&byte) => matched += 1,
            Some(_) => return None,
        }
        at += 1;
    }
    None
}

/// A password ends at a colon that is not escaped; a lone backslash at its end is one.
fn unescape(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut at = 0;
    while at < text.len() && text[at] != b':' {
        at += usize::from(text[at] == b'\\' && at + 1 < text.len());
        out.push(text[at]);
        at += 1;
    }
    out
}
