//! Runs global objects: roles, memberships, settings, tablespaces.

use super::reading::name;
use super::{roles, script};
use crate::domain::schema::SchemaObject;
use crate::domain::{Code, Fault};
use crate::server::TargetChoices;
use crate::server::postgres::connect::{Connector, Session};
use crate::server::postgres::quote::ident;

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
    let login = connector.connection().database.clone();
    let session = connector.session(&login).await?;
    let outcome = statements(connector, &session, object, choices, (&login, after)).await;
    session.close().await;
    outcome
}

/// The part of a script of globals that a statement is about: a role, a tablespace, or what is granted.
fn part(object: &SchemaObject, statement: &str) -> SchemaObject {
    let text = statement.trim_start();
    let upper = head(text);
    let behind = |start: &str| upper.find(start).and_then(|at| text.get(text.len() - upper.len() + at + start.len()..)).and_then(name);
    let starts = |words: &[&'static str]| words.iter().find(|word| upper.starts_with(**word)).copied();
    let role = starts(&["CREATE ROLE ", "CREATE USER ", "ALTER ROLE ", "ALTER USER ", "COMMENT ON ROLE "]);
    let tablespace = starts(&["CREATE TABLESPACE ", "ALTER TABLESPACE ", "COMMENT ON TABLESPACE "]);
    let (kind, name) = match (role, tablespace) {
        (Some(start), _) => ("ROLE", behind(start)),
        (None, Some(start)) => ("TABLESPACE", behind(start)),
        (None, None) if upper.starts_with("GRANT ") && !upper.contains(" ON ") => ("MEMBERSHIP", behind("GRANT ")),
        (None, None) if about_tablespace(&upper) => ("ACL", behind(" ON TABLESPACE ")),
        (None, None) => (object.kind.as_str(), None),
    };
    SchemaObject { kind: kind.to_owned(), name: name.unwrap_or_else(|| object.name.clone()), sql: statement.to_owned(), ..object.clone() }
}

/// Whether a statement makes, changes or grants a tablespace.
fn about_tablespace(upper: &str) -> bool {
    let starts = ["CREATE TABLESPACE ", "ALTER TABLESPACE ", "COMMENT ON TABLESPACE "];
    let rights = upper.starts_with("GRANT ") || upper.starts_with("REVOKE ") || upper.starts_with("SET SESSION");
    starts.iter().any(|start| upper.starts_with(start)) || (rights && upper.contains(" ON TABLESPACE "))
}

async fn statements(
    connector: &Connector,
    session: &Session,
    object: &SchemaObject,
    choices: &TargetChoices,
    (login, after): (&str, After),
) -> Result<Vec<(SchemaObject, Fault)>, Fault> {
    let mut failures = Vec::new();
    let bootstrap = ours(connector, session, login).await?;
    let mapped: Vec<String> = choices.map_roles.iter().map(|(from, _)| from.clone()).collect();
    for statement in split(&object.sql) {
        if choices.no_tablespaces && about_tablespace(&head(statement)) {
            continue;
        }
        if protected(statement, &bootstrap) {
            tracing::info!(object = %script::label(object), "the role that we work as, and the server's first superuser, stay as they are");
            continue;
        }
        // A role that is mapped to another is that other one on the target: it is neither made nor changed.
        if subject(statement, &["CREATE ROLE ", "CREATE USER ", "ALTER ROLE ", "ALTER USER ", "COMMENT ON ROLE "], &mapped).is_some() {
            continue;
        }
        let mut sql = roles::rewrite(statement, &choices.map_roles);
        for (from, to) in &choices.map_roles {
            if let Some(tail) = subject(&sql, &["GRANT "], std::slice::from_ref(from)) {
                sql = format!("GRANT {}{tail}", ident(to));
                break;
            }
        }
        let Err(error) = session.client.batch_execute(&sql).await else { continue };
        let state = error.code().map(|code| code.code().to_owned()).unwrap_or_default();
        let making = head(statement).starts_with("CREATE ROLE") || head(statement).starts_with("CREATE USER");
        // A role that exists already gets its attributes by the ALTER ROLE that follows.
        if making && state == "42710" {
            continue;
        }
        if head(statement).starts_with("CREATE TABLESPACE") && state == "42710" && same_location(session, &sql).await {
            continue;
        }
        let part = part(object, &sql);
        let fault = failed(connector, &part, &sql, &error, login);
        failures.push((part, fault));
        if after == After::Stop || session.client.is_closed() {
            break;
        }
    }
    Ok(failures)
}

fn failed(connector: &Connector, object: &SchemaObject, sql: &str, error: &tokio_postgres::Error, login: &str) -> Fault {
    let label = script::label(object);
    let fault = connector.fault(format!("cannot create {label}"), error, login).at("Object", &label);
    let fault = match (fault.code, object.kind.as_str()) {
        (Code::DuplicateObject, "TABLESPACE") => {
            fault.step("A tablespace of that name lies elsewhere on the target: drop or rename it, or use --no-tablespaces.")
        }
        (_, "TABLESPACE") => fault
            .step("Its folder must exist on the server's host, be empty and belong to the server's user.")
            .step("Or leave tablespaces out: --no-tablespaces"),
        (Code::PermissionDenied, _) => fault.step("Roles are made by a superuser: log in as one."),
        _ => fault,
    };
    // A password's hash is a secret too.
    if head(sql).contains("PASSWORD") { fault } else { fault.with_statement(sql) }
}

/// The roles whose attributes are never changed: the one we are logged in as and the bootstrap superuser (oid 10).
async fn ours(connector: &Connector, session: &Session, login: &str) -> Result<Vec<String>, Fault> {
    let rows = session
        .client
        .query("SELECT rolname::text FROM pg_catalog.pg_roles WHERE oid = 10 OR rolname IN (current_user, session_user)", &[])
        .await
        .map_err(|error| connector.fault("cannot read the roles", &error, login))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Whether a statement would change a role that must stay as it is (its settings may change, its attributes and password not).
fn protected(statement: &str, names: &[String]) -> bool {
    subject(statement, &["ALTER ROLE ", "ALTER USER "], names).is_some_and(|tail| {
        let tail = tail.trim_start().to_ascii_uppercase();
        !tail.starts_with("SET ") && !tail.starts_with("IN DATABASE ") && !tail.starts_with("RESET ")
    })
}

/// What follows the role's name in a statement that starts so and is about one of these roles.
fn subject<'a>(statement: &'a str, starts: &[&str], names: &[String]) -> Option<&'a str> {
    let trimmed = statement.trim_start();
    let upper = trimmed.to_ascii_uppercase();
    let rest = starts.iter().find(|start| upper.starts_with(**start)).map(|start| &trimmed[start.len()..])?;
    names.iter().flat_map(|name| [ident(name), name.clone()]).find_map(|written| {
        let tail = rest.strip_prefix(written.as_str())?;
        let ends = tail.chars().next().is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '$'));
        ends.then_some(tail)
    })
}

