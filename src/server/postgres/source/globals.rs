//! Roles, memberships, settings, tablespaces: what belongs to the whole server, as statements that can be run one by one on another.
//!
//! The kinds, in order: `ROLE` (makes it), `ROLE ATTRIBUTES` (what it may, its password), `COMMENT` and `SECURITY LABEL` of roles,
//! `TABLESPACE` (several for each: it, its options, rights and comment), `ROLE MEMBERSHIP`, `ROLE SETTING`, `PARAMETER ACL`.

use super::{acl, settings, tables};
use crate::domain::Fault;
use crate::domain::schema::{SchemaObject, Section};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::quote::{ident, literal};
use std::collections::HashSet;
use tokio_postgres::{Client, Error};

/// See [`crate::server::Server::globals`].
pub async fn read(connector: &Connector) -> Result<Vec<SchemaObject>, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let objects = collect(&session.client).await;
    let objects = objects.map_err(|error| connector.fault("cannot read roles and tablespaces", &error, database))?;
    session.close().await;
    Ok(objects)
}

/// See [`crate::server::Server::globals_gaps`].
pub async fn gaps(connector: &Connector) -> Result<Vec<String>, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let hidden = async {
        if may_read_passwords(&session.client).await? {
            return Ok(0);
        }
        let row = session.client.query_one("SELECT count(*) FROM pg_roles WHERE rolcanlogin AND rolname !~ '^pg_'", &[]).await?;
        Ok(row.get::<_, i64>(0))
    };
    let hidden = hidden.await.map_err(|error: Error| connector.fault("cannot read roles and tablespaces", &error, database))?;
    session.close().await;
    let note = format!(
        "passwords of roles are not in the backup ({hidden} roles can log in): {} may not read pg_authid. Back up as a superuser to have them",
        connector.connection().user
    );
    Ok((hidden > 0).then_some(note).into_iter().collect())
}

/// Whether this role may see the passwords (their hashes) of roles.
async fn may_read_passwords(client: &Client) -> Result<bool, Error> {
    Ok(client.query_one("SELECT has_table_privilege('pg_authid', 'SELECT')", &[]).await?.get(0))
}

async fn collect(client: &Client) -> Result<Vec<SchemaObject>, Error> {
    let version = tables::version_num(client).await?;
    let mut list = List::default();
    roles(client, &mut list).await?;
    tablespaces(client, &mut list).await?;
    memberships(client, version, &mut list).await?;
    role_settings(client, &mut list).await?;
    if version >= 150_000 {
        parameters(client, &mut list).await?;
    }
    Ok(list.objects)
}

/// Objects with running numbers; each depends on the one that makes what it changes, when that is in the list.
#[derive(Default)]
struct List {
    objects: Vec<SchemaObject>,
}

impl List {
    fn add(&mut self, kind: &str, name: &str, sql: String) {
        let depends = self.objects.iter().find(|known| known.name == name && matches!(known.kind.as_str(), "ROLE" | "TABLESPACE"));
        self.objects.push(SchemaObject {
            id: u32::try_from(self.objects.len() + 1).unwrap_or(u32::MAX),
            kind: kind.to_owned(),
            name: name.to_owned(),
            section: Section::None,
            depends: depends.map(|known| known.id).into_iter().collect(),
            drop_sql: if sql.starts_with(&format!("CREATE {kind} ")) { format!("DROP {kind} {};", ident(name)) } else { String::new() },
            sql,
            ..SchemaObject::default()
        });
    }
}

