//! The texts in an archive that let a person restore it with tar and psql alone: `README.txt`, and for each database `load.sql`. Pure
//! functions of the manifest.
//!
//! Names are hostile: what a shell or psql reads is quoted here, and nothing reaches a terminal that could steer it.

mod mysql;

use super::manifest::{Database, Manifest, TableEntry};
use super::names;
use crate::domain::Product;
use crate::domain::codec::Codec;
use crate::domain::schema::{DatabaseProperties, RowFormat, TableKind, TableName};
use crate::domain::size::{Bytes, grouped};
use crate::domain::text::clean;
use std::fmt::Write;
use std::path::Path;

/// `README.txt`: what the archive is, and one shell script that restores it.
pub fn readme(manifest: &Manifest, archive: &Path) -> String {
    let head = &manifest.head;
    let mut out = format!(
        "{} of {} {} at {}\nmade {} by {}; {} tables, {} rows, {}\n\n",
        if manifest.databases.len() == 1 { "Backup" } else { "Backup of several databases" },
        clean(&head.source.product),
        clean(&head.source.version),
        clean(&head.source.address),
        clean(&head.created),
        clean(&head.tool),
        grouped(head.tables),
        grouped(head.rows),
        Bytes(head.row_bytes),
    );
    for database in &manifest.databases {
        match &database.failed {
            Some(why) => _ = writeln!(out, "  NOT in it: {} ({})", clean(&database.name), clean(why)),
            None => _ = writeln!(out, "  {} in {}", clean(&database.name), database.dir),
        }
        for note in &database.notes {
            _ = writeln!(out, "      note: {}", clean(note));
        }
    }
    match head.source.product() {
        Product::Postgres => out.push_str(ADVICE),
        product => out.push_str(&mysql::advice(product)),
    }
    out.push_str(&script(manifest, archive));
    out.push_str("---- end of script ----\n");
    out
}

/// What a person has to know of psql.
const ADVICE: &str = "\nWith dbbackup:\n\n    dbbackup restore single ARCHIVE --target NAME --create\n\n\
         By hand, with tar and psql: run the script below with sh. psql connects as PGHOST, PGPORT, PGUSER and PGPASSWORD say;\n\
         use a superuser, and psql of the server's version or newer. The databases must not exist yet.\n\n\
         ---- script ----\n";

/// The shell script of `README.txt`, alone.
pub fn script(manifest: &Manifest, archive: &Path) -> String {
    let file = shell(&format!("./{}", archive.file_name().unwrap_or_default().to_string_lossy()));
    let unpack = match manifest.head.compression.codec {
        Codec::Zstd => format!("tar --zstd -xf {file} -C restored"),
        Codec::Gzip => format!("tar -xzf {file} -C restored"),
        Codec::Lz4 => format!("lz4 -dc {file} | tar -xf - -C restored"),
        Codec::Xz => format!("tar -xJf {file} -C restored"),
        Codec::None => format!("tar -xf {file} -C restored"),
    };
    let mut out = format!("set -eu\numask 077\nmkdir restored\n{unpack}\ncd restored\n");
    let product = manifest.head.source.product();
    if product.is_mysql() {
        out.push_str(&mysql::steps(product, manifest));
        return out;
    }
    out.push_str(
        "export PGCLIENTENCODING=UTF8\n\n\
         # Roles and tablespaces. Those that exist already are reported and stay as they are.\n\
         [ ! -f globals.sql ] || psql -X -q -d postgres -f globals.sql\n",
    );
    for database in manifest.databases.iter().filter(|database| database.failed.is_none()) {
        let dir = &database.dir;
        let file = |name: &str| shell(&format!("{dir}/{name}"));
        let target = shell(&connect(&database.name));
        _ = writeln!(out, "\n# Database {}", clean(&database.name));
        if !exists_everywhere(&database.name) {
            _ = writeln!(out, "psql -X -q -v ON_ERROR_STOP=1 -d postgres -c {}", shell(&create(database)));
        }
        for step in ["pre-data.sql", "load.sql", "sequences.sql", "post-data.sql"] {
            let path = file(step);
            _ = writeln!(out, "[ ! -f {path} ] || psql -X -q -v ON_ERROR_STOP=1 -d {target} -f {path}");
        }
        _ = writeln!(out, "psql -X -q -d {target} -c ANALYZE || true");
        for statement in finish(database) {
            _ = writeln!(out, "psql -X -q -v ON_ERROR_STOP=1 -d postgres -c {}", shell(&statement));
        }
    }
    out
}

/// A step's file as a word of the shell.
fn step_file(dir: &str, step: &str) -> String {
    shell(&format!("{dir}/{step}"))
}

fn exists_everywhere(database: &str) -> bool {
    matches!(database, "postgres" | "template1")
}

