//! One table's definitions under another name.
//!
//! The name stands at a fixed place in the statements that pg_dump writes for a table, its indexes and its keys; it is replaced there
//! and nowhere else. Indexes and keys get names made from the new one, so that the original may stay beside it.

use crate::domain::schema::{SchemaObject, TableName};
use crate::server::postgres::quote::{ident, qualified};

/// The longest name that the server keeps, in bytes (`NAMEDATALEN` - 1).
const NAME: usize = 63;

/// The object under the new name, where that is possible.
pub fn renamed(mut object: SchemaObject, from: &TableName, to: &TableName) -> Option<SchemaObject> {
    let (old, new) = (spellings(from), qualified(to));
    let swap = |sql: &str, start: &str| -> Option<String> {
        let rest = sql.trim_start().strip_prefix(start)?;
        let tail = old.iter().find_map(|old| rest.strip_prefix(old.as_str()).filter(|tail| ends_name(tail)))?;
        Some(format!("{start}{new}{tail}"))
    };
    match object.kind.as_str() {
        "TABLE" if object.schema.as_deref() == Some(&from.schema) && object.name == from.name => {
            // What follows the first statement names the table again (statistics targets, storage): those are fixed forms too.
            let mut out = String::new();
            for (at, statement) in statements(&object.sql).enumerate() {
                let changed = if at == 0 {
                    swap(statement, "CREATE TABLE ").or_else(|| swap(statement, "CREATE UNLOGGED TABLE "))?
                } else {
                    swap(statement, "ALTER TABLE ONLY ").or_else(|| swap(statement, "ALTER TABLE "))?
                };
                out.push_str(&changed);
                out.push('\n');
            }
            object.sql = out;
            object.owner_sql = match &object.owner_sql {
                Some(sql) => Some(swap(sql, "ALTER TABLE ")?),
                None => None,
            };
            object.schema = Some(to.schema.clone());
            object.name = to.name.clone();
        }
        "CONSTRAINT" if object.table.as_ref() == Some(from) => {
            let sql = swap(&object.sql, "ALTER TABLE ONLY ")?;
            let name = object.name.strip_prefix(&format!("{} ", from.name))?.to_owned();
            let (head, tail) = sql.split_once("ADD CONSTRAINT ")?;
            let tail = tail.strip_prefix(&quote_as_written(tail, &name))?;
            let fresh = new_name(&name, from, to);
            // A second statement (CLUSTER ON, REPLICA IDENTITY) would name the old one.
            let tail = &tail[..tail.find(";\n").map_or(tail.len(), |end| end + 1)];
            object.sql = format!("{head}ADD CONSTRAINT {}{tail}", ident(&fresh));
            object.owner_sql = None;
            object.name = format!("{} {fresh}", to.name);
            object.schema = Some(to.schema.clone());
        }
        "INDEX" if object.table.as_ref() == Some(from) => {
            let (start, rest) = ["CREATE UNIQUE INDEX ", "CREATE INDEX "]
                .iter()
                .find_map(|start| object.sql.trim_start().strip_prefix(start).map(|rest| (*start, rest)))?;
            let rest = rest.strip_prefix(&quote_as_written(rest, &object.name))?;
            let on = if rest.starts_with(" ON ONLY ") { " ON ONLY " } else { " ON " };
            let rest = swap(rest.strip_prefix(' ')?, on.trim_start())?;
            let fresh = new_name(&object.name, from, to);
            let rest = &rest[..rest.find(";\n").map_or(rest.len(), |end| end + 1)];
            object.sql = format!("{start}{} {rest}", ident(&fresh));
            object.owner_sql = None;
            object.name = fresh;
            object.schema = Some(to.schema.clone());
        }
        "SCHEMA" => return Some(object),
        _ => return None,
    }
    if object.table.is_some() {
        object.table = Some(to.clone());
    }
    Some(object)
}

/// The statements of a definition: pg_dump ends each with a semicolon at a line's end.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split_inclusive(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}

