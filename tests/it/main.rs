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
