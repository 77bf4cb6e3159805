//! What of this user's rights and of the server's settings decides over a backup: said before anything is read.

use super::grants::{self, Rights};
use super::rights::is_refused;
use crate::domain::{Code, Fault, Product, text};
use crate::server::mysql::connect::Connector;
use crate::server::mysql::quote::{ident, literal};
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;
use crate::server::{Condition, Verdict};

/// Rights on a database without which a part of what is in it is not seen, and what that is.
const WITHIN: [(&str, &str); 4] = [("SELECT", "tables and views"), ("SHOW VIEW", "views"), ("TRIGGER", "triggers"), ("EVENT", "events")];

/// How many names a line tells.
const TOLD: usize = 5;

/// See [`crate::server::Server::readiness`].
pub async fn look(connector: &Connector, databases: &[String]) -> Result<Vec<Condition>, Fault> {
    let failed = |error: Error| connector.fault("cannot ask what this user may read", &error, "");
    let mut session = connector.session(None).await?;
    let product = session.flavour().product;
    let rights = grants::read(&mut session).await.map_err(failed)?;
    let known = session.query("SELECT CURRENT_USER(), @@global.log_bin").await.map_err(failed)?;
    let account = known.first().map_or_else(|| "…".to_owned(), |row| account(&row.owned(0)));
    let logs = known.first().and_then(|row| row.number::<u8>(1)) == Some(1);
    let routines = routines(&mut session, &rights).await.map_err(failed)?;
    let unread = unread(&mut session, &rights, databases).await.map_err(failed)?;
    let plain = plain(&mut session, databases).await.map_err(failed)?;
    session.close().await;
    let asking = Asking { rights: &rights, product, account: &account, databases };
    Ok([Some(asking.definitions(routines, &unread)), Some(asking.moment()), asking.position(logs), plain.map(told)]
        .into_iter()
        .flatten()
        .collect())
}

/// `'backup'@'%'` of `backup@%`.
fn account(current: &str) -> String {
    let (user, host) = current.rsplit_once('@').unwrap_or((current, "%"));
    format!("{}@{}", literal(user), literal(host))
}

