//! What the server's own settings mean for the restore, in the words of its product.

use super::Facts;
use super::checklist::{Found, obstacle, ok, refuse, warn};
use crate::domain::Fault;
use crate::server::{Condition, Demanded, Demands, Verdict};

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
    let demands = Demands { tables: tables.collect(), binlog: facts.spec.binlog };
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
