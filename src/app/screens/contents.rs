//! What is in an archive, as a tree of databases, schemas and tables, with marks for what is to be restored.

use crate::app::list::{Filter, Picker};
use crate::app::load::Load;
use crate::domain::Bytes;
use crate::domain::listing::{ArchiveContents, ArchiveDatabase};
use crate::domain::schema::TableName;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A line of the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// A database.
    Database(String),
    /// A schema of a database.
    Schema(String, String),
    /// A table of a database.
    Table(String, TableName),
}

impl Node {
    /// The database it is in.
    pub fn database(&self) -> &str {
        match self {
            Node::Database(database) | Node::Schema(database, _) | Node::Table(database, _) => database,
        }
    }

    /// What it is in.
    pub fn parent(&self) -> Option<Node> {
        match self {
            Node::Database(_) => None,
            Node::Schema(database, _) => Some(Node::Database(database.clone())),
            // MySQL's databases have no schemas.
            Node::Table(database, table) if table.schema.is_empty() => Some(Node::Database(database.clone())),
            Node::Table(database, table) => Some(Node::Schema(database.clone(), table.schema.clone())),
        }
    }
}

/// What the screen remembers.
#[derive(Clone, Debug, Default)]
pub struct ContentsScreen {
    /// The archive.
    pub path: PathBuf,
    /// What is in it.
    pub contents: Load<ArchiveContents>,
    /// Cursor and marks.
    pub picker: Picker<Node>,
    /// What is unfolded.
    pub open: BTreeSet<Node>,
    /// Narrows the tables.
    pub filter: Filter,
}

/// What is to be restored, as the marks say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Every database of a cluster archive, or those of these names.
    Cluster(Vec<String>),
    /// One database, whole or in parts (globs, and the tables that they stand for).
    Database {
        /// Its name.
        name: String,
        /// Schemas and tables; empty: everything.
        include: Vec<String>,
        /// The one table that is meant, when it is one.
        table: Option<TableName>,
    },
}

impl ContentsScreen {
    /// The visible lines, top down.
    pub fn rows(&self) -> Vec<Node> {
        let mut rows = Vec::new();
        let narrowed = self.filter.text().is_some_and(|text| !text.is_empty());
        for database in self.databases() {
            let node = Node::Database(database.name.clone());
            let tables: Vec<&TableName> =
                database.tables.iter().map(|table| &table.name).filter(|name| self.filter.lets(&name.to_string())).collect();
            if narrowed && tables.is_empty() && !self.filter.lets(&database.name) {
                continue;
            }
            let open = narrowed || self.open.contains(&node);
            rows.push(node);
            if !open {
                continue;
            }
            let schemas: BTreeSet<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
            for schema in schemas {
                let node = Node::Schema(database.name.clone(), schema.to_owned());
                let open = narrowed || schema.is_empty() || self.open.contains(&node);
                if !schema.is_empty() {
                    rows.push(node);
                }
                if open {
                    let mut names: Vec<&&TableName> = tables.iter().filter(|table| table.schema == schema).collect();
                    names.sort();
                    rows.extend(names.into_iter().map(|name| Node::Table(database.name.clone(), (*name).clone())));
                }
            }
        }
        rows
    }

    /// The databases of the archive.
    pub fn databases(&self) -> &[ArchiveDatabase] {
        self.contents.value().map_or(&[], |contents| contents.databases.as_slice())
    }

    /// Whether the archive holds a whole cluster.
    pub fn is_cluster(&self) -> bool {
        // A dump of several databases is one script: it says so only by what is in it.
        let several = |kind: &str| ["mysqldump", "mariadb-dump", "mydumper"].iter().any(|name| kind.starts_with(name));
        self.contents.value().and_then(|contents| contents.summary.head.as_ref().ok()).is_some_and(|head| {
            head.kind == "cluster" || head.kind.starts_with("pg_dumpall") || (several(&head.kind) && head.databases.len() > 1)
        })
    }

