//! A folder of mydumper's: which file holds what, by its name, and in which order they are run.
//!
//! The names are those of mydumper's `mydumper_file_handler.c` and of its older releases: `DB-schema-create.sql`, `DB.TABLE-schema.sql`,
//! `DB.TABLE.00000.sql`, `DB.VIEW-schema-view.sql`, `DB.TABLE-schema-triggers.sql`, `DB-schema-post.sql`, each of which may be compressed.

use super::Facts;
use crate::domain::{Code, Fault, Product};
use crate::server::dump::{Input, Wrapper, unreadable};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most of `metadata` that is read.
const METADATA: u64 = 1 << 20;

/// When a file is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The database.
    Database,
    /// Sequences, which tables' defaults name.
    Sequences,
    /// Tables, and stand-ins for views.
    Tables,
    /// Rows, by as many sessions as there are.
    Rows,
    /// Routines and events.
    Routines,
    /// Views, which may call routines.
    Views,
    /// Triggers, when all rows are there.
    Triggers,
}

/// A script of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// When it is run.
    pub stage: Stage,
    /// The file.
    pub path: PathBuf,
    /// How it is compressed.
    pub wrapper: Option<Wrapper>,
    /// Its database.
    pub database: String,
    /// The table, where it is of one.
    pub table: Option<String>,
    /// What it takes on the disk.
    pub bytes: u64,
}

/// The scripts of a folder, in the order in which they are run; rows of large files first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// All of them.
    pub scripts: Vec<Script>,
    /// Files of rows that are no scripts (`--load-data`, `--csv`).
    pub foreign: Vec<String>,
}

impl Files {
    /// The scripts of a folder, and what all its files take; none where it is not one of mydumper's.
    pub fn find(dir: &Path) -> Result<Option<(Self, u64)>, Fault> {
        if !(dir.join("metadata").is_file() || dir.join("metadata.partial").is_file()) {
            return Ok(None);
        }
        let failed = |error: io::Error| unreadable(dir, &error);
        let mut names = Vec::new();
        let mut total = 0;
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Links lead out of the folder.
            let meta = entry.path().symlink_metadata().map_err(failed)?;
            if meta.is_file() {
                total += meta.len();
                names.push((entry.file_name().to_string_lossy().into_owned(), meta.len()));
            }
        }
        let stem = |name: &str| {
            ["", ".gz", ".zst", ".lz4", ".xz", ".bz2"].iter().find_map(|end| name.strip_suffix(&format!(".sql{end}")).map(str::to_owned))
        };
        let mut databases: Vec<String> =
            names.iter().filter_map(|(name, _)| stem(name)?.strip_suffix("-schema-create").map(str::to_owned)).collect();
        databases.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let mut files = Files::default();
        for (name, bytes) in &names {
            let Some(base) = stem(name) else {
                if [".dat", ".csv"].iter().any(|ending| name.contains(ending)) {
                    files.foreign.push(name.clone());
                }
                continue;
            };
            let Some((stage, database, table)) = placed(&base, &databases) else { continue };
            let path = dir.join(name);
            files.scripts.push(Script {
                stage,
                wrapper: wrapper(&path).map_err(|error| unreadable(&path, &error))?,
                path,
                database,
                table,
                bytes: *bytes,
            });
        }
        if files.scripts.is_empty() {
            return Ok(None);
        }
        files.scripts.sort_by(|a, b| (a.stage, std::cmp::Reverse(rank(a)), &a.path).cmp(&(b.stage, std::cmp::Reverse(rank(b)), &b.path)));
        Ok(Some((files, total)))
    }

    /// (database, table) of all tables whose definition or rows are there, views among them.
    pub fn tables(&self) -> Vec<(String, String)> {
        let of = |stage| self.scripts.iter().filter(move |script| script.stage == stage);
        let views: Vec<_> = of(Stage::Views).map(|script| (&script.database, script.table.clone())).collect();
        let all = of(Stage::Tables).chain(of(Stage::Rows)).filter(|script| !views.contains(&(&script.database, script.table.clone())));
        let mut found: Vec<_> = all.filter_map(|script| Some((script.database.clone(), script.table.clone()?))).collect();
        found.sort();
        found.dedup();
        found
    }
}

/// The largest first among rows: sessions end at about the same time.
const fn rank(script: &Script) -> u64 {
    if matches!(script.stage, Stage::Rows) { script.bytes } else { 0 }
}

fn wrapper(path: &Path) -> io::Result<Option<Wrapper>> {
    let mut start = [0; 6];
    let mut file = File::open(path)?;
    let read = file.read(&mut start)?;
    Ok(Wrapper::of(&start[..read]))
}