/// Makes the database as it was, empty.
fn create(database: &Database) -> String {
    let known = &database.properties;
    let mut out = format!("CREATE DATABASE {} TEMPLATE template0", ident(&database.name));
    let mut option = |name: &str, value: &str| {
        if !value.is_empty() {
            _ = write!(out, " {name} {}", literal(value));
        }
    };
    option("ENCODING", &known.encoding);
    option("LC_COLLATE", &known.collate);
    option("LC_CTYPE", &known.ctype);
    let locale = known.locale.as_deref().unwrap_or_default();
    // The libc provider is the default, and older servers do not know the word.
    match known.locale_provider.as_str() {
        "icu" => {
            option("LOCALE_PROVIDER", "icu");
            option("ICU_LOCALE", locale);
            option("ICU_RULES", known.icu_rules.as_deref().unwrap_or_default());
        }
        "builtin" => {
            option("LOCALE_PROVIDER", "builtin");
            option("BUILTIN_LOCALE", locale);
        }
        _ => {}
    }
    if !matches!(known.tablespace.as_str(), "" | "pg_default") {
        _ = write!(out, " TABLESPACE {}", ident(&known.tablespace));
    }
    out
}

/// `load.sql`: loads all rows. Run by the product's client in the folder in which the archive was unpacked.
pub fn load_sql(product: Product, database: &Database) -> String {
    if product.is_mysql() {
        return mysql::load_sql(database);
    }
    // Tables of extensions have their foreign keys before their rows.
    let mut out = String::from("SET row_security = off;\nSET session_replication_role = replica;\n");
    // This file is UTF-8 (PGCLIENTENCODING), the chunks are in the database's own encoding.
    let encoding = Some(database.properties.encoding.as_str()).filter(|encoding| !matches!(*encoding, "" | "UTF8"));
    for table in database.tables.iter().filter(|table| table.table.kind == TableKind::Table && !table.chunks.is_empty()) {
        load_table(&mut out, table, encoding);
    }
    let large = |kind: TableKind| database.tables.iter().filter(move |table| table.table.kind == kind && !table.chunks.is_empty());
    if large(TableKind::LargeObjectMetadata).next().is_some() {
        out.push_str(
            "CREATE TEMPORARY TABLE dbbackup_lo (loid oid, owner text, acl text, comment text);\n\
             CREATE TEMPORARY TABLE dbbackup_lo_page (loid oid, pageno int4, data bytea);\n",
        );
        large(TableKind::LargeObjectMetadata)
            .for_each(|table| copies(&mut out, table, "pg_temp.dbbackup_lo (loid, owner, acl, comment)", encoding));
        large(TableKind::LargeObjectData).for_each(|table| copies(&mut out, table, "pg_temp.dbbackup_lo_page (loid, pageno, data)", None));
        out.push_str(LARGE_OBJECTS);
    }
    out
}

/// psql's `\copy` ends with the line and knows no escapes in names. A table whose name holds a line break, or has letters while the session
/// speaks another encoding than this file, gets another name for the time of loading.
fn load_table(out: &mut String, table: &TableEntry, encoding: Option<&str>) {
    let binary = table.table.format == RowFormat::Binary;
    let awkward = |name: &String| name.contains(['\n', '\r']) || (binary && encoding.is_some() && !name.is_ascii());
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let TableName { schema, name } = table.table.destination();
    let mut back = Vec::new();
    let mut rename = |out: &mut String, kind: &str, prefix: &str, name: &String, short: &str| {
        if !awkward(name) {
            return quote(name);
        }
        _ = writeln!(out, "ALTER {kind} {prefix}{} RENAME TO {short};", escaped(name));
        back.push(format!("ALTER {kind} {prefix}{short} RENAME TO {};", escaped(name)));
        short.to_owned()
    };
    let schema = rename(out, "SCHEMA", "", schema, "dbbackup_loading_schema");
    let name = rename(out, "TABLE", &format!("{schema}."), name, "dbbackup_loading_table");
    // Without a list COPY takes all columns that are not generated, in their order: the same ones.
    let columns = match table.table.columns.iter().any(awkward) || table.table.columns.is_empty() {
        true => String::new(),
        false => format!(" ({})", table.table.columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ")),
    };
    copies(out, table, &format!("{schema}.{name}{columns}"), encoding);
    for statement in back.iter().rev() {
        _ = writeln!(out, "{statement}");
    }
}

/// Makes the large objects out of the two temporary tables. A large object's page has 2048 bytes (LOBLKSIZE, storage/large_object.h).
const LARGE_OBJECTS: &str = r"DO $dbbackup$
DECLARE
    lo record;
    grant_ record;
BEGIN
    PERFORM pg_catalog.lo_create(loid) FROM pg_temp.dbbackup_lo;
    PERFORM pg_catalog.lo_put(loid, pageno::bigint * 2048, data) FROM pg_temp.dbbackup_lo_page;
    FOR lo IN SELECT * FROM pg_temp.dbbackup_lo LOOP
        IF lo.owner IS NOT NULL THEN
            EXECUTE pg_catalog.format('ALTER LARGE OBJECT %s OWNER TO %I', lo.loid, lo.owner);
        END IF;
        IF lo.comment IS NOT NULL THEN
            EXECUTE pg_catalog.format('COMMENT ON LARGE OBJECT %s IS %L', lo.loid, lo.comment);
        END IF;
        IF lo.acl IS NOT NULL THEN
            IF lo.owner IS NOT NULL THEN
                EXECUTE pg_catalog.format('REVOKE ALL ON LARGE OBJECT %s FROM %I', lo.loid, lo.owner);
            END IF;
            FOR grant_ IN SELECT * FROM pg_catalog.aclexplode(nullif(lo.acl, '{}')::aclitem[]) LOOP
                EXECUTE pg_catalog.format('GRANT %s ON LARGE OBJECT %s TO %s%s', grant_.privilege_type, lo.loid,
                    CASE grant_.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grant_.grantee)) END,
                    CASE WHEN grant_.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
            END LOOP;
        END IF;
    END LOOP;
