//! Which parts of a database are restored.
//!
//! Definitions are chosen with what belongs to them (indexes, constraints, rights, owned sequences); what they refer to outside the
//! selection must be on the target already. What is left out for that reason is said.

use super::rename;
use crate::archive::manifest;
use crate::domain::schema::{Counter, SchemaObject, Section, SequenceState, Table, TableName};
use crate::domain::spec::{Selection, What};
use crate::domain::{Code, Fault, Product, text};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::{HashMap, HashSet};

/// What is restored of one database.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Whose definitions these are.
    pub product: Product,
    /// Definitions, in the archive's order.
    pub objects: Vec<SchemaObject>,
    /// Tables whose rows are loaded: place in the manifest, and as what they are loaded.
    pub tables: Vec<(usize, Table)>,
    /// Sequences to set.
    pub sequences: Vec<SequenceState>,
    /// Materialized views to fill, in order.
    pub views: Vec<TableName>,
    /// What was left out and why.
    pub notes: Vec<String>,
    /// Everything there is.
    pub whole: bool,
    /// Tables (places in `tables`) whose rows must be there before another's: (the later, the earlier). For rows that go into tables
    /// whose foreign keys are there already.
    pub before: Vec<(usize, usize)>,
    /// Definitions are made; otherwise rows go into tables that exist.
    pub definitions: bool,
}

/// Chooses from a database of an archive whose definitions are a product's.
pub fn choose(product: Product, objects: Vec<SchemaObject>, database: &manifest::Database, selection: &Selection) -> Result<Chosen, Fault> {
    let mut chosen = choose_all(product, objects, database, selection)?;
    let (broken, whole): (Vec<_>, Vec<_>) = std::mem::take(&mut chosen.objects).into_iter().partition(|object| object.broken);
    chosen.objects = whole;
    chosen.notes.extend(left_out(&broken));
    Ok(chosen)
}

/// What is said of definitions that are left out because the backup's server could not have made them anew either.
fn left_out(broken: &[SchemaObject]) -> Option<String> {
    const NAMED: usize = 10;
    let views: Vec<String> = broken
        .iter()
        .filter(|object| object.kind != "ACL")
        .map(|object| format!("{} {}", object.kind, text::clean(&object.name)))
        .collect();
    let more = if views.len() > NAMED { format!(" and {} more", views.len() - NAMED) } else { String::new() };
    let names = views.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    (!views.is_empty()).then(|| format!("left out, since what it refers to was gone when the backup was made: {names}{more}"))
}

fn choose_all(product: Product, objects: Vec<SchemaObject>, database: &manifest::Database, selection: &Selection) -> Result<Chosen, Fault> {
    let definitions = selection.what != What::DataOnly;
    let rows = selection.what != What::SchemaOnly;
    let all = selection.include.is_empty() && selection.exclude.is_empty() && selection.rename.is_none();
    let mut chosen = Chosen { product, whole: selection.is_everything(), definitions, ..Chosen::default() };
    if all {
        if rows {
            chosen.tables = database.tables.iter().map(|entry| entry.table.clone()).enumerate().collect();
            chosen.sequences = database.sequences.clone();
            chosen.views = if definitions { database.materialized_views.clone() } else { Vec::new() };
        }
        if definitions {
            chosen.objects = objects;
        } else {
            chosen.before = references(&objects, &chosen.tables);
        }
        return Ok(chosen);
    }
    let wanted = Wanted::new(selection)?;
    let mut picked = pick(product, &objects, &wanted, &mut chosen.notes);
    if let Some((from, _)) = &selection.rename {
        let table = objects.iter().position(|object| is_relation(object) && relation(object).as_ref() == Some(from));
        if !table.is_some_and(|at| picked.contains(&at)) && !database.tables.iter().any(|entry| entry.table.name == *from) {
            return Err(missing(database, &from.to_string()));
        }
    }
    let tables: Vec<(usize, Table)> = database
        .tables
        .iter()
        .enumerate()
        .filter(|(_, entry)| wanted.takes(&entry.table.name) && entry.table.kind == crate::domain::schema::TableKind::Table)
        .map(|(at, entry)| (at, entry.table.clone()))
        .collect();
    if picked.is_empty() && tables.is_empty() {
        return Err(missing(database, &selection.include.join(", ")));
    }
    let sequences: HashSet<TableName> =
        picked.iter().filter(|at| objects[**at].kind.starts_with("SEQUENCE")).filter_map(|at| relation(&objects[*at])).collect();
    let picked_views: HashSet<TableName> =
        picked.iter().filter(|at| objects[**at].kind == "MATERIALIZED VIEW").filter_map(|at| relation(&objects[*at])).collect();
    if rows {
        chosen.tables = tables;
        // A sequence that belongs to a table which is left out is not made, whatever its own name.
        let is_counter = |state: &SequenceState| !definitions || state.counter == Counter::Table;
        let takes = |state: &&SequenceState| sequences.contains(&state.name) || (is_counter(state) && wanted.takes(&state.name));
        chosen.sequences = database.sequences.iter().filter(takes).cloned().collect();
        if definitions {
            chosen.views = database.materialized_views.iter().filter(|view| picked_views.contains(view)).cloned().collect();
        }
    }
    if definitions {
        picked.sort_unstable();
        chosen.objects = picked.iter().map(|at| objects[*at].clone()).collect();
        soften_schemas(&mut chosen.objects, &wanted);
    }
    if !definitions {
        chosen.before = references(&objects, &chosen.tables);
    }
    through_roots(&mut chosen, database)?;
    if let Some((from, to)) = &selection.rename {
        rename::apply(&mut chosen, from, to)?;
    }
    Ok(chosen)
}

