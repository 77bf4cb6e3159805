//! Reads an `archive_command`: which program it runs, and into which folder the log goes. Pure; runs nothing and looks at no file.
//!
//! It reads shell as people write it there: quotes, tests before it, pipes, redirections, `sh -c`. What it cannot follow it does not guess at: the
//! folder stays unknown then.

use crate::domain::redact::{MASK, redact};
use crate::domain::text::clean;
use crate::domain::wal::{CommandKind, Source};
use std::path::{Path, PathBuf};

/// How deep `sh -c` in `sh -c` is followed.
const DEEPEST: u32 = 4;

/// A piece of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Word(String),
    /// Something that ends a simple command: `&&`, `|`, `;`, a newline, a bracket.
    End,
    /// `>` or `>>`: the next word is a file that is written.
    Into,
    /// `<` and what else takes a word of its own.
    From,
}

/// What a command does with the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    kind: CommandKind,
    dir: Option<PathBuf>,
    /// The name of an option file or stanza that tells more.
    stanza: Option<String>,
    config: Option<PathBuf>,
}

/// What an `archive_command` (the setting's text) runs and where it puts the log. The folder of pgBackRest is that of `--repo1-path` or of its
/// configuration, which only [`pgbackrest_folder`] reads.
pub fn read(command: &str) -> Source {
    let found = found(command);
    Source { dir: found.dir, command: Some(shown(command)), kind: found.kind }
}

/// Where pgBackRest keeps its repository: given, or as its configuration says, with the stanza's folder of the log in it where it is named.
pub fn pgbackrest_folder(command: &str, read: impl Fn(&Path) -> Option<String>) -> Option<PathBuf> {
    let found = found(command);
    if found.kind != CommandKind::PgBackRest {
        return None;
    }
    let from_file = || {
        let places = [PathBuf::from("/etc/pgbackrest/pgbackrest.conf"), PathBuf::from("/etc/pgbackrest.conf")];
        let text = found.config.iter().chain(&places).find_map(|path| read(path))?;
        let value = |line: &str| Some(line.split_once('=').filter(|(name, _)| name.trim() == "repo1-path")?.1.trim().to_owned());
        text.lines().find_map(value).map(PathBuf::from)
    };
    let repository = found.dir.clone().or_else(from_file)?;
    Some(match &found.stanza {
        Some(stanza) if !stanza.contains('/') => repository.join("archive").join(stanza),
        _ => repository,
    })
}

/// The command as it may be shown: without secrets.
pub fn shown(command: &str) -> String {
    const SECRET: [&str; 8] = ["secret", "password", "passphrase", "token", "_key=", "-key=", "pass:", "pass="];
    let mut out = redact(command).into_owned();
    for word in words(command) {
        let small = word.to_ascii_lowercase();
        let value = SECRET.iter().filter_map(|mark| small.find(mark).map(|at| at + mark.len())).min().and_then(|at| match word.get(at..) {
            Some(rest) if small[..at].ends_with(['=', ':']) => Some(rest),
            Some(rest) => rest.split_once('=').map(|(_, value)| value),
            None => None,
        });
        // A path to a key is no secret, and says where to look.
        if let Some(value) = value.filter(|value| !value.is_empty() && !value.starts_with('/')) {
            out = out.replace(value, MASK);
        }
    }
    clean(&out)
}

fn words(command: &str) -> Vec<String> {
    pieces(command)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Word(word) => Some(word),
            _ => None,
        })
        .collect()
}

fn found(command: &str) -> Found {
    // A server that archives nothing shows this in place of the setting.
    if command.trim() == "(disabled)" {
        return Found::default();
    }
    script(command, 0)
}

/// A whole line: the best of its simple commands.
fn script(text: &str, depth: u32) -> Found {
    let mut best = Found::default();
    let pieces = pieces(text);
    for simple in pieces.split(|piece| *piece == Piece::End) {
        let found = simple_command(simple, depth);
        // What is known better stands first; among equals the later one, since what comes first only prepares (`cp x.tmp && mv`).
        if rank(&found) >= rank(&best) {
            best = found;
        }
    }
    best
}

const fn rank(found: &Found) -> u8 {
    match (found.kind, &found.dir) {
        (CommandKind::Nothing, _) => 0,
        (CommandKind::Other, None) => 1,
        (CommandKind::Other, Some(_)) => 2,
        (CommandKind::Copy, None) => 3,
        (CommandKind::Copy, Some(_)) => 4,
        _ => 5,
    }
}

