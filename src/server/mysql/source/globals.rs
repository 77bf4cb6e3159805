//! Accounts and roles with how they log in, who is a member of what, and rights on the whole server: what belongs to no database.
//!
//! Rights on single databases and on what is in them belong to those: see [`super::rights`]. Accounts that a server makes for itself when it is
//! installed are left out.

use super::rights::{self, account};
use crate::domain::schema::{SchemaObject, Section};
use crate::domain::{Fault, Product};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::definition::account::Account;
use crate::server::mysql::definition::grant::{Grant, On};
use crate::server::mysql::definition::user;
use crate::server::mysql::wire::{Error, Row};
use std::collections::HashSet;

/// Accounts asked for in one text.
const AT_ONCE: usize = 50;

/// Statements by what they are about, in the order in which they are run.
#[derive(Debug, Default)]
struct Globals {
    users: Vec<String>,
    members: Vec<String>,
    rights: Vec<String>,
    /// Accounts whose definition this account may not see.
    hidden: Vec<String>,
}

/// See [`crate::server::Server::globals`].
pub async fn read(connector: &Connector) -> Result<Vec<SchemaObject>, Fault> {
    let globals = gather(connector).await?;
    let bundles = [
        ("ROLE", "users and roles", globals.users),
        ("MEMBERSHIP", "members of roles", globals.members),
        ("ACL", "rights", globals.rights),
    ];
    let mut objects = Vec::new();
    for (kind, name, statements) in bundles.into_iter().filter(|(.., statements)| !statements.is_empty()) {
        objects.push(SchemaObject {
            id: objects.len() as u32 + 1,
            kind: kind.to_owned(),
            name: name.to_owned(),
            section: Section::None,
            sql: statements.iter().map(|statement| format!("{statement};\n")).collect(),
            ..SchemaObject::default()
        });
    }
    Ok(objects)
}

/// See [`crate::server::Server::globals_gaps`].
pub async fn gaps(connector: &Connector) -> Result<Vec<String>, Fault> {
    let globals = gather(connector).await?;
    if globals.hidden.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![format!("accounts, roles and rights that are not in the backup, as this account may not see them: {}", globals.hidden.join(", "))])
}

async fn gather(connector: &Connector) -> Result<Globals, Fault> {
    let mut session = connector.session(None).await?;
    let gathered = all(&mut session).await;
    session.close().await;
    gathered.map_err(|error| connector.fault("cannot read the users and roles", &error, ""))
}

/// An account, and whether it is a role of MariaDB.
struct Found {
    account: Account,
    is_role: bool,
    default_role: String,
}

async fn accounts(session: &mut Session) -> Result<Option<Vec<Found>>, Error> {
    let maria = session.flavour().product == Product::Mariadb;
    let sql = match maria {
        true => "SELECT User, Host, is_role, default_role FROM mysql.user ORDER BY is_role DESC, User, Host",
        false => "SELECT User, Host, 'N', '' FROM mysql.user ORDER BY User, Host",
    };
    let rows = match session.query(sql).await {
        Err(error) if rights::is_refused(&error) => return Ok(None),
        rows => rows?,
    };
    let product = session.flavour().product;
    let found = |row: &Row| Found {
        account: account(product, row.owned(0), row.owned(1)),
        is_role: row.owned(2) == "Y",
        default_role: row.owned(3),
    };
    Ok(Some(rows.iter().map(found).filter(|found| !found.account.is_internal()).collect()))
}

async fn all(session: &mut Session) -> Result<Globals, Error> {
    let mut globals = Globals::default();
    let product = session.flavour().product;
    if product == Product::Mysql {
        // Salted hashes hold bytes that no text does.
        session.run("SET print_identified_with_as_hex = ON").await?;
    }
    let Some(found) = accounts(session).await? else {
        globals.hidden.push("no SELECT on the database mysql".to_owned());
        return Ok(globals);
    };
    let databases: HashSet<String> = session.query("SHOW DATABASES").await?.iter().map(|row| row.owned(0)).collect();
    for some in found.chunks(AT_ONCE) {
        for one in some {
            globals.account(session, one, &databases).await?;
        }
    }
    if product == Product::Mysql {
        let rows =
            session.query("SELECT USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles ORDER BY 1, 2, 3, 4").await;
        for row in refused_is_none(rows)? {
            let role = Account { user: row.owned(2), host: Some(row.owned(3)) };
            let user = Account { user: row.owned(0), host: Some(row.owned(1)) };
            globals.default_role(&role, &user);
        }
    }
    Ok(globals)
}

