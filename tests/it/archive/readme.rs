//! The script in README.txt, followed to the letter against real servers.

use super::MTIME;
use crate::support::postgres::{self, Postgres};
use dbbackup::archive::frame::{FrameEncoder, Part};
use dbbackup::archive::manifest::{Chunk, Database, FORMAT, Head, Manifest, TableEntry};
use dbbackup::archive::writer::Writer;
use dbbackup::archive::{names, readme};
use dbbackup::domain::Product;
use dbbackup::domain::codec::{Codec, Compression};
use dbbackup::domain::schema::{DatabaseProperties, RowFormat, Table, TableKind, TableName};
use std::path::Path;
use std::process::Command;

/// A table of the source, with the query that its rows come from.
fn entry(server: &Postgres, source: &str, dir: &str, table: Table, query: &str, entries: &mut Vec<(String, Vec<u8>)>) -> TableEntry {
    let options = if table.format == RowFormat::Binary { " (FORMAT binary)" } else { "" };
    let out = server.psql(source).args(["-c", &format!("COPY ({query}) TO STDOUT{options}")]).output().expect("psql");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let dir = names::table_dir(dir, &table);
    let chunk = Chunk { number: 0, frame: entries.len() as u32, rows: 0, bytes: out.stdout.len() as u64 };
    entries.push((names::chunk(&dir, 0, table.format), out.stdout));
    TableEntry { table, dir, chunks: vec![chunk], ..TableEntry::default() }
}

fn table(schema: &str, name: &str, columns: &[&str]) -> Table {
    Table { name: TableName::new(schema, name), columns: columns.iter().map(|c| (*c).to_owned()).collect(), ..Table::default() }
}

const PRE: &str = "CREATE SCHEMA \"S's\"; CREATE TABLE \"S's\".\"we\"\"ird\n\t(x) é\" (\"a b\" int, \"c,\\d\" text, gen int GENERATED ALWAYS AS (1) STORED);\
                   CREATE TABLE public.bin (v bytea, t text);";

