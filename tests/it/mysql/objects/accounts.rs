//! Accounts, roles, memberships and rights on another server of the same product, and on one of the other.

use super::{fine, reached, run};
use crate::support::mysql::{Kind, Mysql as TestServer, server};
use crate::support::mysql_zoo::zoo;
use dbbackup::domain::Connection;
use dbbackup::server::mysql::Mysql;
use dbbackup::server::{Server as _, TargetChoices};

/// Brings all accounts of one server to another; gives what failed, each with its fault.
pub fn bring(source: &TestServer, target: &TestServer) -> Vec<String> {
    run(async {
        let mut failed = Vec::new();
        for object in fine(reached(source).globals().await) {
            let parts = fine(reached(target).apply_global_parts(&object, &TargetChoices::default()).await);
            failed.extend(parts.into_iter().map(|(part, fault)| format!("{} {}: {}", part.kind, part.name, fault.render("failed"))));
        }
        failed
    })
}

/// What the server says of an account: how it logs in, and its rights.
fn said(server: &TestServer, account: &str) -> Vec<String> {
    let is_role = server.kind == Kind::Mariadb && !account.contains('@');
    let hex = if server.kind == Kind::Mysql { "set print_identified_with_as_hex = on; " } else { "" };
    let user = if is_role { String::new() } else { server.sql("", &format!("{hex}show create user {account}")) };
    let mut lines: Vec<String> = server.sql("", &format!("show grants for {account}")).lines().map(str::to_owned).collect();
    lines.sort();
    lines.insert(0, user);
    lines
}

/// The zoo's accounts.
fn accounts(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Mariadb => &[
            "zoo_reader",
            "zoo_writer",
            "`zoo o'dd`",
            "zoo_native@'%'",
            "zoo_ed25519@'10.0.0.0/255.255.255.0'",
            "zoo_socket@localhost",
            "zoo_either@localhost",
            "zoo_issuer@'%'",
        ],
        Kind::Mysql => &[
            "zoo_reader@'%'",
            "zoo_writer@'%'",
            "'zoo o''dd'@'10.%'",
            "zoo_sha2@'%'",
            "zoo_sha256@'10.0.0.0/255.255.255.0'",
            "zoo_socket@localhost",
            "`zoo ☃ \"odd'name`@'host-_.example'",
            "zoo_issuer@'%'",
        ],
    }
}

#[test]
fn accounts_log_in_and_may_do_as_before() {
    for kind in Kind::ALL {
        let source = server(kind);
        zoo(source);
        let target = TestServer::start_with(kind, &[]);
        // Rights on tables and routines come with their database: it has to be there for the comparison.
        let failed: Vec<String> = bring(source, &target).into_iter().filter(|line| line.contains("zoo")).collect();
        assert_eq!(failed, Vec::<String>::new(), "{kind:?}");
        for account in accounts(kind) {
            let beside = |line: &String| !line.contains("`zoo`.");
            let (then, now): (Vec<String>, Vec<String>) =
                (said(source, account).into_iter().filter(beside).collect(), said(&target, account).into_iter().filter(beside).collect());
            assert_eq!(then, now, "{kind:?} {account}");
        }
        // Once more: who is there stays as he is.
        target.sql("", if kind == Kind::Mariadb { "set password for zoo_native@'%' = ''" } else { "alter user zoo_sha2@'%' identified by 'other'" });
        let account = if kind == Kind::Mariadb { "zoo_native@'%'" } else { "zoo_sha2@'%'" };
        let before = said(&target, account);
        let failed: Vec<String> = bring(source, &target).into_iter().filter(|line| line.contains("zoo")).collect();
        assert_eq!((failed, said(&target, account)), (Vec::new(), before), "{kind:?}");
    }
}

#[test]
fn an_account_of_the_other_product_is_made_or_told_how() {
    let (maria, mysql) = (server(Kind::Mariadb), server(Kind::Mysql));
    zoo(maria);
    zoo(mysql);
    let target = TestServer::start_with(Kind::Mariadb, &[]);
    let failed = bring(mysql, &target);
    let line = failed.iter().find(|line| line.contains("zoo_sha2@%") && line.contains("cannot create the account")).expect("a way to log in that it lacks");
    assert!(line.contains("caching_sha2_password") && line.contains("--map-role zoo_sha2@%=OTHER"), "{line}");
    assert!(!failed.iter().any(|line| line.contains("0x") || line.contains("$A$")), "a password's hash is told");
    let target = TestServer::start_with(Kind::Mysql, &[]);
    let failed = bring(maria, &target);
    assert!(failed.iter().any(|line| line.contains("zoo_native@%") && line.contains("mysql_native_password")), "{failed:#?}");
    // What both have comes through, in the other's words.
    assert_eq!(target.sql("", "select count(*) from mysql.user where user = 'zoo_reader'"), "1");
}

#[test]
fn what_an_account_may_not_see_is_told() {
    for kind in Kind::ALL {
        let server = server(kind);
        let user = server.login(server.plugins()[0], "x");
        let connection = Connection { ..server.connection(&user) };
        let plain = Mysql::new(connection, Some("x".into())).expect("a prepared connection");
        let gaps = run(async { fine(plain.globals_gaps().await) });
        assert!(matches!(&gaps[..], [gap] if gap.contains("no SELECT on the database mysql")), "{kind:?} {gaps:?}");
        let none = run(async { fine(reached(server).globals_gaps().await) });
        // The test servers are told to know no names of hosts.
        assert!(none.iter().all(|gap| gap.contains("skip_name_resolve") && !gap.contains("zoo_reader")), "{none:?}");
    }
}
