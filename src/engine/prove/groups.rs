//! Which tables of a restored database are compared with which entries of the manifest.
//!
//! One with one, as a rule. Where rows were loaded through a root, each may lie in any partition: then all partitions together are compared
//! with all their entries, by the sums of rows and fingerprints.

use super::super::backup::table::TableWork;
use super::Expected;
use crate::archive::fingerprint::Fingerprint;
use crate::domain::job::{Difference, Proof};
use crate::domain::schema::{Table, TableKind, TableName};
use crate::domain::size::grouped;
use std::collections::HashMap;
use std::sync::Arc;

/// Tables whose rows are compared as one set.
#[derive(Debug)]
pub struct Group {
    /// What it is for people: the table, or the root.
    name: String,
    /// The tables to read on the target.
    pub tables: Vec<Table>,
    /// Entries of the manifest in it.
    entries: u64,
    /// Row bytes that are expected.
    pub bytes: u64,
    /// What is expected; none for an entry whose fingerprint is no number.
    expected: Option<Fingerprint>,
}

/// The groups of what was restored. A table that is not there is a difference.
pub fn of(expected: &Expected<'_>, target: &str, there: &[Table], proof: &mut Proof) -> Vec<Group> {
    let found: HashMap<(TableKind, &TableName), &Table> = there.iter().map(|table| ((table.kind, &table.name), table)).collect();
    let mut leaves: HashMap<&TableName, Vec<&Table>> = HashMap::new();
    for table in there {
        if let Some(root) = &table.root {
            leaves.entry(root).or_default().push(table);
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<&TableName, usize> = HashMap::new();
    for (at, name) in &expected.tables {
        let Some(entry) = expected.database.tables.get(*at) else { continue };
        let single = found.get(&(entry.table.kind, name));
        // A partition that was restored alone is no partition on the target.
        let root = entry.table.root.as_ref().filter(|root| single.is_none_or(|table| table.root.as_ref() == Some(*root)));
        let root = root.and_then(|root| leaves.get_key_value(root));
        let sum = u128::from_str_radix(&entry.fingerprint, 16).ok().map(|sum| Fingerprint { rows: entry.rows, sum });
        if let Some(group) = root.and_then(|(root, _)| places.get(root)).and_then(|place| groups.get_mut(*place)) {
            group.entries += 1;
            group.bytes += entry.bytes;
            group.expected = group.expected.zip(sum).map(|(mut all, one)| {
                all.add(one);
                all
            });
            continue;
        }
        // Rows are read in the form of the backup, cut by the sizes of the target.
        let as_expected = |found: &Table| Table {
            name: found.name.clone(),
            heap_bytes: found.heap_bytes,
            total_bytes: found.total_bytes,
            splittable: found.splittable,
            ..entry.table.clone()
        };
        let (name, tables) = match (root, single) {
            (Some((root, leaves)), _) => {
                places.insert(*root, groups.len());
                (format!("partitions of {root}"), leaves.iter().map(|leaf| as_expected(leaf)).collect())
            }
            (None, Some(found)) => (format!("table {name}"), vec![as_expected(found)]),
            // A server without large objects has no table of them to read.
            (None, None) if entry.rows == 0 && entry.table.kind != TableKind::Table => {
                proof.tables += 1;
                continue;
            }
            (None, None) => {
                proof.differences.push(Difference {
                    database: target.to_owned(),
                    object: format!("table {name}"),
                    expected: format!("{} rows", grouped(entry.rows)),
                    found: "no such table".to_owned(),
                });
                continue;
            }
        };
        groups.push(Group { name, tables, entries: 1, bytes: entry.bytes, expected: sum });
    }
    groups
}

/// The tables that were read for each group; they stand in the order of the groups.
pub fn split<'a>(groups: &'a [Group], tables: &'a [Arc<TableWork>]) -> impl Iterator<Item = &'a [Arc<TableWork>]> {
    let mut rest = tables;
    groups.iter().map(move |group| {
        let (these, others) = rest.split_at(group.tables.len().min(rest.len()));
        rest = others;
        these
    })
}

impl Group {
    /// Compares what was read with what is expected.
    pub fn compare(&self, tables: &[Arc<TableWork>], target: &str, proof: &mut Proof) {
        let mut found = Fingerprint::default();
        tables.iter().for_each(|table| found.add(table.fingerprint()));
        self.judge(found, target, proof);
    }

    fn judge(&self, found: Fingerprint, target: &str, proof: &mut Proof) {
        if self.expected == Some(found) {
            proof.tables += self.entries;
            proof.rows += found.rows;
            return;
        }
        let mut differ = |expected: String, found: String| {
            proof.differences.push(Difference { database: target.to_owned(), object: self.name.clone(), expected, found });
        };
        match self.expected {
            Some(expected) if expected.rows != found.rows => {
                differ(format!("{} rows", grouped(expected.rows)), format!("{} rows", grouped(found.rows)));
            }
            expected => differ(
                format!(
                    "{} rows, fingerprint {}",
                    grouped(expected.unwrap_or(found).rows),
                    expected.map_or("unreadable".to_owned(), |expected| expected.hex())
                ),
                format!("other values, fingerprint {}", found.hex()),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::manifest::{Database, TableEntry};

    fn entry(name: &str, root: Option<&str>, rows: u64, sum: u128) -> TableEntry {
        TableEntry {
            table: Table { name: TableName::new("s", name), root: root.map(|root| TableName::new("s", root)), ..Table::default() },
            rows,
            bytes: rows,
            fingerprint: Fingerprint { rows, sum }.hex(),
            ..TableEntry::default()
        }
    }

    /// The groups' tables, and what becomes of them with these sums.
    fn proven(entries: Vec<TableEntry>, there: &[(&str, Option<&str>)], found: &[(u64, u128)]) -> (Vec<Vec<String>>, Proof) {
        let database = Database { tables: entries, ..Database::default() };
        let expected = Expected {
            database: &database,
            inventory: Vec::new(),
            same_version: true,
            tables: database.tables.iter().enumerate().map(|(at, entry)| (at, entry.table.name.clone())).collect(),
            whole: false,
            ignore_owners: false,
            ignore_acl: false,
        };
        let there: Vec<Table> = there.iter().map(|(name, root)| entry(name, *root, 0, 0).table).collect();
        let mut proof = Proof::default();
        let groups = of(&expected, "copy", &there, &mut proof);
        for (group, (rows, sum)) in groups.iter().zip(found) {
            group.judge(Fingerprint { rows: *rows, sum: *sum }, "copy", &mut proof);
        }
        (groups.iter().map(|group| group.tables.iter().map(|table| table.name.name.clone()).collect()).collect(), proof)
    }

    #[test]
    fn partitions_of_a_root_are_one_set_of_rows() {
        let entries = || vec![entry("a", Some("r"), 5, u128::MAX), entry("t", None, 1, 9), entry("b", Some("r"), 2, 3)];
        let there = [("a", Some("r")), ("b", Some("r")), ("c", Some("r")), ("t", None)];
        let (groups, proof) = proven(entries(), &there, &[(7, 2), (1, 9)]);
        assert_eq!(groups, [vec!["a", "b", "c"], vec!["t"]], "each is read once, also one that got rows of others");
        assert_eq!((proof.tables, proof.rows, proof.differences), (3, 8, vec![]));
        let (_, proof) = proven(entries(), &there, &[(7, 3), (2, 9)]);
        let objects: Vec<_> = proof.differences.iter().map(|one| (one.object.as_str(), one.found.as_str())).collect();
        assert_eq!(objects, [("partitions of s.r", "other values, fingerprint 00000000000000000000000000000003"), ("table s.t", "2 rows")]);
    }

    #[test]
    fn a_partition_that_stands_alone_is_a_table_like_others() {
        let (groups, proof) =
            proven(vec![entry("a", Some("r"), 5, 7), entry("gone", None, 1, 1)], &[("a", None), ("b", Some("r"))], &[(5, 7)]);
        assert_eq!(groups, [["a"]]);
        assert_eq!((proof.tables, proof.differences.len()), (1, 1), "{:?}", proof.differences);
        assert_eq!(proof.differences[0].found, "no such table");
    }
}
