//! Option files of MySQL's and MariaDB's own clients (`~/.my.cnf`), read as they read them: `search_default_file_with_ext` of their
//! my_default.cc. A test compares it with my_print_defaults. Does not know what the options mean.

use crate::domain::{Code, Fault};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Files that include each other in a circle end here, as with the stock clients.
const DEEPEST: u32 = 10;

/// An option as written. Has no Debug: its value may be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name, with dashes between its words.
    pub name: String,
    /// Its value; none where it stands alone.
    pub value: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

/// The options of some groups in a file and what it includes, in the order in which they stand: the last of a name holds. A file that is not
/// there has none. One that anybody may write to is refused, and so is one that has a password and that others may read.
pub fn read(path: &Path, groups: &[&str]) -> Result<Vec<Written>, Fault> {
    let mut out = Vec::new();
    collect(path, groups, 0, &mut out)?;
    Ok(out)
}

fn collect(path: &Path, groups: &[&str], depth: u32, out: &mut Vec<Written>) -> Result<(), Fault> {
    let shown = path.display();
    let fault = |code, what: &str| Fault::new(code, what).at("File", shown.to_string());
    let mut content = Zeroizing::new(String::new());
    let read = std::fs::File::open(path).and_then(|mut file| {
        let meta = file.metadata()?;
        file.read_to_string(&mut content)?;
        Ok(meta.permissions().mode())
    });
    let mode = match read {
        Ok(mode) => mode,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(fault(Code::Config, "cannot read the option file of MySQL's clients").because(error)),
    };
    let closed = |fault: Fault| {
        fault
            .at("Mode", format!("{:04o}", mode & 0o7777))
            .step_run("Let only its owner read it:", format!("chmod 600 {}", shell_words::quote(&shown.to_string())))
    };
    if mode & 0o002 != 0 {
        return Err(closed(fault(Code::FilePermission, "anybody may write to the option file of MySQL's clients")));
    }
    let mut wanted = false;
    for (at, line) in content.lines().enumerate() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("!includedir") {
            for file in included(Path::new(rest.trim())) {
                deeper(&file, groups, depth, out)?;
            }
        } else if let Some(rest) = line.strip_prefix("!include") {
            deeper(Path::new(rest.trim()), groups, depth, out)?;
        } else if let Some(group) = line.strip_prefix('[') {
            let group = group.split(']').next().unwrap_or_default().trim_end();
            wanted = groups.contains(&group);
        } else if wanted && !line.is_empty() && !line.starts_with(['#', ';']) {
            let (name, value) = option(line);
            if name == "password" && value.as_ref().is_some_and(|value| !value.is_empty()) && mode & 0o077 != 0 {
                return Err(closed(fault(
                    Code::FilePermission,
                    "the option file of MySQL's clients holds a password and can be read by others",
                )));
            }
            out.push(Written { name, value, path: path.to_owned(), line: at + 1 });
        }
    }
    Ok(())
}

fn deeper(path: &Path, groups: &[&str], depth: u32, out: &mut Vec<Written>) -> Result<(), Fault> {
    if depth == DEEPEST { Ok(()) } else { collect(path, groups, depth + 1, out) }
}

/// The option files of a folder, sorted, since the stock clients promise no order.
fn included(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cnf"));
    files.sort();
    files
}

/// A name and what it is set to. `loose-` only says that a client that does not know the option shall go on.
fn option(line: &str) -> (String, Option<String>) {
    let line = without_comment(line);
    let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
    let name = name.trim().replace('_', "-");
    (name.strip_prefix("loose-").map_or(name.clone(), str::to_owned), value.map(|value| unquoted(value.trim())))
}

/// Up to a `#` that stands outside of quotes. A `;` within a line is none.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in line.char_indices() {
        if matches!(c, '\'' | '"') && !escaped {
            match quote {
                None => quote = Some(c),
                Some(open) if open == c => quote = None,
                Some(_) => {}
            }
        }
        if quote.is_none() && c == '#' {
            return line[..at].trim_end();
        }
        escaped = quote.is_some() && c == '\\' && !escaped;
    }
    line
}

/// Without the quotes around it, and with its escapes resolved, which count outside of quotes too.
fn unquoted(value: &str) -> String {
    let inside = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let mut out = String::with_capacity(value.len());
    let mut chars = inside.unwrap_or(value).chars().peekable();
    while let Some(c) = chars.next() {
        let Some(next) = chars.peek().copied().filter(|_| c == '\\') else {
            out.push(c);
            continue;
        };
        chars.next();
        match next {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            's' => out.push(' '),
            '"' | '\'' | '\\' => out.push(next),
            other => out.extend(['\\', other]),
        }
    }
    out
}