/// What a file holds, by its name without its ending.
fn placed(base: &str, databases: &[String]) -> Option<(Stage, String, Option<String>)> {
    const OF_DATABASE: [(&str, Stage); 3] =
        [("-schema-create", Stage::Database), ("-schema-post", Stage::Routines), ("-schema-triggers", Stage::Triggers)];
    const OF_TABLE: [(&str, Stage); 4] = [
        ("-schema-triggers", Stage::Triggers),
        ("-schema-view", Stage::Views),
        ("-schema-sequence", Stage::Sequences),
        ("-schema", Stage::Tables),
    ];
    for (ending, stage) in OF_DATABASE {
        if let Some(name) = base.strip_suffix(ending)
            && databases.iter().any(|known| known == name)
        {
            return Some((stage, name.to_owned(), None));
        }
    }
    let known = databases.iter().find_map(|name| Some((name.clone(), base.strip_prefix(name.as_str())?.strip_prefix('.')?)));
    let (database, rest) = known.or_else(|| base.split_once('.').map(|(name, rest)| (name.to_owned(), rest)))?;
    for (ending, stage) in OF_TABLE {
        if let Some(table) = rest.strip_suffix(ending) {
            return Some((stage, database, Some(table.to_owned())));
        }
    }
    // Parts of a table have one number or two.
    let mut table = rest;
    for _ in 0..2 {
        match table.rsplit_once('.') {
            Some((before, number)) if number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit()) => table = before,
            _ => break,
        }
    }
    Some((Stage::Rows, database, Some(table.to_owned())))
}

/// What the folder's `metadata` says. While a dump is made it is called `metadata.partial`.
pub fn facts(dir: &Path, files: &Files) -> io::Result<Facts> {
    let (whole, partial) = (dir.join("metadata"), dir.join("metadata.partial"));
    let mut text = String::new();
    let path = if whole.is_file() { &whole } else { &partial };
    let mut bytes = Vec::new();
    Input::open(path, None)?.take(METADATA).read_to_end(&mut bytes)?;
    text.push_str(&String::from_utf8_lossy(&bytes));
    let said = |prefix: &str| {
        let line = text.lines().find_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix(prefix))?;
        line.trim().get(..19).map(str::to_owned)
    };
    let finished = said("Finished dump at:");
    let incomplete = match (&finished, whole.is_file()) {
        (Some(_), true) => None,
        (_, false) => Some("its file is still called metadata.partial: mydumper did not come to its end".to_owned()),
        (None, true) => Some("its metadata does not say when it was finished".to_owned()),
    };
    // MariaDB's GTIDs are three numbers; MySQL's begin with the server's UUID.
    let maria = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("GTID:"))
        .any(|gtid| gtid.trim().split(',').all(is_maria) && !gtid.trim().is_empty());
    let mut databases: Vec<_> = files.scripts.iter().map(|script| script.database.clone()).collect();
    databases.sort();
    databases.dedup();
    Ok(Facts {
        tool: "mydumper".to_owned(),
        product: if maria { Product::Mariadb } else { Product::Mysql },
        server: None,
        database: (databases.len() == 1).then(|| databases.swap_remove(0)),
        created: finished.or_else(|| said("Started dump at:")),
        incomplete,
    })
}

fn is_maria(gtid: &str) -> bool {
    let parts: Vec<_> = gtid.trim().split('-').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What cannot be restored of a folder.
pub fn possible(dir: &Path, files: &Files) -> Result<(), Fault> {
    let Some(first) = files.foreign.first() else { return Ok(()) };
    Err(Fault::new(Code::ForeignFile, "the rows of this dump are no statements: it was made with --load-data or --csv")
        .at("Folder", dir.display())
        .because(format!("{} of its files are such, the first is {}", files.foreign.len(), crate::domain::text::clean(first)))
        .step("Make it again without that option, or restore it with myloader."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_files_hold() {
        let databases = ["a.b".to_owned(), "shop".to_owned()];
        let of = |base: &str| placed(base, &databases);
        let table = |stage, database: &str, table: &str| Some((stage, database.to_owned(), Some(table.to_owned())));
        assert_eq!(of("shop-schema-create"), Some((Stage::Database, "shop".into(), None)));
        assert_eq!(of("shop-schema-post"), Some((Stage::Routines, "shop".into(), None)));
        assert_eq!(of("shop.t-schema"), table(Stage::Tables, "shop", "t"));
        assert_eq!(of("shop.t-schema-view"), table(Stage::Views, "shop", "t"));
        assert_eq!(of("shop.t-schema-triggers"), table(Stage::Triggers, "shop", "t"));
        assert_eq!(of("shop.t"), table(Stage::Rows, "shop", "t"));
        assert_eq!(of("a.b.t.u.00001"), table(Stage::Rows, "a.b", "t.u"));
        assert_eq!(of("shop.t.00001.00002"), table(Stage::Rows, "shop", "t"));
        assert_eq!(of("unknown.t.00001"), table(Stage::Rows, "unknown", "t"));
        assert_eq!(of("notes"), None);
        assert!(is_maria("0-1-175") && !is_maria("b9ff2afa-e742-11f1-8db6-02fc00000001:1-165"));
    }
}