    /// Whether a line is marked, itself or by what it is in.
    pub fn is_marked(&self, node: &Node) -> bool {
        self.picker.marked.contains(node) || node.parent().is_some_and(|parent| self.is_marked(&parent))
    }

    /// Unfolds what just came in: a lone database with its only schema.
    pub fn unfold(&mut self) {
        let mut open = BTreeSet::new();
        if let [only] = self.databases() {
            open.insert(Node::Database(only.name.clone()));
            let schemas: BTreeSet<&str> = only.tables.iter().map(|table| table.name.schema.as_str()).collect();
            if let (1, Some(schema)) = (schemas.len(), schemas.first()) {
                open.insert(Node::Schema(only.name.clone(), (*schema).to_owned()));
            }
        }
        self.open = open;
    }

    /// Rows and row bytes below a line.
    pub fn figures(&self, node: &Node) -> (u64, Bytes, usize) {
        let Some(database) = self.databases().iter().find(|database| database.name == node.database()) else { return (0, Bytes(0), 0) };
        let mut rows = 0u64;
        let mut bytes = Bytes(0);
        let mut tables = 0;
        for table in &database.tables {
            let inside = match node {
                Node::Database(_) => true,
                Node::Schema(_, schema) => table.name.schema == *schema,
                Node::Table(_, name) => table.name == *name,
            };
            if inside {
                rows = rows.saturating_add(table.rows);
                bytes += table.bytes;
                tables += 1;
            }
        }
        (rows, bytes, tables)
    }

    /// What the marks mean. Nothing marked means everything.
    pub fn choice(&self) -> Result<Choice, String> {
        let marked = &self.picker.marked;
        let names: BTreeSet<&str> = marked.iter().map(Node::database).collect();
        let databases = self.databases();
        if databases.is_empty() {
            return Err("the archive holds no database".to_owned());
        }
        if let Some(lost) = databases.iter().find(|database| names.contains(database.name.as_str()) && database.failed.is_some()) {
            return Err(format!("{} is not in this archive: its backup failed", lost.name));
        }
        let parts: Vec<&Node> = marked.iter().filter(|node| !matches!(node, Node::Database(_))).collect();
        match (names.len(), parts.is_empty()) {
            (0, _) if self.is_cluster() => Ok(Choice::Cluster(Vec::new())),
            (0, _) => Ok(Choice::Database { name: databases[0].name.clone(), include: Vec::new(), table: None }),
            (1, _) => {
                let name = names.first().copied().unwrap_or_default().to_owned();
                if marked.contains(&Node::Database(name.clone())) {
                    return Ok(Choice::Database { name, include: Vec::new(), table: None });
                }
                let include = parts
                    .iter()
                    .filter_map(|node| match node {
                        Node::Database(_) => None,
                        Node::Schema(_, schema) => Some(literal_glob(schema)),
                        Node::Table(_, table) if table.schema.is_empty() => Some(literal_glob(&table.name)),
                        Node::Table(_, table) => Some(format!("{}.{}", literal_glob(&table.schema), literal_glob(&table.name))),
                    })
                    .collect();
                let table = match parts.as_slice() {
                    [Node::Table(_, table)] => Some(table.clone()),
                    _ => None,
                };
                Ok(Choice::Database { name, include, table })
            }
            (_, true) if self.is_cluster() => Ok(Choice::Cluster(names.into_iter().map(str::to_owned).collect())),
            (_, true) => Err("mark one database: this archive is not of a whole cluster".to_owned()),
            (_, false) => Err("tables of several databases are marked: restore one database at a time".to_owned()),
        }
    }
}

/// A glob that matches exactly this name.
pub fn literal_glob(name: &str) -> String {
    let mut glob = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' | '!' | '\\' => {
                glob.push('[');
                glob.push(c);
                glob.push(']');
            }
            c => glob.push(c),
        }
    }
    glob
}
