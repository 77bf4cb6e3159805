//! Dumps that mysqldump, mariadb-dump and mydumper made: what a file or folder is by its content, whether it is whole, and how it is restored by
//! sessions of ours, statement by statement.
//!
//! No other program takes part: what is run is what `gate` has let pass.

mod executable;
mod folder;
mod gate;
mod inspect;
mod late;
mod load;
mod reading;
mod recognise;
pub mod statements;

pub use gate::{Findings, Part, Rules, Wanted};
pub use inspect::{Inspection, inspect};
pub(super) use load::load;
pub use load::{Ended, Order, Said};
pub use recognise::recognise;

use crate::domain::schema::DatabaseProperties;
use crate::domain::{Code, Fault, Product};
use crate::server::dump::Wrapper;
use crate::server::mysql::session::Flavour;
use folder::Files;
use std::fmt;
use std::path::{Path, PathBuf};

/// The forms that dumps have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// One script.
    Script,
    /// A folder of scripts, of mydumper's.
    Folder(Files),
}

/// What a dump says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What made it: `mysqldump 9.7.4`.
    pub tool: String,
    /// The product that it is from.
    pub product: Product,
    /// The server's version.
    pub server: Option<String>,
    /// The database, where it names one.
    pub database: Option<String>,
    /// When it was made or completed: `2026-01-30 14:30:00`.
    pub created: Option<String>,
    /// What is missing at its end, as far as that is seen at once.
    pub incomplete: Option<String>,
}

/// A dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlDump {
    /// The file or folder.
    pub path: PathBuf,
    /// What it is.
    pub form: Form,
    /// How it is compressed from outside; none for a folder.
    pub wrapper: Option<Wrapper>,
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
    /// What it says of itself.
    pub facts: Facts,
}

impl SqlDump {
    /// The kind, in words: `mysqldump`, `mydumper folder`.
    pub fn words(&self) -> String {
        let name = self.facts.tool.split_whitespace().next().unwrap_or("mysqldump");
        match self.form {
            Form::Script => name.to_owned(),
            Form::Folder(_) => format!("{name} folder"),
        }
    }

    /// Whether its parts can be loaded by several sessions.
    pub fn is_parallel(&self) -> bool {
        matches!(self.form, Form::Folder(_))
    }

    /// The names of its tables, as far as the names of its files tell them: (database, table).
    pub fn tables(&self) -> Vec<(String, String)> {
        match &self.form {
            Form::Script => Vec::new(),
            Form::Folder(files) => files.tables(),
        }
    }

    /// The server that it is from, as far as it says.
    fn origin(&self) -> Flavour {
        let usual = if self.facts.product == Product::Mariadb { "10.11.0-MariaDB" } else { "9.0.0" };
        let mut flavour = Flavour::of(self.facts.server.as_deref().unwrap_or(usual));
        flavour.product = self.facts.product;
        flavour
    }
}

impl fmt::Display for SqlDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())?;
        if let Some(version) = self.facts.tool.split_whitespace().nth(1) {
            write!(f, " {version}")?;
        }
        match self.wrapper {
            Some(wrapper) => write!(f, ", {}", wrapper.name()),
            None => Ok(()),
        }
    }
}

impl Part {
    /// The properties that its database is made with; the server's own where the dump does not say.
    pub fn properties(&self, name: &str) -> DatabaseProperties {
        let (encoding, collate) = self.charset.clone();
        DatabaseProperties {
            name: name.to_owned(),
            encoding,
            collate,
            connection_limit: -1,
            allow_connections: true,
            ..DatabaseProperties::default()
        }
    }
}

/// A dump that ends too early.
fn truncated(path: &Path, what: impl Into<String>) -> Fault {
    Fault::new(Code::TruncatedBackup, what)
        .at("File", path.display())
        .step("Copy the dump again from where it was made and compare the sizes: a transfer has probably broken off, or the program that made it has.")
        .step("If there is no complete copy, use an older one.")
}
