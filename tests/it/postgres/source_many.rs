//! Many tables: the number of queries does not grow with them.

use super::{postgres, run};
use crate::support::postgres::Postgres as TestServer;
use dbbackup::server::Server as _;

#[test]
fn thousands_of_tables_take_a_handful_of_queries() {
    let server = TestServer::start(17, "log_statement = all\nlog_line_prefix = '<%a> '\nmax_locks_per_transaction = 1024");
    let log = || std::fs::read_to_string(server.socket.join("server.log")).expect("the server's log");
    let queries = |count: u32| {
        let database = server.database("many");
        let make = format!(
            "do $$ begin for i in 1..{count} loop execute format('create table t%s (id serial, b text)', i); commit; end loop; end $$"
        );
        server.sql(&database, &make);
        let before = log().lines().filter(|line| line.starts_with("<dbbackup> ") && !line.contains("SET ")).count();
        let (tables, sequences) = run(async {
            let snapshot = postgres(&server).snapshot(&database).await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
            let contents = snapshot.contents().await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
            snapshot.release().await;
            (contents.tables.len(), contents.sequences.len())
        });
        assert_eq!((tables, sequences), (count as usize, count as usize));
        log().lines().filter(|line| line.starts_with("<dbbackup> ") && !line.contains("SET ")).count() - before
    };
    let (few, many) = (queries(10), queries(1200));
    assert!(few > 20 && many - few < 20, "{few} queries for 10 tables, {many} for 1200");
}
