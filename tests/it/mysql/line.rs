//! Lines that are not laid, that break, and that nobody waits on any more.

use super::{connector, first, root};
use crate::support::mysql::{Kind, Mysql, server};
use crate::support::proxy::{Mood, Proxy};
use dbbackup::domain::connection::SslMode;
use dbbackup::domain::{Code, Connection};
use dbbackup::server::mysql::wire::Error;
use std::time::{Duration, Instant};

#[tokio::test]
async fn what_keeps_a_line_from_being_laid_is_told_apart() {
    let there = server(Kind::Mariadb).connection("root");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = Connection { port: nobody.local_addr().expect("an address").port(), connect_timeout: 1, ..there.clone() };
    for (connection, code) in [
        (Connection { host: "no-such-host.invalid".into(), ..there.clone() }, Code::HostUnknown),
        (Connection { port: 1, ..there.clone() }, Code::ConnectionRefused),
        (Connection { host: "/nowhere/mysqld.sock".into(), ..there.clone() }, Code::ConnectionRefused),
        (silent, Code::ConnectTimeout),
        (Connection { ssl_mode: SslMode::VerifyFull, ..there.clone() }, Code::TlsFailed),
    ] {
        let fault = connector(connection, "").session(None).await.expect_err("no session");
        assert_eq!(fault.code, code, "{fault}");
    }
    let fault = connector(there, "").session(Some("no such database")).await.expect_err("no session");
    assert_eq!(fault.code, Code::DatabaseMissing, "{fault}");
}

#[tokio::test]
async fn certificates_are_believed_as_far_as_the_mode_says() {
    for kind in Kind::ALL {
        let server = server(kind);
        let user = server.login(server.plugins()[0], "pass");
        let ca = Some(server.root.join("ca.crt"));
        for (mode, host, works) in
            [(SslMode::VerifyFull, "localhost", true), (SslMode::VerifyFull, "127.0.0.1", false), (SslMode::VerifyCa, "127.0.0.1", true)]
        {
            let connection = Connection { ssl_mode: mode, ssl_root_cert: ca.clone(), host: host.into(), ..server.connection(&user) };
            match connector(connection, "pass").session(None).await {
                Ok(mut session) => {
                    assert!(works, "{mode:?} {host}");
                    let cipher = session.query("show session status like 'Ssl_version'").await.expect("a version");
                    assert!(cipher[0].owned(1).starts_with("TLS"), "{cipher:?}");
                    session.close().await;
                }
                Err(fault) => assert!(!works && fault.code == Code::TlsFailed, "{mode:?} {host}: {fault}"),
            }
        }
    }
}

#[tokio::test]
async fn a_statement_is_cancelled_from_outside_and_the_session_goes_on() {
    for kind in Kind::ALL {
        let mut session = root(server(kind)).await;
        let canceller = session.canceller();
        // Nothing to cancel: the next statement is not hit.
        canceller.cancel().await;
        let began = Instant::now();
        let (asked, ()) = tokio::join!(session.query("select sleep(60) from (select 1 union all select 2) two"), async {
            let mut other = root(server(kind)).await;
            while first(
                &mut other,
                "select count(*) from information_schema.processlist where info like 'select sleep(60) from (select 1%'",
            )
            .await
                == "0"
            {}
            canceller.cancel().await;
            other.close().await;
        });
        assert!(matches!(asked, Err(Error::Server { number: 1317, .. })), "{asked:?}");
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!(first(&mut session, "select 1").await, "1");
        session.close().await;
    }
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_ended_on_the_server() {
    for kind in Kind::ALL {
        let connector = connector(server(kind).local("root"), "");
        let mut other = root(server(kind)).await;
        let mut session = connector.session(None).await.expect("a session");
        let there = format!("select count(*) from information_schema.processlist where id = {}", session.id());
        let sleeps = format!("{there} and info like 'select sleep(61)%'");
        tokio::select! {
            _ = session.query("select sleep(61)") => panic!("it sleeps"),
            () = async { while first(&mut other, &sleeps).await == "0" {} } => {}
        }
        assert!(session.query("select 1").await.is_err(), "whose answer would it be?");
        drop(session);
        connector.settled().await;
        let began = Instant::now();
        while first(&mut other, &there).await != "0" {
            assert!(began.elapsed() < Duration::from_secs(10), "it is still there");
        }
        other.close().await;
    }
}

#[test]
fn a_long_statement_is_waited_for_and_a_dead_line_is_not() {
    for kind in Kind::ALL {
        let server = server(kind);
        let proxy = Proxy::start(server.port);
        tokio::runtime::Runtime::new().expect("a runtime").block_on(stalled(server, &proxy));
    }
}

async fn stalled(server: &'static Mysql, proxy: &Proxy) {
    let connection = Connection { port: proxy.port, network_timeout: 1, ..server.connection("root") };
    let connector = connector(connection, "");
    let mut session = connector.session(None).await.expect("a session");
    assert_eq!(first(&mut session, "select sleep(2.5)").await, "0");
    let id = session.id();
    proxy.turn(Mood::StallOld);
    let began = Instant::now();
    let lost = session.query("select 1").await.expect_err("nothing gets through");
    assert!(matches!(&lost, Error::Lost(why) if why.to_string().contains("no byte has moved")), "{lost}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let fault = connector.fault("cannot read", &lost, "");
    assert_eq!(fault.code, Code::ServerUnavailable);
    let mut other = root(server).await;
    let there = format!("select count(*) from information_schema.processlist where id = {id}");
    while first(&mut other, &there).await != "0" {}
    other.close().await;
    // Not even a new session gets through.
    proxy.turn(Mood::Pass);
    let mut session = connector.session(None).await.expect("a session");
    proxy.turn(Mood::Cut);
    assert!(matches!(session.query("select 1").await, Err(Error::Lost(_))), "the line is cut");
}
