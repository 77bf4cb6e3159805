//! The state of MariaDB's sequences, and of tables that count by themselves.

use super::created::Created;
use crate::domain::schema::{Counter, SequenceState, TableName};
use crate::server::mysql::connect::Session;
use crate::server::mysql::definition::table::TableText;
use crate::server::mysql::quote::{ident, literal};
use crate::server::mysql::wire::Error;

/// Sequences asked for in one query.
const AT_ONCE: usize = 200;

/// What each sequence gives next. Values that the server has set aside in its memory count as given, as they do after its restart.
pub async fn states(session: &mut Session, names: &[String]) -> Result<Vec<SequenceState>, Error> {
    let mut states = Vec::with_capacity(names.len());
    for some in names.chunks(AT_ONCE) {
        let one = |name: &String| format!("SELECT {}, next_not_cached_value FROM {}", literal(name), ident(name));
        let rows = session.query(&some.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")).await?;
        states.extend(rows.iter().map(|row| SequenceState {
            name: TableName::new("", row.owned(0)),
            last_value: row.number(1).unwrap_or_default(),
            ..SequenceState::default()
        }));
    }
    Ok(states)
}

/// The next number of each table that has given one out, by its definition.
pub fn counters(names: &[String], tables: &[Created]) -> Vec<SequenceState> {
    let next = |sql: &str| TableText::parse(sql)?.option("AUTO_INCREMENT")?.parse().ok();
    let state = |(name, created): (&String, &Created)| {
        Some(SequenceState {
            name: TableName::new("", name),
            last_value: next(&created.sql)?,
            counter: Counter::Table,
            ..SequenceState::default()
        })
    };
    names.iter().zip(tables).filter_map(state).collect()
}