END
$dbbackup$;
DROP TABLE pg_temp.dbbackup_lo, pg_temp.dbbackup_lo_page;
";

fn copies(out: &mut String, table: &TableEntry, into: &str, encoding: Option<&str>) {
    let mut line = |options: &str| {
        for chunk in &table.chunks {
            // Entry names hold no quote, no backslash and no control character: names::component sees to it.
            _ = writeln!(out, "\\copy {into} FROM '{}'{options}", names::chunk(&table.dir, chunk.number, table.table.format));
        }
    };
    match (table.table.format, encoding) {
        // What this table's rows need is said by the server's own reading of them; see the format's page.
        (RowFormat::Tsv, _) => {}
        (RowFormat::Text, None) => line(""),
        (RowFormat::Text, Some(encoding)) => line(&format!(" WITH (ENCODING {})", literal(encoding))),
        (RowFormat::Binary, None) => line(" WITH (FORMAT binary)"),
        // Text in binary rows is in the session's encoding, whatever COPY is told.
        (RowFormat::Binary, Some(encoding)) => {
            _ = writeln!(out, "SET client_encoding = {};", literal(encoding));
            copies(out, table, into, None);
            out.push_str("SET client_encoding = 'UTF8';\n");
        }
    }
}

/// Gives the database its owner, settings, rights and limits. Materialized views are filled in `post-data.sql`, before the event triggers.
fn finish(database: &Database) -> Vec<String> {
    let known = &database.properties;
    let name = ident(&database.name);
    let mut out = Vec::new();
    if !known.owner.is_empty() {
        out.push(format!("ALTER DATABASE {name} OWNER TO {}", ident(&known.owner)));
    }
    if let Some(comment) = &known.comment {
        out.push(format!("COMMENT ON DATABASE {name} IS {}", literal(comment)));
    }
    out.extend(known.statements.iter().map(|statement| statement.replace(DatabaseProperties::PLACEHOLDER, &name)));
    if known.connection_limit > 0 {
        out.push(format!("ALTER DATABASE {name} CONNECTION LIMIT {}", known.connection_limit));
    }
    if known.is_template && !exists_everywhere(&database.name) {
        out.push(format!("ALTER DATABASE {name} IS_TEMPLATE true"));
    }
    // An empty record of properties says false to everything, so it counts only together with a name.
    if !known.allow_connections && !known.name.is_empty() && !exists_everywhere(&database.name) {
        out.push(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    }
    out
}

/// An identifier in SQL.
fn ident(name: &str) -> String {
    if clean(name) == name { format!("\"{}\"", name.replace('"', "\"\"")) } else { escaped(name) }
}

/// An identifier of which only letters and digits stand there as they are (PostgreSQL documentation, 4.1.1): nothing in it can end a line
/// or steer a terminal.
fn escaped(name: &str) -> String {
    let mut out = String::from("U&\"");
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => out.push(c),
            c if (c as u32) < 0x1_0000 => _ = write!(out, "\\{:04X}", c as u32),
            c => _ = write!(out, "\\+{:06X}", c as u32),
        }
    }
    out.push('"');
    out
}

/// A string constant in SQL.
fn literal(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    if value.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// What psql takes after `-d` as this database, whatever its name looks like (libpq, "Connection Strings").
fn connect(database: &str) -> String {
    if database.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) && !database.starts_with('-') {
        database.to_owned()
    } else {
        format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

/// A word that a POSIX shell takes literally; control characters are left to printf, so that they neither reach a terminal nor end a line.
pub(super) fn shell(word: &str) -> String {
    if clean(word) == word {
        return shell_words::quote(word).into_owned();
    }
    let mut out = String::from("\"$(printf '%b' '");
    for byte in word.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'.' | b'_' | b'-' | b'=' | b' ' => out.push(char::from(byte)),
            byte => _ = write!(out, "\\0{byte:03o}"),
        }
    }
    out.push_str("')\"");
    out
}
