//! Makes, drops and dresses databases.

use crate::domain::schema::DatabaseProperties;
use crate::domain::{Code, Fault, text};
use crate::server::TargetChoices;
use crate::server::mysql::connect::Connector;
use crate::server::mysql::definition::grant::{self, Grant, Patterns};
use crate::server::mysql::quote::{ident, literal};
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;

/// Databases that are the server's own.
const SYSTEM: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];

/// What is in a database, and its size. What `information_schema` tells of sizes may be some hours old.
fn weight(name: &str) -> String {
    let name = literal(name);
    format!(
        "SELECT (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {name}) \
              + (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = {name}) \
              + (SELECT COUNT(*) FROM information_schema.events WHERE event_schema = {name}), \
                (SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = {name})"
    )
}

/// See [`crate::server::Server::weigh`].
pub async fn weigh(connector: &Connector, name: &str) -> Result<(u64, u64), Fault> {
    let what = "cannot count what is in the database";
    let mut session = connector.session(None).await?;
    let rows = session.query(&weight(name)).await.map_err(|error| connector.fault(what, &error, name));
    session.close().await;
    let rows = rows?;
    let number = |at: usize| rows.first().and_then(|row| row.number(at)).unwrap_or(0);
    Ok((number(0), number(1)))
}

pub(super) async fn run(connector: &Connector, session: &mut Session, name: &str, what: &str, sql: &str) -> Result<(), Fault> {
    let done = session.run(sql).await;
    done.map(drop_answer).map_err(|error| connector.fault(format!("{what} {}", text::clean(name)), &error, name).with_statement(sql))
}

fn drop_answer<T>(_: T) {}

/// See [`crate::server::Server::create_database`].
pub async fn create(connector: &Connector, name: &str, properties: &DatabaseProperties) -> Result<(), Fault> {
    let what = "cannot create the database";
    let mut session = connector.session(None).await?;
    quiet(&mut session, name).await;
    let made = run(connector, &mut session, name, what, &statement(name, properties)).await;
    session.close().await;
    made.map_err(|fault| match fault.code {
        Code::MissingCollation => fault
            .because(format!(
                "the backed-up database has the character set {} and sorts by {}, which this server does not know",
                text::clean(&properties.encoding),
                text::clean(&properties.collate)
            ))
            .step("Restore into a server of the same product and version, or into a database that you made with another collation, without --create."),
        Code::PermissionDenied => {
            fault.step("The user needs the right CREATE for this name, or create the database beforehand and restore without --create.")
        }
        Code::DuplicateObject => {
            fault.step("It exists already: restore into it without --create if it is empty, or replace it with --clean.")
        }
        _ => fault,
    })
}

/// A database for a trial is of no use to replicas: it is kept out of the binary log where our user may do that, as its contents are.
async fn quiet(session: &mut Session, name: &str) {
    if super::settings::is_scratch(name)
        && let Err(error) = session.run("SET SESSION sql_log_bin = 0").await
    {
        tracing::debug!(%error, "a scratch database is logged");
    }
}

fn statement(name: &str, properties: &DatabaseProperties) -> String {
    let mut sql = format!("CREATE DATABASE {}", ident(name));
    if !properties.encoding.is_empty() {
        sql.push_str(&format!(" CHARACTER SET {}", ident(&properties.encoding)));
    }
    if !properties.collate.is_empty() {
        sql.push_str(&format!(" COLLATE {}", ident(&properties.collate)));
    }
    sql
}

/// See [`crate::server::Server::drop_database`].
pub async fn drop(connector: &Connector, name: &str) -> Result<(), Fault> {
    if SYSTEM.iter().any(|system| name.eq_ignore_ascii_case(system)) {
        let fault = Fault::new(Code::PermissionDenied, format!("{name} is the server's own database and is not dropped"));
        return Err(fault.step("Restore it under another name: --target NAME --create"));
    }
    let what = "cannot drop the database";
    let mut session = connector.session(None).await?;
    quiet(&mut session, name).await;
    end_sessions(connector, &mut session, name).await?;
    let dropped = run(connector, &mut session, name, what, &format!("DROP DATABASE IF EXISTS {}", ident(name))).await;
    session.close().await;
    dropped.map_err(|fault| match fault.code {
        Code::ConstraintViolated => fault
            .step("Tables of another database refer to its tables: drop those foreign keys first (information_schema.key_column_usage)."),
        _ => fault,
    })
}

