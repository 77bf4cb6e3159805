//! Whether two databases hold the same, by means that owe nothing to the program under test: pg_dump and COPY.

use super::postgres::Postgres;
use std::collections::BTreeMap;
use std::process::Command;

/// What pg_dump says of a database's definitions, without what differs from run to run.
pub fn schema(server: &Postgres, database: &str) -> String {
    schema_of(server, database, &[])
}

/// The same with further flags.
pub fn schema_of(server: &Postgres, database: &str, flags: &[&str]) -> String {
    let out = Command::new(server.bin.join("pg_dump"))
        .arg("-h")
        .arg(&server.socket)
        .args(["-p", &server.port.to_string(), "-U", "postgres", "--schema-only", "-d", database])
        .args(flags)
        .output()
        .expect("pg_dump");
    assert!(out.status.success(), "pg_dump: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines()
        .filter(|line| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict "))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Every relation that holds rows, with its rows as sorted COPY lines; partitioned tables as a whole too. Rows of a table that is
/// partitioned by the hash of an enum lie elsewhere in a copy (the hash is that of an OID), so its partitions are not looked at alone.
pub fn rows(server: &Postgres, database: &str) -> BTreeMap<String, Vec<Vec<u8>>> {
    let list = "select format('%I.%I', n.nspname, c.relname), c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                where (c.relkind in ('r', 'p') or c.relkind = 'm' and c.relispopulated) and c.relname !~ '^by_enum_' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' order by 1";
    // Names travel as UTF-8; what has no encoding stays as it is.
    let encoding = if server.sql(database, "show server_encoding") == "SQL_ASCII" { "SQL_ASCII" } else { "UTF8" };
    let psql = || {
        let mut command = server.psql(database);
        command.env("PGCLIENTENCODING", encoding);
        command
    };
    let out = psql().args(["-0", "-F", "\x01"]).args(["-c", list]).output().expect("psql");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let relations: Vec<(&str, &str)> = text.split('\0').filter_map(|line| line.split_once('\u{1}')).collect();
    let mut rows = BTreeMap::new();
    let mark = "the next relation of this comparison";
    let mut command = psql();
    for (relation, kind) in &relations {
        let only = if *kind == "p" { "" } else { "only" };
        command.args(["-c", &format!("copy (select * from {only} {relation}) to stdout"), "-c", &format!("\\echo {mark}")]);
    }
    let out = command.output().expect("psql");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut lines = out.stdout.split_inclusive(|byte| *byte == b'\n');
    for (relation, _) in relations {
        let mut found: Vec<Vec<u8>> =
            lines.by_ref().take_while(|line| *line != format!("{mark}\n").as_bytes()).map(<[u8]>::to_vec).collect();
        found.sort();
        rows.insert(relation.to_owned(), found);
    }
    rows
}

/// Sequences and their states.
pub fn sequences(server: &Postgres, database: &str) -> String {
    let list = "select string_agg(format('select %L, last_value, is_called from %I.%I', n.nspname || '.' || c.relname, n.nspname, c.relname), \
                ' union all ' order by n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'S'";
    let query = server.sql(database, list);
    if query.is_empty() { query } else { server.sql(database, &format!("{query} order by 1")) }
}

/// Large objects with owners, rights, comments and content.
pub fn large_objects(server: &Postgres, database: &str) -> String {
    server.sql(
        database,
        "select m.oid, pg_get_userbyid(lomowner), lomacl, obj_description(m.oid, 'pg_largeobject'), length(lo_get(m.oid)), md5(lo_get(m.oid)) \
         from pg_largeobject_metadata m order by 1",
    )
}

/// How a database was made, apart from its name.
pub fn properties(server: &Postgres, database: &str) -> String {
    let own = server.sql(
        "postgres",
        &format!(
            "select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype, datconnlimit, datistemplate, \
             (select array_agg(a::text order by a::text) from unnest(datacl) a), shobj_description(oid, 'pg_database') \
             from pg_database where datname = '{database}'"
        ),
    );
    let settings = server.sql(
        "postgres",
        &format!(
            "select coalesce(r.rolname, '-'), setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase \
             left join pg_roles r on r.oid = s.setrole where datname = '{database}' order by 1"
        ),
    );
    format!("{own}\n{settings}")
}

/// Asserts that two texts are the same, showing where they part.
#[track_caller]
pub fn same_text(what: &str, left: &str, right: &str) {
    if left == right {
        return;
    }
    let only = |a: &str, b: &str| {
        let known: std::collections::HashSet<_> = b.lines().collect();
        a.lines().filter(|line| !known.contains(line)).take(25).map(|line| format!("  {line}\n")).collect::<String>()
    };
    let first = left.lines().zip(right.lines()).position(|(a, b)| a != b);
    panic!("{what} differs, first at line {first:?}\nonly in the first:\n{}only in the second:\n{}", only(left, right), only(right, left));
}

/// Asserts that two maps of rows are the same.
#[track_caller]
pub fn same_rows(left: &BTreeMap<String, Vec<Vec<u8>>>, right: &BTreeMap<String, Vec<Vec<u8>>>) {
    let names = |map: &BTreeMap<String, Vec<Vec<u8>>>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(left), names(right), "tables");
    for (name, rows) in left {
        let other = &right[name];
        assert!(rows == other, "rows of {name} differ: {} and {}, first: {:?}", rows.len(), other.len(), {
            rows.iter().zip(other).find(|(a, b)| a != b).map(|(a, b)| {
                (
                    String::from_utf8_lossy(a).chars().take(300).collect::<String>(),
                    String::from_utf8_lossy(b).chars().take(300).collect::<String>(),
                )
            })
        });
    }
}

/// What a database holds, in everything that can be compared.
pub struct Content {
    schema: String,
    rows: BTreeMap<String, Vec<Vec<u8>>>,
    sequences: String,
    large_objects: String,
}

impl Content {
    /// Reads all of it: once, where a source is compared with several copies.
    pub fn of(server: &Postgres, database: &str) -> Self {
        Self {
            schema: schema(server, database),
            rows: rows(server, database),
            sequences: sequences(server, database),
            large_objects: large_objects(server, database),
        }
    }

    /// Asserts that a copy equals it.
    #[track_caller]
    pub fn is_in(&self, server: &Postgres, copy: &str) {
        same_text("the schema", &self.schema, &schema(server, copy));
        same_rows(&self.rows, &rows(server, copy));
        same_text("a sequence", &self.sequences, &sequences(server, copy));
        same_text("a large object", &self.large_objects, &large_objects(server, copy));
    }
}

/// Asserts that a copy equals its source in everything that can be compared.
#[track_caller]
pub fn same_database(source: (&Postgres, &str), copy: (&Postgres, &str)) {
    Content::of(source.0, source.1).is_in(copy.0, copy.1);
}
