//! What of a database is tried out, and what its failures mean for the rest.

use super::subject::{Subject, weight};
use crate::archive::manifest;
use crate::domain::schema::SchemaObject;
use crate::domain::spec::RestoreSpec;
use crate::domain::{Fault, text};
use crate::engine::restore::ledger::Done;
use crate::engine::restore::select::{self, Chosen};
use crate::engine::restore::{graph, source};
use crate::server::{Server, Supplies};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// The definitions of a database, and those of them that are tried out.
pub struct Script {
    /// Everything that is restored.
    chosen: Chosen,
    /// What is run, in order.
    pub objects: Vec<SchemaObject>,
    /// How many definitions were left out, because they reach beyond their database, or need what does.
    pub left_out: usize,
    /// Locks of all of them together.
    pub locks: u64,
}

/// A failure, and how many other objects need what failed.
#[derive(Clone)]
pub struct Failure {
    /// The object, for people.
    pub label: String,
    /// Why.
    pub fault: Fault,
    /// What needs it, by kind.
    pub needed_by: BTreeMap<String, u64>,
}

/// Reads a database's definitions and chooses what is tried out: what comes before rows, and rights. What the globals bring later, or what
/// other checks have found missing, is left out of the statements, so that it is not told twice.
pub async fn script(
    archive: &Arc<crate::archive::reader::Archive>,
    subject: &Subject<'_>,
    spec: &RestoreSpec,
    server: &Arc<dyn Server>,
    supplies: Option<&Supplies>,
) -> Result<Script, Fault> {
    let objects = source::objects(archive, subject.database).await?;
    let (archive, server, spec, supplies) = (Arc::clone(archive), Arc::clone(server), spec.clone(), supplies.cloned());
    let (name, selection) = (subject.database.name.clone(), subject.selection.clone());
    source::blocking(move || {
        let found = archive.manifest().databases.iter().find(|one| one.name == name);
        let database = found.ok_or_else(|| Fault::internal("a database left the archive's manifest"))?;
        let chosen = select::choose(archive.manifest().head.source.product(), objects, database, &selection)?;
        Ok(choose(chosen, database, &spec, server.as_ref(), supplies.as_ref()))
    })
    .await
}

fn choose(chosen: Chosen, database: &manifest::Database, spec: &RestoreSpec, server: &dyn Server, supplies: Option<&Supplies>) -> Script {
    let graph = graph::build(&chosen, database, 1, &Done::default());
    let role = |name: &str| {
        let name = server.mapped_role(name, &spec.map_roles);
        supplies.is_none_or(|supplies| supplies.roles.contains(&name))
    };
    let tablespace = |name: &str| supplies.is_none_or(|supplies| supplies.tablespaces.iter().any(|known| known == name));
    let extension = |name: &str| supplies.is_none_or(|supplies| supplies.extensions.iter().any(|known| known.name == name));
    let first: HashSet<usize> = graph.first.iter().copied().collect();
    let made: HashSet<u32> = first.iter().map(|at| chosen.objects[*at].id).collect();
    let mut gone: HashSet<u32> = HashSet::new();
    let mut script = Script { objects: Vec::new(), left_out: 0, locks: 0, chosen: Chosen::default() };
    for (at, object) in chosen.objects.iter().enumerate() {
        let rights = matches!(object.kind.as_str(), "ACL" | "DEFAULT ACL") && object.depends.iter().all(|on| made.contains(on));
        if !first.contains(&at) && !rights {
            continue;
        }
        let lacks_role = matches!(object.kind.as_str(), "ACL" | "DEFAULT ACL" | "USER MAPPING")
            && server.roles_named(&object.sql).iter().any(|name| !role(name));
        let lacks_extension = object.kind == "EXTENSION" && !extension(&object.name);
        if !server.stays_inside(object) || lacks_role || lacks_extension || object.depends.iter().any(|on| gone.contains(on)) {
            gone.insert(object.id);
            script.left_out += usize::from(!lacks_role);
            continue;
        }
        let mut object = object.clone();
        object.owner_sql = object.owner_sql.filter(|_| object.owner.as_deref().is_none_or(role));
        object.tablespace = object.tablespace.filter(|name| tablespace(name));
        script.locks += weight(&object);
        script.objects.push(object);
    }
    script.chosen = chosen;
    script
}

/// The failures that are no consequence of another one.
pub fn failures(script: &Script, failed: Vec<(usize, Fault)>) -> Vec<Failure> {
    let mut lost: HashSet<u32> = HashSet::new();
    let mut roots: Vec<(u32, Failure)> = Vec::new();
    for (at, fault) in failed {
        let Some(object) = script.objects.get(at) else { continue };
        let consequence = object.depends.iter().any(|on| lost.contains(on));
        lost.insert(object.id);
        // An extension may insist on a database by its name (pg_cron does): a scratch database says nothing about that one.
        let elsewhere = object.kind == "EXTENSION" && fault.root_cause().contains("can only create extension in database");
        if !consequence && !elsewhere {
            let label = text::clean(&format!("{} {}", object.kind, object.name));
            roots.push((object.id, Failure { label, fault, needed_by: BTreeMap::new() }));
        }
    }
    for (id, failure) in &mut roots {
        failure.needed_by = needed_by(&script.chosen.objects, *id);
    }
    roots.into_iter().map(|(_, failure)| failure).collect()
}

/// What needs an object, directly or not, by kind. The archive's order has each after what it needs.
fn needed_by(objects: &[SchemaObject], id: u32) -> BTreeMap<String, u64> {
    let mut lost = HashSet::from([id]);
    let mut kinds = BTreeMap::new();
    for object in objects {
        if object.depends.iter().any(|on| lost.contains(on)) && lost.insert(object.id) {
            *kinds.entry(object.kind.to_lowercase()).or_default() += 1;
        }
    }
    kinds
}
