//! In how many runs pg_restore restores an archive. Knows the table of contents; runs nothing.
//!
//! `pg_restore --jobs` loads the largest table first, and waits for nothing but what the table of contents says. Foreign keys come after all rows,
//! but for those between tables of an extension: CREATE EXTENSION makes them. pg_dump puts the rows of such tables in their order and
//! does not write down why (`BuildArchiveDependencies` in PostgreSQL's pg_dump.c leaves out what depends on rows), so that several
//! sessions may load a child before its parent. The order alone is kept by a run with one session.

use super::{Item, Parts};
use std::collections::HashSet;

/// `SECTION_PRE_DATA` in PostgreSQL's pg_backup.h.
const PRE_DATA: i64 = 2;

/// One run of pg_restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// Sessions at the same time.
    pub jobs: u32,
    /// What pg_restore reads as its list of entries; none: it restores all.
    pub list: Option<String>,
}

/// The runs that restore these entries.
pub(super) fn passes(items: &[Item], parts: Parts, jobs: u32) -> Vec<Pass> {
    let first = if jobs > 1 && parts != Parts::Schema { in_order(items) } else { HashSet::new() };
    if first.is_empty() {
        return vec![Pass { jobs, list: None }];
    }
    let list = |wanted: &dyn Fn(&Item) -> bool| {
        let numbers = items.iter().filter(|item| wanted(item)).map(|item| format!("{};\n", item.id));
        Some(numbers.collect::<String>())
    };
    let is_first = |item: &Item| item.section == PRE_DATA || first.contains(&item.id);
    vec![Pass { jobs: 1, list: list(&is_first) }, Pass { jobs, list: list(&|item| !is_first(item)) }]
}

/// The rows of extensions' tables, where there are several such tables. A dump of an extension has no entry for its tables, only for their rows.
fn in_order(items: &[Item]) -> HashSet<u32> {
    if !items.iter().any(|item| item.kind == "EXTENSION") {
        return HashSet::new();
    }
    let tables: HashSet<_> = items.iter().filter(|item| item.kind == "TABLE").map(|item| (&item.schema, &item.name)).collect();
    let rows = items.iter().filter(|item| item.kind == "TABLE DATA" && !tables.contains(&(&item.schema, &item.name)));
    let rows: HashSet<u32> = rows.map(|item| item.id).collect();
    if rows.len() > 1 { rows } else { HashSet::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: u32, section: i64, kind: &str, name: &str) -> Item {
        Item { id, section, kind: kind.into(), schema: Some("s".into()), name: name.into(), ..Item::default() }
    }

    #[test]
    fn rows_of_extensions_come_first_and_one_after_the_other() {
        let mut items = vec![
            item(2, 2, "EXTENSION", "e"),
            item(5, 2, "TABLE", "t"),
            item(9, 3, "TABLE DATA", "parent"),
            item(7, 3, "TABLE DATA", "child"),
            item(8, 3, "TABLE DATA", "t"),
            item(11, 4, "INDEX", "i"),
            item(12, 1, "ACL", "TABLE t"),
        ];
        let two = passes(&items, Parts::All, 4);
        assert_eq!(two[0], Pass { jobs: 1, list: Some("2;\n5;\n9;\n7;\n".into()) });
        assert_eq!(two[1], Pass { jobs: 4, list: Some("8;\n11;\n12;\n".into()) });
        let one = |jobs| vec![Pass { jobs, list: None }];
        assert_eq!((passes(&items, Parts::All, 1), passes(&items, Parts::Schema, 4)), (one(1), one(4)));
        // A single table refers to no other one, and rows without definitions are not those of an extension.
        items.retain(|item| item.name != "child");
        assert_eq!(passes(&items, Parts::All, 4), one(4));
        items.retain(|item| item.section == 3);
        assert_eq!(passes(&items, Parts::All, 4), one(4));
    }
}
