//! Certificates of the client, authorities of the system, and passwords bound to the TLS channel.

use super::{reached, run, tcp};
use crate::support::postgres::Postgres as TestServer;
use crate::support::program;
use dbbackup::domain::connection::SslMode;
use dbbackup::domain::{Code, Connection};
use dbbackup::server::Server as _;
use dbbackup::server::postgres::Postgres;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs openssl in a folder.
fn openssl(dir: &Path, args: &str) {
    let out = Command::new("openssl").args(shell_words::split(args).expect("words")).current_dir(dir).output().expect("openssl");
    assert!(out.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&out.stderr));
}

/// An authority, a server's certificate for `localhost` and a client's for `certain` signed by it, and a key that is open to others.
fn certificates(dir: &Path) {
    openssl(dir, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt");
    for (name, subject, names) in [("server", "localhost", "DNS:localhost"), ("client", "certain", "DNS:certain")] {
        std::fs::write(dir.join("names"), format!("subjectAltName={names}\n")).expect("a file");
        openssl(dir, &format!("req -newkey rsa:2048 -nodes -subj /CN={subject} -keyout {name}.key -out {name}.csr"));
        openssl(dir, &format!("x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.crt"));
    }
    let mode = |name: &str, mode| std::fs::set_permissions(dir.join(name), PermissionsExt::from_mode(mode)).expect("permissions");
    mode("client.key", 0o600);
    std::fs::copy(dir.join("client.key"), dir.join("open.key")).expect("a copy");
    mode("open.key", 0o644);
}

/// A server with TLS that wants a certificate of the role `certain` and a password of `secretive`.
fn start(dir: &Path) -> TestServer {
    let server = TestServer::start(17, "");
    for name in ["server.key", "server.crt", "ca.crt"] {
        let to = server.data.join(name);
        std::fs::copy(dir.join(name), &to).expect("a copy");
        std::fs::set_permissions(&to, PermissionsExt::from_mode(0o600)).expect("permissions");
        if rustix::process::geteuid().is_root() {
            assert!(Command::new("chown").arg("postgres:").arg(&to).status().expect("chown").success());
        }
    }
    let hba = server.data.join("pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).expect("rules");
    std::fs::write(
        &hba,
        format!(
            "hostssl all,replication certain 127.0.0.1/32 cert\nhostssl all,replication secretive 127.0.0.1/32 scram-sha-256\n\
             host all,replication hashed 127.0.0.1/32 md5\nhost all,replication plain 127.0.0.1/32 password\n{rules}"
        ),
    )
    .expect("rules");
    server.sql("postgres", "create role certain login replication; create role secretive login replication password 'bound'; \
        create role plain login replication password 'open'; set password_encryption = md5; create role hashed login replication password 'old'");
    server.sql("postgres", "alter system set ssl_ca_file = 'ca.crt'");
    server.sql("postgres", "alter system set ssl = on");
    server.sql("postgres", "select pg_reload_conf()");
    let reachable = || run(async { reached(&server, tcp(&server, "postgres", SslMode::Require), None).info().await.is_ok() });
    crate::support::eventually("TLS did not come up", reachable);
    server
}

#[test]
fn certificates_prove_the_client_and_the_system_proves_the_server() {
    let dir = tempfile::tempdir().expect("a folder");
    certificates(dir.path());
    let server = start(dir.path());
    let file = |name: &str| Some::<PathBuf>(dir.path().join(name));
    let attempt = |connection: Connection| run(async { reached(&server, connection, None).info().await.map_err(|fault| fault.code) });
    let certain = |mode| Connection {
        host: "localhost".into(),
        ssl_root_cert: file("ca.crt"),
        ssl_cert: file("client.crt"),
        ssl_key: file("client.key"),
        ..tcp(&server, "certain", mode)
    };
    for mode in [SslMode::Prefer, SslMode::Require, SslMode::VerifyFull] {
        assert!(!attempt(certain(mode)).unwrap_or_else(|code| panic!("{mode:?}: {code:?}")).superuser);
    }
    // Without a certificate, and with one of another role.
    let without = Connection { ssl_cert: None, ssl_key: None, ..certain(SslMode::VerifyFull) };
    assert_eq!(attempt(without).expect_err("a certificate is wanted"), Code::AuthFailed);
    let other = Connection { ssl_cert: file("server.crt"), ssl_key: file("server.key"), ..certain(SslMode::VerifyFull) };
    std::fs::set_permissions(dir.path().join("server.key"), PermissionsExt::from_mode(0o600)).expect("permissions");
    assert_eq!(attempt(other).expect_err("it is of somebody else"), Code::AuthFailed);
    // A key that others can read is not used, nor one that does not belong to the certificate.
    let refused = |key: &str| {
        let connection = Connection { ssl_key: file(key), ..certain(SslMode::VerifyFull) };
        Postgres::new(connection, None).err().expect("it is refused")
    };
    let open = refused("open.key");
    assert_eq!(open.code, Code::FilePermission);
    assert!(
        open.root_cause().contains("0644") && open.steps[0].command.as_deref().is_some_and(|command| command.starts_with("chmod 600 "))
    );
    assert_eq!(refused("").code, Code::FilePermission, "a folder");
    assert_eq!(refused("server.key").code, Code::TlsFailed, "it does not fit");
    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(dir.path().join("open.key"), PermissionsExt::from_mode(0o640)).expect("permissions");
        let connection = Connection { ssl_key: file("open.key"), ..certain(SslMode::VerifyFull) };
        assert!(attempt(connection).is_ok(), "0640 of root is allowed");
    }
    // The authorities of the system are read where OpenSSL's variable says.
    let home = tempfile::tempdir().expect("a folder");
    let system = |roots: &Path, more: &[&str]| {
        let port = server.port.to_string();
        let mut command = program::dbbackup(home.path(), &["status", "--batch", "--host", "localhost", "--port", &port]);
        command.args(["--user", "postgres", "--ssl-mode", "verify-full"]).args(more).env("SSL_CERT_FILE", roots);
        program::run(&mut command)
    };
    for more in [&[][..], &["--ssl-root-cert", "system"]] {
        assert!(system(&dir.path().join("ca.crt"), more).ok().stdout.contains("PostgreSQL 17"));
        system(&dir.path().join("client.crt"), more).fails(69, "TLS_FAILED");
    }
    // A password over TLS.
    let secretive = |password| {
        let connection =
            Connection { ssl_root_cert: file("ca.crt"), host: "localhost".into(), ..tcp(&server, "secretive", SslMode::VerifyFull) };
        run(async { reached(&server, connection, Some(password)).info().await.map_err(|fault| fault.code).map(|info| info.superuser) })
    };
    assert_eq!((secretive("bound"), secretive("wrong")), (Ok(false), Err(Code::AuthFailed)));
}

#[test]
fn replication_sessions_log_in_as_others_do() {
    let dir = tempfile::tempdir().expect("a folder");
    certificates(dir.path());
    let server = start(dir.path());
    let attempt = |connection: Connection, password: Option<&str>| {
        run(async { reached(&server, connection, password).base_source().await.map(drop).map_err(|fault| fault.code) })
    };
    let over = |user: &str, mode| Connection {
        host: "localhost".into(),
        ssl_root_cert: Some(dir.path().join("ca.crt")),
        ..tcp(&server, user, mode)
    };
    let certain = |mode| Connection {
        ssl_cert: Some(dir.path().join("client.crt")),
        ssl_key: Some(dir.path().join("client.key")),
        ..over("certain", mode)
    };
    // A certificate; a password that is bound to the channel; MD5 and a bare one without TLS.
    for mode in [SslMode::Prefer, SslMode::Require, SslMode::VerifyFull] {
        assert_eq!(attempt(certain(mode), None), Ok(()), "{mode:?}");
        assert_eq!(attempt(over("secretive", mode), Some("bound")), Ok(()), "{mode:?}");
    }
    assert_eq!(attempt(over("hashed", SslMode::Disable), Some("old")), Ok(()));
    assert_eq!(attempt(over("plain", SslMode::Disable), Some("open")), Ok(()));
    for user in ["secretive", "hashed", "plain"] {
        assert_eq!(attempt(over(user, SslMode::Prefer), Some("wrong")), Err(Code::AuthFailed), "{user}");
        assert_eq!(attempt(over(user, SslMode::Prefer), None), Err(Code::AuthFailed), "{user}");
    }
    assert_eq!(attempt(over("certain", SslMode::Require), None), Err(Code::AuthFailed), "without its certificate");
    let stranger = Connection { ssl_root_cert: Some(dir.path().join("client.crt")), ..over("secretive", SslMode::VerifyFull) };
    assert_eq!(attempt(stranger, Some("bound")), Err(Code::TlsFailed), "signed by somebody else");
    let nowhere = Connection { port: 1, ..over("plain", SslMode::Disable) };
    assert_eq!(attempt(nowhere, None), Err(Code::ConnectionRefused));
}

/// Somebody in between, with a certificate of his own, who passes everything on between two sessions of TLS. Gives his port; he ends with the runtime.
fn in_between(dir: &Path, to: u16, runtime: &tokio::runtime::Runtime) -> u16 {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    openssl(dir, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout thief.key -out thief.crt");
    let own = vec![CertificateDer::from_pem_file(dir.join("thief.crt")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(dir.join("thief.key")).expect("a key");
    let server = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(own, key).expect("a configuration");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("ca.crt")).expect("a certificate")).expect("an authority");
    let client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let (acceptor, connector) =
        (tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(server)), tokio_rustls::TlsConnector::from(std::sync::Arc::new(client)));
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    runtime.spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            tokio::spawn(async move {
                let mut request = [0; 8];
                near.read_exact(&mut request).await?;
                near.write_all(b"S").await?;
                let mut near = acceptor.accept(near).await?;
                let mut far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await?;
                far.write_all(&request).await?;
                far.read_u8().await?;
                let mut far = connector.connect(ServerName::try_from("localhost").expect("a name"), far).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    port
}

#[test]
fn a_password_of_a_replication_session_is_bound_to_the_servers_certificate() {
    let dir = tempfile::tempdir().expect("a folder");
    certificates(dir.path());
    let server = start(dir.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let port = in_between(dir.path(), server.port, &runtime);
    // Nobody looks at the certificate in this mode, so that only the binding can tell.
    let attempt = |user: &str, port: u16, password: Option<&str>| {
        let connection = Connection { host: "localhost".into(), port, ..tcp(&server, user, SslMode::Require) };
        run(async { reached(&server, connection, password).base_source().await.map(drop).map_err(|fault| fault.code) })
    };
    assert_eq!(attempt("postgres", port, None), Ok(()), "who needs no password is passed on");
    assert_eq!(attempt("secretive", server.port, Some("bound")), Ok(()), "straight to the server");
    assert_eq!(attempt("secretive", port, Some("bound")), Err(Code::AuthFailed), "somebody is in between");
}