/// Rows are loaded through their root only where that is made with all its partitions, or may be there already. A partition that is made
/// alone is a table like others.
fn through_roots(chosen: &mut Chosen, database: &manifest::Database) -> Result<(), Fault> {
    if !chosen.definitions {
        return Ok(());
    }
    let made: HashSet<TableName> = chosen.objects.iter().filter(|object| object.kind == "TABLE").filter_map(relation).collect();
    for (_, table) in &mut chosen.tables {
        table.root.take_if(|root| !made.contains(root));
    }
    let loaded: HashSet<&TableName> = chosen.tables.iter().map(|(_, table)| &table.name).collect();
    let roots: HashSet<&TableName> = chosen.tables.iter().filter_map(|(_, table)| table.root.as_ref()).collect();
    let lacks = |entry: &&manifest::TableEntry| {
        entry.table.root.as_ref().is_some_and(|root| roots.contains(root)) && !loaded.contains(&entry.table.name)
    };
    let lacking: Vec<_> = database.tables.iter().filter(lacks).map(|entry| &entry.table).collect();
    let Some(first) = lacking.first() else { return Ok(()) };
    let (root, names) = (first.destination(), lacking.iter().map(|table| table.name.to_string()).collect::<Vec<_>>());
    Err(Fault::new(Code::Usage, format!("{root} cannot be restored without some of its partitions"))
        .because(format!("the server decides anew which of its rows lie in {}: they are placed by the hash of an enum", names.join(", ")))
        .step(format!("Restore all partitions of {root}; leave rows out afterwards."))
        .step(format!("Or leave {root} itself out: its partitions are then restored as tables of their own.")))
}

/// Which tables refer to which others, by their foreign keys. A key of a partitioned table is one of all its partitions, on both sides.
fn references(objects: &[SchemaObject], tables: &[(usize, Table)]) -> Vec<(usize, usize)> {
    let by_id: HashMap<u32, &SchemaObject> = objects.iter().map(|object| (object.id, object)).collect();
    let place: HashMap<&TableName, usize> = tables.iter().enumerate().map(|(at, (_, table))| (&table.name, at)).collect();
    let partitions = partitions(objects, &by_id);
    let with_rows = |name: TableName| {
        let (mut found, mut todo, mut seen) = (Vec::new(), vec![name], HashSet::new());
        while let Some(name) = todo.pop() {
            found.extend(place.get(&name).copied());
            todo.extend(partitions.get(&name).into_iter().flatten().filter(|name| seen.insert((*name).clone())).cloned());
        }
        found
    };
    let mut out = Vec::new();
    for object in objects.iter().filter(|object| object.kind == "FK CONSTRAINT") {
        let children = object.table.clone().map(with_rows).unwrap_or_default();
        for on in object.depends.iter().filter_map(|id| by_id.get(id)) {
            let name = if is_relation(on) { relation(on) } else { on.table.clone() };
            for parent in name.filter(|name| Some(name) != object.table.as_ref()).map(with_rows).unwrap_or_default() {
                out.extend(children.iter().filter(|child| **child != parent).map(|child| (*child, parent)));
            }
        }
    }
    out
}

