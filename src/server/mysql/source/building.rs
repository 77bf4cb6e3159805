//! Puts what was read of a database's objects into an order in which they could be made one after another.

use super::created::Created;
use super::kinds::{self, Listed};
use super::{order, rights};
use crate::domain::schema::{SchemaObject, Section, TableName};
use crate::server::mysql::definition::lexer::Quotes;
use crate::server::mysql::definition::table::TableText;
use crate::server::mysql::definition::{definer, names, script};
use crate::server::mysql::quote::{ident, literal};
use std::collections::{HashMap, HashSet};

/// Parts of a table that are made after its rows.
struct Late {
    table: String,
    id: u32,
    keys: Vec<String>,
    fulltext: Vec<String>,
    foreign: Vec<crate::server::mysql::definition::table::ForeignKey>,
}

/// Whether names of tables are told apart by their case alone (`lower_case_table_names`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cases {
    Told,
    Folded,
}

/// Objects in the order in which they can be made.
pub struct Builder<'a> {
    database: &'a str,
    cases: Cases,
    collation: String,
    /// What was added so far.
    pub objects: Vec<SchemaObject>,
    /// The object of each table, view, sequence: they share a namespace.
    relations: HashMap<String, u32>,
    /// The objects of routines by kind and name in lower case, by which both servers find them.
    routines: HashMap<(String, String), u32>,
    late: Vec<Late>,
    /// The last trigger of each table and slot.
    slots: HashMap<(String, String), u32>,
    /// What is to be told, with the objects it is about.
    told: Vec<(&'static str, Vec<String>)>,
}

impl<'a> Builder<'a> {
    /// Empty, for a database with its collation.
    pub fn new(database: &'a str, collation: String, cases: Cases) -> Self {
        Self {
            database,
            cases,
            collation,
            objects: Vec::new(),
            relations: HashMap::new(),
            routines: HashMap::new(),
            late: Vec::new(),
            slots: HashMap::new(),
            told: Vec::new(),
        }
    }

    fn add(&mut self, object: SchemaObject) -> u32 {
        let id = self.objects.len() as u32 + 1;
        self.objects.push(SchemaObject { id, schema: Some(String::new()), ..object });
        id
    }

    /// Notes that something is to be told of an object.
    pub fn tell(&mut self, what: &'static str, who: String) {
        match self.told.iter_mut().find(|(told, _)| *told == what) {
            Some((_, names)) => names.push(who),
            None => self.told.push((what, vec![who])),
        }
    }

    /// Adds a sequence.
    pub fn sequence(&mut self, name: &str, created: &Created) {
        let id = self.add(SchemaObject {
            kind: "SEQUENCE".into(),
            name: name.to_owned(),
            section: Section::PreData,
            sql: created.sql.clone(),
            drop_sql: format!("DROP SEQUENCE IF EXISTS {}", ident(name)),
            ..SchemaObject::default()
        });
        self.relations.insert(name.to_owned(), id);
    }

    /// Adds tables, with what has to be there before rows.
    pub fn tables(&mut self, names: &[String], created: &[Created]) {
        let mut all: Vec<(&String, String)> =
            names.iter().zip(created).map(|(name, created)| (name, names::own_sequences(&created.sql, self.database))).collect();
        // A table that is a union of others comes after them.
        let merged = |sql: &str| TableText::parse(sql).is_some_and(|text| text.engine().to_ascii_uppercase().starts_with("MRG_"));
        all.sort_by_key(|(_, sql)| merged(sql));
        for (name, sql) in all {
            let depends = names::sequences_used(&sql).iter().filter_map(|name| self.relations.get(name).copied()).collect();
            let parsed = TableText::parse(&sql);
            let division = parsed.as_ref().map(TableText::divide).unwrap_or_default();
            if parsed.as_ref().is_some_and(|text| text.option("DIRECTORY").is_some()) {
                self.tell(
                    "stands in a directory of its own, which the target must have and allow (--no-tablespaces leaves it out)",
                    format!("table {name}"),
                );
            }
            let id = self.add(SchemaObject {
                kind: "TABLE".into(),
                name: name.clone(),
                section: Section::PreData,
                drop_sql: format!("DROP TABLE IF EXISTS {}", ident(name)),
                tablespace: parsed.as_ref().and_then(|text| text.option("TABLESPACE")).filter(|place| !place.starts_with("innodb_")),
                depends,
                sql: if parsed.is_some() { division.table } else { sql },
                ..SchemaObject::default()
            });
            self.relations.insert(name.clone(), id);
            self.late.push(Late { table: name.clone(), id, keys: division.keys, fulltext: division.fulltext, foreign: division.foreign });
        }
    }