/// Ends the sessions in a database, as far as our user may: a lock of theirs would hold the next statement up.
async fn end_sessions(connector: &Connector, session: &mut Session, name: &str) -> Result<(), Fault> {
    let what = "cannot look for sessions in the database";
    let sql = format!("SELECT id FROM information_schema.processlist WHERE db = {} AND id <> CONNECTION_ID()", literal(name));
    let rows = match session.query(&sql).await {
        Ok(rows) => rows,
        Err(Error::Server { .. }) => return Ok(()),
        Err(error) => return Err(connector.fault(what, &error, name)),
    };
    for id in rows.iter().filter_map(|row| row.number::<u64>(0)) {
        match session.run(&format!("KILL CONNECTION {id}")).await {
            Ok(_) => {}
            Err(error @ Error::Server { .. }) => tracing::debug!(%error, id, "a session that cannot be ended"),
            Err(error) => return Err(connector.fault(what, &error, name)),
        }
    }
    Ok(())
}

/// See [`crate::server::Server::rename_database`].
pub async fn rename(connector: &Connector, name: &str, new: &str) -> Result<(), Fault> {
    let mut session = connector.session(None).await?;
    let ended = end_sessions(connector, &mut session, name).await;
    session.close().await;
    ended?;
    super::rename::database(connector, name, new).await
}

/// See [`crate::server::Server::apply_properties`].
pub async fn apply_properties(
    connector: &Connector,
    name: &str,
    properties: &DatabaseProperties,
    choices: &TargetChoices,
) -> Result<(), Fault> {
    if properties.statements.is_empty() {
        return Ok(());
    }
    let what = "cannot set the properties of the database";
    let mut session = connector.session(None).await?;
    // Only MySQL has the setting; without it patterns are taken.
    let plain = session.query("SELECT @@partial_revokes").await;
    let plain = plain.is_ok_and(|rows| rows.first().is_some_and(|row| row.owned(0) == "1"));
    let statements = dress(name, properties, choices, if plain { Patterns::Plain } else { Patterns::Taken });
    for sql in statements {
        if let Err(fault) = run(connector, &mut session, name, what, &sql).await {
            session.close().await;
            return Err(match fault.code {
                code if code.is_missing() => {
                    fault.step("Create the account first (a cluster restore brings its accounts), or leave rights out: --no-acl")
                }
                _ => fault,
            });
        }
    }
    session.close().await;
    Ok(())
}

/// The statements that give a database what it has beside its contents.
fn dress(name: &str, properties: &DatabaseProperties, choices: &TargetChoices, patterns: Patterns) -> Vec<String> {
    let mut statements = Vec::new();
    for statement in &properties.statements {
        let head = statement.trim_start().to_ascii_uppercase();
        let rights = head.starts_with("GRANT") || head.starts_with("REVOKE");
        if rights && choices.no_acl {
            continue;
        }
        // In a right `_` and `%` in the name of a database stand for any characters.
        let quoted = if rights { grant::pattern(name, patterns) } else { ident(name) };
        let statement = statement.replace(DatabaseProperties::PLACEHOLDER, &quoted);
        let mapped = Grant::parse(&statement).map(|grant| grant.mapped(&choices.map_roles).sql());
        statements.push(mapped.unwrap_or(statement));
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_made_with_their_collation() {
        let properties = DatabaseProperties { encoding: "utf8mb4".into(), collate: "utf8mb4_bin".into(), ..DatabaseProperties::default() };
        assert_eq!(statement("a`b", &properties), "CREATE DATABASE `a``b` CHARACTER SET `utf8mb4` COLLATE `utf8mb4_bin`");
        assert_eq!(statement("x", &DatabaseProperties::default()), "CREATE DATABASE `x`");
    }

    #[test]
    fn the_name_is_put_in_and_rights_can_stay_out() {
        let properties = DatabaseProperties {
            statements: vec![
                format!("ALTER DATABASE {} READ ONLY = 1", DatabaseProperties::PLACEHOLDER),
                format!("GRANT SELECT ON {}.* TO `alice`@`%`", DatabaseProperties::PLACEHOLDER),
            ],
            ..DatabaseProperties::default()
        };
        let choices = TargetChoices { map_roles: vec![("alice".into(), "bob".into())], ..TargetChoices::default() };
        assert_eq!(
            dress("n_1", &properties, &choices, Patterns::Taken),
            ["ALTER DATABASE `n_1` READ ONLY = 1", "GRANT SELECT ON `n\\_1`.* TO `bob`@`%`"]
        );
        let bare = TargetChoices { no_acl: true, ..TargetChoices::default() };
        assert_eq!(dress("n_1", &properties, &bare, Patterns::Taken), ["ALTER DATABASE `n_1` READ ONLY = 1"]);
    }
}