/// The partitions of each partitioned table, one level down.
fn partitions(objects: &[SchemaObject], by_id: &HashMap<u32, &SchemaObject>) -> HashMap<TableName, Vec<TableName>> {
    let mut out: HashMap<TableName, Vec<TableName>> = HashMap::new();
    for object in objects.iter().filter(|object| object.kind == "TABLE ATTACH") {
        let Some(partition) = object.schema.as_ref().map(|schema| TableName::new(schema, &object.name)) else { continue };
        let tables = object.depends.iter().filter_map(|id| by_id.get(id)).filter(|on| on.kind == "TABLE").filter_map(|on| relation(on));
        for root in tables.filter(|name| *name != partition) {
            out.entry(root).or_default().push(partition.clone());
        }
    }
    out
}

fn missing(database: &manifest::Database, what: &str) -> Fault {
    let tables: Vec<String> = database.tables.iter().map(|entry| entry.table.name.to_string()).collect();
    let fault = Fault::new(Code::NotInArchive, format!("{what} is not in the archive")).at("Database", &database.name);
    match crate::domain::text::nearest(what, tables.iter().map(String::as_str)) {
        Some(near) => fault.step(format!("Did you mean {near}?")),
        None => fault.step("See what is in it: dbbackup archive show ARCHIVE"),
    }
}

/// The globs of a selection.
struct Wanted {
    include: Option<GlobSet>,
    exclude: GlobSet,
    /// Patterns over whole schemas among those that include.
    schemas: Option<GlobSet>,
    rename: Option<TableName>,
}

impl Wanted {
    fn new(selection: &Selection) -> Result<Self, Fault> {
        let tables: Vec<&String> = selection.include.iter().collect();
        let schemas: Vec<&String> = selection.include.iter().filter(|pattern| !pattern.contains('.')).collect();
        let none = selection.include.is_empty() && selection.rename.is_none();
        Ok(Self {
            include: if none { None } else { Some(globs(&tables)?) },
            exclude: globs(&selection.exclude.iter().collect::<Vec<_>>())?,
            schemas: if none { None } else { Some(globs(&schemas)?) },
            rename: selection.rename.as_ref().map(|(from, _)| from.clone()),
        })
    }

    fn matches(set: &GlobSet, name: &TableName) -> bool {
        if name.schema.is_empty() {
            return set.is_match(&name.name);
        }
        set.is_match(&name.schema) || set.is_match(format!("{}.{}", name.schema, name.name))
    }

    fn takes(&self, name: &TableName) -> bool {
        if self.rename.as_ref() == Some(name) {
            return true;
        }
        self.include.as_ref().is_none_or(|set| Self::matches(set, name)) && !Self::matches(&self.exclude, name)
    }

    /// Whether a whole schema is taken, with what is no relation.
    fn takes_schema(&self, schema: &str) -> bool {
        self.schemas.as_ref().is_none_or(|set| set.is_match(schema)) && !self.exclude.is_match(schema)
    }
}

fn globs(patterns: &[&String]) -> Result<GlobSet, Fault> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(false).backslash_escape(true).build();
        set.add(glob.map_err(|error| Fault::new(Code::Usage, format!("{pattern:?} is not a pattern")).because(error))?);
    }
    set.build().map_err(|error| Fault::new(Code::Usage, "the patterns are too large").because(error))
}

/// Whether an object is a relation of its own, whose tag is its name.
pub fn is_relation(object: &SchemaObject) -> bool {
    matches!(object.kind.as_str(), "TABLE" | "VIEW" | "MATERIALIZED VIEW" | "SEQUENCE" | "FOREIGN TABLE")
}

/// The name of an object that is a relation.
pub fn relation(object: &SchemaObject) -> Option<TableName> {
    Some(TableName::new(object.schema.clone().unwrap_or_default(), object.name.clone()))
}

