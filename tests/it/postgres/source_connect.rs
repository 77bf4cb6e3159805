//! Sessions, their failures, and facts about servers.

use super::{connection, postgres, reached, run, tcp};
use crate::support::postgres::{Postgres as TestServer, VERSIONS, server};
use dbbackup::domain::connection::SslMode;
use dbbackup::domain::{Code, Connection};
use dbbackup::server::Server as _;

#[test]
fn facts_and_databases_are_those_of_the_server() {
    for major in VERSIONS {
        let server = server(major);
        let name = server.database("facts");
        run(async {
            let here = postgres(server);
            let info = here.info().await.expect("facts");
            assert_eq!(info.major(), major);
            assert!(info.superuser && !info.in_recovery);
            assert_eq!(info.max_connections, 100);
            assert_eq!(info.lock_capacity, 256 * 104);
            assert_eq!(info.data_directory.as_deref(), server.data.to_str());
            assert!(info.system_identifier.is_some_and(|id| id.parse::<u64>().is_ok()));
            assert!(!info.version.contains(' '));
            let databases = here.databases().await.expect("databases");
            let found = databases.iter().find(|database| database.name == name).expect("the new database");
            assert_eq!((found.owner.as_str(), found.encoding.as_str(), found.sessions), ("postgres", "UTF8", 0));
            assert!(found.bytes.is_some_and(|bytes| bytes > 1_000_000) && found.allow_connections);
            assert!(databases.iter().any(|database| database.name == "template0" && !database.allow_connections));
        });
    }
}

#[test]
fn failures_to_connect_have_their_codes_and_cures() {
    let server = server(17);
    let user = &server.login_with_password("right \\ '\"", "");
    let attempt = |connection: Connection, password: Option<&'static str>| {
        run(async move { reached(server, connection, password).databases().await.expect_err("a failure") })
    };
    let wrong = attempt(tcp(server, user, SslMode::Disable), Some("wrong"));
    assert_eq!((wrong.code, wrong.sqlstate.as_deref()), (Code::AuthFailed, Some("28P01")));
    let as_user = |command: &str| command.contains(&format!("-U {user}")) && command.contains(&server.port.to_string());
    assert!(wrong.steps.iter().any(|step| step.command.as_deref().is_some_and(as_user)), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("wrong"), "a password must not be in a fault");
    assert_eq!(attempt(tcp(server, user, SslMode::Disable), None).code, Code::AuthFailed);
    assert_eq!(attempt(tcp(server, "nobody_here", SslMode::Prefer), None).code, Code::AuthFailed);
    assert_eq!(attempt(tcp(server, "postgres", SslMode::Require), None).code, Code::TlsFailed);
    let missing = Connection { database: "not there".into(), ..connection(server) };
    assert_eq!(attempt(missing, None).code, Code::DatabaseMissing);
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let closed = Connection { port, ..tcp(server, "postgres", SslMode::Prefer) };
    assert_eq!(attempt(closed, None).code, Code::ConnectionRefused);
    assert_eq!(attempt(Connection { port, ..connection(server) }, None).code, Code::ConnectionRefused);
    let unknown = Connection { host: "no-such-host.invalid".into(), ..tcp(server, "postgres", SslMode::Prefer) };
    assert_eq!(attempt(unknown, None).code, Code::HostUnknown);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("its address").port();
    let silent_server = Connection { port, connect_timeout: 1, ..tcp(server, "postgres", SslMode::Disable) };
    assert_eq!(attempt(silent_server, None).code, Code::ConnectTimeout);
    run(async {
        let right = reached(server, tcp(server, user, SslMode::Prefer), Some("right \\ '\""));
        assert!(!right.info().await.expect("a session without TLS, by prefer").superuser);
    });
}

#[test]
fn tls_modes_mean_what_libpq_means() {
    let dir = tempfile::tempdir().expect("a folder");
    let (key, cert) = (dir.path().join("server.key"), dir.path().join("server.crt"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"])
        .args(["subjectAltName=DNS:localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = TestServer::start(15, "");
    for (from, name) in [(&key, "server.key"), (&cert, "server.crt")] {
        let to = server.data.join(name);
        std::fs::copy(from, &to).expect("a copy");
        std::fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("permissions");
        if rustix::process::geteuid().is_root() {
            let done = std::process::Command::new("chown").arg("postgres:").arg(&to).status().expect("chown");
            assert!(done.success());
        }
    }
    server.sql("postgres", "alter system set ssl = on");
    server.sql("postgres", "select pg_reload_conf()");
    let connection = |mode: SslMode, host: &str, root: Option<&std::path::Path>| Connection {
        host: host.into(),
        ssl_root_cert: root.map(Into::into),
        ..tcp(&server, "postgres", mode)
    };
    let attempt = |connection: Connection| run(async { reached(&server, connection, None).info().await.map(|_| ()).map_err(|f| f.code) });
    let root = Some(cert.as_path());
    // The server takes the new setting a moment after it was told.
    crate::support::eventually("TLS did not come up", || attempt(connection(SslMode::Require, "127.0.0.1", None)).is_ok());
    assert_eq!(attempt(connection(SslMode::Prefer, "127.0.0.1", None)), Ok(()));
    assert_eq!(attempt(connection(SslMode::VerifyCa, "127.0.0.1", None)), Err(Code::TlsFailed), "not signed by the system's authorities");
    assert_eq!(attempt(connection(SslMode::VerifyCa, "127.0.0.1", root)), Ok(()), "signed, under another name");
    assert_eq!(attempt(connection(SslMode::VerifyFull, "127.0.0.1", root)), Err(Code::TlsFailed), "another name");
    assert_eq!(attempt(connection(SslMode::VerifyFull, "localhost", root)), Ok(()));
}
