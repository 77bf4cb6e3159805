//! Rights on a database and on what is in it: on tables, columns and routines, as objects; on the database as a whole, as statements of
//! its properties. Rights on the whole server are [`super::globals`]'.

use crate::domain::Product;
use crate::domain::schema::{DatabaseProperties, InventoryItem};
use crate::server::mysql::connect::Session;
use crate::server::mysql::definition::account::Account;
use crate::server::mysql::quote::{ident, literal};
use crate::server::mysql::wire::Error;
use std::collections::BTreeMap;

/// The server refuses a question for want of rights: on a command, a table, a column, a database, or any of several.
const REFUSED: [u16; 6] = [1044, 1142, 1143, 1227, 1370, 1045];

/// Whether an error is a refusal for want of rights.
pub fn is_refused(error: &Error) -> bool {
    error.number().is_some_and(|number| REFUSED.contains(&number))
}

/// What an account may do with a table, view or routine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// Whose it is.
    pub account: Account,
    /// A routine's kind; none for tables and views.
    pub routine: Option<String>,
    /// The object's name.
    pub name: String,
    /// What it may do, as GRANT calls it, with columns in parentheses.
    pub privileges: Vec<String>,
    /// Whether it may pass that on.
    pub grantable: bool,
}

impl Right {
    /// The statement that gives it, inside the database.
    pub fn sql(&self) -> String {
        let privileges = if self.privileges.is_empty() { "USAGE".to_owned() } else { self.privileges.join(", ") };
        let kind = self.routine.as_deref().map(|kind| format!("{kind} ")).unwrap_or_default();
        let option = if self.grantable { " WITH GRANT OPTION" } else { "" };
        format!("GRANT {privileges} ON {kind}{} TO {}{option}", ident(&self.name), self.account.sql())
    }
}

/// All rights on what is in a database.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// One for each account and object, in order.
    pub all: Vec<Right>,
    /// Why they are not known, where this account may not see them.
    pub gap: Option<String>,
}

impl Rights {
    /// As lines of the inventory.
    pub fn inventory(&self) -> Vec<InventoryItem> {
        let mut items: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for right in &self.all {
            let identity = format!("{} {}", right.routine.as_deref().unwrap_or("TABLE").to_lowercase(), right.name);
            let star = if right.grantable { "*" } else { "" };
            let words = right.privileges.iter().map(|privilege| format!("{}={}{star}", right.account, privilege.replace(' ', "_")));
            items.entry(identity).or_default().extend(words);
        }
        items.into_iter().map(|(identity, rights)| InventoryItem { kind: "acl".into(), identity, definition: rights.join(" ") }).collect()
    }
}

/// The account of a row of the server's own tables.
pub fn account(product: Product, user: String, host: String) -> Account {
    // Roles of MariaDB have no host; with MySQL an empty one is a host like others.
    let is_role = product == Product::Mariadb && host.is_empty() && !user.is_empty();
    Account { user, host: (!is_role).then_some(host) }
}

/// What the server's tables call a privilege, as GRANT calls it. The right to grant is none.
fn privilege(word: &str) -> Option<String> {
    match word.trim() {
        "" | "Grant" | "Grant option" => None,
        "Delete versioning rows" => Some("DELETE HISTORY".to_owned()),
        word => Some(word.to_uppercase()),
    }
}

fn may_grant(set: &str) -> bool {
    set.split(',').any(|word| word.trim() == "Grant")
}

/// Reads the rights on what is in a database.
pub async fn of_objects(session: &mut Session, database: &str) -> Result<Rights, Error> {
    match read(session, database).await {
        Err(error) if is_refused(&error) => Ok(Rights {
            gap: Some(
                "rights on single tables, columns and routines are not in the backup: this account has no SELECT on the database mysql"
                    .into(),
            ),
            ..Rights::default()
        }),
        read => Ok(Rights { all: read?, gap: None }),
    }
}