    /// An object that carries what it was made under.
    fn coded(&mut self, kind: &str, name: &str, sql: &str, created: &Created) -> SchemaObject {
        let quotes = Quotes::of_mode(created.mode.as_deref().unwrap_or_default());
        if kind != "VIEW" {
            let who = format!("{} {name}", kind.to_lowercase());
            if names::names_database(sql, self.database, quotes) {
                self.tell("names its own database, and goes on meaning that one when it is restored under another name", who.clone());
            }
            if !created.database_collation.is_empty() && created.database_collation != self.collation {
                self.tell("was made while the database had another collation, which its parameters and variables keep no longer", who);
            }
        }
        SchemaObject {
            kind: kind.to_owned(),
            name: name.to_owned(),
            definer: definer::definer(sql, quotes).map(|(account, _)| account.to_string()),
            sql: format!("{}{sql}", header(created, sql)),
            ..SchemaObject::default()
        }
    }

    /// Adds a function, procedure or package.
    pub fn routine(&mut self, kind: &str, name: &str, created: &Created) {
        let object = self.coded(kind, name, &created.sql, created);
        // A package's body needs its package.
        let depends = if kind == "PACKAGE BODY" { self.routines.get(&("PACKAGE".to_owned(), name.to_lowercase())).copied() } else { None };
        let drop_sql = format!("DROP {kind} IF EXISTS {}", ident(name));
        let id = self.add(SchemaObject { section: Section::PreData, depends: depends.into_iter().collect(), drop_sql, ..object });
        self.routines.insert((kind.to_owned(), name.to_lowercase()), id);
    }

    /// Adds views, behind what they read.
    pub fn views(&mut self, listed: &Listed, created: &[Created]) {
        let texts: Vec<(String, String)> = listed
            .views
            .iter()
            .zip(created)
            .map(|(view, created)| (view.name.clone(), names::without_database(&created.sql, self.database, Quotes::default())))
            .collect();
        let functions: HashMap<String, String> = self
            .objects
            .iter()
            .filter(|object| object.kind == "FUNCTION")
            .map(|object| (object.name.to_lowercase(), object.sql.clone()))
            .collect();
        let folded = |name: &str| if self.cases == Cases::Folded { name.to_lowercase() } else { name.to_owned() };
        let there: HashSet<String> =
            self.relations.keys().map(String::as_str).chain(listed.views.iter().map(|view| view.name.as_str())).map(folded).collect();
        let cases = self.cases;
        for (at, needs) in order::of_views(&texts, &functions) {
            let (name, sql) = &texts[at];
            let who = format!("view {name}");
            let reads = names::reads(sql, Quotes::default());
            let lacks = |name: &TableName| {
                let written = if cases == Cases::Folded { name.name.to_lowercase() } else { name.name.clone() };
                name.schema.is_empty() && !there.contains(&written)
            };
            if listed.views[at].is_invalid || reads.tables.iter().any(lacks) {
                self.tell("refers to what is not there, so that it cannot be made anew as long as that is missing", who.clone());
            }
            if reads.tables.iter().chain(&reads.functions).any(|name| !name.schema.is_empty()) {
                self.tell("reads from another database, which must be on the target too", who);
            }
            let mut depends: Vec<u32> = reads.tables.iter().filter_map(|table| self.relations.get(&table.name).copied()).collect();
            depends.extend(needs.iter().filter_map(|view| self.relations.get(&texts[*view].0).copied()));
            depends.extend(
                reads.functions.iter().filter_map(|name| self.routines.get(&("FUNCTION".to_owned(), name.name.to_lowercase())).copied()),
            );
            depends.sort_unstable();
            depends.dedup();
            let object = self.coded("VIEW", name, sql, &created[at]);
            let drop_sql = format!("DROP VIEW IF EXISTS {}", ident(name));
            let id = self.add(SchemaObject { section: Section::PreData, depends, drop_sql, ..object });
            self.relations.insert(name.clone(), id);
        }
    }

