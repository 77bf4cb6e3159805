//! What a restore writes down in the database that it fills: a mark for each piece of work, in the transaction of its effect.
//!
//! A mark that is there says that its effect is; a mark that is not there says that nothing of it is. Nothing else can tell after a
//! crash, a lost connection, or a commit whose answer never came. Statistics have no marks: gathering them again harms nothing.

use crate::domain::Product;

/// The schema that holds the ledger while a database is being restored. It is gone when the restore is complete.
pub const SCHEMA: &str = "_dbbackup";

/// The table that is the ledger where a database has no schemas (MySQL). It is no table of the user's, and gone when the restore is complete.
pub const TABLE: &str = "_dbbackup_ledger";

/// The command that removes the ledger of a restore that is given up.
pub fn removal(product: Product, database: &str) -> String {
    let database = shell_words::quote(database);
    match product {
        Product::Postgres => format!("psql -d {database} -c 'DROP SCHEMA {SCHEMA} CASCADE'"),
        Product::Mysql => format!("mysql {database} -e 'DROP TABLE {TABLE}'"),
        Product::Mariadb => format!("mariadb {database} -e 'DROP TABLE {TABLE}'"),
    }
}

/// Which part of an object is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// All of it at once.
    #[default]
    Whole,
    /// The index of a key.
    Index,
    /// The key that takes the index over.
    Attach,
}

/// A piece of work that is done wholly or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mark {
    /// An object of the archive, by its id there.
    Object(u32, Step),
    /// Rows: the table's place in the manifest, and the place of the chunk in the table.
    Chunk(u32, u32),
    /// The values of all sequences.
    Sequences,
    /// The rows of a materialized view, by its place among those that are filled.
    View(u32),
}

impl Mark {
    /// As the ledger's row has it: kind and two numbers.
    pub const fn row(self) -> (&'static str, i64, i64) {
        match self {
            Mark::Object(id, step) => ("object", id as i64, step as i64),
            Mark::Chunk(table, chunk) => ("chunk", table as i64, chunk as i64),
            Mark::Sequences => ("sequences", 0, 0),
            Mark::View(place) => ("view", place as i64, 0),
        }
    }

    /// From the ledger's row; none for what this version does not know.
    pub fn from_row(kind: &str, a: i64, b: i64) -> Option<Self> {
        let a = u32::try_from(a).ok()?;
        let b = u32::try_from(b).ok()?;
        Some(match (kind, b) {
            ("object", 0) => Mark::Object(a, Step::Whole),
            ("object", 1) => Mark::Object(a, Step::Index),
            ("object", 2) => Mark::Object(a, Step::Attach),
            ("chunk", chunk) => Mark::Chunk(a, chunk),
            ("sequences", _) => Mark::Sequences,
            ("view", _) => Mark::View(a),
            _ => return None,
        })
    }
}

/// Whose ledger it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerHead {
    /// The restore's id: that of its manifest.
    pub run: String,
    /// The archive's id.
    pub archive: String,
    /// When it began, for people.
    pub started: String,
}

/// What came of opening a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It was made.
    Made,
    /// It was there, of the same run.
    Found,
    /// The same, and the server has crashed since it was opened: tables that are not logged are empty, and nothing says that they have rows.
    /// What stands on them is to be taken back, also where that is nothing.
    Emptied,
    /// There is one of another run, which is at work or was interrupted. Nothing was changed.
    Foreign(LedgerHead),
    /// The role may not make one. Nothing was changed.
    Refused(String),
}

/// Whether what sessions have committed is there still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// Yes.
    Unbroken,
    /// The server has crashed since the ledger was opened. What is done now stands in the ledger alone.
    Broken,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_from_their_rows() {
        for mark in [
            Mark::Object(7, Step::Whole),
            Mark::Object(7, Step::Index),
            Mark::Object(u32::MAX, Step::Attach),
            Mark::Chunk(3, 99),
            Mark::Sequences,
            Mark::View(2),
        ] {
            let (kind, a, b) = mark.row();
            assert_eq!(Mark::from_row(kind, a, b), Some(mark));
        }
        assert_eq!(Mark::from_row("object", 1, 3), None);
        assert_eq!(Mark::from_row("later", 1, 0), None);
        assert_eq!(Mark::from_row("chunk", -1, 0), None);
    }
}
