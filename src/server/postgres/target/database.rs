//! Makes, drops and dresses databases.

use super::roles;
use crate::domain::schema::DatabaseProperties;
use crate::domain::{Code, Fault};
use crate::server::TargetChoices;
use crate::server::postgres::connect::{Connector, Session};
use crate::server::postgres::quote::{ident, literal};

/// What a person made in a database: relations, functions, types, schemas and the like that belong to no extension and were not there
/// after `initdb` (whose last oid is below 16384, `FirstNormalObjectId` in PostgreSQL's transam.h), and large objects.
const USER_OBJECTS: &str = "\
SELECT (SELECT pg_catalog.count(*) FROM (
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid AS classid, c.oid FROM pg_catalog.pg_class c
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
  UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_proc p
  UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_type t
             WHERE t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND (SELECT relkind FROM pg_catalog.pg_class WHERE oid = t.typrelid) = 'c')
  UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid FROM pg_catalog.pg_namespace n
             WHERE n.nspname NOT LIKE 'pg\\_temp\\_%' AND n.nspname NOT LIKE 'pg\\_toast%'
  UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid FROM pg_catalog.pg_operator o
  UNION ALL SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, b.oid FROM pg_catalog.pg_publication b
  UNION ALL SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, e.oid FROM pg_catalog.pg_event_trigger e
  UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, f.oid FROM pg_catalog.pg_foreign_data_wrapper f
) o
WHERE o.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype IN ('e', 'i')
                     AND (d.deptype = 'e' OR o.classid <> 'pg_catalog.pg_class'::pg_catalog.regclass)))
  + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata),
  pg_catalog.pg_database_size(pg_catalog.current_database())";

/// See [`crate::server::Server::weigh`].
pub async fn weigh(connector: &Connector, database: &str) -> Result<(u64, u64), Fault> {
    let session = connector.session(database).await?;
    let row = session
        .client
        .query_one(USER_OBJECTS, &[])
        .await
        .map_err(|error| connector.fault("cannot count what is in the database", &error, database))?;
    session.close().await;
    let number = |at: usize| u64::try_from(row.get::<_, i64>(at)).unwrap_or(0);
    Ok((number(0), number(1)))
}

/// A session for work on `name` from outside it.
pub(super) async fn beside(connector: &Connector, name: &str) -> Result<Session, Fault> {
    let login = connector.connection().database.as_str();
    if login != name {
        return connector.session(login).await;
    }
    // The database we log in to cannot be changed from within: any other that takes us will do.
    let other = if name == "template1" { "postgres" } else { "template1" };
    connector.session(other).await
}

pub(super) async fn run(connector: &Connector, session: &Session, name: &str, what: &str, sql: &str) -> Result<(), Fault> {
    let done = session.client.batch_execute(sql).await;
    done.map_err(|error| connector.fault(format!("{what} {}", crate::domain::text::clean(name)), &error, name).with_statement(sql))
}

/// See [`crate::server::Server::create_database`].
pub async fn create(connector: &Connector, name: &str, properties: &DatabaseProperties, choices: &TargetChoices) -> Result<(), Fault> {
    let session = beside(connector, name).await?;
    let what = "cannot create the database";
    let row = session
        .client
        .query_one(
            "SELECT pg_catalog.current_setting('server_version_num')::int4, \
                    EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE spcname = $1)",
            &[&properties.tablespace],
        )
        .await
        .map_err(|error| connector.fault(what, &error, name))?;
    let sql = statement(name, properties, choices, row.get::<_, i32>(0) / 10_000, row.get(1));
    let outcome = run(connector, &session, name, what, &sql).await;
    session.close().await;
    outcome.map_err(|fault| localized(fault, properties))
}

/// CREATE DATABASE for a server of a major version.
fn statement(name: &str, properties: &DatabaseProperties, choices: &TargetChoices, major: i32, has_tablespace: bool) -> String {
    let mut sql = format!("CREATE DATABASE {} TEMPLATE template0", ident(name));
    if !properties.encoding.is_empty() {
        sql.push_str(&format!(" ENCODING {}", literal(&properties.encoding)));
    }
    let provider = properties.locale_provider.as_str();
    // Before 15 every database is of libc; `builtin` came with 17. An older server gets the nearest that it has.
    let known = match provider {
        "icu" => major >= 15,
        "builtin" => major >= 17,
        _ => true,
    };
    if major >= 15 && known && !provider.is_empty() {
        sql.push_str(&format!(" LOCALE_PROVIDER {}", literal(provider)));
    }
    for (option, value) in [("LC_COLLATE", &properties.collate), ("LC_CTYPE", &properties.ctype)] {
        if !value.is_empty() {
            sql.push_str(&format!(" {option} {}", literal(value)));
        }
    }
    if known && let Some(locale) = &properties.locale {
        match provider {
            "icu" => sql.push_str(&format!(" ICU_LOCALE {}", literal(locale))),
            "builtin" => sql.push_str(&format!(" BUILTIN_LOCALE {}", literal(locale))),
            _ => {}
        }
    }
    if provider == "icu"
        && major >= 16
        && let Some(rules) = &properties.icu_rules
    {
        sql.push_str(&format!(" ICU_RULES {}", literal(rules)));
    }
    let default = properties.tablespace.is_empty() || properties.tablespace == "pg_default";
    if !choices.no_tablespaces && has_tablespace && !default {
        sql.push_str(&format!(" TABLESPACE {}", ident(&properties.tablespace)));
    }
    sql
}