fn follow(major: u32, codec: Codec) {
    let server = postgres::server(major);
    let source = server.database("by_hand_source");
    server.sql(&source, PRE);
    server.sql(
        &source,
        "INSERT INTO \"S's\".\"we\"\"ird\n\t(x) é\" VALUES (1, E'tab\\there \\\\ é'), (2, NULL); INSERT INTO bin VALUES ('\\x00ff', 'é')",
    );
    server.sql(&source, "SELECT lo_from_bytea(4711, convert_to(repeat('abc', 3000), 'UTF8')); COMMENT ON LARGE OBJECT 4711 IS 'it''s'");
    server.sql(&source, "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC");
    // A name that would do harm if any of shell, libpq and psql took it for more than a name.
    let name = format!("{source}' $(touch harm)`touch harm`\n\"=x\\");
    let dir = names::database_dir(&name);
    let mut entries = vec![
        (format!("{dir}/pre-data.sql"), PRE.as_bytes().to_vec()),
        (format!("{dir}/post-data.sql"), b"CREATE INDEX by_v ON public.bin (v);".to_vec()),
    ];
    let weird = table("S's", "we\"ird\n\t(x) é", &["a b", "c,\\d"]);
    let binary = Table { format: RowFormat::Binary, ..table("public", "bin", &["v", "t"]) };
    let metadata = Table { kind: TableKind::LargeObjectMetadata, ..table("pg_catalog", "pg_largeobject_metadata", &[]) };
    let pages = Table { kind: TableKind::LargeObjectData, ..table("pg_catalog", "pg_largeobject", &[]) };
    let tables = vec![
        entry(server, &source, &dir, weird, "SELECT \"a b\", \"c,\\d\" FROM \"S's\".\"we\"\"ird\n\t(x) é\"", &mut entries),
        entry(server, &source, &dir, binary, "SELECT * FROM bin", &mut entries),
        entry(
            server,
            &source,
            &dir,
            metadata,
            "SELECT oid, pg_get_userbyid(lomowner), lomacl::text, obj_description(oid, 'pg_largeobject') FROM pg_largeobject_metadata",
            &mut entries,
        ),
        entry(server, &source, &dir, pages, "SELECT loid, pageno, data FROM pg_largeobject", &mut entries),
    ];
    let properties = DatabaseProperties {
        name: name.clone(),
        owner: "postgres".into(),
        encoding: "UTF8".into(),
        locale_provider: "libc".into(),
        collate: "C".into(),
        ctype: "C".into(),
        tablespace: "pg_default".into(),
        connection_limit: 17,
        allow_connections: true,
        comment: Some("it's \\ a\ncomment".into()),
        statements: vec![format!("ALTER DATABASE {} SET work_mem = '7MB';", DatabaseProperties::PLACEHOLDER)],
        ..DatabaseProperties::default()
    };
    let compression = Compression::default_of(codec);
    let database = Database { name: name.clone(), dir: dir.clone(), properties, tables, ..Database::default() };
    let manifest = Manifest { head: Head { format: FORMAT, compression, ..Head::default() }, databases: vec![database] };
    let folder = super::folder();
    let path = folder.path().join(format!("it's {major}{}", codec.extension()));
    entries.push(("README.txt".into(), readme::readme(&manifest, &path).into_bytes()));
    entries.push((format!("{dir}/load.sql"), readme::load_sql(Product::Postgres, &manifest.databases[0]).into_bytes()));
    let mut encoder = FrameEncoder::new(compression, MTIME).expect("an encoder");
    let mut writer = Writer::new(Vec::new(), compression, MTIME).expect("a writer");
    for (name, data) in &entries {
        writer.append(&encoder.encode(&[Part { name, data }], Vec::new()).expect("a frame")).expect("append");
    }
    std::fs::write(&path, writer.finish(&manifest).expect("finish").out).expect("the file");
    run_script(server, folder.path(), &readme::readme(&manifest, &path));

    let ask = |sql: &str| {
        let quoted = format!("dbname='{}'", name.replace('\\', "\\\\").replace('\'', "\\'"));
        let out = server.psql(&quoted).args(["-c", sql]).output().expect("psql");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    };
    assert_eq!(ask("SELECT * FROM \"S's\".\"we\"\"ird\n\t(x) é\" ORDER BY 1"), "1|tab\there \\ é|1\n2||1");
    assert_eq!(ask("SELECT * FROM bin"), "\\x00ff|é");
    assert_eq!(ask("SELECT convert_from(lo_get(4711), 'UTF8') = repeat('abc', 3000)"), "t");
    assert_eq!(
        ask("SELECT obj_description(4711, 'pg_largeobject'), lomacl FROM pg_largeobject_metadata"),
        "it's|{postgres=rw/postgres,=r/postgres}"
    );
    assert_eq!(
        ask("SELECT datconnlimit, datcollate, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"),
        "17|C|it's \\ a\ncomment"
    );
    assert_eq!(ask("SHOW work_mem"), "7MB");
    assert_eq!(ask("SELECT count(*) FROM pg_indexes WHERE indexname = 'by_v'"), "1");
    assert!(!folder.path().join("harm").exists() && !folder.path().join("restored/harm").exists(), "a name was run");
}

fn run_script(server: &Postgres, folder: &Path, readme: &str) {
    let script =
        readme.split_once("---- script ----\n").and_then(|(_, rest)| rest.split_once("---- end of script ----")).expect("a script").0;
    assert!(script.chars().all(|c| c == '\n' || !c.is_control()), "a name could steer a terminal");
    let bin = format!("{}:{}", server.bin.display(), std::env::var("PATH").unwrap_or_default());
    let out = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .env("PATH", bin)
        .env("PGHOST", &server.socket)
        .env("PGPORT", server.port.to_string())
        .env("PGUSER", "postgres")
        .output()
        .expect("sh");
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && stderr.is_empty(), "{stdout}\n{stderr}\n{script}");
}

#[test]
fn a_person_with_tar_and_psql_gets_everything_back() {
    follow(15, Codec::Zstd);
    follow(17, Codec::Lz4);
}
