//! Definitions as `SHOW CREATE` tells them, many in one text, since each is a question of its own and there may be tens of thousands.

use super::text;
use crate::domain::{Code, Fault};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::quote::ident;
use crate::server::mysql::wire::Row;

/// Definitions asked for in one text.
const AT_ONCE: usize = 50;

/// A definition, with what it was made under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// The statement.
    pub sql: String,
    /// Its `sql_mode`, where it has one of its own.
    pub mode: Option<String>,
    /// `character_set_client`; empty where it has none.
    pub client: String,
    /// `collation_connection`; empty where it has none.
    pub collation: String,
    /// The database's collation when it was made; empty where it knows none.
    pub database_collation: String,
    /// The time zone of its schedule.
    pub zone: Option<String>,
}

/// The definitions of objects of one kind, in the order of their names.
pub async fn show(
    connector: &Connector,
    session: &mut Session,
    database: &str,
    kind: &str,
    names: &[String],
) -> Result<Vec<Created>, Fault> {
    let ask = |names: &[String]| names.iter().map(|name| format!("SHOW CREATE {kind} {}", ident(name))).collect::<Vec<_>>().join(";");
    let mut all = Vec::with_capacity(names.len());
    for some in names.chunks(AT_ONCE) {
        if let Ok(answers) = session.query_each(&ask(some)).await
            && answers.len() == some.len()
        {
            for (name, rows) in some.iter().zip(&answers) {
                all.push(read(kind, name, rows.first())?);
            }
            continue;
        }
        // One of them failed: alone it can be named.
        for name in some {
            let shown = session.query(&ask(std::slice::from_ref(name))).await;
            let rows = shown.map_err(|error| {
                connector.fault(format!("cannot read the definition of {} {name}", kind.to_lowercase()), &error, database)
            })?;
            all.push(read(kind, name, rows.first())?);
        }
    }
    Ok(all)
}

/// One answer. Where the columns stand is the same in both products.
fn read(kind: &str, name: &str, row: Option<&Row>) -> Result<Created, Fault> {
    let hidden = || {
        Fault::new(Code::PermissionDenied, format!("the definition of {} {name} is hidden from this account", kind.to_lowercase()))
            .because("the server shows the body of a routine, trigger, event or view to its definer and to accounts with rights on it")
            .step("MySQL: GRANT SELECT, SHOW_ROUTINE, SHOW VIEW, TRIGGER, EVENT ON *.* TO the account that makes backups.")
            .step("MariaDB: GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO it; SELECT on mysql.proc shows routines.")
    };
    let row = row.ok_or_else(hidden)?;
    let (mode, zone, at) = match kind {
        "TABLE" | "SEQUENCE" | "VIEW" => (None, None, 1),
        "EVENT" => (Some(row.owned(1)), Some(row.owned(2)), 3),
        _ => (Some(row.owned(1)), None, 2),
    };
    let sql = row.bytes(at).map(text::sql).filter(|sql| !sql.is_empty()).ok_or_else(hidden)?;
    Ok(Created { sql, mode, zone, client: row.owned(at + 1), collation: row.owned(at + 2), database_collation: row.owned(at + 3) })
}