fn simple_command(pieces: &[Piece], depth: u32) -> Found {
    let mut words: Vec<&str> = Vec::new();
    let mut written = None;
    let mut pieces = pieces.iter();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Word(word) => words.push(word),
            Piece::Into => {
                if let Some(Piece::Word(word)) = pieces.next() {
                    written = Some(word.as_str());
                }
            }
            Piece::From => drop(pieces.next()),
            Piece::End => {}
        }
    }
    let mut environment = Vec::new();
    let Some((program, arguments)) = unwrapped(&words, &mut environment) else { return Found::default() };
    match program {
        "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" => {
            match arguments.iter().position(|word| word.starts_with('-') && word.contains('c')) {
                Some(at) if depth < DEEPEST => arguments.get(at + 1).map_or_else(Found::default, |inner| script(inner, depth + 1)),
                _ => Found { kind: CommandKind::Other, ..Found::default() },
            }
        }
        "true" | ":" | "exit" | "test" | "[" | "[[" | "mkdir" | "echo" | "printf" | "logger" | "sync" | "chmod" | "chown" | "touch"
        | "sleep" | "false" | "then" | "if" | "fi" | "else" | "cd" | "set" | "umask" | "date" => {
            // `if test …; then cp …; fi`: the words of the language stand before a command.
            match (program, arguments) {
                ("then" | "else" | "if", [_, ..]) => {
                    let inner: Vec<Piece> = arguments.iter().map(|word| Piece::Word((*word).to_owned())).collect();
                    let found = simple_command(&inner, depth);
                    with_output(found, written)
                }
                _ => Found::default(),
            }
        }
        "dbbackup" => dbbackup(arguments),
        "pgbackrest" => pgbackrest(arguments),
        "wal-g" | "wal-e" => wal_g(arguments, &environment),
        "barman-wal-archive" | "barman-cloud-wal-archive" => Found { kind: CommandKind::Barman, ..Found::default() },
        _ => with_output(copier(program, arguments), written),
    }
}

/// What a program writes by redirection goes there.
fn with_output(found: Found, written: Option<&str>) -> Found {
    match written.and_then(folder) {
        Some(dir) if found.dir.is_none() && !dir.starts_with("/dev") => Found { kind: CommandKind::Copy, dir: Some(dir), ..found },
        _ => found,
    }
}

/// The program without what stands before it: settings of the environment, `nice`, `timeout 60`, `sudo -u …`.
fn unwrapped<'a>(words: &'a [&'a str], environment: &mut Vec<(&'a str, &'a str)>) -> Option<(&'a str, &'a [&'a str])> {
    let mut rest = words;
    loop {
        let (first, behind) = rest.split_first()?;
        let name = first.rsplit('/').next().unwrap_or(first);
        if *first == "!" || *first == "{" || *first == "}" {
            rest = behind;
        } else if let Some((name, value)) = first.split_once('=').filter(|(name, _)| is_variable(name)) {
            environment.push((name, value));
            rest = behind;
        } else {
            // How many words a wrapper takes besides its options.
            let takes = match name {
                "env" | "nice" | "ionice" | "exec" | "command" | "time" | "setsid" | "nohup" | "sudo" | "chronic" | "runuser"
                | "stdbuf" => 0,
                "timeout" | "flock" | "envdir" | "chrt" | "taskset" => 1,
                _ => return Some((name, behind)),
            };
            rest = behind;
            while let Some((option, more)) = rest.split_first().filter(|(option, _)| option.starts_with('-')) {
                rest = more;
                let is_pair = matches!(*option, "-n" | "-c" | "-u" | "-g" | "-k" | "-s" | "-w" | "-E" | "--signal" | "--kill-after")
                    && name != "exec";
                if is_pair && let Some((_, more)) = rest.split_first() {
                    rest = more;
                }
                if *option == "--" {
                    break;
                }
            }
            rest = rest.get(takes..)?;
        }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The value of an option, `--name=X` or `--name X`.
fn option<'a>(arguments: &[&'a str], name: &str) -> Option<&'a str> {
    let joined = arguments.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    joined.or_else(|| arguments.iter().position(|word| *word == name).and_then(|at| arguments.get(at + 1).copied()))
}

fn dbbackup(arguments: &[&str]) -> Found {
    let archives = arguments.windows(2).any(|two| two == ["wal", "archive"]);
    let dir = option(arguments, "--archive-dir").and_then(local);
    Found { kind: if archives { CommandKind::Dbbackup } else { CommandKind::Other }, dir, ..Found::default() }
}

fn pgbackrest(arguments: &[&str]) -> Found {
    let dir = option(arguments, "--repo1-path").or_else(|| option(arguments, "--repo-path")).and_then(local);
    let config = option(arguments, "--config").map(PathBuf::from);
    Found { kind: CommandKind::PgBackRest, dir, stanza: option(arguments, "--stanza").map(str::to_owned), config }
}

fn wal_g(arguments: &[&str], environment: &[(&str, &str)]) -> Found {
    let named = |wanted: &str| environment.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let config = option(arguments, "--config").map(PathBuf::from);
    Found { kind: CommandKind::WalG, dir: named("WALG_FILE_PREFIX").and_then(local), stanza: None, config }
}