    /// Keys of all tables, and then foreign keys, each behind the keys of both its tables.
    pub fn keys(&mut self) {
        let late = std::mem::take(&mut self.late);
        let mut last: HashMap<&str, u32> = HashMap::new();
        for table in &late {
            let together = (!table.keys.is_empty()).then(|| table.keys.clone());
            for keys in together.into_iter().chain(table.fulltext.iter().map(|key| vec![key.clone()])) {
                let names: Vec<String> = keys.iter().map(|key| names::first_name(key).unwrap_or_default()).collect();
                let added: Vec<String> = keys.iter().map(|key| format!("ADD {key}")).collect();
                let dropped: Vec<String> = names.iter().map(|name| format!("DROP KEY {}", ident(name))).collect();
                let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
                let mut depends = vec![table.id];
                depends.extend(last.get(table.table.as_str()));
                let id = self.add(SchemaObject {
                    kind: "INDEX".into(),
                    name: format!("{} {}{more}", table.table, names.first().map_or("", String::as_str)),
                    section: Section::PostData,
                    sql: format!("ALTER TABLE {} {}", ident(&table.table), added.join(", ")),
                    drop_sql: format!("ALTER TABLE {} {}", ident(&table.table), dropped.join(", ")),
                    table: Some(TableName::new("", &table.table)),
                    depends,
                    ..SchemaObject::default()
                });
                last.insert(&table.table, id);
            }
        }
        for table in &late {
            for key in &table.foreign {
                if !key.refers_to.schema.is_empty() {
                    self.tell(
                        "refers to a table of another database, which must be on the target too",
                        format!("foreign key {} of {}", key.name, table.table),
                    );
                }
                let inside = key.refers_to.schema.is_empty();
                let parent = Some(key.refers_to.name.as_str()).filter(|_| inside);
                let mut depends = vec![table.id];
                depends.extend(parent.and_then(|name| self.relations.get(name)));
                depends.extend(last.get(table.table.as_str()));
                depends.extend(parent.and_then(|name| last.get(name)));
                depends.sort_unstable();
                depends.dedup();
                self.add(SchemaObject {
                    kind: "FK CONSTRAINT".into(),
                    name: format!("{} {}", table.table, key.name),
                    section: Section::PostData,
                    sql: format!("ALTER TABLE {} ADD {}", ident(&table.table), key.text),
                    drop_sql: format!("ALTER TABLE {} DROP FOREIGN KEY {}", ident(&table.table), ident(&key.name)),
                    table: Some(TableName::new("", &table.table)),
                    depends,
                    ..SchemaObject::default()
                });
            }
        }
    }

    /// Adds a trigger, behind the one before it of its slot.
    pub fn trigger(&mut self, trigger: &kinds::Trigger, created: &Created) {
        let quotes = Quotes::of_mode(created.mode.as_deref().unwrap_or_default());
        let sql = names::unqualified_trigger(&created.sql, quotes);
        let object = self.coded("TRIGGER", &trigger.name, &sql, created);
        let slot = (trigger.table.clone(), trigger.slot.clone());
        let mut depends: Vec<u32> = self.relations.get(&trigger.table).copied().into_iter().collect();
        // Triggers act in the order in which they were made.
        depends.extend(self.slots.get(&slot));
        let id = self.add(SchemaObject {
            name: format!("{} {}", trigger.table, trigger.name),
            section: Section::PostData,
            drop_sql: format!("DROP TRIGGER IF EXISTS {}", ident(&trigger.name)),
            table: Some(TableName::new("", &trigger.table)),
            depends,
            ..object
        });
        self.slots.insert(slot, id);
    }

    /// Adds an event.
    pub fn event(&mut self, name: &str, created: &Created) {
        let object = self.coded("EVENT", name, &created.sql, created);
        self.add(SchemaObject { section: Section::PostData, drop_sql: format!("DROP EVENT IF EXISTS {}", ident(name)), ..object });
    }

    /// Adds rights on the objects.
    pub fn rights(&mut self, rights: &rights::Rights) {
        for right in &rights.all {
            let on = match right.routine.as_deref() {
                None => self.relations.get(&right.name).copied(),
                Some(kind) => self.routines.get(&(kind.to_owned(), right.name.to_lowercase())).copied(),
            };
            // What a right is about may have been dropped since: the servers keep such rights.
            let Some(on) = on else { continue };
            self.add(SchemaObject {
                kind: "ACL".into(),
                name: format!("{} {} TO {}", right.routine.as_deref().unwrap_or("TABLE"), right.name, right.account),
                section: Section::None,
                sql: right.sql(),
                depends: vec![on],
                ..SchemaObject::default()
            });
        }
    }

    /// What is to be told, a line for each matter.
    pub fn notes(&self) -> Vec<String> {
        self.told
            .iter()
            .map(|(what, names)| {
                let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
                let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
                format!("{shown}{more}: {what}")
            })
            .collect()
    }
}

/// The settings that an object was made under, as lines before it.
fn header(created: &Created, sql: &str) -> String {
    let mut out = String::new();
    if let Some(mode) = &created.mode {
        out.push_str(&format!("SET sql_mode = {};\n", literal(mode)));
    }
    if !created.client.is_empty() {
        // The text is UTF-8. Only where it has no other letters than ASCII is it the same text in the character set that it came in.
        let client = if sql.is_ascii() || created.client.starts_with("utf8") { created.client.as_str() } else { "utf8mb4" };
        out.push_str(&format!(
            "SET character_set_client = {};\nSET collation_connection = {};\n",
            literal(client),
            literal(&created.collation)
        ));
    }
    if let Some(zone) = &created.zone {
        out.push_str(&format!("SET time_zone = {};\n", literal(zone)));
    }
    debug_assert_eq!(script::split(&out).1, "", "a header is nothing but settings");
    out
}
