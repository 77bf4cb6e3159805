//! Turns pg_dump's entries into schema objects: what gives them their owner, which table they belong to, what they stand on. The rules are
//! those of `_printTocEntry` and `_getObjectDescription` in PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c.

use crate::domain::schema::{SchemaObject, Section, TableName};
use crate::server::postgres::quote::ident;
use crate::server::postgres::toc::Entry;
use std::collections::HashMap;

/// Kinds that `ALTER kind name OWNER TO` takes by their plain name.
const NAMED: &[&str] = &[
    "COLLATION",
    "CONVERSION",
    "DOMAIN",
    "FOREIGN TABLE",
    "MATERIALIZED VIEW",
    "SEQUENCE",
    "STATISTICS",
    "TABLE",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH CONFIGURATION",
    "TYPE",
    "VIEW",
    "PROCEDURAL LANGUAGE",
    "SCHEMA",
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "SERVER",
    "PUBLICATION",
    "SUBSCRIPTION",
];

/// Kinds whose name needs more than the tag; the statement that drops them has it.
const DECORATED: &[&str] = &["AGGREGATE", "FUNCTION", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURE"];

/// Kinds that belong to one table.
const PARTS: &[&str] = &[
    "INDEX",
    "CONSTRAINT",
    "FK CONSTRAINT",
    "CHECK CONSTRAINT",
    "TRIGGER",
    "RULE",
    "POLICY",
    "ROW SECURITY",
    "DEFAULT",
    "STATISTICS",
    "INDEX ATTACH",
];

/// Kinds that hold or show rows.
const RELATIONS: &[&str] = &["TABLE", "MATERIALIZED VIEW", "FOREIGN TABLE", "VIEW"];

/// Whether an entry is part of the database itself, which is described elsewhere, or of the dump.
fn is_beside(entry: &Entry) -> bool {
    match entry.kind.as_str() {
        "ENCODING" | "STDSTRINGS" | "SEARCHPATH" | "DATABASE" | "DATABASE PROPERTIES" => true,
        "COMMENT" | "ACL" | "SECURITY LABEL" => entry.tag.starts_with("DATABASE "),
        _ => false,
    }
}

/// The objects, in an order in which they could be run.
pub fn from_entries(entries: Vec<Entry>) -> Vec<SchemaObject> {
    let mut objects: Vec<SchemaObject> = entries.into_iter().filter(|entry| !is_beside(entry)).map(object).collect();
    let places: HashMap<u32, usize> = objects.iter().enumerate().map(|(at, object)| (object.id, at)).collect();
    for object in &mut objects {
        object.depends.retain(|id| places.contains_key(id));
        object.depends.sort_unstable();
        object.depends.dedup();
    }
    for at in 0..objects.len() {
        if PARTS.contains(&objects[at].kind.as_str()) {
            objects[at].table = table_of(&objects[at], |id| places.get(&id).map(|place| &objects[*place]));
        }
    }
    objects
}

fn object(entry: Entry) -> SchemaObject {
    let owner_sql = owner_sql(&entry);
    let mut sql = entry.definition;
    let access_method = entry.access_method.filter(|name| !name.is_empty());
    let is_partitioned = entry.relkind == b'p';
    if let (true, Some(method), Some(schema)) = (is_partitioned, &access_method, &entry.namespace) {
        // A partitioned table has no storage: the method is only what its partitions get, and takes a statement of its own.
        sql.push_str(&format!("\nALTER TABLE {}.{} SET ACCESS METHOD {};\n", ident(schema), ident(&entry.tag), ident(method)));
    }
    SchemaObject {
        id: entry.id,
        kind: entry.kind,
        schema: entry.namespace.filter(|name| !name.is_empty()),
        name: entry.tag,
        definer: None,
        owner: entry.owner.filter(|name| !name.is_empty()),
        section: match entry.section {
            2 => Section::PreData,
            3 => Section::Data,
            4 => Section::PostData,
            _ => Section::None,
        },
        sql,
        owner_sql,
        drop_sql: entry.drop,
        tablespace: entry.tablespace.filter(|name| !name.is_empty()),
        access_method: access_method.filter(|_| !is_partitioned),
        table: None,
        depends: entry.depends,
        broken: false,
    }
}

/// What gives an object to its owner. An object without a statement that drops it has no owner of its own.
fn owner_sql(entry: &Entry) -> Option<String> {
    let owner = entry.owner.as_deref().filter(|owner| !owner.is_empty())?;
    if entry.drop.is_empty() {
        return None;
    }
    let kind = entry.kind.as_str();
    let what = if NAMED.contains(&kind) {
        match entry.namespace.as_deref().filter(|schema| !schema.is_empty()) {
            Some(schema) => format!("{kind} {}.{}", ident(schema), ident(&entry.tag)),
            None => format!("{kind} {}", ident(&entry.tag)),
        }
    } else if DECORATED.contains(&kind) {
        entry.drop.strip_prefix("DROP ")?.trim_end_matches([';', '\n']).to_owned()
    } else {
        return None;
    };
    Some(format!("ALTER {what} OWNER TO {};", ident(owner)))
}

/// The table that an index, constraint, trigger, … is a part of: among what it depends on, the relation that its tag or its definition names.
fn table_of<'a>(part: &SchemaObject, find: impl Fn(u32) -> Option<&'a SchemaObject>) -> Option<TableName> {
    if part.kind == "INDEX ATTACH" {
        // The tag is the name of the partition's index, or of the constraint that it belongs to.
        let indexes: Vec<_> = part.depends.iter().filter_map(|id| find(*id)).filter(|found| found.kind != "INDEX ATTACH").collect();
        let named = |found: &&SchemaObject| found.name == part.name || found.name.ends_with(&format!(" {}", part.name));
        let index = indexes.iter().copied().find(named)?;
        return table_of(index, find);
    }
    let relations = part.depends.iter().filter_map(|id| find(*id)).filter(|found| RELATIONS.contains(&found.kind.as_str()));
    let candidates: Vec<TableName> =
        relations.filter_map(|found| Some(TableName { schema: found.schema.clone()?, name: found.name.clone() })).collect();
    let is_named = |table: &&TableName| match part.kind.as_str() {
        "INDEX" => definition_names(&part.sql, " ON ", table) || definition_names(&part.sql, " ON ONLY ", table),
        "STATISTICS" => definition_names(&part.sql, " FROM ", table),
        _ => {
            Some(&table.schema) == part.schema.as_ref()
                && (part.name == table.name || part.name.strip_prefix(&table.name).is_some_and(|rest| rest.starts_with(' ')))
        }
    };
    // With two tables "a" and "a b", the constraint tag "a b c" fits both: the longer name is decided by the definition.
    let mut fitting: Vec<&TableName> = candidates.iter().filter(is_named).collect();
    if fitting.len() > 1 {
        let stated = |table: &&TableName| ["ONLY ", "TABLE ", "ON ", "TO "].iter().any(|word| definition_names(&part.sql, word, table));
        if let Some(found) = fitting.iter().copied().find(|table| stated(table)) {
            return Some(found.clone());
        }
    }
    fitting.pop().or_else(|| candidates.first().filter(|_| candidates.len() == 1)).cloned()
}

