//! What a restore is about: each wanted database with what it needs, read once from the archive and kept small.

use crate::archive::manifest;
use crate::archive::reader::Archive;
use crate::domain::Fault;
use crate::domain::schema::{SchemaObject, Section};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::spec::{RestoreScope, RestoreSpec, Selection, What};
use crate::engine::Context;
use crate::engine::restore::database::Entry;
use crate::engine::restore::select::{self, Chosen};
use crate::engine::restore::{cluster, source};
use crate::server::{Feature, Server};
use futures_util::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// Databases whose definitions are read at the same time.
const AT_ONCE: usize = 4;

/// Definitions that a restore runs in one transaction.
const IN_ONE: usize = crate::engine::restore::run::DEFINITIONS_AT_ONCE;

/// A database that is restored.
pub struct Subject<'a> {
    /// Its entry in the archive.
    pub database: &'a manifest::Database,
    /// The name it gets.
    pub target: String,
    /// Which parts.
    pub selection: Selection,
    /// How the target is made ready.
    pub entry: Entry,
    /// What it needs.
    pub needs: Needs,
}

/// What a database needs of the server, and how large it is.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Roles, under their names on the target: owners, and who has rights.
    pub roles: BTreeSet<String>,
    /// Accounts, under their names on the target, whose rights something runs with. It is made without them, and fails when it is used.
    pub definers: BTreeSet<String>,
    /// Tablespaces.
    pub tablespaces: BTreeSet<String>,
    /// Extensions.
    pub extensions: BTreeSet<String>,
    /// What the target's version does not know: objects, the first ones by name.
    pub unknown: BTreeMap<Feature, (u64, Vec<String>)>,
    /// Bytes of rows, uncompressed.
    pub rows: u64,
    /// Bytes of indexes as they were on the source.
    pub indexes: u64,
    /// Tables with rows.
    pub tables: u64,
    /// Definitions that come before rows.
    pub definitions: u64,
    /// A digest of the definitions that come before the end: databases with the same one are made of the same statements.
    pub likeness: u128,
    /// Locks that the largest transaction holds.
    pub locks: u64,
    /// What is left out of a selection, and why.
    pub notes: Vec<String>,
    /// Functions or triggers are made.
    pub code: bool,
    /// Tables and views that a part makes, under their names on the target. Empty for a whole database, which goes into an empty one.
    pub made: Vec<String>,
    /// Tables that must be there, into which rows go.
    pub filled: Vec<String>,
}

impl Subject<'_> {
    /// Only parts of the database are restored.
    pub fn is_part(&self) -> bool {
        !self.selection.include.is_empty() || !self.selection.exclude.is_empty() || self.selection.rename.is_some()
    }

    /// Definitions are made.
    pub fn has_definitions(&self) -> bool {
        self.selection.what != What::DataOnly
    }
}

/// All of them, in the archive's order; and the names of those that are not in the archive because their backup failed, with why.
pub async fn all<'a>(
    spec: &RestoreSpec,
    context: &Context,
    archive: &'a Arc<Archive>,
    info: &ServerInfo,
    existing: &[DatabaseInfo],
) -> Result<(Vec<Subject<'a>>, Vec<(String, String)>), Fault> {
    let server = context.server()?;
    let mut failed = Vec::new();
    let mut wanted: Vec<(&manifest::Database, String, Selection, Entry)> = Vec::new();
    match &spec.scope {
        RestoreScope::Single { database, target, selection } => {
            let database = source::database(archive, database.as_deref())?;
            wanted.push((database, target.clone(), selection.clone(), Entry::Flags));
        }
        RestoreScope::Cluster { include, exclude, .. } => {
            for database in cluster::wanted(archive, include, exclude)? {
                match &database.failed {
                    Some(why) => failed.push((database.name.clone(), why.clone())),
                    None => {
                        let entry = cluster::entry(&database.name, spec, existing.iter().any(|one| one.name == database.name));
                        wanted.push((database, database.name.clone(), Selection::default(), entry));
                    }
                }
            }
        }
    }
    let source = &archive.manifest().head.source;
    let newer = source.version_num / 10_000 > info.major();
    // Where versions add to each other within a series, and the other product has its own, only the same version knows everything.
    let other = info.product.is_mysql() && (source.product() != info.product || source.version_num > info.version_num);
    let version = (newer || other).then_some(info.version_num);
    let mut reads = Vec::with_capacity(wanted.len());
    for (database, target, selection, entry) in wanted {
        reads.push(async move {
            let needs = needs(spec, server, archive, database, &selection, version).await?;
            Ok::<_, Fault>(Subject { database, target, selection, entry, needs })
        });
    }
    let subjects: Vec<Result<Subject<'a>, Fault>> = stream::iter(reads).buffered(AT_ONCE).collect().await;
    Ok((subjects.into_iter().collect::<Result<_, _>>()?, failed))
}

