//! Restores a database of an archive into one that is thrown away afterwards. Makes and drops nothing itself.

use super::database::{self, Done, Entry, Order};
use super::feed::Feeder;
use super::progress::Board;
use super::record::Record;
use super::source;
use crate::archive::manifest;
use crate::archive::reader::Archive;
use crate::domain::job::Difference;
use crate::domain::server::ServerInfo;
use crate::domain::spec::{Binlog, Care, Effort, Journal, RestoreScope, RestoreSpec, Selection};
use crate::domain::{Code, Fault};
use crate::engine::Context;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// A trial.
pub struct Trial<'a> {
    /// The outside.
    pub context: &'a Context,
    /// The archive.
    pub archive: &'a Arc<Archive>,
    /// Its rows.
    pub feeder: &'a Arc<Feeder>,
    /// The database in it.
    pub database: &'a manifest::Database,
    /// The empty database that is filled.
    pub target: &'a str,
    /// How hard to work.
    pub effort: Effort,
    /// Progress, and the place there.
    pub board: &'a Board,
    /// See `board`.
    pub place: usize,
    /// Roles of the target.
    pub roles: &'a HashSet<String>,
}

/// Restores everything and proves it. Where roles are missing, owners and rights are left out; gives their names.
pub async fn restore(trial: &Trial<'_>) -> Result<(Done, Vec<String>), Fault> {
    let lacking = lacking(trial).await?;
    let connection = trial.context.server()?.connection().clone();
    // What asks for a role that is not there, such as a policy, gets ours.
    let map_roles = lacking.iter().map(|role| (role.clone(), connection.user.clone())).collect();
    let spec = RestoreSpec {
        connection,
        archive: trial.archive.path().to_owned(),
        scope: RestoreScope::Single {
            database: Some(trial.database.name.clone()),
            target: trial.target.to_owned(),
            selection: Selection::default(),
        },
        create: false,
        clean: false,
        no_owner: !lacking.is_empty(),
        no_acl: !lacking.is_empty(),
        no_tablespaces: true,
        map_roles,
        effort: trial.effort,
        prove: true,
        toast_compression: None,
        continue_on_error: false,
        binlog: Binlog::default(),
        care: Care { journal: Journal::Off, ..Care::default() },
    };
    let selection = Selection::default();
    let record = Record::new(&spec, trial.archive, &ServerInfo::default(), vec![trial.target.to_owned()]);
    let order = Order {
        context: trial.context,
        spec: &spec,
        archive: trial.archive,
        feeder: trial.feeder,
        database: trial.database,
        target: trial.target,
        selection: &selection,
        effort: trial.effort,
        board: trial.board,
        place: trial.place,
        record: &record,
        entry: Entry::Flags,
    };
    let mut done = database::restore(&order).await?;
    excuse(&mut done, &lacking);
    Ok((done, lacking.into_iter().collect()))
}

/// Policies and user mappings of roles that are missing are of ours instead: that is no difference.
fn excuse(done: &mut Done, lacking: &BTreeSet<String>) {
    let Some(proof) = &mut done.proof else { return };
    let ours = |one: &Difference| {
        let of_a_role = one.object.starts_with("policy ") || one.object.starts_with("user mapping ");
        // The mapping that ours has instead of the missing one's is surplus.
        of_a_role && (one.expected == "not there" || lacking.iter().any(|role| one.object.contains(role) || one.expected.contains(role)))
    };
    let before = proof.differences.len();
    if lacking.is_empty() || before == 0 {
        return;
    }
    proof.differences.retain(|one| !ours(one));
    if proof.differences.is_empty() && done.fault.as_ref().is_some_and(|fault| fault.code == Code::ProofFailed) {
        done.fault = None;
    }
}

/// Roles that own something, may do something or are named by a policy, and that are not on the target.
async fn lacking(trial: &Trial<'_>) -> Result<BTreeSet<String>, Fault> {
    let mut named = BTreeSet::new();
    for item in source::inventory(trial.archive, trial.database).await? {
        match item.kind.as_str() {
            "owner" => drop(named.insert(item.definition)),
            "acl" => named.extend(item.definition.split(' ').filter_map(|right| right.rsplit_once('=')).map(|(role, _)| role.to_owned())),
            _ => {}
        }
    }
    let server = trial.context.server()?;
    for object in source::objects(trial.archive, trial.database).await? {
        if matches!(object.kind.as_str(), "ACL" | "DEFAULT ACL" | "POLICY" | "USER MAPPING") {
            named.extend(server.roles_named(&object.sql));
        }
        named.extend(object.owner);
    }
    named.retain(|role| !role.is_empty() && role != "public" && !trial.roles.contains(role));
    Ok(named)
}
