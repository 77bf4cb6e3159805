//! What of a database that is there and stays is in the way of parts that go into it: names that are taken, triggers that fire for rows.

use super::conditions::few;
use crate::domain::{Code, text};
use crate::server::mysql::quote::{ident, literal};
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;
use crate::server::{Addition, Condition, Demands, Verdict};
use std::collections::HashSet;

/// A trigger that fires for each row that comes.
struct Trigger {
    database: String,
    name: String,
    table: String,
}

/// Looks into the databases.
pub async fn look(session: &mut Session, demands: &Demands) -> Result<Vec<Condition>, Error> {
    let mut found = Vec::new();
    for addition in &demands.additions {
        found.extend(taken(session, addition).await?);
        found.extend(fires(session, addition).await?);
    }
    Ok(found)
}

/// Tables and views that are there under the names of those that are to be made.
async fn taken(session: &mut Session, addition: &Addition) -> Result<Option<Condition>, Error> {
    if addition.made.is_empty() {
        return Ok(None);
    }
    let sql = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = {}", literal(&addition.database));
    let there: HashSet<String> = session.query(&sql).await?.iter().map(|row| row.owned(0)).collect();
    let double: Vec<String> = addition.made.iter().filter(|name| there.contains(*name)).map(|name| text::clean(name)).collect();
    let Some(first) = double.first() else { return Ok(None) };
    let detail = format!("{} has {} already", text::clean(&addition.database), few(&double));
    let cure = format!(
        "Restore a table under another name (restore table … --as {first}_restored), its rows alone (--data-only), into another database \
         (--target NAME --create), or drop what is there."
    );
    Ok(Some(Condition::of(Verdict::Obstacle(Code::DuplicateObject), "names", detail, cure)))
}

/// Triggers that would do again what they did when the rows came first.
async fn fires(session: &mut Session, addition: &Addition) -> Result<Option<Condition>, Error> {
    if addition.filled.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT trigger_name, event_object_table FROM information_schema.triggers \
          WHERE event_object_schema = {} AND event_manipulation = 'INSERT' ORDER BY event_object_table, trigger_name",
        literal(&addition.database)
    );
    let filled: HashSet<&str> = addition.filled.iter().map(String::as_str).collect();
    let rows = session.query(&sql).await?;
    let triggers = rows.iter().map(|row| Trigger { database: addition.database.clone(), name: row.owned(0), table: row.owned(1) });
    Ok(told(&triggers.filter(|trigger| filled.contains(trigger.table.as_str())).collect::<Vec<_>>()))
}

fn told(triggers: &[Trigger]) -> Option<Condition> {
    let first = triggers.first()?;
    let names: Vec<String> = triggers.iter().map(|one| text::clean(&format!("{} of {}", one.name, one.table))).collect();
    let detail = format!("these fire for every row that is restored, and do again what they did on the source: {}", few(&names));
    let name = text::clean(&format!("{}.{}", ident(&first.database), ident(&first.name)));
    let cure = format!(
        "Keep their definitions, drop them, and make them again afterwards: SHOW CREATE TRIGGER {name}; DROP TRIGGER {name}; \
         or restore definitions and rows together, where triggers come after the rows."
    );
    Some(Condition::of(Verdict::Warning, "triggers", detail, cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_are_named_with_the_statements_that_take_them_away() {
        assert!(told(&[]).is_none());
        let trigger = |name: &str| Trigger { database: "shop".into(), name: name.into(), table: "film".into() };
        let condition = told(&[trigger("ins`film"), trigger("log")]).expect("a warning");
        assert_eq!(condition.verdict, Verdict::Warning);
        assert!(condition.detail.ends_with("ins`film of film, log of film"), "{}", condition.detail);
        assert!(condition.cure.as_deref().is_some_and(|cure| cure.contains("DROP TRIGGER `shop`.`ins``film`;")), "{condition:?}");
    }
}