async fn read(session: &mut Session, database: &str) -> Result<Vec<Right>, Error> {
    let product = session.flavour().product;
    let schema = literal(database);
    type Key = (Option<String>, String, Account);
    let mut found: BTreeMap<Key, (Vec<String>, bool)> = BTreeMap::new();
    let tables = format!("SELECT User, Host, Table_name, CAST(Table_priv AS CHAR) FROM mysql.tables_priv WHERE Db = {schema}");
    for row in session.query(&tables).await? {
        let set = row.owned(3);
        let entry = found.entry((None, row.owned(2), account(product, row.owned(0), row.owned(1)))).or_default();
        entry.0.extend(set.split(',').filter_map(privilege));
        entry.1 |= may_grant(&set);
    }
    let columns = format!(
        "SELECT User, Host, Table_name, Column_name, CAST(Column_priv AS CHAR) FROM mysql.columns_priv WHERE Db = {schema} ORDER BY User, Host, Table_name, Column_name"
    );
    let mut by_column: BTreeMap<(Key, String), Vec<String>> = BTreeMap::new();
    for row in session.query(&columns).await? {
        let key: Key = (None, row.owned(2), account(product, row.owned(0), row.owned(1)));
        for word in row.owned(4).split(',').filter_map(privilege) {
            by_column.entry((key.clone(), word)).or_default().push(ident(&row.owned(3)));
        }
    }
    for ((key, word), columns) in by_column {
        found.entry(key).or_default().0.push(format!("{word} ({})", columns.join(", ")));
    }
    let routines =
        format!("SELECT User, Host, Routine_name, Routine_type, CAST(Proc_priv AS CHAR) FROM mysql.procs_priv WHERE Db = {schema}");
    for row in session.query(&routines).await? {
        let set = row.owned(4);
        let entry =
            found.entry((Some(row.owned(3).to_uppercase()), row.owned(2), account(product, row.owned(0), row.owned(1)))).or_default();
        entry.0.extend(set.split(',').filter_map(privilege));
        entry.1 |= may_grant(&set);
    }
    let rights = found.into_iter().map(|((routine, name, account), (mut privileges, grantable))| {
        privileges.sort_unstable();
        Right { account, routine, name, privileges, grantable }
    });
    Ok(rights.collect())
}

/// Statements that give the rights on a database as a whole, with [`DatabaseProperties::PLACEHOLDER`] for its name as a pattern: in this place
/// the servers take `_` and `%` for any characters.
pub async fn of_database(session: &mut Session, database: &str) -> Result<Vec<String>, Error> {
    let product = session.flavour().product;
    // A backslash before a wildcard is part of the pattern.
    let sql = format!(
        "SELECT GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.SCHEMA_PRIVILEGES WHERE REPLACE(TABLE_SCHEMA, '\\\\', '') = {} ORDER BY GRANTEE, PRIVILEGE_TYPE",
        literal(database)
    );
    let mut found: BTreeMap<(Account, bool), Vec<String>> = BTreeMap::new();
    for row in session.query(&sql).await? {
        let Some(grantee) = Account::read(&row.owned(0)) else { continue };
        let grantee = account(product, grantee.user, grantee.host.unwrap_or_default());
        let words = found.entry((grantee, row.owned(2) == "YES")).or_default();
        if !words.contains(&row.owned(1)) {
            words.push(row.owned(1));
        }
    }
    let statement = |((account, grantable), words): ((Account, bool), Vec<String>)| {
        let option = if grantable { " WITH GRANT OPTION" } else { "" };
        format!("GRANT {} ON {}.* TO {}{option}", words.join(", "), DatabaseProperties::PLACEHOLDER, account.sql())
    };
    Ok(found.into_iter().map(statement).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_statements_and_lines() {
        let right = Right {
            account: Account::from_name("u@%"),
            routine: None,
            name: "t".into(),
            privileges: ["Insert", "Show view", "Delete versioning rows", "Grant"]
                .into_iter()
                .filter_map(privilege)
                .chain(["SELECT (`a`)".into()])
                .collect(),
            grantable: may_grant("Insert,Grant"),
        };
        assert_eq!(right.sql(), "GRANT INSERT, SHOW VIEW, DELETE HISTORY, SELECT (`a`) ON `t` TO `u`@`%` WITH GRANT OPTION");
        let role = Right {
            account: account(Product::Mariadb, "r".into(), String::new()),
            routine: Some("FUNCTION".into()),
            privileges: vec![],
            grantable: true,
            ..right
        };
        assert_eq!(role.sql(), "GRANT USAGE ON FUNCTION `t` TO `r` WITH GRANT OPTION");
    }
}
