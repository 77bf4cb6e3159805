//! Every integration test, in one binary: one link, and servers that are started once.

mod app;
mod architecture;
mod archive;
mod backup;
mod base;
mod batch;
mod cli;
mod config;
mod diagnose;
mod docs;
mod e2e;
mod log;
mod mysql;
mod pitr_look;
mod postgres;
mod pty;
mod recover;
mod restore;
mod support;
mod view;
mod wal;

#[test]
fn every_server_version_of_the_list_starts() {
    for major in support::postgres::VERSIONS {
        let server = support::postgres::server(major);
        let version = server.sql("postgres", "show server_version_num");
        assert_eq!(version.parse::<u32>().expect("a number") / 10_000, major);
    }
}

#[test]
fn every_product_beside_postgresql_starts_and_starts_again() {
    use support::mysql::{Kind, Mysql};
    for kind in Kind::ALL {
        let server = support::mysql::server(kind);
        let version = server.sql("", "select version()");
        assert_eq!(version.contains("MariaDB"), kind == Kind::Mariadb, "{version}");
        assert_eq!(server.sql("", "select @@log_bin, @@local_infile, @@server_id"), "1\t1\t1");
        for plugin in server.plugins() {
            let user = server.login(plugin, "it's \\ secret");
            let mut command = std::process::Command::new(server.stock("mysql"));
            command.env_clear().env("MYSQL_PWD", "it's \\ secret").args([
                "--no-defaults",
                "-h127.0.0.1",
                "-BN",
                "-e",
                "show status like 'Ssl_version'",
            ]);
            command.args([format!("-u{user}"), format!("-P{}", server.port), format!("--ssl-ca={}", server.root.join("ca.crt").display())]);
            let out = command.output().expect("the stock client");
            assert!(out.status.success(), "{plugin}: {}", String::from_utf8_lossy(&out.stderr));
            assert!(String::from_utf8_lossy(&out.stdout).contains("TLS"), "{plugin}");
        }
        let own = Mysql::start_with(kind, &["--local-infile=0"]);
        let name = own.database("kept");
        own.sql(&name, "create table t (a int); insert into t values (1)");
        own.restart_now();
        assert_eq!(own.sql(&name, "select @@local_infile, a from t"), "0\t1");
        assert_ne!(own.sql("", "select @@port"), server.sql("", "select @@port"));
    }
}
