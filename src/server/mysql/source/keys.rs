//! The columns of tables: which are stored, how their values are read, and along which of them a table can be cut.

use crate::domain::connection::Product;
use crate::domain::schema::ValueForm;
use crate::server::mysql::definition::lexer::{Quotes, Token, words};
use crate::server::mysql::quote::{ident, literal};
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;
use std::collections::HashMap;

/// A column, as far as reading it is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type without lengths: `varchar`.
    pub kind: String,
    /// Its type with all there is to it: `float(7,2) unsigned`.
    pub full: String,
    /// The character set of its text.
    pub charset: Option<String>,
    /// Whether its values are computed from others'.
    pub generated: bool,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether it is of the key that rows are kept by.
    pub primary: bool,
    /// Whether the server numbers its rows (AUTO_INCREMENT).
    pub counts: bool,
}

impl Column {
    /// How its values stand in a row.
    pub fn form(&self, product: Product) -> ValueForm {
        match self.kind.as_str() {
            "bit" => ValueForm::Number,
            "uuid" | "inet4" | "inet6" => ValueForm::Text,
            // MariaDB's JSON is another word for LONGTEXT.
            "json" if product == Product::Mysql => ValueForm::Text,
            // With a number of decimals the server writes all of them.
            "float" if !self.full.contains('(') => ValueForm::Float,
            "enum" if has_empty_member(&self.full) => ValueForm::Index,
            "enum" => ValueForm::Member,
            _ => ValueForm::Plain,
        }
    }

    /// What can be compared with a literal so that an index is used, and sorts as it compares. ENUM and SET sort by their members' places
    /// and compare as text.
    pub fn order(&self) -> Option<Order> {
        Some(match self.kind.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Order::Integer,
            "bit" => Order::Bit,
            "decimal" => Order::Decimal,
            "date" => Order::Date,
            "datetime" | "timestamp" => Order::Moment,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Order::Text(self.charset.clone()?),
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Order::Bytes,
            "uuid" => Order::Uuid,
            _ => return None,
        })
    }
}

/// How the values of a key's column are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Whole numbers.
    Integer,
    /// Bits, as whole numbers.
    Bit,
    /// Numbers with decimals.
    Decimal,
    /// Days.
    Date,
    /// Days with times.
    Moment,
    /// Text of a character set, by the column's collation.
    Text(String),
    /// Bytes.
    Bytes,
    /// UUIDs, by MariaDB's own rules.
    Uuid,
}

/// Columns of the tables of a database, or of one of them, by table.
pub async fn columns(session: &mut Session, database: &str, table: Option<&str>) -> Result<HashMap<String, Vec<Column>>, Error> {
    let only = table.map(|table| format!(" AND table_name = {}", literal(table))).unwrap_or_default();
    let sql = format!(
        "SELECT table_name, column_name, data_type, column_type, character_set_name, extra, is_nullable, column_key \
           FROM information_schema.columns WHERE table_schema = {}{only} ORDER BY table_name, ordinal_position",
        literal(database)
    );
    let mut tables: HashMap<String, Vec<Column>> = HashMap::new();
    for row in session.query(&sql).await? {
        let extra = row.owned(5).to_ascii_uppercase();
        tables.entry(row.owned(0)).or_default().push(Column {
            name: row.owned(1),
            kind: row.owned(2).to_ascii_lowercase(),
            full: row.owned(3).to_ascii_lowercase(),
            charset: row.text(4).map(std::borrow::Cow::into_owned),
            // DEFAULT_GENERATED is a default that is an expression: such values are stored, and a user's.
            generated: ["VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT"].iter().any(|word| extra.contains(word)),
            nullable: row.bytes(6) != Some(b"NO"),
            primary: row.bytes(7) == Some(b"PRI"),
            counts: extra.contains("AUTO_INCREMENT"),
        });
    }
    Ok(tables)
}

/// A key: its index and its columns in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// The name of the index.
    pub index: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// The keys by which InnoDB keeps the rows of the tables of a database, or of one of them: the primary key, or the first key without NULLs,
/// whose columns the server shows as primary too. Descending ones are left out: rows are not in the order in which they compare.
pub async fn keys(
    session: &mut Session,
    database: &str,
    table: Option<&str>,
    columns: &HashMap<String, Vec<Column>>,
) -> Result<HashMap<String, Key>, Error> {
    let only = table.map(|table| format!(" AND table_name = {}", literal(table))).unwrap_or_default();
    let sql = format!(
        "SELECT table_name, index_name, column_name, sub_part, collation FROM information_schema.statistics \
          WHERE table_schema = {}{only} AND non_unique = 0 AND index_type = 'BTREE' ORDER BY table_name, index_name, seq_in_index",
        literal(database)
    );
    let mut found: HashMap<String, Vec<(Key, bool)>> = HashMap::new();
    for row in session.query(&sql).await? {
        let (index, column) = (row.owned(1), row.owned(2));
        let keys = found.entry(row.owned(0)).or_default();
        if keys.last().is_none_or(|(key, _)| key.index != index) {
            keys.push((Key { index, columns: Vec::new() }, true));
        }
        if let Some((key, plain)) = keys.last_mut() {
            // Expressions have no column; a part of a column may be in a primary key, and in no other that rows are kept by.
            *plain &= !column.is_empty() && row.bytes(4) == Some(b"A") && (row.bytes(3).is_none() || key.index == "PRIMARY");
            key.columns.push(column);
        }
    }
    let none = Vec::new();
    let chosen = found.into_iter().filter_map(|(table, keys)| {
        let columns = columns.get(&table).unwrap_or(&none);
        let named = |name: &String| columns.iter().find(|column| column.name == *name);
        let keeps = |key: &Key| key.index == "PRIMARY" || key.columns.iter().all(|name| named(name).is_some_and(|column| column.primary));
        let (mut key, plain) = keys.into_iter().find(|(key, _)| keeps(key))?;
        // The longest beginning of it that can be compared: a condition need not be on a whole key.
        let usable = key
            .columns
            .iter()
            .take_while(|name| named(name).is_some_and(|column| !column.nullable && !column.generated && column.order().is_some()))
            .count();
        key.columns.truncate(usable);
        (plain && usable > 0).then_some((table, key))
    });
    Ok(chosen.collect())
}

/// What a SELECT reads a column by.
pub fn expression(name: &str, form: ValueForm) -> String {
    match form {
        ValueForm::Number | ValueForm::Index => format!("{}+0", ident(name)),
        // A product with a DOUBLE is one, and keeps the sign of a zero.
        ValueForm::Float => format!("{}*1e0", ident(name)),
        ValueForm::Plain | ValueForm::Text | ValueForm::Member => ident(name),
    }
}

/// Whether the empty text is among the members of an ENUM, told by its type.
fn has_empty_member(full: &str) -> bool {
    words(full, Quotes::default()).any(|placed| matches!(placed.token, Token::Literal("''")))
}
