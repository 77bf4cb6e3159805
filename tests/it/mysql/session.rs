//! Logins, questions and answers.

use super::{connector, root};
use crate::support::mysql::{Kind, server};
use dbbackup::domain::connection::SslMode;
use dbbackup::domain::{Code, Connection};
use dbbackup::server::mysql::wire::Error;

const PASSWORD: &str = "it's \\ a \"secret\" ö";

#[tokio::test]
async fn every_way_to_prove_a_password_works_with_and_without_tls() {
    for kind in Kind::ALL {
        let server = server(kind);
        for plugin in server.plugins() {
            let user = server.login(plugin, PASSWORD);
            // Without TLS first: the server does not know the password by heart yet, and gets it under its key.
            for (mode, encrypted) in
                [(SslMode::Disable, false), (SslMode::Disable, false), (SslMode::Prefer, true), (SslMode::Require, true)]
            {
                let connection = Connection { ssl_mode: mode, ..server.connection(&user) };
                let mut session = connector(connection.clone(), PASSWORD).session(None).await.expect("a session");
                assert_eq!(session.is_encrypted(), encrypted, "{plugin} {mode:?}");
                let rows = session.query("select current_user(), connection_id(), @@time_zone, @@sql_mode, 'ö'").await.expect("rows");
                assert_eq!(rows[0].text(0).as_deref(), Some(format!("{user}@%").as_str()));
                assert_eq!(rows[0].number::<u64>(1), Some(session.id()));
                assert_eq!((rows[0].text(2).as_deref(), rows[0].text(3).as_deref()), (Some("+00:00"), Some("NO_AUTO_VALUE_ON_ZERO")));
                assert_eq!(rows[0].bytes(4), Some("ö".as_bytes()));
                session.close().await;
                let wrong = connector(connection, "wrong").session(None).await.expect_err("a wrong password");
                assert_eq!(wrong.code, Code::AuthFailed, "{plugin} {mode:?}: {wrong}");
            }
            let local = connector(server.local(&user), PASSWORD).session(None).await.expect("a session");
            assert_eq!(local.flavour().product, server.connection("").product);
            local.close().await;
        }
    }
}

#[tokio::test]
async fn several_answers_and_errors_are_told_apart() {
    for kind in Kind::ALL {
        let mut session = root(server(kind)).await;
        let answers = session.query_each("select 1; set @a = 2; select @a, null union all select 3, ''").await.expect("answers");
        assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 2]);
        assert_eq!((answers[2][0].text(0).as_deref(), answers[2][0].bytes(1), answers[2][1].bytes(1)), (Some("2"), None, Some(&b""[..])));
        let error = session.query("select 1; select * from nowhere.nothing; select 2").await.expect_err("no such table");
        assert!(matches!(&error, Error::Server { sqlstate, .. } if sqlstate == "42S02" || sqlstate == "42000"), "{error:?}");
        // A stream that is left early is read past.
        let mut stream = session.stream("select 1 union all select 2 union all select 3").await.expect("a stream");
        assert_eq!(stream.columns().len(), 1);
        assert_eq!(stream.next().await.expect("a row").expect("one").iter().next(), Some(Some(&b"1"[..])));
        assert_eq!(session.query("select 4").await.expect("rows")[0].number::<u8>(0), Some(4));
        session.close().await;
    }
}