/// Whether a definition has a table's name behind a word, quoted or not.
fn definition_names(sql: &str, word: &str, table: &TableName) -> bool {
    let forms = |name: &str| [name.to_owned(), ident(name)];
    forms(&table.schema).iter().any(|schema| {
        forms(&table.name).iter().any(|name| {
            let wanted = format!("{word}{schema}.{name}");
            sql.match_indices(&wanted).any(|(at, found)| sql[at + found.len()..].starts_with([' ', '\n', ';', '(']))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u32, kind: &str, tag: &str, definition: &str, depends: &[u32]) -> Entry {
        Entry {
            id,
            kind: kind.into(),
            tag: tag.into(),
            definition: definition.into(),
            drop: format!("DROP {kind} public.{tag};\n"),
            namespace: Some("public".into()),
            owner: Some("o\"x".into()),
            section: 2,
            depends: depends.to_vec(),
            ..Entry::default()
        }
    }

    #[test]
    fn owners_are_given_as_pg_restore_gives_them() {
        assert_eq!(owner_sql(&entry(1, "TABLE", "T", "", &[])).as_deref(), Some("ALTER TABLE \"public\".\"T\" OWNER TO \"o\"\"x\";"));
        let function = Entry { drop: "DROP FUNCTION public.f(a integer);\n".into(), ..entry(1, "FUNCTION", "f(integer)", "", &[]) };
        assert_eq!(owner_sql(&function).as_deref(), Some("ALTER FUNCTION public.f(a integer) OWNER TO \"o\"\"x\";"));
        for kind in ["INDEX", "TRIGGER", "CAST", "COMMENT", "TABLE ATTACH"] {
            assert_eq!(owner_sql(&entry(1, kind, "x", "", &[])), None, "{kind}");
        }
        assert_eq!(owner_sql(&Entry { drop: String::new(), ..entry(1, "TABLE", "T", "", &[]) }), None);
    }

    #[test]
    fn parts_know_their_table_even_with_spaces_in_names() {
        let objects = from_entries(vec![
            entry(1, "TABLE", "a", "", &[]),
            entry(2, "TABLE", "a b", "", &[]),
            entry(
                3,
                "FK CONSTRAINT",
                "a b c",
                "ALTER TABLE ONLY public.\"a b\"\n ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES public.a(x);",
                &[1, 2, 99],
            ),
            entry(4, "INDEX", "i", "CREATE INDEX i ON public.a USING btree (x);", &[1, 2]),
            entry(5, "INDEX ATTACH", "i", "ALTER INDEX public.p ATTACH PARTITION public.i;", &[4]),
            entry(6, "ENCODING", "ENCODING", "", &[]),
            entry(7, "ACL", "DATABASE shop", "", &[]),
        ]);
        let table = |name: &str| Some(TableName::new("public", name));
        assert_eq!(objects.iter().map(|o| o.table.clone()).collect::<Vec<_>>(), [None, None, table("a b"), table("a"), table("a")]);
        assert_eq!(objects[2].depends, [1, 2], "what is not there is no dependency");
    }
}
