//! Which databases of an archive are tried out.

use crate::archive::manifest::Database;
use crate::domain::spec::Sample;

/// The databases, the largest first, each with a word on why.
pub fn pick(databases: &[Database], sample: Sample) -> Vec<(&Database, &'static str)> {
    let whole = || databases.iter().filter(|database| database.failed.is_none());
    let mut all: Vec<&Database> = whole().collect();
    // An empty database, such as every cluster's `postgres`, says nothing; unless there is no other.
    if sample == Sample::Three && all.iter().any(|database| !is_empty(database)) {
        all.retain(|database| !is_empty(database));
    }
    all.sort_by(|a, b| row_bytes(b).cmp(&row_bytes(a)).then_with(|| a.name.cmp(&b.name)));
    match (sample, all.len()) {
        (Sample::All, _) | (_, 0 | 1) => all.into_iter().map(|database| (database, "")).collect(),
        (Sample::Three, 2) => vec![(all[0], "large"), (all[1], "small")],
        (Sample::Three, count) => vec![(all[0], "large"), (all[count / 2], "medium"), (all[count - 1], "small")],
    }
}

fn is_empty(database: &Database) -> bool {
    database.objects == 0 && database.tables.is_empty()
}

/// Bytes of its rows.
pub fn row_bytes(database: &Database) -> u64 {
    database.tables.iter().map(|entry| entry.bytes).sum()
}

/// What it takes on a server's disk: its tables and indexes as they were at the source, and the catalogs that every database has.
pub fn disk_bytes(database: &Database) -> u64 {
    const CATALOGS: u64 = 8 << 20;
    database.tables.iter().map(|entry| entry.table.total_bytes + entry.table.index_bytes).sum::<u64>() + CATALOGS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::manifest::TableEntry;

    fn database(name: &str, bytes: u64) -> Database {
        let tables = if bytes == 0 { Vec::new() } else { vec![TableEntry { bytes, ..TableEntry::default() }] };
        Database { name: name.into(), tables, ..Database::default() }
    }

    fn names(databases: &[Database], sample: Sample) -> Vec<String> {
        pick(databases, sample).into_iter().map(|(database, why)| format!("{} {why}", database.name)).collect()
    }

    #[test]
    fn a_sample_is_small_medium_and_large() {
        let mut all: Vec<_> = (1..=9).map(|size| database(&format!("d{size}"), size * 100)).collect();
        all.push(database("postgres", 0));
        all.push(Database { failed: Some("no".into()), ..database("lost", 5_000) });
        assert_eq!(names(&all, Sample::Three), ["d9 large", "d5 medium", "d1 small"]);
        assert_eq!(names(&all, Sample::All).len(), 10, "an empty one can be restored too; one that failed is not there");
        assert_eq!(names(&all[..2], Sample::Three), ["d2 large", "d1 small"]);
        assert_eq!(names(&all[9..], Sample::Three), ["postgres "]);
        assert_eq!(names(&[], Sample::All), Vec::<String>::new());
    }
}