async fn roles(client: &Client, list: &mut List) -> Result<(), Error> {
    // Without the right to see them, passwords are left out: the roles exist, and cannot log in with one until it is set.
    let (from, password) = if may_read_passwords(client).await? { ("pg_authid", "rolpassword") } else { ("pg_roles", "NULL") };
    let rows = client
        .query(
            &format!(
                "SELECT rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, \
                        rolconnlimit, {password}::text, rolvaliduntil::text, shobj_description(oid, 'pg_authid'), \
                        (SELECT array_agg(ARRAY[provider, label] ORDER BY provider)::text[] FROM pg_shseclabel s \
                          WHERE s.classoid = 'pg_authid'::regclass AND s.objoid = r.oid) \
                   FROM {from} r WHERE rolname !~ '^pg_' ORDER BY rolname"
            ),
            &[],
        )
        .await?;
    let mut later = Vec::new();
    for row in &rows {
        let name: String = row.get(0);
        let role = ident(&name);
        list.add("ROLE", &name, format!("CREATE ROLE {role};"));
        let mut sql = format!("ALTER ROLE {role} WITH");
        for (at, word) in ["SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS"].into_iter().enumerate() {
            sql.push_str(&format!(" {}{word}", if row.get::<_, bool>(at + 1) { "" } else { "NO" }));
        }
        sql.push_str(&format!(" CONNECTION LIMIT {}", row.get::<_, i32>(8)));
        if let Some(password) = row.get::<_, Option<String>>(9) {
            sql.push_str(&format!(" PASSWORD {}", literal(&password)));
        }
        if let Some(until) = row.get::<_, Option<String>>(10) {
            sql.push_str(&format!(" VALID UNTIL {}", literal(&until)));
        }
        later.push(("ROLE ATTRIBUTES", name.clone(), sql + ";"));
        if let Some(comment) = row.get::<_, Option<String>>(11) {
            later.push(("COMMENT", name.clone(), format!("COMMENT ON ROLE {role} IS {};", literal(&comment))));
        }
        for label in row.get::<_, Option<Vec<String>>>(12).unwrap_or_default().chunks_exact(2) {
            let sql = format!("SECURITY LABEL FOR {} ON ROLE {role} IS {};", ident(&label[0]), literal(&label[1]));
            later.push(("SECURITY LABEL", name.clone(), sql));
        }
    }
    for (kind, name, sql) in later {
        list.add(kind, &name, sql);
    }
    Ok(())
}

async fn tablespaces(client: &Client, list: &mut List) -> Result<(), Error> {
    let rows = client
        .query(
            &format!(
                "SELECT spcname::text, pg_get_userbyid(spcowner)::text, pg_tablespace_location(oid), coalesce(spcoptions, '{{}}'), \
                        shobj_description(oid, 'pg_tablespace'), {} FROM pg_tablespace WHERE spcname !~ '^pg_' ORDER BY spcname",
                acl::entries("spcacl", 't', "spcowner")
            ),
            &[],
        )
        .await?;
    for row in &rows {
        let name: String = row.get(0);
        let space = ident(&name);
        let location: String = row.get(2);
        // A tablespace inside the data directory was made with an empty location, and shows a relative one.
        let location = if location.starts_with("pg_tblspc/") { String::new() } else { location };
        let owner: String = row.get(1);
        list.add("TABLESPACE", &name, format!("CREATE TABLESPACE {space} OWNER {} LOCATION {};", ident(&owner), literal(&location)));
        let options: Vec<String> = row.get(3);
        if !options.is_empty() {
            let options: Vec<String> = options
                .iter()
                .filter_map(|option| option.split_once('='))
                .map(|(name, value)| format!("{} = {}", ident(name), literal(value)))
                .collect();
            list.add("TABLESPACE", &name, format!("ALTER TABLESPACE {space} SET ({});", options.join(", ")));
        }
        for sql in acl::statements(&format!("TABLESPACE {space}"), &row.get::<_, Vec<String>>(5), &row.get::<_, Vec<String>>(6)) {
            list.add("TABLESPACE", &name, sql);
        }
        if let Some(comment) = row.get::<_, Option<String>>(4) {
            list.add("TABLESPACE", &name, format!("COMMENT ON TABLESPACE {space} IS {};", literal(&comment)));
        }
    }
    Ok(())
}

/// One grant of a role to another.
struct Membership {
    role: String,
    member: String,
    /// Who granted it; none for the bootstrap superuser, which may have another name on the next server, and where it means nothing.
    grantor: Option<String>,
    admin: bool,
    /// INHERIT and SET, which came with version 16.
    options: Option<(bool, bool)>,
}

