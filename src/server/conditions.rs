//! What of a server's settings decides over a restore or a backup, where products differ: each says so in its own words before anything is touched.

use crate::domain::Code;
use crate::domain::spec::Binlog;
use std::collections::BTreeSet;

/// What a restore asks of a server.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    /// Tables with rows.
    pub tables: Vec<Demanded>,
    /// Whether it is to be logged.
    pub binlog: Binlog,
    /// Accounts, under their names on the target, whose rights something runs with.
    pub definers: BTreeSet<String>,
    /// Functions and triggers are made: what the server may want to trust before it logs.
    pub code: bool,
    /// Parts that go into databases which are there and stay.
    pub additions: Vec<Addition>,
}

/// Parts that go into a database which is there and stays.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// The database.
    pub database: String,
    /// Tables and views that are made in it.
    pub made: Vec<String>,
    /// Tables of it that are there, into which rows go.
    pub filled: Vec<String>,
}

/// A table with rows.
#[derive(Clone, Debug, Default)]
pub struct Demanded {
    /// Its name, and the database's under which it is restored.
    pub database: String,
    /// Its own.
    pub name: String,
    /// Its storage engine.
    pub engine: Option<String>,
    /// At least so long is one of its rows, in bytes.
    pub row: u64,
    /// Columns of a key that tells its rows apart; none: it surely has no primary key.
    pub key: Vec<String>,
}

/// What a condition means for what is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing stands in the way.
    Fine,
    /// It goes, but a person should know.
    Warning,
    /// It will fail, if a person does not know better.
    Obstacle(Code),
    /// It cannot go.
    Refusal(Code),
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is called in the list.
    pub name: &'static str,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub cure: Option<String>,
    /// What it means.
    pub verdict: Verdict,
}

impl Condition {
    /// One that is fine.
    pub fn fine(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, detail: detail.into(), cure: None, verdict: Verdict::Fine }
    }

    /// One that is not.
    pub fn of(verdict: Verdict, name: &'static str, detail: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { name, detail: detail.into(), cure: Some(cure.into()), verdict }
    }
}
