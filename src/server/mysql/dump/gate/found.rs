//! What a dump may do, why a statement of it is refused, and what was found in it.

/// Which databases of a dump are restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All but the server's own.
    #[default]
    All,
    /// This one.
    One(String),
}

/// What is left of a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Which databases.
    pub wanted: Wanted,
    /// Leave definers out: whoever restores is the definer.
    pub no_owner: bool,
}

/// Why a statement is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What stands there, shortened, without values.
    pub what: String,
    /// Why that is refused.
    pub why: &'static str,
    /// What can be done.
    pub cure: &'static str,
}

/// What a statement does that may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Sets something of the session.
    Setting,
    /// Makes something.
    Made(Kind, String),
    /// Brings rows of a table.
    Rows(String, u64),
    /// Whatever belongs to it: `DROP TABLE IF EXISTS`, `ENABLE KEYS`.
    Other,
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table.
    Table,
    /// A view.
    View,
    /// A trigger.
    Trigger,
    /// A function, procedure or package.
    Routine,
    /// An event, which does not run before somebody enables it.
    Event,
    /// A sequence.
    Sequence,
}

/// What becomes of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is run, as it stands here.
    Run(Vec<u8>, What),
    /// What follows is of this database.
    Enter(String),
    /// It is passed over.
    Nothing,
}

/// What a dump holds for one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its name; none for a dump that names none.
    pub database: Option<String>,
    /// Tables whose rows come, with their number.
    pub tables: Vec<(String, u64)>,
    /// Tables that are made.
    pub made: u64,
    /// Views, triggers, routines, events, sequences that are made.
    pub others: u64,
    /// Events among them: they come disabled.
    pub events: Vec<String>,
    /// The character set and collation that it is made with; empty where the dump does not say.
    pub charset: (String, String),
}

impl Part {
    /// Notes rows of a table.
    pub fn count(&mut self, table: &str, rows: u64) {
        match self.tables.iter_mut().rev().find(|(name, _)| name == table) {
            Some((_, all)) => *all += rows,
            None => self.tables.push((table.to_owned(), rows)),
        }
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// What was found in a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Database by database.
    pub parts: Vec<Part>,
    /// What is in the dump and is not done: a setting of the server's, a database of the server's own.
    pub left_out: Vec<String>,
    /// Statements.
    pub statements: u64,
}

impl Findings {
    /// The part of a database, made where there is none.
    pub fn part(&mut self, database: Option<&str>) -> &mut Part {
        let at = self.parts.iter().position(|part| part.database.as_deref() == database).unwrap_or_else(|| {
            self.parts.push(Part { database: database.map(str::to_owned), ..Part::default() });
            self.parts.len() - 1
        });
        &mut self.parts[at]
    }

    /// The names of the databases.
    pub fn names(&self) -> Vec<String> {
        self.parts.iter().filter_map(|part| part.database.clone()).collect()
    }

    /// Takes over what was found in another script of the same dump.
    pub fn merge(&mut self, other: &Self) {
        for part in &other.parts {
            let mine = self.part(part.database.as_deref());
            for (table, rows) in &part.tables {
                mine.count(table, *rows);
            }
            mine.made += part.made;
            mine.others += part.others;
            mine.events.extend(part.events.iter().cloned());
            if !part.charset.0.is_empty() {
                mine.charset.clone_from(&part.charset);
            }
        }
        other.left_out.iter().for_each(|what| self.leave_out(what));
        self.statements += other.statements;
    }

    /// Notes something that is not done, once.
    pub fn leave_out(&mut self, what: &str) {
        if !self.left_out.iter().any(|known| known == what) {
            self.left_out.push(what.to_owned());
        }
    }
}
