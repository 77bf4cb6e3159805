//! Empties what is to be filled: a table before its rows come again, a database that was made for a trial.

use super::loader::Target;
use crate::domain::Fault;
use crate::domain::schema::TableName;
use crate::server::mysql::quote::{ident, literal, qualified};

/// Removes the rows of a table, if it has any, within the transaction where there is one. Its next number for AUTO_INCREMENT stays: TRUNCATE
/// would begin at 1 again.
pub async fn table(target: &mut Target, name: &TableName) -> Result<(), Fault> {
    let what = format!("cannot empty {name}");
    let quoted = qualified(name);
    if target.query(&what, &format!("SELECT 1 FROM {quoted} LIMIT 1")).await?.is_empty() {
        return Ok(());
    }
    let next = format!(
        "SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = {}",
        literal(&name.name)
    );
    let next = target.query(&what, &next).await?.first().and_then(|row| row.number::<u64>(0));
    target.run(&what, &format!("DELETE FROM {quoted}")).await?;
    // Engines without transactions may begin at 1 again; a statement that would end a transaction is not run in one.
    if let Some(next) = next.filter(|_| target.plain.as_ref().is_some_and(|plain| plain.contains_key(name))) {
        target.run(&what, &format!("ALTER TABLE {quoted} AUTO_INCREMENT = {next}")).await?;
    }
    Ok(())
}

/// Removes everything from the database of this session: it is dropped and made again.
pub async fn database(target: &mut Target) -> Result<(), Fault> {
    let what = "cannot empty a scratch database";
    let sql = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = DATABASE()";
    let rows = target.query(what, sql).await?;
    let (charset, collation) = rows.first().map(|row| (row.owned(0), row.owned(1))).unwrap_or_default();
    let name = ident(&target.database);
    let mut sql = format!("DROP DATABASE {name}; CREATE DATABASE {name}");
    if !charset.is_empty() {
        sql.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}"));
    }
    sql.push_str(&format!("; USE {name}"));
    target.run(what, &sql).await?;
    target.plain = None;
    Ok(())
}
