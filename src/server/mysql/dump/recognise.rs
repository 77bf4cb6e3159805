//! What a file is, by its first bytes; what a folder is, by its `metadata`.

use super::folder::{self, Files};
use super::{Facts, Form, SqlDump};
use crate::domain::{Fault, Product};
use crate::server::dump::{Input, Wrapper, unreadable};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How much of a file is looked at.
const HEAD: usize = 16 << 10;

/// How much of its end.
const TAIL: u64 = 4096;

/// Whether a file or folder is a dump of mysqldump's, mariadb-dump's or mydumper's, and what it says of itself. Reads little.
pub fn recognise(path: &Path) -> Result<Option<SqlDump>, Fault> {
    let failed = |error: io::Error| unreadable(path, &error);
    let meta = std::fs::metadata(path).map_err(failed)?;
    if meta.is_dir() {
        return folder(path);
    }
    if !meta.is_file() {
        return Ok(None);
    }
    let raw = head(path, None).map_err(failed)?;
    let wrapper = Wrapper::of(&raw);
    let head = match wrapper {
        None => raw,
        Some(_) => match head(path, wrapper) {
            Ok(head) => head,
            // Three letters are bzip2's whole magic, with which any text may begin.
            Err(_) if wrapper == Some(Wrapper::Bzip2) => return Ok(None),
            Err(error) => return Err(failed(error)),
        },
    };
    let Some(mut facts) = script(&head) else { return Ok(None) };
    if wrapper.is_none() {
        match tail(path).map_err(failed)? {
            Some(created) => facts.created = created,
            None => facts.incomplete = Some(CUT.to_owned()),
        }
    }
    Ok(Some(SqlDump { path: path.to_owned(), form: Form::Script, wrapper, bytes: meta.len(), facts }))
}

/// What is missing of a script that ends too early.
pub const CUT: &str = "its last line is not \"-- Dump completed\": it is cut off, or was made with --skip-comments";

/// The first bytes of what is in a file; fewer where it cannot be read further.
fn head(path: &Path, wrapper: Option<Wrapper>) -> io::Result<Vec<u8>> {
    let mut input = Input::open(path, wrapper)?;
    let mut head = vec![0; HEAD];
    let mut length = 0;
    while length < HEAD {
        match input.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if wrapper.is_none() => return Err(error),
            // What is compressed may be cut or damaged: what came before says what it is.
            Err(_) => break,
        }
    }
    head.truncate(length);
    Ok(head)
}

/// What a script says in its first comments. mysqldump and mariadb-dump write `-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)`.
fn script(head: &[u8]) -> Option<Facts> {
    let start = &head[..head.len().min(4096)];
    if memchr::memchr(0, start).is_some() {
        return None;
    }
    let text = String::from_utf8_lossy(head);
    let lines = || text.lines().map(|line| line.trim_end_matches('\r')).take(40);
    let first = lines().find(|line| line.starts_with("-- MySQL dump ") || line.starts_with("-- MariaDB dump "))?;
    let maria = first.starts_with("-- MariaDB") || first.contains("MariaDB");
    let version = first.split_once("Distrib ").map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default());
    let server = lines().find_map(|line| line.strip_prefix("-- Server version")).map(|rest| rest.trim().to_owned());
    let database = lines().find_map(|line| line.strip_prefix("-- Host: ")?.split_once("    Database: ").map(|(_, name)| name.to_owned()));
    // The program's name is its product's; the server's version says more than the program's.
    let product = match &server {
        Some(version) if version.contains("MariaDB") => Product::Mariadb,
        Some(_) => Product::Mysql,
        None if maria => Product::Mariadb,
        None => Product::Mysql,
    };
    let tool = format!("{} {}", if maria { "mariadb-dump" } else { "mysqldump" }, version.unwrap_or_default());
    let database = database.filter(|name| !name.is_empty());
    Some(Facts { tool: tool.trim_end().to_owned(), product, server, database, created: None, incomplete: None })
}

/// When a script was completed, as its last line says; none where it has no such line.
fn tail(path: &Path) -> io::Result<Option<Option<String>>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(completed(&String::from_utf8_lossy(&tail)))
}

/// What the last line of a complete script says: `-- Dump completed on 2026-11-23 13:35:42`, or without a time.
pub fn completed(tail: &str) -> Option<Option<String>> {
    let line = tail.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let rest = line.strip_prefix("-- Dump completed")?;
    Some(rest.strip_prefix(" on ").map(|when| when.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn folder(path: &Path) -> Result<Option<SqlDump>, Fault> {
    let Some((files, bytes)) = Files::find(path)? else { return Ok(None) };
    let facts = folder::facts(path, &files).map_err(|error| unreadable(path, &error))?;
    Ok(Some(SqlDump { path: path.to_owned(), form: Form::Folder(files), wrapper: None, bytes, facts }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_say_what_they_are() {
        let mysql = "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n--\n-- Host: localhost    Database: a b\n-- ---\n-- Server version\t9.7.4-2\n";
        let facts = script(mysql.as_bytes()).expect("a dump");
        assert_eq!((facts.tool.as_str(), facts.product, facts.server.as_deref()), ("mysqldump 9.7.4", Product::Mysql, Some("9.7.4-2")));
        assert_eq!(facts.database.as_deref(), Some("a b"));
        let maria = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n--\n-- Host: localhost    Database: \n";
        let facts = script(maria.as_bytes()).expect("a dump");
        assert_eq!((facts.tool.as_str(), facts.product, facts.database), ("mariadb-dump 10.11.19-MariaDB", Product::Mariadb, None));
        let old = "-- MySQL dump 10.16  Distrib 10.1.48-MariaDB, for debian-linux-gnu (x86_64)\n";
        assert_eq!(script(old.as_bytes()).map(|facts| facts.product), Some(Product::Mariadb));
        for other in ["-- PostgreSQL database dump\n", "CREATE TABLE a (i int);", "", "-- MySQL dump\0"] {
            assert_eq!(script(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(completed("x\n-- Dump completed on 2026-11-23  3:35:42\n\n"), Some(Some("2026-11-23 3:35:42".into())));
        assert_eq!(completed("-- Dump completed\n"), Some(None));
        assert_eq!(completed("INSERT INTO `t` VALUES (1);\n"), None);
    }
}