/// Says what a locale that the target lacks is about.
fn localized(fault: Fault, properties: &DatabaseProperties) -> Fault {
    let about = fault.root_cause().to_ascii_lowercase();
    if about.contains("locale") || about.contains("collat") {
        let name = &properties.collate;
        return fault
            .because(format!("the backed-up database sorts by {name:?}, which the target's host does not have"))
            .step_run("Make the locale on the server's host, then restart the server:", format!("locale-gen {name}"))
            .step("Or create the database yourself with a locale that is there, and restore into it without --create.");
    }
    match fault.code {
        Code::PermissionDenied => fault.step("The role needs CREATEDB, or create the database beforehand and restore without --create."),
        Code::DuplicateObject => {
            fault.step("It exists already: restore into it without --create if it is empty, or replace it with --clean.")
        }
        _ => fault,
    }
}

/// See [`crate::server::Server::drop_database`].
pub async fn drop(connector: &Connector, name: &str) -> Result<(), Fault> {
    if matches!(name, "template0" | "template1") {
        let fault = Fault::new(Code::PermissionDenied, format!("{name} is the server's own template and is not dropped"));
        return Err(fault.step("Restore it under another name: --target NAME --create"));
    }
    if name == connector.connection().database {
        let fault = Fault::new(
            Code::PermissionDenied,
            format!("cannot drop {}: it is the database we log in to", crate::domain::text::clean(name)),
        );
        let other = if name == "postgres" { "template1" } else { "postgres" };
        return Err(fault.step_run("Log in to another one:", format!("--database {other}")));
    }
    let session = beside(connector, name).await?;
    let what = "cannot drop the database";
    let there = session
        .client
        .query_opt("SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = $1", &[&name])
        .await
        .map_err(|error| connector.fault(what, &error, name))?;
    let Some(there) = there else {
        session.close().await;
        return Ok(());
    };
    if there.get::<_, bool>(0) {
        run(connector, &session, name, what, &format!("ALTER DATABASE {} WITH IS_TEMPLATE false", ident(name))).await?;
    }
    let sql = format!("DROP DATABASE {} WITH (FORCE)", ident(name));
    let mut dropped = run(connector, &session, name, what, &sql).await;
    // object_in_use: subscriptions are one reason, and the one that can be taken off.
    if dropped.as_ref().is_err_and(|fault| fault.sqlstate.as_deref() == Some("55006"))
        && !super::subscriptions::detach(connector, name).await?.is_empty()
    {
        dropped = run(connector, &session, name, what, &sql).await;
    }
    session.close().await;
    dropped.map_err(|fault| match fault.sqlstate.as_deref() {
        Some("55006") => {
            fault.step("Something still uses it: a logical replication slot, or a prepared transaction. End that first (pg_replication_slots, pg_prepared_xacts).")
        }
        _ => fault,
    })
}

/// How often sessions are ended before a rename: one may come in between.
const RENAME_TRIES: u32 = 5;

/// See [`crate::server::Server::rename_database`].
pub async fn rename(connector: &Connector, name: &str, new: &str) -> Result<(), Fault> {
    let session = beside(connector, name).await?;
    let what = "cannot rename the database";
    let sql = format!("ALTER DATABASE {} RENAME TO {}", ident(name), ident(new));
    let mut tries = 0;
    let renamed = loop {
        tries += 1;
        let ended = session
            .client
            .execute(
                "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity \
                  WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid()",
                &[&name],
            )
            .await;
        if let Err(error) = ended {
            break Err(connector.fault(what, &error, name));
        }
        match run(connector, &session, name, what, &sql).await {
            // object_in_use
            Err(fault) if fault.sqlstate.as_deref() == Some("55006") && tries < RENAME_TRIES => {}
            outcome => break outcome,
        }
    };
    session.close().await;
    renamed
}

/// See [`crate::server::Server::apply_properties`].
pub async fn apply_properties(
    connector: &Connector,
    name: &str,
    properties: &DatabaseProperties,
    choices: &TargetChoices,
) -> Result<(), Fault> {
    let session = beside(connector, name).await?;
    let what = "cannot set the properties of the database";
    for sql in dress(name, properties, choices) {
        if let Err(fault) = run(connector, &session, name, what, &sql).await {
            session.close().await;
            return Err(match fault.code {
                code if code.is_missing() => {
                    fault.step("Create the role first (a cluster restore brings its roles), or use --no-owner --no-acl.")
                }
                _ => fault,
            });
        }
    }
    session.close().await;
    Ok(())
}