/// Whether the tablespace of a CREATE TABLESPACE that exists already lies where the statement wants it.
async fn same_location(session: &Session, sql: &str) -> bool {
    let row = session
        .client
        .query("SELECT spcname::text, pg_catalog.pg_tablespace_location(oid) FROM pg_catalog.pg_tablespace", &[])
        .await
        .unwrap_or_default();
    row.iter().any(|row| {
        let (name, location): (String, String) = (row.get(0), row.get(1));
        let names = [ident(&name), name].iter().any(|written| sql.contains(&format!("TABLESPACE {written} ")));
        names && sql.contains(&crate::server::postgres::quote::literal(&location))
    })
}

fn head(statement: &str) -> String {
    let mut text = statement.trim_start();
    while let Some(comment) = text.strip_prefix("--") {
        text = comment.find('\n').map_or("", |end| comment[end..].trim_start());
    }
    text.to_ascii_uppercase()
}

/// The statements of a script: cut at semicolons outside quotes. Role statements hold literals, quoted names and comments, nothing else.
fn split(sql: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut from = 0;
    let mut inside: Option<char> = None;
    let mut previous = ' ';
    let mut chars = sql.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match inside {
            Some('\n') if c == '\n' => inside = None,
            // In E'…' a backslash keeps the next character from ending the literal.
            Some('E') if c == '\\' => {
                chars.next();
            }
            Some('E') if c == '\'' => inside = None,
            Some(quote) if c == quote => inside = None,
            Some(_) => {}
            None => match c {
                '\'' if matches!(previous, 'e' | 'E') => inside = Some('E'),
                '\'' | '"' => inside = Some(c),
                '-' if previous == '-' => inside = Some('\n'),
                ';' => {
                    out.push(&sql[from..at]);
                    from = at + 1;
                }
                _ => {}
            },
        }
        previous = c;
    }
    out.push(&sql[from..]);
    out.retain(|statement| !head(statement).trim().is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_outside_quotes() {
        let sql = "CREATE ROLE \"a;b\";\nALTER ROLE \"a;b\" WITH PASSWORD 'x;''y' ;-- no; end\n COMMENT ON ROLE x IS E'it\\';s';\n";
        let parts = split(sql);
        assert_eq!(parts.len(), 3, "{parts:?}");
        assert_eq!(parts[0], "CREATE ROLE \"a;b\"");
    }

    #[test]
    fn each_statement_is_about_a_part_of_the_script() {
        let object = SchemaObject { id: 1, kind: "GLOBALS".into(), name: "globals.sql".into(), ..SchemaObject::default() };
        for (statement, kind, name) in [
            ("\n-- Roles\nCREATE ROLE \"My; Role\"", "ROLE", "My; Role"),
            ("ALTER ROLE alice WITH LOGIN", "ROLE", "alice"),
            ("CREATE TABLESPACE fast OWNER alice LOCATION '/x'", "TABLESPACE", "fast"),
            ("GRANT alice TO bob", "MEMBERSHIP", "alice"),
            ("GRANT ALL ON TABLESPACE fast TO bob", "ACL", "fast"),
            ("SELECT 1", "GLOBALS", "globals.sql"),
        ] {
            let part = part(&object, statement);
            assert_eq!((part.kind.as_str(), part.name.as_str()), (kind, name), "{statement}");
        }
        assert!(about_tablespace("REVOKE ALL ON TABLESPACE FAST FROM PUBLIC") && !about_tablespace("CREATE ROLE TABLESPACE "));
    }

    #[test]
    fn our_own_role_keeps_its_attributes() {
        let names = vec!["postgres".to_owned(), "My Role".to_owned()];
        assert!(protected("ALTER ROLE postgres WITH NOSUPERUSER PASSWORD 'x'", &names));
        assert!(protected("\nALTER ROLE \"My Role\" WITH LOGIN", &names));
        assert!(!protected("ALTER ROLE postgres SET work_mem TO '1MB'", &names));
        assert!(!protected("ALTER ROLE postgres2 WITH LOGIN", &names));
        assert!(!protected("CREATE ROLE postgres", &names));
    }
}
