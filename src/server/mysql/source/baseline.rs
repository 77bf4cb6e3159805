//! What tables there are, and when each was made: to tell whether somebody changed one while it was being read.
//!
//! The server's snapshots are of rows, not of definitions. A table that was rewritten since is refused by InnoDB (error 1412); one that
//! changed places with another by RENAME, or lost a partition, is read as it is now without a word. The time at which a table was made
//! changes with all of these, on both products.

use super::tables::LEDGER;
use crate::server::mysql::quote::literal;
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;
use std::collections::HashMap;

/// A table of a database.
pub type Place = (String, String);

/// The tables of some databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Engine, and when it was made, in seconds since 1970 by the server's clock.
    tables: HashMap<Place, (String, i64)>,
}

/// Asks the server. One query, whatever the number of databases.
pub async fn read(session: &mut Session, databases: &[String]) -> Result<Baseline, Error> {
    if databases.is_empty() {
        return Ok(Baseline::default());
    }
    let names: Vec<String> = databases.iter().map(|name| literal(name)).collect();
    let sql = format!(
        "SELECT table_schema, table_name, engine, UNIX_TIMESTAMP(create_time) FROM information_schema.tables \
          WHERE table_schema IN ({}) AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_name <> {}",
        names.join(", "),
        literal(LEDGER)
    );
    let rows = session.query(&sql).await?;
    Ok(Baseline { tables: rows.iter().map(|row| ((row.owned(0), row.owned(1)), (row.owned(2), row.number(3).unwrap_or(0)))).collect() })
}

impl Baseline {
    /// The tables.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.tables.keys()
    }

    /// Those of one database.
    pub fn of(&self, database: &str) -> Self {
        Self {
            tables: self
                .tables
                .iter()
                .filter(|((name, _), _)| name == database)
                .map(|(place, made)| (place.clone(), made.clone()))
                .collect(),
        }
    }

    /// Tables that are new, gone or changed in a later look.
    pub fn changed<'a>(&'a self, later: &'a Self) -> Vec<&'a Place> {
        let mut places: Vec<&Place> =
            self.tables.iter().filter(|(place, made)| later.tables.get(*place) != Some(made)).map(|(place, _)| place).collect();
        places.extend(later.tables.keys().filter(|place| !self.tables.contains_key(*place)));
        places.sort();
        places
    }

    /// Tables that were read until the given times (milliseconds since 1970 by the server's clock) and were, or may have been, changed before.
    /// What happened to a table after it was read is no matter, and a table that is gone was there while it was read.
    pub fn changed_before<'a>(&self, later: &Self, read: &'a HashMap<Place, i64>) -> Vec<&'a Place> {
        let mut places: Vec<&Place> = read
            .iter()
            .filter(|(place, until)| match (self.tables.get(*place), later.tables.get(*place)) {
                (Some(made), Some(now)) => made != now && now.1.saturating_mul(1000) < **until,
                (_, None) => false,
                (None, Some(_)) => true,
            })
            .map(|(place, _)| place)
            .collect();
        places.sort();
        places
    }
}

/// A few of them, for people.
pub fn names(places: &[&Place]) -> String {
    let mut text = places.iter().take(20).map(|(database, table)| format!("{database}.{table}")).collect::<Vec<_>>().join(", ");
    if places.len() > 20 {
        text.push_str(&format!(" and {} more", places.len() - 20));
    }
    crate::domain::text::clean(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        ("d".to_owned(), name.to_owned())
    }

    fn made(tables: &[(&str, i64)]) -> Baseline {
        Baseline { tables: tables.iter().map(|(name, at)| (place(name), ("InnoDB".to_owned(), *at))).collect() }
    }

    #[test]
    fn a_change_matters_when_it_may_have_come_before_the_end_of_reading() {
        let read: HashMap<Place, i64> = ["same", "later", "before", "gone", "swapped"].map(|name| (place(name), 10_500)).into();
        let first = made(&[("same", 1), ("later", 1), ("before", 1), ("gone", 1), ("swapped", 5), ("unread", 1)]);
        let then = made(&[("same", 1), ("later", 11), ("before", 10), ("swapped", 1), ("unread", 7), ("new", 8)]);
        assert_eq!(first.changed_before(&then, &read), [&place("before"), &place("swapped")]);
        assert_eq!(first.changed(&then).len(), 6, "all but the first");
        assert!(first.changed(&first).is_empty());
    }
}
