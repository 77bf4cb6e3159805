//! The same for archives of MySQL and MariaDB: what tar and the stock client need.

use super::{shell, step_file};
use crate::archive::manifest::{Database, Manifest};
use crate::archive::names;
use crate::domain::Product;
use crate::domain::schema::{DatabaseProperties, Table, TableKind, ValueForm};
use crate::domain::text::clean;
use std::fmt::Write;

/// How the client is called in words, and what a person has to know of it.
pub fn advice(product: Product) -> String {
    let client = client(product);
    format!(
        "\nWith dbbackup:\n\n    dbbackup restore single ARCHIVE --target NAME --create\n\n\
         By hand, with tar and {client}: run the script below with sh. {client} connects as ~/.my.cnf says (host, user, password); or put its flags\n\
         into OPTIONS: OPTIONS='--host=… --user=…' sh script. Use an account that may do everything, and a client of the server's version or newer.\n\
         The server must take files from clients while rows are loaded: SET GLOBAL local_infile = ON. The databases must not exist yet.\n\n\
         ---- script ----\n"
    )
}

/// The client's name.
const fn client(product: Product) -> &'static str {
    match product {
        Product::Mariadb => "mariadb",
        Product::Mysql | Product::Postgres => "mysql",
    }
}

/// The steps behind the unpacking.
pub fn steps(product: Product, manifest: &Manifest) -> String {
    let mut out = format!(
        "sql() {{ {} ${{OPTIONS:-}} --default-character-set=utf8mb4 --binary-mode --comments --local-infile=1 --batch \"$@\"; }}\n\
         \n\
         # Accounts, roles and their rights. Those that exist already stay as they are.\n\
         [ ! -f globals.sql ] || sql --force < globals.sql\n",
        client(product)
    );
    for database in manifest.databases.iter().filter(|database| database.failed.is_none()) {
        let target = shell(&database.name);
        _ = writeln!(out, "\n# Database {}", clean(&database.name));
        _ = writeln!(out, "sql -e {}", shell(&create(database)));
        for step in ["pre-data.sql", "load.sql", "sequences.sql", "post-data.sql"] {
            let path = step_file(&database.dir, step);
            _ = writeln!(out, "[ ! -f {path} ] || sql --database={target} < {path}");
        }
        for statement in finish(database) {
            _ = writeln!(out, "sql -e {}", shell(&statement));
        }
    }
    out
}

/// Makes the database as it was, empty.
fn create(database: &Database) -> String {
    let known = &database.properties;
    let mut out = format!("CREATE DATABASE {}", ident(&database.name));
    if !known.encoding.is_empty() {
        _ = write!(out, " CHARACTER SET {}", ident(&known.encoding));
    }
    if !known.collate.is_empty() {
        _ = write!(out, " COLLATE {}", ident(&known.collate));
    }
    if let Some(comment) = &known.comment {
        _ = write!(out, " COMMENT {}", literal(comment));
    }
    out
}

/// Options and rights. In a right `_` and `%` in the name of a database stand for any characters.
fn finish(database: &Database) -> Vec<String> {
    let name = ident(&database.name);
    let pattern = ident(&database.name.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"));
    let placed = |statement: &String| {
        let name = if statement.starts_with("GRANT ") { &pattern } else { &name };
        statement.replace(DatabaseProperties::PLACEHOLDER, name)
    };
    database.properties.statements.iter().map(placed).collect()
}

/// `load.sql`: loads all rows. Run by the client in the folder in which the archive was unpacked.
pub fn load_sql(database: &Database) -> String {
    let mut out = String::from(
        "SET NAMES utf8mb4;\nSET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', foreign_key_checks = 0, unique_checks = 0;\n\
         /*M!101100 SET system_versioning_insert_history = 1 */;\n",
    );
    for table in database.tables.iter().filter(|table| table.table.kind == TableKind::Table && !table.chunks.is_empty()) {
        let behind = columns(&table.table);
        for chunk in &table.chunks {
            // Entry names hold no quote, no backslash and no control character: names::component sees to it.
            _ = writeln!(
                out,
                "LOAD DATA LOCAL INFILE '{}' INTO TABLE {} CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' {behind};",
                names::chunk(&table.dir, chunk.number, table.table.format),
                ident(&table.table.destination().name),
            );
        }
    }
    out
}

/// The columns in the order of a row, and how those come in that are no text of their type. Where one does, the AUTO_INCREMENT column goes
/// through a variable too: else servers take a 0 in it for "the next number" in spite of `NO_AUTO_VALUE_ON_ZERO`.
fn columns(table: &Table) -> String {
    let is_as_it_is = |form: &ValueForm| matches!(form, ValueForm::Plain | ValueForm::Float | ValueForm::Member);
    let through = !table.forms.iter().all(is_as_it_is);
    let mut columns = Vec::with_capacity(table.columns.len());
    let mut sets = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        let converted = match table.forms.get(at).copied().unwrap_or_default() {
            ValueForm::Plain | ValueForm::Float | ValueForm::Member if !(through && table.counter.as_ref() == Some(column)) => {
                columns.push(ident(column));
                continue;
            }
            ValueForm::Plain | ValueForm::Float | ValueForm::Member => format!("@v{at}"),
            ValueForm::Number | ValueForm::Index => format!("CAST(@v{at} AS UNSIGNED)"),
            ValueForm::Text => format!("CONVERT(@v{at} USING utf8mb4)"),
        };
        columns.push(format!("@v{at}"));
        sets.push(format!("{} = {converted}", ident(column)));
    }
    let sets = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
    format!("({}){sets}", columns.join(", "))
}

/// An identifier.
fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string constant.
fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}