/// Whether bodies of others' routines may be read.
async fn routines(session: &mut Session, rights: &Rights) -> Result<bool, Error> {
    if session.flavour().product != Product::Mariadb {
        return Ok(rights.has("SHOW_ROUTINE") || rights.has("SELECT"));
    }
    match session.query("SELECT 1 FROM mysql.proc LIMIT 0").await {
        Ok(_) => Ok(true),
        Err(error) if is_refused(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Databases of which views are seen, but not their definitions: a backup of them fails.
async fn unread(session: &mut Session, rights: &Rights, databases: &[String]) -> Result<Vec<String>, Error> {
    let lacking: Vec<&String> = databases.iter().filter(|database| !rights.has_on("SHOW VIEW", database)).collect();
    if lacking.is_empty() {
        return Ok(Vec::new());
    }
    let within = lacking.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'VIEW' AND table_schema IN ({within}) ORDER BY 1, 2"
    );
    let mut unread: Vec<String> = Vec::new();
    for row in session.query(&sql).await? {
        let database = row.owned(0);
        // A right on the one view will do.
        if !unread.contains(&database) && is_hidden(session, &database, &row.owned(1)).await? {
            unread.push(database);
        }
    }
    Ok(unread)
}

async fn is_hidden(session: &mut Session, database: &str, view: &str) -> Result<bool, Error> {
    match session.query(&format!("SHOW CREATE VIEW {}.{}", ident(database), ident(view))).await {
        Ok(_) => Ok(false),
        Err(error) if is_refused(&error) => Ok(true),
        Err(Error::Server { .. }) => Ok(false),
        Err(lost) => Err(lost),
    }
}

struct Asking<'a> {
    rights: &'a Rights,
    product: Product,
    account: &'a str,
    databases: &'a [String],
}

impl Asking<'_> {
    /// Whether everything that is defined is seen.
    fn definitions(&self, routines: bool, unread: &[String]) -> Condition {
        const NAME: &str = "definitions";
        if let Some(first) = unread.first() {
            let more = if unread.len() > 1 { format!(" and {} more", unread.len() - 1) } else { String::new() };
            let detail = format!("views are seen whose definitions this user may not read: of {}{more}", text::clean(first));
            let on = if unread.len() == 1 { format!("{}.*", ident(first)) } else { "*.*".to_owned() };
            let rights: Vec<&str> =
                WITHIN.iter().map(|(right, _)| *right).filter(|right| !unread.iter().all(|name| self.rights.has_on(right, name))).collect();
            // Other databases of a run are not spoiled by one.
            let verdict = if unread.len() == self.databases.len() { Verdict::Refusal(Code::PermissionDenied) } else { Verdict::Warning };
            return Condition::of(verdict, NAME, detail, format!("GRANT {} ON {on} TO {};", rights.join(", "), self.account));
        }
        let mut lacking: Vec<(&str, &str, Vec<&String>)> = Vec::new();
        for (right, what) in WITHIN {
            let without: Vec<&String> = self.databases.iter().filter(|database| !self.rights.has_on(right, database)).collect();
            if !without.is_empty() {
                lacking.push((right, what, without));
            }
        }
        if lacking.is_empty() && routines {
            return Condition::fine(NAME, "views, triggers, events and routines may be read");
        }
        let mut hidden: Vec<&str> = lacking.iter().map(|(_, what, _)| *what).collect();
        let mut cures: Vec<String> = Vec::new();
        if let Some((.., without)) = lacking.first() {
            let all: Vec<&str> = lacking.iter().map(|(right, ..)| *right).collect();
            let on = if without.len() == 1 { format!("{}.*", ident(without[0])) } else { "*.*".to_owned() };
            cures.push(format!("GRANT {} ON {on} TO {};", all.join(", "), self.account));
        }
        if !routines {
            hidden.push("bodies of routines of others");
            cures.push(match self.product {
                Product::Mariadb => format!("GRANT SELECT ON mysql.proc TO {};", self.account),
                Product::Mysql | Product::Postgres => format!("GRANT SHOW_ROUTINE ON *.* TO {};", self.account),
            });
        }
        let detail = format!("what this user cannot see is not in the backup: {}", hidden.join(", "));
        Condition::of(Verdict::Warning, NAME, detail, cures.join(" "))
    }

    /// Whether all readers see the same moment by a lock, or only as long as nothing is written.
    fn moment(&self) -> Condition {
        const NAME: &str = "one moment";
        let reload = self.rights.has("RELOAD") || self.rights.has("FLUSH_TABLES");
        let mut lacking: Vec<&str> = Vec::new();
        if !reload {
            lacking.push("RELOAD");
        }
        // Without it nobody can tell whether a long statement would be in the lock's way.
        if self.product != Product::Mariadb && !self.rights.has("PROCESS") {
            lacking.push("PROCESS");
        }
        if lacking.is_empty() {
            return Condition::fine(NAME, "the server can be held still for the instant in which all readers begin");
        }
        let cure = format!("GRANT {} ON *.* TO {};", lacking.join(", "), self.account);
        let tables = self.databases.iter().all(|database| self.rights.has_on("LOCK TABLES", database));
        let detail = match tables {
            true => format!("this user has no {}: the tables are locked for an instant instead", lacking.join(" and no ")),
            false => format!(
                "this user has no {} and no LOCK TABLES: readers begin without a lock, until the binary log shows that all began at one \
                 place; else one reader does all the work",
                lacking.join(", no ")
            ),
        };
        Condition::of(Verdict::Warning, NAME, detail, cure)
    }

    /// Whether the place in the binary log is noted; nothing where none is written.
    fn position(&self, logs: bool) -> Option<Condition> {
        const NAME: &str = "log position";
        let names: &[&str] = match self.product {
            Product::Mariadb => &["BINLOG MONITOR", "REPLICATION CLIENT", "SUPER"],
            Product::Mysql | Product::Postgres => &["REPLICATION CLIENT", "SUPER"],
        };
        if !logs {
            return None;
        }
        if names.iter().any(|right| self.rights.has(right)) {
            return Some(Condition::fine(NAME, "noted, so that a recovery to a later moment can begin there"));
        }
        let detail = "not noted: no recovery to a later moment can begin with this backup";
        Some(Condition::of(Verdict::Warning, NAME, detail, format!("GRANT {} ON *.* TO {};", names[0], self.account)))
    }
}

/// Tables of engines without transactions: how many, and the first of them with their engines.
struct Plain {
    count: usize,
    first: Vec<String>,
}

/// Tables that can change while they are read.
async fn plain(session: &mut Session, databases: &[String]) -> Result<Option<Plain>, Error> {
    if databases.is_empty() {
        return Ok(None);
    }
    let within = databases.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT t.table_schema, t.table_name, t.engine FROM information_schema.tables t \
           JOIN information_schema.engines e ON e.engine = t.engine AND e.transactions = 'NO' \
          WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND t.engine NOT IN ('BLACKHOLE', 'MRG_MyISAM', 'FEDERATED', 'SEQUENCE') \
            AND t.table_schema IN ({within}) ORDER BY 1, 2"
    );
    let rows = session.query(&sql).await?;
    let name = |row: &crate::server::mysql::wire::Row| match databases.len() {
        1 => format!("{} ({})", row.owned(1), row.owned(2)),
        _ => format!("{}.{} ({})", row.owned(0), row.owned(1), row.owned(2)),
    };
    let first = rows.iter().take(TOLD).map(|row| text::clean(&name(row))).collect();
    Ok((!rows.is_empty()).then_some(Plain { count: rows.len(), first }))
}

fn told(plain: Plain) -> Condition {
    let more = if plain.count > plain.first.len() { format!(" and {} more", plain.count - plain.first.len()) } else { String::new() };
    let detail = format!("these have no transactions, and are as they are when they are read: {}{more}", plain.first.join(", "));
    let cure = "Write nothing to them meanwhile, or make them InnoDB: ALTER TABLE … ENGINE=InnoDB;";
    Condition::of(Verdict::Warning, "storage engines", detail, cure)
}