/// How pg_dump may write a name: each part quoted or not.
fn spellings(name: &TableName) -> Vec<String> {
    let part = |text: &str| [text.to_owned(), ident(text)];
    let mut all = Vec::new();
    for schema in part(&name.schema) {
        for table in part(&name.name) {
            all.push(format!("{schema}.{table}"));
        }
    }
    all
}

fn quote_as_written(text: &str, name: &str) -> String {
    if text.starts_with('"') { ident(name) } else { name.to_owned() }
}

fn ends_name(tail: &str) -> bool {
    tail.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ';'))
}

/// A name for an index or key of the new table: the old table's name in it becomes the new one's, else the new one's comes before it.
fn new_name(old: &str, from: &TableName, to: &TableName) -> String {
    let fresh = match old.strip_prefix(from.name.as_str()) {
        Some(rest) => format!("{}{rest}", to.name),
        None => format!("{}_{old}", to.name),
    };
    if fresh.len() <= NAME {
        return fresh;
    }
    // The end tells indexes of one table apart; a name that long is cut in front of it.
    let keep = NAME / 2;
    let tail = fresh.char_indices().map(|(at, _)| at).find(|at| fresh.len() - at <= keep).unwrap_or(0);
    let head = fresh.char_indices().map(|(at, _)| at).take_while(|at| *at < NAME - keep).last().unwrap_or(0);
    format!("{}{}", &fresh[..head], &fresh[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::Section;

    fn object(kind: &str, name: &str, sql: &str) -> SchemaObject {
        SchemaObject {
            id: 1,
            kind: kind.into(),
            schema: Some("public".into()),
            name: name.into(),
            section: Section::PreData,
            sql: sql.into(),
            table: (kind != "TABLE").then(|| TableName::new("public", "orders")),
            ..SchemaObject::default()
        }
    }

    #[test]
    fn the_name_changes_at_its_place_only() {
        let (from, to) = (TableName::new("public", "orders"), TableName::new("old", "Orders 2"));
        let sql = |kind, name, sql| renamed(object(kind, name, sql), &from, &to).map(|object| object.sql);
        assert_eq!(
            sql("TABLE", "orders", "CREATE TABLE public.orders (\n    id integer,\n    note text DEFAULT 'public.orders'::text\n);\nALTER TABLE ONLY public.orders ALTER COLUMN note SET STATISTICS 7;\n"),
            Some("CREATE TABLE \"old\".\"Orders 2\" (\n    id integer,\n    note text DEFAULT 'public.orders'::text\n);\nALTER TABLE ONLY \"old\".\"Orders 2\" ALTER COLUMN note SET STATISTICS 7;\n".into())
        );
        assert_eq!(
            sql("CONSTRAINT", "orders orders_pkey", "ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n"),
            Some("ALTER TABLE ONLY \"old\".\"Orders 2\"\n    ADD CONSTRAINT \"Orders 2_pkey\" PRIMARY KEY (id);".into())
        );
        assert_eq!(
            sql("INDEX", "by_note", "CREATE INDEX by_note ON public.orders USING btree (note);\n"),
            Some("CREATE INDEX \"Orders 2_by_note\" ON \"old\".\"Orders 2\" USING btree (note);".into())
        );
        assert_eq!(sql("TRIGGER", "orders t", "CREATE TRIGGER t …"), None);
        assert_eq!(sql("TABLE", "orders", "CREATE TABLE public.orders2 (id integer);"), None);
        assert_eq!(sql("TABLE", "orders", "CREATE TABLE public.orders (id int);\nSELECT evil();\n"), None);
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let (from, to) = (TableName::new("s", "t"), TableName::new("s", "ü".repeat(31)));
        let (a, b) = (new_name("t_a_idx", &from, &to), new_name("t_b_idx", &from, &to));
        assert!(a.len() <= NAME && b.len() <= NAME && a != b, "{a} {b}");
    }
}
