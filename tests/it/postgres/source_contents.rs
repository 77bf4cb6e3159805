//! Definitions, tables, sequences, properties and inventory of a database with one of nearly everything.

use super::{postgres, run};
use crate::support::postgres::{Postgres as TestServer, VERSIONS, server};
use dbbackup::domain::Code;
use dbbackup::domain::schema::{Contents, DatabaseProperties, TableKind, TableName};
use dbbackup::domain::server::ServerInfo;
use dbbackup::server::Server as _;
use std::collections::HashMap;
use std::path::Path;

fn small(server: &TestServer, stem: &str) -> String {
    let database = server.database(stem);
    server.script(&database, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/postgres/source_small.sql"));
    database
}

fn contents(server: &TestServer, database: &str) -> Contents {
    run(async {
        let snapshot = postgres(server).snapshot(database).await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
        let contents = snapshot.contents().await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
        assert!(snapshot.position().lsn.is_some() && snapshot.position().taken_at.0 > 0);
        snapshot.release().await;
        contents
    })
}

#[test]
fn definitions_run_in_order_and_make_the_same_database() {
    for major in VERSIONS {
        let server = server(major);
        let database = small(server, "small");
        server.sql(
            &database,
            "do $$ begin if not exists (select from pg_roles where rolname = 'keeper') then create role keeper; end if; end $$",
        );
        server.sql(
            &database,
            "alter function add(int, int) owner to keeper; alter table plain owner to keeper; alter operator ===(int, int) owner to keeper",
        );
        server.sql(
            &database,
            "grant select (id) on plain to keeper; grant insert on parted to public; revoke all on procedure noop() from public",
        );
        let one = contents(server, &database);
        // Each object's statements are complete: run one by one, in order, without a search_path.
        let copy = server.database("small_copy");
        let mut script = String::from("set search_path = ''; set check_function_bodies = off;\n");
        for object in &one.objects {
            script.push_str(&format!("set default_tablespace = '{}';\n", object.tablespace.as_deref().unwrap_or_default()));
            let method = object.access_method.as_deref().unwrap_or("heap");
            script.push_str(&format!("set default_table_access_method = '{method}';\n"));
            script.push_str(&object.sql);
            script.push('\n');
            script.push_str(object.owner_sql.as_deref().unwrap_or_default());
            script.push('\n');
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &script).expect("a script");
        server.script(&copy, file.path());
        for view in &one.materialized_views {
            server.sql(&copy, &format!("refresh materialized view {}.{}", view.schema, view.name));
        }
        let two = contents(server, &copy);
        let comparable = |contents: &Contents| -> HashMap<(String, String), String> {
            contents.inventory.iter().map(|i| ((i.kind.clone(), i.identity.clone()), i.definition.clone())).collect()
        };
        let (left, right) = (comparable(&one), comparable(&two));
        assert_eq!(left.len(), one.inventory.len(), "identities are unique within their kind");
        let mut differing: Vec<String> = left
            .keys()
            .chain(right.keys())
            .filter(|key| left.get(*key) != right.get(*key))
            .map(|key| format!("{key:?}: {:?} | {:?}", left.get(key), right.get(key)))
            .collect();
        differing.sort();
        assert_eq!(differing, Vec::<String>::new(), "PostgreSQL {major}");
        for kind in [
            "table",
            "column",
            "index",
            "constraint",
            "sequence",
            "view",
            "materialized view",
            "function",
            "procedure",
            "aggregate",
            "type",
            "domain constraint",
            "trigger",
            "rule",
            "policy",
            "event trigger",
            "publication",
            "publication table",
            "subscription",
            "cast",
            "operator",
            "collation",
            "text search configuration",
            "foreign data wrapper",
            "server",
            "user mapping",
            "statistics",
            "acl",
            "owner",
            "comment",
            "schema",
        ] {
            assert!(one.inventory.iter().any(|item| item.kind == kind), "no {kind} in the inventory of PostgreSQL {major}");
        }
        assert!(one.inventory.iter().all(|item| !item.definition.contains("hidden")), "no secrets in an inventory");
    }
}

#[test]
fn tables_columns_and_parts_are_told_apart() {
    for major in VERSIONS {
        let server = server(major);
        let database = small(server, "parts");
        let contents = contents(server, &database);
        let table = |schema: &str, name: &str| contents.tables.iter().find(|t| t.name == TableName::new(schema, name)).cloned();
        let plain = table("public", "plain").expect("plain");
        assert_eq!(plain.columns, ["id", "note", "m", "p", "t"]);
        assert!(plain.splittable && plain.heap_bytes > 8192 && plain.index_bytes > 0 && plain.total_bytes >= plain.heap_bytes);
        let object = contents.objects.iter().find(|o| Some(o.id) == plain.object).expect("its definition");
        assert_eq!((object.kind.as_str(), object.name.as_str(), object.access_method.as_deref()), ("TABLE", "plain", Some("heap")));
        assert_eq!(table("S p", "Od\"d ; name").expect("the odd one").columns, ["Col 1", "sel ect"], "without generated columns");
        assert!(table("public", "empty_columns").expect("no columns").columns.is_empty());
        for absent in ["parted", "away", "v1", "m_c"] {
            assert!(table("public", absent).is_none(), "{absent} has no rows of its own");
        }
        assert!(table("public", "parted_1").is_some() && table("public", "quick").is_some());
        assert_eq!(contents.tables.iter().filter(|t| t.kind != TableKind::Table).count(), 2, "large objects");
        let ids: Vec<u32> = contents.objects.iter().map(|object| object.id).collect();
        for (at, object) in contents.objects.iter().enumerate() {
            assert!(
                object.depends.iter().all(|id| ids[..at].contains(id) || !ids[at..].contains(id)),
                "{} {} comes before what it needs",
                object.kind,
                object.name
            );
            if ["INDEX", "CONSTRAINT", "FK CONSTRAINT", "TRIGGER", "RULE", "POLICY", "ROW SECURITY", "INDEX ATTACH"]
                .contains(&object.kind.as_str())
            {
                assert!(object.table.is_some(), "{} {} belongs to no table", object.kind, object.name);
            }
            assert!(!["ENCODING", "DATABASE", "TABLE DATA"].contains(&object.kind.as_str()));
        }
        let part =
            |kind: &str, name: &str| contents.objects.iter().find(|o| o.kind == kind && o.name == name).and_then(|o| o.table.clone());
        assert_eq!(part("INDEX", "expr_idx"), Some(TableName::new("public", "plain")));
        assert_eq!(part("INDEX", "m_c_n"), Some(TableName::new("public", "m_c")));
        assert_eq!(part("FK CONSTRAINT", "refers refers_id_fkey"), Some(TableName::new("public", "refers")));
        assert_eq!(part("INDEX ATTACH", "parted_1_v_idx"), Some(TableName::new("public", "parted_1")));
        let sequence = |name: &str| contents.sequences.iter().find(|s| s.name.name == name).map(|s| (s.last_value, s.is_called));
        assert_eq!((sequence("counter"), sequence("untouched")), (Some((10, true)), Some((1, false))));
        assert_eq!(contents.sequences.len(), 3, "the identity column's too");
        let views: Vec<&str> = contents.materialized_views.iter().map(|view| view.name.as_str()).collect();
        assert_eq!(views, ["m_c", "m_a"], "what is read comes first; what was never filled is left alone");
        assert!(
            contents.notes.iter().any(|note| note.contains("subscription")) && contents.notes.iter().any(|note| note.contains("foreign"))
        );
    }
}

#[test]
fn database_properties_lead_to_the_same_database() {
    for major in VERSIONS {
        let server = server(major);
        let name = format!("props \"{major}");
        let quoted = "\"props \"\"".to_owned() + &format!("{major}\"");
        server.sql(
            "postgres",
            "do $$ begin if not exists (select from pg_roles where rolname = 'props_owner') then create role props_owner; end if; end $$",
        );
        server.sql(
            "postgres",
            &format!("create database {quoted} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' connection limit 7"),
        );
        for sql in [
            "comment on database {} is 'it''s'",
            "alter database {} set search_path to \"$user\", \"a b\"",
            "alter role props_owner in database {} set work_mem to '8MB'",
            "revoke connect on database {} from public",
            "grant connect on database {} to props_owner with grant option",
        ] {
            server.sql("postgres", &sql.replace("{}", &quoted));
        }
        let properties = contents(server, &name).properties;
        assert_eq!((properties.name.as_str(), properties.encoding.as_str(), properties.connection_limit), (name.as_str(), "LATIN1", 7));
        assert_eq!(
            (properties.collate.as_str(), properties.locale_provider.as_str(), properties.comment.as_deref()),
            ("C", "libc", Some("it's"))
        );
        assert!(properties.allow_connections && !properties.is_template && properties.tablespace == "pg_default");
        let here = properties.statements.iter().map(|sql| sql.replace(DatabaseProperties::PLACEHOLDER, "D")).collect::<Vec<_>>();
        assert_eq!(
            here,
            [
                "REVOKE CONNECT ON DATABASE D FROM PUBLIC;",
                "GRANT CONNECT ON DATABASE D TO \"props_owner\" WITH GRANT OPTION;",
                "ALTER DATABASE D SET \"search_path\" TO '$user', 'a b';",
                "ALTER ROLE \"props_owner\" IN DATABASE D SET \"work_mem\" TO '8MB';",
            ]
        );
    }
}

#[test]
fn the_program_that_reads_definitions_is_never_older_than_the_server() {
    let server = server(17);
    let tool = |major: u32| {
        let info = ServerInfo { version_num: major * 10_000, ..ServerInfo::default() };
        run(async move { postgres(server).schema_tool(&info).await })
    };
    assert!(tool(17).is_ok_and(|version| version.starts_with("pg_dump 17.")));
    // Where the host has that version it is taken, else the nearest newer one.
    let older = tool(16).expect("a program for an older server");
    assert!(older.starts_with("pg_dump 16.") || older.starts_with("pg_dump 17."), "{older}");
    let fault = tool(99).expect_err("no such version");
    assert_eq!(fault.code, Code::ToolTooOld);
    assert!(fault.steps[0].command.as_deref().is_some_and(|command| command.contains("99")) && !fault.causes.is_empty());
}
