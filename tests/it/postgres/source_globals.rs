//! Roles, memberships, settings and tablespaces.

use super::{connection, postgres, reached, run};
use crate::support::postgres::{Postgres as TestServer, VERSIONS};
use dbbackup::domain::Connection;
use dbbackup::domain::schema::SchemaObject;
use dbbackup::server::Server as _;

fn globals(server: &TestServer) -> Vec<SchemaObject> {
    run(async { postgres(server).globals().await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed"))) })
}

#[test]
fn globals_make_the_same_roles_on_another_server() {
    for major in VERSIONS {
        let (one, two) =
            (TestServer::start(major, "allow_in_place_tablespaces = on"), TestServer::start(major, "allow_in_place_tablespaces = on"));
        for sql in [
            "create role \"Group; drop\" nologin createdb connection limit 5",
            "create role al login password 'pa\\ss''word' valid until '2030-01-02 03:04:05+00'",
            "create role bo login bypassrls inherit",
            "create role ce login noinherit",
            "grant \"Group; drop\" to al with admin option",
            "grant pg_monitor to bo",
            "alter role al set search_path to \"$user\", \"a, b\", public",
            "alter role all set application_name to 'it''s'",
            "comment on role al is 'person \"al\"'",
            "create tablespace fast owner bo location ''",
        ] {
            one.sql("postgres", sql);
        }
        one.sql("postgres", "alter tablespace fast set (random_page_cost = 1.5); grant create on tablespace fast to al; comment on tablespace fast is 'quick'");
        one.sql("postgres", "grant set on parameter log_statement to al");
        one.sql("postgres", "set session authorization al; grant \"Group; drop\" to ce");
        let objects = globals(&one);
        for object in &objects {
            let done = two.psql("postgres").args(["-c", &object.sql]).output().expect("psql");
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success() || (object.name == "postgres" && said.contains("already exists")), "{}: {said}", object.sql);
        }
        let copies = globals(&two);
        let texts = |objects: &[SchemaObject]| objects.iter().map(|object| object.sql.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&copies), texts(&objects), "the same text from the copy: nothing is lost");
        assert!(texts(&objects).iter().any(|sql| sql.contains("PASSWORD 'SCRAM-SHA-256$")));
        assert!(texts(&objects).iter().any(|sql| sql.contains("SET \"search_path\" TO '$user', 'a, b', 'public'")));
        assert!(objects.iter().all(|object| !object.sql.contains("CREATE ROLE \"pg_")));
        let plain = run(async {
            let user = Connection { user: "bo".into(), database: "postgres".into(), ..connection(&one) };
            reached(&one, user, None).globals().await.expect("globals without passwords")
        });
        assert_eq!(plain.len(), objects.len());
        assert!(plain.iter().all(|object| !object.sql.contains("PASSWORD")));
        let gaps = run(async {
            let user = Connection { user: "bo".into(), database: "postgres".into(), ..connection(&one) };
            let by_user = reached(&one, user, None).globals_gaps().await.expect("gaps");
            assert_eq!(postgres(&one).globals_gaps().await.expect("no gaps"), Vec::<String>::new());
            by_user
        });
        assert!(
            matches!(&gaps[..], [note] if note.starts_with("passwords of roles are not in the backup") && note.contains("bo ")),
            "{gaps:?}"
        );
    }
}