async fn needs(
    spec: &RestoreSpec,
    server: &Arc<dyn Server>,
    archive: &Arc<Archive>,
    database: &manifest::Database,
    selection: &Selection,
    version: Option<u32>,
) -> Result<Needs, Fault> {
    let objects = source::objects(archive, database).await?;
    let (archive, server, spec, selection) = (Arc::clone(archive), Arc::clone(server), spec.clone(), selection.clone());
    let name = database.name.clone();
    source::blocking(move || {
        let found = archive.manifest().databases.iter().find(|one| one.name == name);
        let database = found.ok_or_else(|| Fault::internal("a database left the archive's manifest"))?;
        let chosen = select::choose(archive.manifest().head.source.product(), objects, database, &selection)?;
        Ok(digest(&chosen, database, &spec, server.as_ref(), version))
    })
    .await
}

fn digest(chosen: &Chosen, database: &manifest::Database, spec: &RestoreSpec, server: &dyn Server, version: Option<u32>) -> Needs {
    let mapped = |role: &str| server.mapped_role(role, &spec.map_roles);
    let mut needs = Needs { notes: chosen.notes.clone(), tables: chosen.tables.len() as u64, ..Needs::default() };
    for object in &chosen.objects {
        if let (false, Some(definer)) = (spec.no_owner, &object.definer) {
            needs.definers.insert(mapped(definer));
        }
        if !spec.no_owner && object.owner_sql.is_some() {
            needs.roles.extend(object.owner.as_deref().filter(|owner| !owner.is_empty()).map(mapped));
        }
        let names_roles = match object.kind.as_str() {
            "ACL" | "DEFAULT ACL" => !spec.no_acl,
            "POLICY" | "USER MAPPING" => true,
            _ => false,
        };
        if names_roles {
            needs.roles.extend(server.roles_named(&object.sql).iter().map(|role| mapped(role)));
        }
        if !spec.no_tablespaces {
            needs.tablespaces.extend(object.tablespace.clone().filter(|name| !name.is_empty()));
        }
        if object.kind == "EXTENSION" {
            needs.extensions.insert(object.name.clone());
        }
        if let Some(feature) = version.and_then(|version| server.unknown_to(version, object)) {
            let (count, names) = needs.unknown.entry(feature).or_default();
            *count += 1;
            if names.len() < 3 {
                names.push(format!("{} {}", object.kind, object.name));
            }
        }
        needs.definitions += u64::from(object.section == Section::PreData);
        needs.code |= matches!(object.kind.as_str(), "FUNCTION" | "TRIGGER" | "PACKAGE BODY");
        if !chosen.whole && matches!(object.kind.as_str(), "TABLE" | "VIEW" | "SEQUENCE") {
            needs.made.push(object.name.clone());
        }
    }
    if chosen.whole {
        let properties = &database.properties;
        if !spec.no_owner && !properties.owner.is_empty() {
            needs.roles.insert(mapped(&properties.owner));
        }
        for statement in &properties.statements {
            let of_a_role = statement.trim_start().starts_with("ALTER ROLE");
            if !(if of_a_role { spec.no_owner } else { spec.no_acl }) {
                needs.roles.extend(server.roles_named(statement).iter().map(|role| mapped(role)));
            }
        }
    }
    for entry in chosen.tables.iter().filter_map(|(at, _)| database.tables.get(*at)) {
        needs.rows += entry.bytes;
        needs.indexes += entry.table.index_bytes;
    }
    if !chosen.definitions {
        needs.filled = chosen.tables.iter().map(|(_, table)| table.destination().name.clone()).collect();
    }
    needs.locks = locks(&chosen.objects);
    needs.likeness = likeness(&chosen.objects);
    needs
}

/// A digest of what is run before indexes and keys, without the numbers that pg_dump gave to objects.
fn likeness(objects: &[SchemaObject]) -> u128 {
    let mut digest = Xxh3::new();
    for object in objects.iter().filter(|object| object.section != Section::PostData) {
        let parts = [
            Some(object.kind.as_str()),
            object.schema.as_deref(),
            Some(object.name.as_str()),
            Some(object.sql.as_str()),
            object.owner_sql.as_deref(),
            object.tablespace.as_deref(),
            object.access_method.as_deref(),
        ];
        for part in parts {
            // Lengths keep parts apart; what is not there is not the same as what is empty.
            digest.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            digest.update(part.unwrap_or_default().as_bytes());
        }
    }
    digest.digest128()
}

/// Locks of the largest transaction: a table comes with its TOAST table and that one's index, and a statement about a partitioned table locks
/// all of its partitions.
fn locks(objects: &[SchemaObject]) -> u64 {
    let first: Vec<u64> = objects.iter().filter(|object| object.section == Section::PreData).map(weight).collect();
    let window = first.chunks(IN_ONE).map(|some| some.iter().sum::<u64>()).max().unwrap_or(0);
    let mut partitions: HashMap<u32, u64> = HashMap::new();
    for object in objects.iter().filter(|object| object.kind == "TABLE ATTACH") {
        if let Some(parent) = object.depends.iter().min() {
            *partitions.entry(*parent).or_default() += 3;
        }
    }
    window.max(partitions.into_values().max().unwrap_or(0))
}

/// Locks that making an object takes and holds.
pub fn weight(object: &SchemaObject) -> u64 {
    match object.kind.as_str() {
        "TABLE" => 4,
        "MATERIALIZED VIEW" => 3,
        "TABLE ATTACH" => 2,
        "SEQUENCE" | "VIEW" | "FOREIGN TABLE" => 1,
        _ => 0,
    }
}
