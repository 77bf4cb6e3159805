//! What a script may do, why one is refused, and what was found in it.

use crate::server::postgres::dump::Form;
use std::collections::HashSet;

/// What a script may do.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whether it may go from database to database, as pg_dumpall's do.
    pub connect: Connect,
    /// Leave owners out.
    pub no_owner: bool,
    /// Leave rights out.
    pub no_acl: bool,
    /// Roles that are there and are not made again.
    pub roles: HashSet<String>,
    /// The key under which psql is restricted; none where nobody runs the script.
    pub key: Option<String>,
}

/// Whether a script may go to other databases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connect {
    /// It stays in its database.
    #[default]
    Refused,
    /// It goes where it wants.
    Allowed,
}

/// Why a script is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line, from 1.
    pub line: u64,
    /// What stands there, shortened.
    pub what: String,
    /// Why that is refused.
    pub why: &'static str,
}

/// What a script holds for one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its name; none for what comes before the first `\\connect`.
    pub database: Option<String>,
    /// Tables whose rows come as COPY, with their number.
    pub tables: Vec<(String, u64)>,
    /// Tables that are made.
    pub made: u64,
}

/// What was found in a script so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Database by database.
    pub parts: Vec<Part>,
    /// Databases that it makes.
    pub makes: Vec<String>,
    /// Databases that it drops.
    pub drops: Vec<String>,
    /// Whether its last words are those of a complete dump of a database, of a cluster.
    pub ends: (bool, bool),
    /// Lines.
    pub lines: u64,
    /// The key of a `\\restrict` that has no `\\unrestrict` yet: a dump that begins with the one ends with the other.
    pub locked: Option<String>,
}

impl Findings {
    /// Whether its last words are those of a complete dump: of a cluster, where it goes from database to database.
    pub fn is_complete(&self, form: Form) -> bool {
        self.locked.is_none() && if form == Form::ClusterScript { self.ends.1 } else { self.ends.0 }
    }
}
