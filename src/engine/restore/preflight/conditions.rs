//! What the server's own settings mean for the restore, in the words of its product.

use super::Facts;
use super::checklist::{Found, obstacle, ok, refuse, warn};
use super::subject::Subject;
use crate::domain::Fault;
use crate::domain::spec::What;
use crate::engine::restore::database::Entry;
use crate::server::{Addition, Condition, Demanded, Demands, Verdict};

/// Asks the server.
pub async fn look(facts: &Facts<'_>) -> Result<Vec<Found>, Fault> {
    let tables = facts.subjects.iter().flat_map(|subject| {
        subject.database.tables.iter().map(|entry| Demanded {
            database: subject.target.clone(),
            name: entry.table.name.name.clone(),
            engine: entry.table.engine.clone(),
            key: entry.table.key.clone(),
            // Of a chunk at least one row is as long as all of them on the average.
            row: entry.chunks.iter().map(|chunk| chunk.bytes / chunk.rows.max(1)).max().unwrap_or(0),
        })
    });
    // What a restore that is gone on with has made already is no surprise in its target, and what is dropped is in nobody's way.
    let stays = |subject: &&Subject<'_>| {
        let replaced = facts.spec.clean && subject.entry == Entry::Flags && !subject.is_part() && subject.selection.what != What::DataOnly;
        let known = facts.existing.iter().any(|one| one.name == subject.target);
        known && !replaced && facts.resumed.is_none_or(|manifest| manifest.words(&subject.target).is_none())
    };
    let additions = facts.subjects.iter().filter(stays).filter_map(|subject| {
        let addition =
            Addition { database: subject.target.clone(), made: subject.needs.made.clone(), filled: subject.needs.filled.clone() };
        (!addition.made.is_empty() || !addition.filled.is_empty()).then_some(addition)
    });
    let demands = Demands {
        tables: tables.collect(),
        binlog: facts.spec.binlog,
        definers: facts.needed(|needs| &needs.definers).into_iter().map(str::to_owned).collect(),
        code: facts.subjects.iter().any(|subject| subject.needs.code),
        additions: additions.collect(),
    };
    Ok(facts.server.conditions(&demands).await?.into_iter().map(line).collect())
}

fn line(condition: Condition) -> Found {
    let Condition { name, detail, cure, verdict } = condition;
    match verdict {
        Verdict::Fine => ok(name, detail),
        Verdict::Warning => warn(name, detail, cure),
        Verdict::Obstacle(code) => obstacle(code, name, detail, cure),
        Verdict::Refusal(code) => refuse(code, name, detail, cure),
    }
}
