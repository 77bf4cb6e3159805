//! libpq's password file (PostgreSQL documentation, section 34.16 "The Password File"; fe-connect.c, passwordFromFile).

use crate::domain::Connection;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a password file had.
pub enum Found {
    /// The password of the first line that matches. Handed to a secret at once.
    Password(String),
    /// No line matches, or there is no file.
    Nothing,
    /// The file is ignored, and why.
    Ignored(String),
}

/// Looks a connection to a database up in a file. A file that others may read is ignored, as libpq does.
pub fn look_up(path: &Path, connection: &Connection, database: &str) -> Found {
    let Ok(meta) = std::fs::metadata(path) else { return Found::Nothing };
    if !meta.is_file() {
        return Found::Ignored(format!("password file {} is not a plain file", path.display()));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Found::Ignored(format!(
            "password file {} is ignored: others may read it (cure: chmod 600 {})",
            path.display(),
            shell_words::quote(&path.display().to_string())
        ));
    }
    // A file of passwords in some 8-bit encoding is still a password file.
    match std::fs::read(path) {
        Ok(bytes) => find(&String::from_utf8_lossy(&bytes), connection, database).map_or(Found::Nothing, Found::Password),
        Err(error) => Found::Ignored(format!("password file {} cannot be read: {error}", path.display())),
    }
}

/// The password of the first line that matches.
pub fn find(text: &str, connection: &Connection, database: &str) -> Option<String> {
    // libpq looks a connection through the default socket folder up as "localhost", one through another folder by its path.
    let is_default_socket = matches!(connection.host.trim_end_matches('/'), "/tmp" | "/var/run/postgresql" | "/run/postgresql");
    let host = if is_default_socket { "localhost" } else { connection.host.as_str() };
    let port = connection.port.to_string();
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut rest = line;
        let matched = [host, &port, database, &connection.user].iter().all(|wanted| match field(rest) {
            Some((field, tail)) => {
                rest = tail;
                field.is_any || field.text == **wanted
            }
            None => false,
        });
        if matched {
            return Some(unescape(rest));
        }
    }
    None
}

struct Field {
    text: String,
    /// A bare `*`; an escaped one stands for itself.
    is_any: bool,
}

/// The next field, up to a colon that is not escaped, and what follows it.
fn field(text: &str) -> Option<(Field, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ':' => {
                let raw = &text[..at];
                return Some((Field { text: unescape(raw), is_any: raw == "*" }, &text[at + 1..]));
            }
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}