/// The places of the objects that are wanted.
fn pick(product: Product, objects: &[SchemaObject], wanted: &Wanted, notes: &mut Vec<String>) -> Vec<usize> {
    let place: HashMap<u32, usize> = objects.iter().enumerate().map(|(at, object)| (object.id, at)).collect();
    let mut taken: HashSet<usize> = HashSet::new();
    let mut refused: HashSet<usize> = HashSet::new();
    // Objects that stand on their own: relations, and everything in a schema that is taken whole.
    for (at, object) in objects.iter().enumerate() {
        let take = match (is_relation(object), relation(object), object.schema.as_deref()) {
            (true, Some(name), _) => {
                if !wanted.takes(&name) && Wanted::matches(&wanted.exclude, &name) {
                    refused.insert(at);
                }
                wanted.takes(&name)
            }
            _ if object.table.is_some() || object.section == Section::None => false,
            _ if object.kind == "SCHEMA" => wanted.takes_schema(&object.name),
            // Without schemas every object has a name of its own to be asked for by.
            (_, _, None | Some("")) if product.is_mysql() => wanted.takes(&TableName::new("", &object.name)),
            (_, _, Some(schema)) => wanted.takes_schema(schema),
            // Extensions, casts, languages belong to no schema: they come along unless a part was asked for by name.
            _ => wanted.include.is_none(),
        };
        if take {
            taken.insert(at);
        }
    }
    // What belongs to them, in the archive's order so that chains (a comment on an index of a table) are followed in one pass.
    for (at, object) in objects.iter().enumerate() {
        let on = |at: &u32| place.get(at).copied();
        let belongs = match (&object.table, object.kind.as_str()) {
            (_, "DEFAULT ACL") => wanted.include.is_none(),
            // It names two indexes, of which the other one is the partitioned table's.
            (Some(_), "INDEX ATTACH") => object.depends.iter().filter_map(on).all(|on| taken.contains(&on)),
            (Some(table), _) => wanted.takes(table),
            (None, "SEQUENCE") => object.depends.iter().filter_map(on).any(|on| taken.contains(&on) && objects[on].kind == "TABLE"),
            (None, "SEQUENCE OWNED BY" | "DEFAULT" | "TABLE ATTACH" | "INDEX ATTACH") => {
                object.depends.iter().filter_map(on).filter(|on| is_relation(&objects[*on])).all(|on| taken.contains(&on))
                    && object.depends.iter().filter_map(on).any(|on| taken.contains(&on))
            }
            (None, _) if object.section == Section::None => object.depends.iter().filter_map(on).any(|on| taken.contains(&on)),
            _ => false,
        };
        let excluded = object.table.as_ref().is_some_and(|table| Wanted::matches(&wanted.exclude, table)) && !taken.contains(&at);
        if belongs && !excluded {
            taken.insert(at);
        }
    }
    // A single table's schema comes along without its rights and comments, for a target that lacks it.
    let homes: HashSet<&str> = taken.iter().filter_map(|at| objects[*at].schema.as_deref()).collect();
    let schemas = objects.iter().enumerate().filter(|(_, object)| object.kind == "SCHEMA" && homes.contains(object.name.as_str()));
    let schemas: Vec<usize> = schemas.map(|(at, _)| at).collect();
    taken.extend(schemas);
    drop_unsupported(objects, &place, &mut taken, &refused, notes);
    taken.into_iter().collect()
}

/// Takes out foreign keys to tables that are not part of it, and whatever depends on what was excluded.
fn drop_unsupported(
    objects: &[SchemaObject],
    place: &HashMap<u32, usize>,
    taken: &mut HashSet<usize>,
    refused: &HashSet<usize>,
    notes: &mut Vec<String>,
) {
    let mut gone = refused.clone();
    for (at, object) in objects.iter().enumerate() {
        let outside = |on: &usize| !taken.contains(on);
        let lost = object.depends.iter().filter_map(|id| place.get(id)).any(|on| gone.contains(on));
        let foreign = object.kind == "FK CONSTRAINT" && object.depends.iter().filter_map(|id| place.get(id)).any(outside);
        if taken.contains(&at) && (lost || foreign) {
            taken.remove(&at);
            gone.insert(at);
            let why = if foreign { "refers to a table that is not part of the selection" } else { "needs something that is left out" };
            notes.push(format!("left out: {} {} {why}", object.kind, crate::domain::text::clean(&object.name)));
        } else if !taken.contains(&at) && lost {
            gone.insert(at);
        }
    }
}

/// Schemas of single tables are made only where they are missing, and keep their owner.
fn soften_schemas(objects: &mut [SchemaObject], wanted: &Wanted) {
    if wanted.include.is_none() {
        return;
    }
    for object in objects.iter_mut().filter(|object| object.kind == "SCHEMA") {
        if let Some(rest) = object.sql.trim_start().strip_prefix("CREATE SCHEMA ")
            && !rest.starts_with("IF NOT EXISTS")
        {
            object.sql = format!("CREATE SCHEMA IF NOT EXISTS {rest}");
        }
        if !wanted.takes_schema(&object.name) {
            object.owner_sql = None;
        }
    }
}
