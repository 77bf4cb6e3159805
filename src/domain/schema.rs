//! What a database consists of: objects with their SQL and dependencies, tables with their rows, values beside them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A schema-qualified name, unquoted: exactly what the catalog holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The schema; empty in MySQL, where a database has none.
    pub schema: String,
    /// The name in it.
    pub name: String,
}

impl TableName {
    /// A name in a schema.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }
}

impl fmt::Display for TableName {
    /// For people, cleaned of control characters. Never for SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.schema.is_empty() {
            return f.pad(&super::text::clean(&self.name));
        }
        f.pad(&super::text::clean(&format!("{}.{}", self.schema, self.name)))
    }
}

/// When in a restore an object is made (pg_dump's sections).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Outside sections.
    #[default]
    None,
    /// Before any row: schemas, types, functions, tables, views.
    PreData,
    /// Rows.
    Data,
    /// After the rows: indexes, constraints, triggers, rules, policies.
    PostData,
}

/// One schema object: a line of `schema.jsonl`, and a node of the graph that a restore runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaObject {
    /// Its number in this archive; `depends` refers to it.
    pub id: u32,
    /// The kind as pg_dump names it: `TABLE`, `INDEX`, `CONSTRAINT`, `FK CONSTRAINT`, `ACL`, `COMMENT`, …
    pub kind: String,
    /// The schema it lives in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// pg_dump's tag: the name; for constraints, triggers, … "table name"; for functions "name(argument types)".
    pub name: String,
    /// The role that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The account whose rights it runs with (MySQL's definer). It need not be there for the object to be made, but for it to be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definer: Option<String>,
    /// When it is made.
    pub section: Section,
    /// The statements that make it; complete: they depend on no search_path and no other setting.
    pub sql: String,
    /// The statements that give it to its owner; left out by `--no-owner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_sql: Option<String>,
    /// The statement that drops it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub drop_sql: String,
    /// The tablespace it asks for; set as `default_tablespace` before `sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// The table access method it asks for; set as `default_table_access_method` before `sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_method: Option<String>,
    /// For an object that belongs to one table (index, constraint, trigger, rule, policy): that table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableName>,
    /// Ids of objects that must be there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<u32>,
    /// Whether its own server could not make it anew, because what it refers to is gone (a view of MySQL's on a table that was dropped).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
}

/// What the rows of a [`Table`] are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// A table or a leaf partition.
    #[default]
    Table,
    /// One row a large object: oid, owner, ACL, comment. No table of its own; see `docs/archive-format.md`.
    LargeObjectMetadata,
    /// One row a page of a large object: oid, page number, bytes.
    LargeObjectData,
}

/// The form in which rows travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowFormat {
    /// COPY text.
    #[default]
    Text,
    /// COPY binary, for rows that do not fit the server's text form; each chunk has its own header and trailer.
    Binary,
    /// What `LOAD DATA` reads by default: tabs between values, a newline after each row, `\\N` for NULL, backslashes before what would be
    /// mistaken. Bytes are as the server keeps them, each column in its own character set.
    Tsv,
}

/// How a value stands in a row of [`RowFormat::Tsv`], where its own bytes would not be taken for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueForm {
    /// As it is.
    #[default]
    Plain,
    /// BIT: the number in digits.
    Number,
    /// Text in utf8mb4 of a type that does not take bytes for text: JSON, UUID, INET6.
    Text,
    /// ENUM: the member as it is, and nothing for the zero that stands for a value that was none (`''` is no member).
    Member,
    /// ENUM with `''` among its members: the member's number, 0 for a value that was none.
    Index,
    /// FLOAT: with all digits of the number that it is, where the server by itself writes six; loaded as it is.
    Float,
}

/// Something that holds rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name; for large objects the schema is `pg_catalog` and the name `pg_largeobject(_metadata)`.
    pub name: TableName,
    /// What its rows are.
    pub kind: TableKind,
    /// The columns that are copied, in order; generated ones are not among them. Unquoted.
    pub columns: Vec<String>,
    /// The form in which its rows travel.
    pub format: RowFormat,
    /// For configuration tables of extensions: the condition that selects the rows that are the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Bytes of the main fork: what ranges are cut from.
    pub heap_bytes: u64,
    /// Bytes with TOAST, without indexes: what work is weighed by.
    pub total_bytes: u64,
    /// Bytes of its indexes.
    pub index_bytes: u64,
    /// The planner's estimate of rows; negative when never analysed.
    pub estimated_rows: i64,
    /// Whether ranges of it can be read separately.
    pub splittable: bool,
    /// For a partition whose rows may belong into another one in a copy (the hash that decides it is taken over OIDs): the partitioned
    /// table through which the rows of all its partitions are loaded. Those have their columns in the same order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<TableName>,
    /// The id of its [`SchemaObject`]; none for an extension's table and for large objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// How the values of each column stand in a row; empty: all as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forms: Vec<ValueForm>,
    /// The columns of the key that ranges are cut along (MySQL). Unquoted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// The storage engine (MySQL): `InnoDB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The AUTO_INCREMENT column (MySQL). Unquoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<String>,
}

