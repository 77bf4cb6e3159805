//! Accounts, roles, memberships and rights on the target, statement by statement.
//!
//! Who is there already stays as he is and only gets rights. What every server has from its beginning (its own accounts, `root` at home) and the
//! account that the restore works as are never changed.

use crate::domain::schema::SchemaObject;
use crate::domain::{Code, Fault, Product, text};
use crate::server::TargetChoices;
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::definition::account::Account;
use crate::server::mysql::definition::grant::Grant;
use crate::server::mysql::definition::lexer::{Placed, Quotes, Token, words};
use crate::server::mysql::definition::user;
use crate::server::mysql::wire::Error;
use std::collections::{BTreeSet, HashSet};

/// What a statement that fails means for those behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// They are not run.
    Stop,
    /// They are run.
    GoOn,
}

/// See [`crate::server::Server::apply_global`].
pub async fn apply(connector: &Connector, object: &SchemaObject, choices: &TargetChoices) -> Result<(), Fault> {
    match run(connector, object, choices, After::Stop).await?.into_iter().next() {
        Some((_, fault)) => Err(fault),
        None => Ok(()),
    }
}

/// See [`crate::server::Server::apply_global_parts`].
pub async fn apply_parts(
    connector: &Connector,
    object: &SchemaObject,
    choices: &TargetChoices,
) -> Result<Vec<(SchemaObject, Fault)>, Fault> {
    run(connector, object, choices, After::GoOn).await
}

async fn run(
    connector: &Connector,
    object: &SchemaObject,
    choices: &TargetChoices,
    after: After,
) -> Result<Vec<(SchemaObject, Fault)>, Fault> {
    let mut session = connector.session(None).await?;
    let outcome = statements(connector, &mut session, object, choices, after).await;
    session.close().await;
    outcome
}

/// The statements of a script of globals, cut at semicolons outside of quotes.
pub fn split(sql: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut from = 0;
    for placed in words(sql, Quotes::default()).filter(|placed| placed.token == Token::Mark(';')) {
        out.push(sql[from..placed.from].trim());
        from = placed.to;
    }
    out.push(sql[from..].trim());
    out.retain(|statement| !statement.is_empty());
    out
}

/// The account that a statement makes, or is about.
pub fn subject(statement: &str) -> Option<Account> {
    if let Some(grant) = Grant::parse(statement) {
        return Some(grant.account);
    }
    let all: Vec<Placed<'_>> = words(statement, Quotes::default()).collect();
    let is = |at: usize, word: &str| all.get(at).is_some_and(|placed| placed.token.is(word));
    if is(0, "CREATE") && (is(1, "USER") || is(1, "ROLE")) {
        let behind = if is(2, "IF") && is(3, "NOT") && is(4, "EXISTS") { 5 } else { 2 };
        return Account::parse(all.get(behind..)?).map(|(account, _)| account);
    }
    if is(0, "SET") && is(1, "DEFAULT") && is(2, "ROLE") {
        let at = all.iter().rposition(|placed| placed.token.is("TO") || placed.token.is("FOR"))?;
        return Account::parse(all.get(at + 1..)?).map(|(account, _)| account);
    }
    None
}

/// A statement as it is run here; none where it is not.
fn chosen(statement: &str, choices: &TargetChoices, product: Product) -> Option<String> {
    let map = &choices.map_roles;
    if let Some(grant) = Grant::parse(statement) {
        return Some(if map.is_empty() { statement.to_owned() } else { grant.mapped(map).sql() });
    }
    let account = subject(statement)?;
    if statement.trim_start().to_ascii_uppercase().starts_with("CREATE") {
        // An account that is mapped to another is that other one here: it is neither made nor changed.
        return (!account.is_mapped(map)).then(|| user::for_product(statement, product));
    }
    if map.is_empty() {
        return Some(statement.to_owned());
    }
    let role = Account::read(statement.trim_start().get("SET DEFAULT ROLE ".len()..)?)?.mapped(map);
    let word = if statement.contains(" FOR ") && role.host.is_none() { "FOR" } else { "TO" };
    Some(format!("SET DEFAULT ROLE {} {word} {}", role.sql(), account.mapped(map).sql()))
}

/// What is on the target before anything is changed.
struct Here {
    /// Accounts that are there and stay as they are.
    kept: HashSet<Account>,
    /// Ways to log in that the server has.
    plugins: BTreeSet<String>,
}

async fn look(session: &mut Session) -> Result<Here, Error> {
    let product = session.flavour().product;
    let mut kept = HashSet::new();
    let rows = session.query("SELECT User, Host FROM mysql.user").await?;
    let there = rows.iter().map(|row| crate::server::mysql::source::account(product, row.owned(0), row.owned(1)));
    kept.extend(there.filter(Account::is_from_the_start));
    let me = session.query("SELECT CURRENT_USER()").await?;
    kept.extend(me.first().map(|row| Account::from_name(&row.owned(0))));
    let plugins = "SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'AUTHENTICATION' AND PLUGIN_STATUS = 'ACTIVE'";
    let plugins = session.query(plugins).await?.iter().map(|row| row.owned(0)).collect();
    Ok(Here { kept, plugins })
}

