//! The texts beside the rows: definitions for programs (one JSON object a line) and for people (plain SQL).

use crate::domain::Product;
use crate::domain::fault::Fault;
use crate::domain::schema::{Contents, SchemaObject, Section, SequenceState};
use crate::server::definition::{self, Definitions};
use serde::Serialize;
use std::collections::HashSet;

/// The entries of one database, beside its rows.
pub fn of_database(dir: &str, contents: &Contents) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let words = definition::of(contents.product);
    let (before, after) = halves(&contents.objects);
    let mut post = sql(words, &after.main);
    post.extend(contents.materialized_views.iter().map(|view| words.refresh(view)));
    post.extend(after.last.into_iter().map(|object| words.scripted(object)));
    Ok(vec![
        (format!("{dir}/schema.jsonl"), lines(&contents.objects)?),
        (format!("{dir}/inventory.jsonl"), lines(&contents.inventory)?),
        (format!("{dir}/pre-data.sql"), sql(words, &before).into_bytes()),
        (format!("{dir}/sequences.sql"), sequences(words, &contents.sequences).into_bytes()),
        (format!("{dir}/post-data.sql"), post.into_bytes()),
    ])
}

/// Roles, memberships, settings and tablespaces as SQL for people.
pub fn globals(product: Product, objects: &[SchemaObject]) -> String {
    sql(definition::of(product), &objects.iter().collect::<Vec<_>>())
}

/// One JSON object a line.
pub fn lines<T: Serialize>(items: &[T]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    for item in items {
        serde_json::to_writer(&mut out, item).map_err(|error| Fault::internal("cannot write an object as JSON").caused_by(&error))?;
        out.push(b'\n');
    }
    Ok(out)
}

/// What comes after the rows.
struct After<'a> {
    /// Indexes, constraints, triggers, then rights.
    main: Vec<&'a SchemaObject>,
    /// Event triggers: anything made after them would fire them.
    last: Vec<&'a SchemaObject>,
}

/// What is run before and after the rows. Rights come late: a default privilege would change every object that is made after it, and an owner
/// who has taken a right from himself could not load. Comments and the like follow what they belong to.
fn halves(objects: &[SchemaObject]) -> (Vec<&SchemaObject>, After<'_>) {
    let mut late: HashSet<u32> = HashSet::new();
    let mut events: HashSet<u32> = HashSet::new();
    let (mut before, mut main, mut rights, mut last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for object in objects {
        let follows = |set: &HashSet<u32>| object.section == Section::None && object.depends.iter().any(|id| set.contains(id));
        if object.kind == "EVENT TRIGGER" || follows(&events) {
            events.insert(object.id);
            last.push(object);
        } else if matches!(object.kind.as_str(), "ACL" | "DEFAULT ACL") {
            rights.push(object);
        } else if object.section == Section::PostData || follows(&late) {
            late.insert(object.id);
            main.push(object);
        } else {
            before.push(object);
        }
    }
    main.append(&mut rights);
    (before, After { main, last })
}

fn sql(words: &dyn Definitions, objects: &[&SchemaObject]) -> String {
    let mut out = words.preamble().to_owned();
    out.extend(objects.iter().map(|object| if object.broken { remark(object) } else { words.scripted(object) }));
    out
}

/// A definition that no server could make, for a person to mend.
fn remark(object: &SchemaObject) -> String {
    let lines: String = object.sql.lines().map(|line| format!("-- {}\n", crate::domain::text::clean(line))).collect();
    format!("-- {} {}: what it refers to was gone.\n{lines}\n", object.kind, crate::domain::text::clean(&object.name))
}

fn sequences(words: &dyn Definitions, states: &[SequenceState]) -> String {
    let mut out = words.preamble().to_owned();
    out.extend(states.iter().map(|state| words.sequence(state)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::TableName;

    fn object(id: u32, kind: &str, section: Section, sql: &str, depends: &[u32]) -> SchemaObject {
        SchemaObject {
            id,
            kind: kind.into(),
            schema: Some("public".into()),
            name: format!("{kind} {id}"),
            section,
            sql: sql.into(),
            depends: depends.to_vec(),
            ..SchemaObject::default()
        }
    }

    fn entry(entries: &[(String, Vec<u8>)], name: &str) -> String {
        let found = entries.iter().find(|(entry, _)| entry.ends_with(name)).expect(name);
        String::from_utf8(found.1.clone()).expect("works here")
    }

    #[test]
    fn each_statement_is_in_the_file_where_it_can_run() {
        let mut table = object(1, "TABLE", Section::PreData, "CREATE TABLE t (a int);", &[]);
        table.owner_sql = Some("ALTER TABLE public.t OWNER TO bob;".into());
        table.tablespace = Some("it's".into());
        let contents = Contents {
            objects: vec![
                object(5, "DEFAULT ACL", Section::None, "DEFAULT;", &[]),
                table,
                object(2, "COMMENT", Section::None, "COMMENT ON TABLE;", &[1]),
                object(3, "INDEX", Section::PostData, "CREATE INDEX;", &[1]),
                object(4, "COMMENT", Section::None, "COMMENT ON INDEX;", &[3]),
                object(6, "EVENT TRIGGER", Section::PostData, "CREATE EVENT TRIGGER;", &[]),
                object(7, "COMMENT", Section::None, "COMMENT ON EVENT TRIGGER;", &[6]),
            ],
            sequences: vec![SequenceState {
                name: TableName::new("public", "a'b\""),
                last_value: -7,
                is_called: false,
                ..SequenceState::default()
            }],
            materialized_views: vec![TableName::new("public", "mv")],
            ..Contents::default()
        };
        let entries = of_database("databases/shop", &contents).expect("works here");
        let pre = entry(&entries, "/pre-data.sql");
        assert!(pre.starts_with("SET statement_timeout = 0;"));
        assert!(pre.contains("SET default_tablespace = 'it''s';\nCREATE TABLE t (a int);\nALTER TABLE public.t OWNER TO bob;\nRESET"));
        assert!(pre.contains("COMMENT ON TABLE;") && !pre.contains("INDEX") && !pre.contains("DEFAULT;") && !pre.contains("EVENT"));
        let post = entry(&entries, "/post-data.sql");
        let order = [
            "CREATE INDEX;",
            "COMMENT ON INDEX;",
            "DEFAULT;",
            "REFRESH MATERIALIZED VIEW \"public\".\"mv\";",
            "CREATE EVENT",
            "COMMENT ON EVENT",
        ];
        let places: Vec<_> = order.iter().map(|text| post.find(text).unwrap_or_else(|| panic!("{text} is missing"))).collect();
        assert!(places.is_sorted(), "{post}");
        assert!(entry(&entries, "/sequences.sql").contains("setval('\"public\".\"a''b\"\"\"', -7, false);"));
        assert_eq!(entry(&entries, "/schema.jsonl").lines().count(), 7);
    }
}