impl Table {
    /// Where its rows go.
    pub fn destination(&self) -> &TableName {
        self.root.as_ref().unwrap_or(&self.name)
    }
}

/// A range of heap pages, `from` inclusive to `to` exclusive; an open end takes whatever was added meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRange {
    /// The first page.
    pub from: u32,
    /// The page after the last.
    pub to: Option<u32>,
}

impl PageRange {
    /// So many pages in so many ranges of about the same length; the last one is open.
    pub fn split(pages: u64, pieces: u64) -> impl Iterator<Item = Self> {
        let pages = pages.min(u64::from(u32::MAX));
        let pieces = pieces.clamp(1, pages.max(1));
        let page = move |n: u64| u32::try_from(u128::from(pages) * u128::from(n) / u128::from(pieces)).unwrap_or(u32::MAX);
        (0..pieces).map(move |piece| Self { from: page(piece), to: (piece + 1 < pieces).then(|| page(piece + 1)) })
    }
}

/// A part of a table that one statement reads. All parts of a table together are the table, and no row is in two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// Heap pages.
    Pages(PageRange),
    /// Rows for which a condition holds, in the words of the server that cut the table.
    Rows(String),
}

/// What gives out numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counter {
    /// A sequence.
    #[default]
    Sequence,
    /// A table by itself (AUTO_INCREMENT). Where it goes on with a greater number than it did, nothing is lost.
    Table,
}

impl Counter {
    fn is_sequence(&self) -> bool {
        *self == Self::Sequence
    }
}

/// The state of a sequence, or of a table that counts by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SequenceState {
    /// The sequence or table.
    pub name: TableName,
    /// `last_value`.
    pub last_value: i64,
    /// `is_called`: the next value comes after `last_value`, else it is `last_value`.
    pub is_called: bool,
    /// Which of both it is.
    #[serde(default, skip_serializing_if = "Counter::is_sequence")]
    pub counter: Counter,
}

/// How a database was made, beyond what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseProperties {
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Its encoding's name: `UTF8`.
    pub encoding: String,
    /// The locale provider: `libc`, `icu` or `builtin`.
    pub locale_provider: String,
    /// `LC_COLLATE`.
    pub collate: String,
    /// `LC_CTYPE`.
    pub ctype: String,
    /// The ICU or builtin locale.
    pub locale: Option<String>,
    /// ICU rules (PostgreSQL 16+).
    pub icu_rules: Option<String>,
    /// The default tablespace.
    pub tablespace: String,
    /// `-1` for no limit.
    pub connection_limit: i32,
    /// Whether it is a template.
    pub is_template: bool,
    /// Whether connections are allowed.
    pub allow_connections: bool,
    /// Its comment.
    pub comment: Option<String>,
    /// `ALTER DATABASE … SET` and `ALTER ROLE … IN DATABASE … SET` statements, GRANTs and security labels, with `:"dbname"`-free SQL in
    /// which the database is named by [`DatabaseProperties::PLACEHOLDER`], so that a renamed restore can put its own name in.
    pub statements: Vec<String>,
    /// Extensions in it: (name, version). Empty in archives of versions before this was recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<(String, String)>,
}

impl DatabaseProperties {
    /// Stands for the quoted database name in [`DatabaseProperties::statements`]. It is no legal SQL, so that a forgotten one is an error.
    pub const PLACEHOLDER: &'static str = "\u{1}DATABASE\u{1}";
}

/// One line of `inventory.jsonl`: an object as the catalog describes it, for comparing a restored database with its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InventoryItem {
    /// The kind: `index`, `constraint`, `sequence value`, `function`, `view`, `trigger`, …
    pub kind: String,
    /// What names it uniquely within its kind.
    pub identity: String,
    /// A digest or text of its definition; empty where the name says all. Compared only between servers of the same major version.
    pub definition: String,
}

/// Everything that a snapshot of a database holds, apart from the rows.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Whose words the definitions are.
    pub product: super::Product,
    /// Schema objects in an order in which they could be run one after another.
    pub objects: Vec<SchemaObject>,
    /// What holds rows.
    pub tables: Vec<Table>,
    /// The values of all sequences.
    pub sequences: Vec<SequenceState>,
    /// Populated materialized views, in the order in which they can be refreshed.
    pub materialized_views: Vec<TableName>,
    /// How the database was made.
    pub properties: DatabaseProperties,
    /// For the proof.
    pub inventory: Vec<InventoryItem>,
    /// What a person should know: things that are by nature not in a logical backup (a subscription's slot, …).
    pub notes: Vec<String>,
}