/// `cp`, and whatever else writes the file somewhere.
fn copier(program: &str, arguments: &[&str]) -> Found {
    let copy = |dir: Option<PathBuf>| Found { kind: CommandKind::Copy, dir, ..Found::default() };
    // Options that take a word of their own, so that it is not taken for a place.
    let takes_word: &[&str] = match program {
        "cp" | "mv" | "ln" => &["-t", "-S"],
        "install" => &["-t", "-m", "-o", "-g", "-S"],
        "rsync" => &["-e", "--rsh", "--rsync-path", "--exclude", "--bwlimit", "--timeout", "-T"],
        "scp" => &["-i", "-P", "-o", "-F", "-l", "-c"],
        "zstd" | "pzstd" | "xz" | "lz4" | "gpg" | "gpg2" | "age" | "openssl" => {
            &["-o", "-r", "-i", "-out", "-in", "-pass", "-k", "--output", "-T"]
        }
        _ => &[],
    };
    let mut places = Vec::new();
    let mut skip = false;
    for word in arguments {
        if skip {
            skip = false;
        } else if takes_word.contains(word) {
            skip = true;
        } else if !word.starts_with('-') {
            places.push(*word);
        }
    }
    match program {
        "cp" | "mv" | "install" | "ln" => {
            let given = option(arguments, "-t").or_else(|| option(arguments, "--target-directory"));
            match given {
                Some(dir) => copy(local(dir)),
                None => copy(places.last().filter(|_| places.len() > 1).and_then(|place| folder(place))),
            }
        }
        "rsync" | "scp" | "sftp" | "rclone" | "aws" | "gsutil" | "azcopy" | "s3cmd" => {
            let Some(place) = places.last() else { return copy(None) };
            // How Barman is fed by rsync: barman@host:INCOMING_WALS_DIRECTORY/%f.
            let is_barman = place.starts_with("barman@") || place.contains("/incoming/%f") || place.contains("/incoming/\"%f");
            let kind = if is_barman { CommandKind::Barman } else { CommandKind::Copy };
            Found { kind, dir: folder(place), ..Found::default() }
        }
        "dd" => copy(arguments.iter().find_map(|word| word.strip_prefix("of=")).and_then(folder)),
        "tee" => copy(places.first().and_then(|place| folder(place))),
        "cat" | "gzip" | "pigz" | "bzip2" | "pbzip2" | "lzop" | "zstd" | "pzstd" | "xz" | "lz4" | "lzma" | "brotli" | "gpg" | "gpg2"
        | "age" | "openssl" => {
            let named = ["-o", "--output", "-out"].iter().find_map(|name| option(arguments, name));
            // `lz4 %p /wal/%f.lz4` names its output behind its input.
            let second = if program == "lz4" { places.get(1).copied() } else { None };
            match named.or(second).and_then(folder) {
                Some(dir) => copy(Some(dir)),
                None => Found { kind: CommandKind::Other, ..Found::default() },
            }
        }
        _ => Found { kind: CommandKind::Other, ..Found::default() },
    }
}

/// The folder of a place that a file is written to: that of `/wal/%f.gz` is `/wal`.
fn folder(place: &str) -> Option<PathBuf> {
    let path = local(place)?;
    match place.find("%f") {
        Some(_) => path.parent().filter(|dir| !dir.as_os_str().is_empty()).map(Path::to_owned),
        None => Some(path),
    }
}

/// A folder on this file system, if it is one and is said in plain words.
fn local(place: &str) -> Option<PathBuf> {
    let before_slash = place.split('/').next().unwrap_or_default();
    let is_remote = before_slash.contains(':') || place.contains("://");
    let trimmed = if place.len() > 1 { place.trim_end_matches('/') } else { place };
    (!place.is_empty() && !is_remote && !place.contains(['$', '`', '*', '?'])).then(|| PathBuf::from(trimmed))
}

/// Splits as a shell does. Variables are not filled in: the words keep their `$`.
fn pieces(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars().peekable();
    let flush = |word: &mut Option<String>, out: &mut Vec<Piece>| {
        if let Some(word) = word.take() {
            // The server's own way to write a percent sign.
            out.push(Piece::Word(word.replace("%%", "%")));
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                word.extend(chars.by_ref().take_while(|c| *c != '\''));
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' if chars.peek().is_some_and(|next| matches!(next, '"' | '\\' | '$' | '`')) => word.extend(chars.next()),
                        c => word.push(c),
                    }
                }
            }
            '\\' => {
                if let Some(c) = chars.next().filter(|c| *c != '\n') {
                    word.get_or_insert_default().push(c);
                }
            }
            '>' | '<' => {
                // `2>` is about a channel, not a word; what goes to the channel of errors is no archive.
                let channel = word.take_if(|word| word.len() == 1 && word.starts_with(|c: char| c.is_ascii_digit()));
                flush(&mut word, &mut out);
                while chars.peek().is_some_and(|next| matches!(next, '>' | '<' | '|')) {
                    chars.next();
                }
                if chars.peek() == Some(&'&') {
                    chars.next();
                    out.push(Piece::From);
                } else {
                    let is_output = c == '>' && channel.is_none_or(|channel| channel == "1");
                    out.push(if is_output { Piece::Into } else { Piece::From });
                }
            }
            '&' | '|' | ';' | '\n' | '(' | ')' => {
                flush(&mut word, &mut out);
                out.push(Piece::End);
            }
            '#' if word.is_none() => {
                chars.by_ref().find(|c| *c == '\n');
                out.push(Piece::End);
            }
            c if c.is_whitespace() => flush(&mut word, &mut out),
            c => word.get_or_insert_default().push(c),
        }
    }
    flush(&mut word, &mut out);
    out
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
