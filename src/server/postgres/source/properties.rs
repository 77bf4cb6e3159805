//! How a database was made, and what is set on it from outside.

use super::{acl, settings};
use crate::domain::schema::DatabaseProperties;
use crate::server::postgres::quote::{ident, literal};
use tokio_postgres::{Client, Error};

/// Reads the properties of the session's database. Columns that only some versions have are looked up in the row as JSON: `datlocprovider`
/// came with 15, `daticulocale` was in 15 and 16, `datlocale` and the builtin provider came with 17, `daticurules` with 16.
pub async fn read(client: &Client) -> Result<DatabaseProperties, Error> {
    let row = client
        .query_one(
            &format!(
                "SELECT d.datname::text, pg_get_userbyid(d.datdba)::text, pg_encoding_to_char(d.encoding)::text, \
                        CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END, \
                        d.datcollate::text, d.datctype::text, coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), \
                        to_jsonb(d) ->> 'daticurules', t.spcname::text, d.datconnlimit, d.datistemplate, d.datallowconn, \
                        shobj_description(d.oid, 'pg_database'), {} \
                   FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = current_database()",
                acl::entries("d.datacl", 'd', "d.datdba")
            ),
            &[],
        )
        .await?;
    let settings = client
        .query(
            "SELECT r.rolname::text, s.setconfig FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole \
              WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND (s.setrole = 0 OR r.oid IS NOT NULL) \
              ORDER BY r.rolname NULLS FIRST",
            &[],
        )
        .await?;
    let labels = client
        .query(
            "SELECT provider, label FROM pg_shseclabel WHERE classoid = 'pg_database'::regclass \
                AND objoid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY provider",
            &[],
        )
        .await?;
    let extensions = client.query("SELECT extname::text, extversion FROM pg_extension ORDER BY extname", &[]).await?;
    let name = DatabaseProperties::PLACEHOLDER;
    let mut statements = acl::statements(&format!("DATABASE {name}"), &row.get::<_, Vec<String>>(13), &row.get::<_, Vec<String>>(14));
    for setting in &settings {
        let target = match setting.get::<_, Option<String>>(0) {
            Some(role) => format!("ALTER ROLE {} IN DATABASE {name}", ident(&role)),
            None => format!("ALTER DATABASE {name}"),
        };
        let clauses: Vec<String> = setting.get::<_, Vec<String>>(1).iter().filter_map(|setting| settings::clause(setting)).collect();
        statements.extend(clauses.iter().map(|clause| format!("{target} SET {clause};")));
    }
    for label in &labels {
        let (provider, label): (String, String) = (label.get(0), label.get(1));
        statements.push(format!("SECURITY LABEL FOR {} ON DATABASE {name} IS {};", ident(&provider), literal(&label)));
    }
    Ok(DatabaseProperties {
        name: row.get(0),
        owner: row.get(1),
        encoding: row.get(2),
        locale_provider: row.get(3),
        collate: row.get(4),
        ctype: row.get(5),
        locale: row.get(6),
        icu_rules: row.get(7),
        tablespace: row.get(8),
        connection_limit: row.get(9),
        is_template: row.get(10),
        allow_connections: row.get(11),
        comment: row.get(12),
        statements,
        extensions: extensions.iter().map(|row| (row.get(0), row.get(1))).collect(),
    })
}
