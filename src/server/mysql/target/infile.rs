//! Rows as a stream, through `LOAD DATA LOCAL INFILE`.
//!
//! The server treats what is wrong in such a stream as if told to IGNORE it: double rows are left out and values are bent, with no more than a
//! warning. So each warning is a failure here.

use super::loader::Target;
use super::rows::{Told, cured, warned};
use super::settings::Way;
use super::zeros::Zeros;
use crate::domain::Fault;
use crate::domain::schema::{Table, ValueForm};
use crate::server::RowSource;
use crate::server::mysql::quote::{ident, literal, qualified};
use crate::server::mysql::session::LoadError;

/// "Loading local data is disabled", in MySQL's words and in MariaDB's.
const OFF: [u16; 4] = [3948, 1148, 4166, 2068];

/// Loads a table. None where the server takes no streams, of which nothing was sent then.
pub async fn load(target: &mut Target, table: &Table, source: &mut dyn RowSource) -> Result<Option<u64>, Fault> {
    let counter = counter(target, table).await?;
    let sql = statement(table, counter.as_deref());
    let mut source = Zeros::new(source, &table.forms);
    let done = match target.session.load(&sql, &mut source).await {
        Ok(done) => done,
        Err(LoadError::Source(fault)) => return Err(fault),
        Err(LoadError::Server(error)) => {
            if error.number().is_some_and(|number| OFF.contains(&number)) {
                target.way = Way::Statements;
                return Ok(None);
            }
            return Err(cured(table, target.fault(format!("cannot load {}", table.name), &error)).with_statement(&sql));
        }
    };
    let (records, skipped) = (figure(&done.info, "Records"), figure(&done.info, "Skipped"));
    if done.warnings > 0 || skipped.unwrap_or(0) > 0 || records.is_some_and(|records| records != done.affected) {
        let told = figure(&done.info, "Warnings").unwrap_or(done.warnings);
        warned(target, table, &sql, &done.info, Told { warnings: told, zeros: source.found }).await?;
    }
    Ok(Some(done.affected))
}

/// The AUTO_INCREMENT column of a table, where it matters to know it.
async fn counter(target: &mut Target, table: &Table) -> Result<Option<String>, Fault> {
    if table.forms.iter().all(|form| *form == ValueForm::Plain) {
        return Ok(None);
    }
    let sql = format!(
        "SELECT column_name FROM information_schema.columns \
          WHERE table_schema = DATABASE() AND table_name = {} AND extra LIKE '%auto_increment%'",
        literal(&table.destination().name)
    );
    let rows = target.query(&format!("cannot load {}", table.name), &sql).await?;
    Ok(rows.first().map(|row| row.owned(0)))
}

/// The statement that takes the stream. Values go in as they are, byte for byte; those that are no text of their column go through a variable.
/// Where one does, the AUTO_INCREMENT column must too: else servers take a 0 in it for "the next number" all the same (`fill_record` in
/// their `sql_base.cc` forgets that a value was given).
fn statement(table: &Table, counter: Option<&str>) -> String {
    let mut columns = Vec::with_capacity(table.columns.len());
    let mut sets = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        let form = table.forms.get(at).copied().unwrap_or_default();
        match form {
            ValueForm::Plain | ValueForm::Float | ValueForm::Member if counter != Some(column) => columns.push(ident(column)),
            _ => {
                columns.push(format!("@v{at}"));
                sets.push(format!("{} = {}", ident(column), converted(form, &format!("@v{at}"))));
            }
        }
    }
    let mut sql = format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
         LINES TERMINATED BY '\\n' ({})",
        qualified(table.destination()),
        columns.join(", ")
    );
    if !sets.is_empty() {
        sql.push_str(&format!(" SET {}", sets.join(", ")));
    }
    sql
}

/// A value of a form as its column takes it.
pub fn converted(form: ValueForm, value: &str) -> String {
    match form {
        ValueForm::Plain | ValueForm::Float | ValueForm::Member => value.to_owned(),
        ValueForm::Number | ValueForm::Index => format!("CAST({value} AS UNSIGNED)"),
        ValueForm::Text => format!("CONVERT({value} USING utf8mb4)"),
    }
}

/// A figure of the server's words: `Records: 3  Deleted: 0  Skipped: 0  Warnings: 0`.
fn figure(info: &str, name: &str) -> Option<u64> {
    let rest = &info[info.find(name)? + name.len()..];
    rest.trim_start_matches(':').split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::TableName;

    #[test]
    fn forms_go_through_variables() {
        let table = Table {
            name: TableName::new("", "a`b"),
            columns: vec!["x".into(), "bits".into(), "doc".into()],
            forms: vec![ValueForm::Plain, ValueForm::Number, ValueForm::Text],
            ..Table::default()
        };
        assert_eq!(
            statement(&table, None),
            "LOAD DATA LOCAL INFILE 'rows' INTO TABLE `a``b` CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
             LINES TERMINATED BY '\\n' (`x`, @v1, @v2) SET `bits` = CAST(@v1 AS UNSIGNED), `doc` = CONVERT(@v2 USING utf8mb4)"
        );
        assert!(
            statement(&table, Some("x"))
                .ends_with("(@v0, @v1, @v2) SET `x` = @v0, `bits` = CAST(@v1 AS UNSIGNED), `doc` = CONVERT(@v2 USING utf8mb4)")
        );
        assert!(statement(&Table { forms: Vec::new(), ..table }, None).ends_with("(`x`, `bits`, `doc`)"));
    }

    #[test]
    fn figures_are_read_from_the_servers_words() {
        let info = "Records: 3  Deleted: 0  Skipped: 1  Warnings: 2";
        assert_eq!((figure(info, "Records"), figure(info, "Skipped"), figure(info, "Warnings")), (Some(3), Some(1), Some(2)));
        assert_eq!(figure("", "Records"), None);
    }
}