/// The statements that give a database its owner, comment, settings, rights and limits; the limits last.
fn dress(name: &str, properties: &DatabaseProperties, choices: &TargetChoices) -> Vec<String> {
    let quoted = ident(name);
    let mut statements = Vec::new();
    if !choices.no_owner && !properties.owner.is_empty() {
        let owner = choices.map_roles.iter().find(|(from, _)| *from == properties.owner).map_or(&properties.owner, |(_, to)| to);
        statements.push(format!("ALTER DATABASE {quoted} OWNER TO {}", ident(owner)));
    }
    if let Some(comment) = &properties.comment {
        statements.push(format!("COMMENT ON DATABASE {quoted} IS {}", literal(comment)));
    }
    for statement in &properties.statements {
        let head = statement.trim_start().to_ascii_uppercase();
        let rights = head.starts_with("GRANT") || head.starts_with("REVOKE") || head.starts_with("SET SESSION AUTH");
        let of_a_role = head.starts_with("ALTER ROLE");
        if (rights && choices.no_acl) || (of_a_role && choices.no_owner) {
            continue;
        }
        let mapped = if rights { roles::rewrite(statement, &choices.map_roles) } else { role_setting(statement, &choices.map_roles) };
        statements.push(mapped.replace(DatabaseProperties::PLACEHOLDER, &quoted));
    }
    if properties.connection_limit >= 0 {
        statements.push(format!("ALTER DATABASE {quoted} WITH CONNECTION LIMIT {}", properties.connection_limit));
    }
    if properties.is_template {
        statements.push(format!("ALTER DATABASE {quoted} WITH IS_TEMPLATE true"));
    }
    if !properties.allow_connections {
        statements.push(format!("ALTER DATABASE {quoted} WITH ALLOW_CONNECTIONS false"));
    }
    statements
}

/// `ALTER ROLE name IN DATABASE …` with the role under its name on the target.
fn role_setting(statement: &str, map: &[(String, String)]) -> String {
    let Some(rest) = statement.strip_prefix("ALTER ROLE ") else { return statement.to_owned() };
    for (from, to) in map {
        for written in [ident(from), from.clone()] {
            if let Some(tail) = rest.strip_prefix(written.as_str()).filter(|tail| tail.starts_with(" IN DATABASE ")) {
                return format!("ALTER ROLE {}{tail}", ident(to));
            }
        }
    }
    statement.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn icu() -> DatabaseProperties {
        DatabaseProperties {
            encoding: "UTF8".into(),
            locale_provider: "icu".into(),
            collate: "C.UTF-8".into(),
            ctype: "C.UTF-8".into(),
            locale: Some("de'DE".into()),
            icu_rules: Some("&a < b".into()),
            tablespace: "fast".into(),
            ..DatabaseProperties::default()
        }
    }

    #[test]
    fn each_version_is_told_only_what_it_knows() {
        let choices = TargetChoices::default();
        let sql = |major| statement("x\"y", &icu(), &choices, major, true);
        assert_eq!(
            sql(17),
            "CREATE DATABASE \"x\"\"y\" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER 'icu' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' \
             ICU_LOCALE 'de''DE' ICU_RULES '&a < b' TABLESPACE \"fast\""
        );
        assert!(sql(15).contains("ICU_LOCALE") && !sql(15).contains("ICU_RULES"));
        assert!(!sql(14).contains("PROVIDER") && !sql(14).contains("ICU"));
        assert!(!statement("x", &icu(), &choices, 17, false).contains("TABLESPACE"));
        let none = TargetChoices { no_tablespaces: true, ..TargetChoices::default() };
        assert!(!statement("x", &icu(), &none, 17, true).contains("TABLESPACE"));
    }

    #[test]
    fn the_name_is_put_in_and_the_limits_come_last() {
        let properties = DatabaseProperties {
            owner: "alice".into(),
            connection_limit: 3,
            allow_connections: false,
            statements: vec![
                format!("GRANT CONNECT ON DATABASE {} TO alice", DatabaseProperties::PLACEHOLDER),
                format!("ALTER ROLE alice IN DATABASE {} SET work_mem TO '8MB'", DatabaseProperties::PLACEHOLDER),
            ],
            ..DatabaseProperties::default()
        };
        let choices = TargetChoices { map_roles: vec![("alice".into(), "bob".into())], ..TargetChoices::default() };
        assert_eq!(
            dress("n", &properties, &choices),
            [
                "ALTER DATABASE \"n\" OWNER TO \"bob\"",
                "GRANT CONNECT ON DATABASE \"n\" TO \"bob\"",
                "ALTER ROLE \"bob\" IN DATABASE \"n\" SET work_mem TO '8MB'",
                "ALTER DATABASE \"n\" WITH CONNECTION LIMIT 3",
                "ALTER DATABASE \"n\" WITH ALLOW_CONNECTIONS false",
            ]
        );
        let bare = TargetChoices { no_owner: true, no_acl: true, ..TargetChoices::default() };
        assert_eq!(dress("n", &properties, &bare).len(), 2);
    }
}
