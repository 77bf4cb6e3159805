//! Whether an application can write: AUTO_INCREMENT columns and sequences are past what is in their columns.

use super::loader::Target;
use crate::domain::Fault;
use crate::server::Behind;
use crate::server::mysql::quote::ident;

/// Columns whose greatest values are asked for in one statement.
const AT_ONCE: usize = 100;

/// Tables with such a column, what comes next in it, and its type. The server's own memory of what comes next is not asked (MySQL).
const COLUMNS: &str = "SELECT c.table_name, c.column_name, t.auto_increment, c.column_type \
      FROM information_schema.columns c \
      JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
     WHERE c.table_schema = DATABASE() AND c.extra LIKE '%auto_increment%' AND t.table_name <> '_dbbackup_ledger' ORDER BY 1";

/// Columns that take their values from a sequence (MariaDB).
const SEQUENCES: &str = "SELECT table_name, column_name, column_default, column_type FROM information_schema.columns \
     WHERE table_schema = DATABASE() AND column_default LIKE 'nextval(%' ORDER BY 1";

struct Column {
    table: String,
    name: String,
    kind: String,
    next: Option<i128>,
}

/// See [`crate::server::Loader::write_probe`].
pub async fn run(target: &mut Target) -> Result<(u64, Vec<Behind>), Fault> {
    let what = "cannot ask what the next values are";
    let mut columns: Vec<Column> = Vec::new();
    for row in target.query(what, COLUMNS).await? {
        columns.push(Column { table: row.owned(0), name: row.owned(1), next: row.number(2), kind: row.owned(3) });
    }
    for row in target.query(what, SEQUENCES).await? {
        let (table, name, kind) = (row.owned(0), row.owned(1), row.owned(3));
        let Some(sequence) = sequence(&row.owned(2)) else { continue };
        let rows = target.query(what, &format!("SELECT next_not_cached_value FROM {}", ident(&sequence))).await?;
        columns.push(Column { table, name, kind, next: rows.first().and_then(|row| row.number(0)) });
    }
    let mut behind = Vec::new();
    for some in columns.chunks(AT_ONCE) {
        let greatest =
            |(at, column): (usize, &Column)| format!("SELECT {at}, (SELECT MAX({}) FROM {})", ident(&column.name), ident(&column.table));
        let sql = some.iter().enumerate().map(greatest).collect::<Vec<_>>().join(" UNION ALL ");
        for row in target.query(what, &sql).await? {
            let Some((column, greatest)) = row.number::<usize>(0).and_then(|at| some.get(at)).zip(row.number::<i128>(1)) else { continue };
            // A column that has reached its type's end was there on the source too.
            if column.next.is_some_and(|next| next <= greatest) && Some(greatest) != end(&column.kind) {
                let number = |value: i128| i64::try_from(value).unwrap_or(i64::MAX);
                behind.push(Behind {
                    column: format!("{}.{}", column.table, column.name),
                    greatest: number(greatest),
                    next: number(column.next.unwrap_or(0)),
                });
            }
        }
    }
    Ok((columns.len() as u64, behind))
}

/// The greatest value of an integer type.
fn end(kind: &str) -> Option<i128> {
    let bits = match kind.split(['(', ' ']).next()? {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    Some((1_i128 << if kind.contains("unsigned") { bits } else { bits - 1 }) - 1)
}

/// The sequence that a default names: the last quoted name of ``nextval(`db`.`s`)``.
fn sequence(default: &str) -> Option<String> {
    let inside = default.strip_prefix("nextval(")?.strip_suffix(')')?;
    let last = inside.strip_suffix('`')?;
    let mut start = last.len();
    loop {
        start = last[..start].rfind('`')?;
        // A doubled quote is part of the name.
        if start > 0 && last.as_bytes()[start - 1] == b'`' {
            start -= 1;
            continue;
        }
        return Some(last[start + 1..].replace("``", "`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_found_in_defaults() {
        assert_eq!(sequence("nextval(`db`.`s`)").as_deref(), Some("s"));
        assert_eq!(sequence("nextval(`db`.`a``b`)").as_deref(), Some("a`b"));
        assert_eq!(sequence("nextval(x)"), None);
    }

    #[test]
    fn types_have_ends() {
        assert_eq!(end("tinyint(3) unsigned"), Some(255));
        assert_eq!(end("tinyint"), Some(127));
        assert_eq!(end("bigint unsigned"), Some(i128::from(u64::MAX)));
        assert_eq!(end("double"), None);
    }
}
