//! What a file is, by its first bytes.

use super::members::{self, Member};
use super::{Dump, Facts, Form, Input, Item, Wrapper, damaged, unreadable};
use crate::domain::Fault;
use crate::server::postgres::toc::{self, Entry, Head, Texts};
use std::io::{self, Read};
use std::path::Path;

/// How much of a file is looked at.
const HEAD: usize = 16 << 10;

/// Members of a tar that are passed on the way to its `toc.dat`.
const MEMBERS: usize = 100_000;

/// Whether a file or folder is a dump of pg_dump's or pg_dumpall's, and what it says of itself. None: it is something else, or empty. A
/// fault: it is one, but what it says of itself cannot be read. Reads little, unless the file is a packed folder.
pub fn recognise(path: &Path) -> Result<Option<Dump>, Fault> {
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
        // Its magic is three letters, with which any text may begin.
        Some(Wrapper::Bzip2) if !is_bzip2(&raw) => return Ok(None),
        Some(_) => head(path, wrapper).map_err(failed)?,
    };
    let dump = |form, facts| Dump { path: path.to_owned(), form, wrapper, bytes: meta.len(), facts };
    if head.starts_with(b"PGDMP") {
        let (head, entries) =
            toc::read(Input::open(path, wrapper).map_err(failed)?, Texts::Lossy).map_err(|damage| damaged(path, &damage))?;
        return Ok(Some(dump(Form::Custom, facts(head, entries))));
    }
    if let Some(name) = members::first_name(&head).filter(|name| members::is_of_a_dump(name)) {
        return tar(path, wrapper, &name).map(|found| found.map(|(form, facts)| dump(form, facts)));
    }
    Ok(script(&head).map(|(form, facts)| dump(form, facts)))
}

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

/// `BZh`, a level, and the digits of pi.
fn is_bzip2(head: &[u8]) -> bool {
    head.get(3).is_some_and(u8::is_ascii_digit) && head.get(4..10) == Some(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
}

fn folder(path: &Path) -> Result<Option<Dump>, Fault> {
    let toc_path = path.join("toc.dat");
    let input = match Input::open(&toc_path, None) {
        Ok(input) => input,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(unreadable(&toc_path, &error)),
    };
    let (head, entries) = match toc::read(input, Texts::Lossy) {
        Ok(read) => read,
        Err(toc::Damage::Foreign) => return Ok(None),
        Err(damage) => return Err(damaged(&toc_path, &damage)),
    };
    let files = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let bytes = files.filter_map(|file| file.ok()?.metadata().ok()).filter(|meta| meta.is_file()).map(|meta| meta.len()).sum();
    Ok(Some(Dump { path: path.to_owned(), form: Form::Folder, wrapper: None, bytes, facts: facts(head, entries) }))
}

/// A tar is a dump when there is a `toc.dat` in it.
fn tar(path: &Path, wrapper: Option<Wrapper>, first: &str) -> Result<Option<(Form, Facts)>, Fault> {
    let mut input = Input::open(path, wrapper).map_err(|error| unreadable(path, &error))?;
    for number in 0..MEMBERS {
        match members::next(&mut input) {
            Ok(Some(Member { name, .. })) if name.rsplit('/').next() == Some("toc.dat") => {
                let (head, entries) = toc::read(&mut input, Texts::Lossy).map_err(|damage| damaged(path, &damage))?;
                // pg_dump calls both formats tar in the head, but only in its own tar the table of contents comes first.
                let form = if number == 0 && name == "toc.dat" { Form::Tar } else { Form::PackedFolder };
                return Ok(Some((form, facts(head, entries))));
            }
            Ok(Some(member)) => {
                if let Err(error) = input.skip(member.padded()) {
                    return Err(unreadable(path, &error));
                }
            }
            Ok(None) => return Ok(None),
            // Its first member was that of a dump.
            Err(error) => return Err(unreadable(path, &error).at("First member", first)),
        }
    }
    Ok(None)
}

fn facts(head: Head, entries: Vec<Entry>) -> Facts {
    let [second, minute, hour, day, month, year, _] = head.date;
    let created = format!("{:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}", year + 1900, month + 1);
    let create = entries.iter().find(|entry| entry.kind == "DATABASE").map(|entry| entry.definition.clone());
    let items = entries
        .into_iter()
        .map(|entry| Item {
            id: entry.id,
            kind: entry.kind,
            schema: entry.namespace,
            name: entry.tag,
            owner: entry.owner,
            place: entry.place,
            copies: entry.copies,
            section: entry.section,
        })
        .collect();
    Facts {
        version: Some(format!("1.{}", head.minor)),
        created: Some(created),
        database: head.database,
        server: head.server.map(|version| short(&version)),
        tool: head.tool.map(|version| short(&version)),
        items,
        create,
    }
}

/// `15.18 (Debian 15.18-0+deb12u1)` is 15.18.
fn short(version: &str) -> String {
    version.split_whitespace().next().unwrap_or_default().to_owned()
}

/// A script says what it is in its first comment.
fn script(head: &[u8]) -> Option<(Form, Facts)> {
    let start = &head[..head.len().min(4096)];
    if memchr::memchr(0, start).is_some() {
        return None;
    }
    let text = String::from_utf8_lossy(head);
    let lines = || text.lines().map(|line| line.trim_end_matches('\r'));
    let form = lines().take(40).find_map(|line| match line {
        "-- PostgreSQL database dump" => Some(Form::Script),
        "-- PostgreSQL database cluster dump" => Some(Form::ClusterScript),
        _ => None,
    })?;
    let said = |prefix: &str| lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned);
    let facts = Facts {
        created: said("-- Started on "),
        server: said("-- Dumped from database version ").map(|version| short(&version)),
        tool: said("-- Dumped by pg_dump version ").map(|version| short(&version)),
        ..Facts::default()
    };
    Some((form, facts))
}
