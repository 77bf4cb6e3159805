//! What of the server that is recovered on stands in the way of a replay, before anything is touched.

use super::plan::{Known, check};
use crate::archive::reader::Archive;
use crate::domain::plan::{Check, CheckState};
use crate::domain::spec::ReplaySpec;
use crate::domain::text::clean;
use crate::domain::{Bytes, Code, Fault};
use crate::engine::restore::source;
use crate::server::Server;
use crate::server::binlog::ReplayLimits;
use crate::server::mysql::definition::schedule::is_enabled;
use std::path::Path;
use std::sync::Arc;

/// Asks the server, and the backup for its events.
pub(super) async fn look(spec: &ReplaySpec, known: &Known, server: &dyn Server) -> Result<Vec<Check>, Fault> {
    let limits = server.replay_limits().await?;
    let mut checks = Vec::new();
    if let Some(backup) = known.backup.as_ref().filter(|backup| backup.product != limits.product) {
        checks.push(check(
            CheckState::Failed,
            "product",
            format!("the log is {}'s, and cannot be replayed on {}", backup.product, limits.product),
            Some("Recover on a server of the same product."),
            Some(Code::VersionUnsupported),
        ));
    }
    checks.extend(packet(known, &limits));
    checks.extend(scheduler(spec, known, &limits).await?);
    if spec.database.is_none() && known.backup.is_some() {
        checks.extend(made(known, server).await?);
    }
    Ok(checks)
}

/// Rows go to the server in a statement, as text that is a third longer.
fn packet(known: &Known, limits: &ReplayLimits) -> Option<Check> {
    const AROUND: u64 = 64 << 10;
    let needed = known.facts.largest.saturating_mul(4) / 3 + AROUND;
    (needed > limits.packet).then(|| {
        let most = 1_u64 << 30;
        let cure = match needed <= most {
            true => format!("Let it, until the recovery is done: SET GLOBAL max_allowed_packet = {most};"),
            false => {
                "No server takes so much in one statement: recover to a moment before it, and take the row from a later backup.".to_owned()
            }
        };
        check(
            CheckState::Failed,
            "largest change",
            format!(
                "one has {}, and the server takes statements of {} at the most (max_allowed_packet)",
                Bytes(known.facts.largest),
                Bytes(limits.packet)
            ),
            Some(&cure),
            Some(Code::OutOfRange),
        )
    })
}

/// Events that run by themselves do again what the log has of them.
async fn scheduler(spec: &ReplaySpec, known: &Known, limits: &ReplayLimits) -> Result<Option<Check>, Fault> {
    if !limits.schedules {
        return Ok(None);
    }
    let event = match (&known.facts.event, &known.backup) {
        (Some(statement), _) => Some(statement.clone()),
        (None, Some(backup)) => event_of(&backup.path, spec.database.as_deref()).await?,
        (None, None) => None,
    };
    Ok(event.map(|event| {
        check(
            CheckState::Failed,
            "events",
            format!("the server runs events by itself, and the log has what they did already: {}", clean(&event)),
            Some("Switch them off until the recovery is done: SET GLOBAL event_scheduler = OFF; and on again afterwards."),
            Some(Code::Conflict),
        )
    }))
}

/// The first event in a backup that would run by itself.
async fn event_of(path: &Path, only: Option<&str>) -> Result<Option<String>, Fault> {
    let archive = Arc::new(Archive::open(path)?);
    for database in
        archive.manifest().databases.iter().filter(|database| database.failed.is_none() && only.is_none_or(|only| database.name == only))
    {
        let objects = source::objects(&archive, database).await?;
        if let Some(event) = objects.iter().find(|object| object.kind == "EVENT" && is_enabled(&object.sql)) {
            return Ok(Some(format!("{}.{}", database.name, event.name)));
        }
    }
    Ok(None)
}

/// Databases that the log makes must not be there.
async fn made(known: &Known, server: &dyn Server) -> Result<Option<Check>, Fault> {
    if known.facts.makes.is_empty() {
        return Ok(None);
    }
    let there = server.databases().await?;
    let has = |name: &&String| {
        there.iter().any(|database| database.name == **name) && !known.backup.as_ref().is_some_and(|backup| backup.databases.contains(name))
    };
    let mut double: Vec<String> = known.facts.makes.iter().filter(has).map(|name| clean(name)).collect();
    double.sort_unstable();
    double.dedup();
    Ok((!double.is_empty()).then(|| {
        check(
            CheckState::Failed,
            "new databases",
            format!("the log makes databases that are there already, and are not in the backup: {}", double.join(", ")),
            Some("Recover on another server; or drop them first, if they can go: DROP DATABASE."),
            Some(Code::DuplicateObject),
        )
    }))
}