async fn statements(
    connector: &Connector,
    session: &mut Session,
    object: &SchemaObject,
    choices: &TargetChoices,
    after: After,
) -> Result<Vec<(SchemaObject, Fault)>, Fault> {
    let here = look(session).await.map_err(|error| connector.fault("cannot read the users of the target", &error, ""))?;
    let product = session.flavour().product;
    let mut failures = Vec::new();
    for statement in split(&object.sql) {
        let about = subject(statement).map(|account| account.mapped(&choices.map_roles));
        if about.as_ref().is_some_and(|account| account.is_internal() || here.kept.contains(account)) {
            continue;
        }
        let Some(sql) = chosen(statement, choices, product) else { continue };
        let name = about.map_or_else(|| object.name.clone(), |account| account.to_string());
        let part = SchemaObject { name, sql: sql.clone(), ..object.clone() };
        if let Some(fault) = lacks_plugin(&here, &sql, &part, connector) {
            failures.push((part, fault));
        } else if let Err((sql, error)) = one(session, &sql).await {
            let lost = error.number().is_none();
            let fault = failed(connector, &part, &sql, &error);
            failures.push((part, fault));
            if lost {
                break;
            }
        }
        if after == After::Stop && !failures.is_empty() {
            break;
        }
    }
    Ok(failures)
}

/// Runs a statement; one that gives several privileges, one by one where they are not all known, so that those that are are given.
async fn one(session: &mut Session, sql: &str) -> Result<(), (String, Error)> {
    let Err(error) = session.run(sql).await else { return Ok(()) };
    let apart = Grant::parse(sql).map(|grant| grant.apart()).unwrap_or_default();
    if apart.is_empty() || error.number().is_none() {
        return Err((sql.to_owned(), error));
    }
    let mut first = None;
    for single in apart {
        if let Err(error) = session.run(&single).await
            && first.is_none()
        {
            first = Some((single, error));
        }
    }
    first.map_or(Ok(()), Err)
}

/// An account whose way to log in the target does not have: it would be made without a way in, or not at all.
fn lacks_plugin(here: &Here, sql: &str, part: &SchemaObject, connector: &Connector) -> Option<Fault> {
    if part.kind != "ROLE" || here.plugins.is_empty() {
        return None;
    }
    let missing = user::plugins(sql).into_iter().find(|plugin| !here.plugins.contains(plugin))?;
    let (name, plugin) = (text::clean(&part.name), text::clean(&missing));
    let fault = Fault::new(Code::MissingRole, format!("cannot create the account {name}"))
        .because(format!("it logs in with {plugin}, which the target does not have"))
        // What the server itself says to it (ER_PLUGIN_IS_NOT_LOADED).
        .with_sqlstate("HY000")
        .step(format!("Install the plugin on the target: INSTALL PLUGIN {plugin} SONAME …; then run the restore's accounts again."))
        .step(format!("Or make the account with a new password: CREATE USER {} IDENTIFIED BY '…';", Account::from_name(&name).sql()))
        .step(format!("Or let another one take its place: --map-role {name}=OTHER"));
    Some(connector.place(fault, ""))
}

fn failed(connector: &Connector, part: &SchemaObject, sql: &str, error: &Error) -> Fault {
    let label = format!("{} {}", part.kind, text::clean(&part.name));
    let what = match part.kind.as_str() {
        "ROLE" => format!("cannot create the account {}", text::clean(&part.name)),
        "MEMBERSHIP" => format!("cannot make {} a member of its roles", text::clean(&part.name)),
        _ => format!("cannot give {} its rights", text::clean(&part.name)),
    };
    let fault = connector.fault(what, error, "").at("Object", &label);
    let fault = match error.number() {
        // Refusals for want of rights.
        Some(1044 | 1045 | 1142 | 1227 | 1410) => {
            fault.step("Log in as an account with CREATE USER and with the rights that it gives on (WITH GRANT OPTION).")
        }
        // Words that this server does not know.
        Some(1064 | 1149 | 3619) => {
            fault.step("The target does not know this privilege or clause: give the account what comes nearest by hand.")
        }
        _ => fault,
    };
    // The hash of a password is a secret too.
    if sql.to_ascii_uppercase().contains("IDENTIFIED") { fault } else { fault.with_statement(sql) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_and_told_whom_they_are_about() {
        let sql = "CREATE USER IF NOT EXISTS `a;b`@`%` IDENTIFIED BY PASSWORD '*;';\nGRANT `r` TO `u`@`h` WITH ADMIN OPTION;\nSET DEFAULT ROLE `r` FOR `u`@`h`;\n";
        let parts = split(sql);
        let about: Vec<String> = parts.iter().filter_map(|part| subject(part)).map(|account| account.to_string()).collect();
        assert_eq!(about, ["a;b@%", "u@h", "u@h"]);
    }

    #[test]
    fn a_mapped_account_is_not_made_and_gets_the_rights() {
        let choices = TargetChoices { map_roles: vec![("u".into(), "v".into())], ..TargetChoices::default() };
        let run = |sql: &str| chosen(sql, &choices, Product::Mariadb);
        assert_eq!(run("CREATE USER IF NOT EXISTS `u`@`%` REQUIRE NONE"), None);
        assert_eq!(run("GRANT `r` TO `u`@`%`").as_deref(), Some("GRANT `r` TO `v`@`%`"));
        assert_eq!(run("SET DEFAULT ROLE `u` FOR `x`@`%`").as_deref(), Some("SET DEFAULT ROLE `v` FOR `x`@`%`"));
        assert_eq!(run("SET DEFAULT ROLE `u`@`%` TO `u`@`%`").as_deref(), Some("SET DEFAULT ROLE `v`@`%` TO `v`@`%`"));
    }
}