/// "Can't find any matching row in the user table", "There is no such grant", "Operation SHOW CREATE USER failed", "Unknown authorization ID".
fn is_unknown(error: &Error) -> bool {
    matches!(error.number(), Some(1133 | 1141 | 1396 | 3523))
}

/// An answer that may be refused.
fn refused_is_none<T>(answer: Result<Vec<T>, Error>) -> Result<Vec<T>, Error> {
    match answer {
        Err(error) if rights::is_refused(&error) => Ok(Vec::new()),
        answer => answer,
    }
}

impl Globals {
    async fn account(&mut self, session: &mut Session, found: &Found, databases: &HashSet<String>) -> Result<(), Error> {
        let name = found.account.sql();
        let everybody = found.account.user == "PUBLIC" && found.account.host.is_none();
        if found.is_role {
            if !everybody {
                self.users.push(format!("CREATE ROLE IF NOT EXISTS {name}"));
            }
        } else {
            match session.query(&format!("SHOW CREATE USER {name}")).await {
                Ok(rows) => self.users.extend(rows.first().map(|row| user::portable(&row.owned(0)))),
                Err(error) if rights::is_refused(&error) => self.hidden.push(found.account.to_string()),
                Err(error) if is_unknown(&error) => return self.ignored(&found.account),
                Err(error) => return Err(error),
            }
        }
        let rows = match session.query(&format!("SHOW GRANTS FOR {name}")).await {
            Ok(rows) => rows,
            // Nothing was ever granted to everybody.
            Err(error) if everybody && error.number().is_some() => return Ok(()),
            Err(error) if is_unknown(&error) => return self.ignored(&found.account),
            Err(error) if rights::is_refused(&error) => {
                self.hidden.push(format!("rights of {}", found.account));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for line in rows.iter().map(|row| row.owned(0)) {
            self.grant(&found.account, &line, databases);
        }
        if !found.default_role.is_empty() {
            self.default_role(&Account { user: found.default_role.clone(), host: None }, &found.account);
        }
        Ok(())
    }

    /// An account that stands in the server's tables while the server does not know it.
    fn ignored(&mut self, account: &Account) -> Result<(), Error> {
        self.hidden.push(format!("{account} (the server ignores it: with skip_name_resolve it knows no names of hosts)"));
        Ok(())
    }

    /// A line of SHOW GRANTS. Those of other accounts (MariaDB shows what a role's roles may do) come with those.
    fn grant(&mut self, account: &Account, line: &str, databases: &HashSet<String>) {
        let Some(grant) = Grant::parse(line).filter(|grant| grant.account == *account) else { return };
        match &grant.on {
            On::Role => self.members.push(grant.sql()),
            // Everybody may log in who is there.
            On::Server if grant.is_nothing() => {}
            On::Server | On::Proxy => self.rights.push(grant.sql()),
            // A pattern for several databases belongs to none; one that is a database's name comes with it.
            On::Database(pattern) if !databases.contains(&pattern.replace('\\', "")) => self.rights.push(grant.sql()),
            On::Database(_) if grant.is_revoke => self.rights.push(grant.sql()),
            On::Database(_) | On::Object => {}
        }
    }

    fn default_role(&mut self, role: &Account, user: &Account) {
        match user.host {
            Some(_) if role.host.is_some() => self.members.push(format!("SET DEFAULT ROLE {} TO {}", role.sql(), user.sql())),
            _ => self.members.push(format!("SET DEFAULT ROLE {} FOR {}", role.sql(), user.sql())),
        }
    }
}
