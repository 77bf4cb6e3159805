//! Dumps that pg_dump and pg_dumpall made: what a file is by its content, whether it is whole, and the stock programs that restore it.
//!
//! Names of files mean nothing here. What is in a dump is not changed; the programs that read it are PostgreSQL's own.

mod blocks;
mod create;
mod members;
mod messages;
mod passes;
mod pg_restore;
mod reading;
mod recognise;
mod script;
mod tools;
mod wrapper;

pub use members::unpack;
pub use reading::ScriptStream;
pub use recognise::recognise;
pub use script::{Connect, Findings, Part, Rules, Script};
pub use tools::{DumpTools, Ended, Order, Parts, Said, Shell};
pub use wrapper::{Input, Wrapper};

pub use super::program::Tool;
use super::toc::Place;
use crate::domain::{Code, Fault};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The forms that dumps have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `pg_dump -Fc`.
    Custom,
    /// `pg_dump -Fd`: a folder.
    Folder,
    /// `pg_dump -Ft`.
    Tar,
    /// A folder of `pg_dump -Fd` that someone packed with tar.
    PackedFolder,
    /// `pg_dump`: SQL for psql.
    Script,
    /// `pg_dumpall`: SQL for psql, with roles and databases.
    ClusterScript,
}

impl Form {
    /// Words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Form::Custom => "pg_dump custom",
            Form::Folder => "pg_dump directory",
            Form::Tar => "pg_dump tar",
            Form::PackedFolder => "pg_dump directory in a tar",
            Form::Script => "pg_dump plain",
            Form::ClusterScript => "pg_dumpall plain",
        }
    }

    /// Whether it is SQL for psql; the others are for pg_restore.
    pub const fn is_script(self) -> bool {
        matches!(self, Form::Script | Form::ClusterScript)
    }
}

/// One entry of a dump's table of contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub id: u32,
    /// `TABLE DATA`, `INDEX`, …
    pub kind: String,
    /// The schema, where it has one.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: Option<String>,
    place: Place,
    copies: bool,
    section: i64,
}

impl Item {
    /// Whether it has data of its own.
    pub fn has_data(&self) -> bool {
        self.place != Place::Nowhere
    }

    /// The name for people: `public.orders`.
    pub fn title(&self) -> String {
        match self.schema.as_deref().filter(|schema| !schema.is_empty()) {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What a dump says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version of its format: `1.14`.
    pub version: Option<String>,
    /// When it was made, in the local time of who made it: `2026-01-30 14:30:00`. None: it does not say.
    pub created: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The server's version.
    pub server: Option<String>,
    /// The version of the program that made it.
    pub tool: Option<String>,
    /// Its entries, where it has a list of them.
    pub items: Vec<Item>,
    /// The statement that makes the database, where it has one.
    pub create: Option<String>,
}

/// A dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// The file or folder.
    pub path: PathBuf,
    /// What it is.
    pub form: Form,
    /// How it is compressed from outside.
    pub wrapper: Option<Wrapper>,
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
    /// What it says of itself.
    pub facts: Facts,
}

/// What a look at every part of a dump gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Its length without the outer compression, in bytes.
    pub plain: u64,
    /// Bytes of data by the number of an item, where it has a table of contents.
    pub data: Vec<(u32, u64)>,
    /// What was found in a script.
    pub script: Findings,
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form.words())?;
        if let Some(version) = &self.facts.version {
            write!(f, " {version}")?;
        }
        match self.wrapper {
            Some(wrapper) => write!(f, ", {}", wrapper.name()),
            None => Ok(()),
        }
    }
}

impl Dump {
    /// The oldest major version of the programs that read it: `K_VERS_1_14` and its like in PostgreSQL's pg_backup_archiver.h.
    pub fn least_major(&self) -> u32 {
        match self.facts.version.as_deref() {
            Some("1.16") => 17,
            Some("1.15") => 16,
            _ => 12,
        }
    }

    /// Whether it must be unpacked before a program can read it.
    pub fn needs_unpacking(&self) -> bool {
        self.form == Form::PackedFolder || (self.wrapper.is_some() && !self.form.is_script())
    }

    /// Looks at every part of it: the table of contents, the place and length of all data, checksums of what is compressed; of a script every
    /// line. Blocks. A script that does not end as pg_dump's do is a fault only when it is cut in the middle of something.
    pub fn inspect(&self, rules: Rules) -> Result<Inspection, Fault> {
        match self.form {
            Form::Custom => blocks::custom(self),
            Form::Folder => members::folder(self),
            Form::Tar | Form::PackedFolder => members::tar(self),
            Form::Script | Form::ClusterScript => reading::inspect(self, rules),
        }
    }
}

/// A dump that ends too early.
fn truncated(path: &Path, what: impl Into<String>) -> Fault {
    Fault::new(Code::TruncatedBackup, what)
        .at("File", path.display())
        .step("Copy the dump again from where it was made and compare the sizes: a transfer has probably broken off, or pg_dump has.")
        .step("If there is no complete copy, use an older one.")
}

/// A dump that is not as its format is.
fn corrupted(path: &Path, what: impl Into<String>) -> Fault {
    Fault::new(Code::CorruptedBackup, what)
        .at("File", path.display())
        .step("Use another copy of this dump, or an older one: this one must not be trusted.")
}

/// What an error in reading a dump means.
pub(in crate::server) fn unreadable(path: &Path, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => truncated(path, "the dump is cut off").because(error),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            corrupted(path, "the dump cannot be decompressed").because(error)
        }
        kind => {
            let code = match kind {
                io::ErrorKind::NotFound => Code::FileMissing,
                io::ErrorKind::PermissionDenied => Code::FilePermission,
                _ => Code::Io,
            };
            Fault::new(code, "cannot read the dump")
                .at("File", path.display())
                .because(error)
                .step_run("Look at it:", format!("ls -ld -- {}", shell_words::quote(&path.to_string_lossy())))
        }
    }
}

/// What damage in a table of contents means.
fn damaged(path: &Path, damage: &super::toc::Damage) -> Fault {
    use super::toc::Damage;
    match damage {
        Damage::Short => truncated(path, "the dump is cut off").because(damage),
        Damage::Version(_, minor) if *minor > 16 => Fault::new(Code::FormatTooNew, "the dump needs a newer program")
            .because(damage)
            .at("File", path.display())
            .step("Restore it by hand with the pg_restore that belongs to the pg_dump that made it."),
        _ => corrupted(path, "the table of contents cannot be read").because(damage),
    }
}