async fn memberships(client: &Client, version: u32, list: &mut List) -> Result<(), Error> {
    // Before 16 grantors were not maintained: they may be gone, and need no right to grant.
    let (grantor, options) = if version >= 160_000 {
        ("CASE WHEN m.grantor <> 10 THEN pg_get_userbyid(m.grantor)::text END", "m.inherit_option, m.set_option")
    } else {
        ("NULL::text", "NULL::bool, NULL::bool")
    };
    let rows = client
        .query(
            &format!(
                "SELECT r.rolname::text, u.rolname::text, {grantor}, m.admin_option, {options} FROM pg_auth_members m \
                   JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member \
                  WHERE NOT (r.rolname ~ '^pg_' AND u.rolname ~ '^pg_') ORDER BY 1, 2, 3 NULLS FIRST"
            ),
            &[],
        )
        .await?;
    let all = rows.iter().map(|row| Membership {
        role: row.get(0),
        member: row.get(1),
        grantor: row.get(2),
        admin: row.get(3),
        options: row.get::<_, Option<bool>>(4).zip(row.get::<_, Option<bool>>(5)),
    });
    for grant in in_order(all.collect()) {
        let mut sql = format!("GRANT {} TO {}", ident(&grant.role), ident(&grant.member));
        match grant.options {
            Some((inherit, set)) => sql.push_str(&format!(" WITH ADMIN {}, INHERIT {inherit}, SET {set}", grant.admin)),
            None if grant.admin => sql.push_str(" WITH ADMIN OPTION"),
            None => {}
        }
        if let Some(grantor) = &grant.grantor {
            sql.push_str(&format!(" GRANTED BY {}", ident(grantor)));
        }
        list.add("ROLE MEMBERSHIP", &grant.role, sql + ";");
    }
    Ok(())
}

/// A grantor must have the role with the admin option before it can grant it on: those grants come first.
fn in_order(mut waiting: Vec<Membership>) -> Vec<Membership> {
    let mut done = Vec::with_capacity(waiting.len());
    let mut admins: HashSet<(String, String)> = HashSet::new();
    loop {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|grant| grant.grantor.as_ref().is_none_or(|grantor| admins.contains(&(grant.role.clone(), grantor.clone()))));
        if ready.is_empty() {
            // Grantors that are superusers need no admin option.
            done.extend(rest);
            return done;
        }
        admins.extend(ready.iter().filter(|grant| grant.admin).map(|grant| (grant.role.clone(), grant.member.clone())));
        done.extend(ready);
        waiting = rest;
    }
}

async fn role_settings(client: &Client, list: &mut List) -> Result<(), Error> {
    let rows = client
        .query(
            "SELECT r.rolname::text, s.setconfig FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole \
              WHERE s.setdatabase = 0 AND (s.setrole = 0 OR r.oid IS NOT NULL) ORDER BY r.rolname NULLS FIRST",
            &[],
        )
        .await?;
    for row in &rows {
        let name: Option<String> = row.get(0);
        let role = name.as_deref().map_or("ALL".to_owned(), ident);
        for clause in row.get::<_, Vec<String>>(1).iter().filter_map(|setting| settings::clause(setting)) {
            list.add("ROLE SETTING", name.as_deref().unwrap_or("ALL"), format!("ALTER ROLE {role} SET {clause};"));
        }
    }
    Ok(())
}

async fn parameters(client: &Client, list: &mut List) -> Result<(), Error> {
    let rows =
        client.query(&format!("SELECT parname, {} FROM pg_parameter_acl ORDER BY parname", acl::entries("paracl", 'p', "10")), &[]).await?;
    for row in &rows {
        let name: String = row.get(0);
        let quoted: Vec<String> = name.split('.').map(ident).collect();
        // The defaults give the bootstrap superuser everything, under whatever name: only grants count.
        let actual: Vec<String> = row.get(1);
        let default: Vec<String> = row.get(2);
        for sql in acl::statements(&format!("PARAMETER {}", quoted.join(".")), &actual, &default) {
            if sql.starts_with("GRANT ") {
                list.add("PARAMETER ACL", &name, sql);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grantor_gets_its_role_before_it_grants() {
        let grant = |member: &str, grantor: Option<&str>, admin| Membership {
            role: "r".into(),
            member: member.into(),
            grantor: grantor.map(Into::into),
            admin,
            options: None,
        };
        let order = in_order(vec![
            grant("a", Some("b"), false),
            grant("b", Some("c"), true),
            grant("c", None, true),
            grant("d", Some("root"), false),
        ]);
        assert_eq!(order.iter().map(|grant| grant.member.as_str()).collect::<Vec<_>>(), ["c", "b", "a", "d"]);
    }
}
