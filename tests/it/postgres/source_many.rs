//! Many tables: the number of queries hardly grows with them.

use super::{postgres, run};
use crate::support::postgres::Postgres as TestServer;
use dbbackup::domain::Fault;
use dbbackup::server::{LoadSettings, Server as _};

/// Rows of tables and sequences, made some hundred at a time so that the lock table holds them.
const MAKE: &str = "do $$ begin
  for s in 0..6 loop execute format('create schema s%s', s); end loop;
  for i in 1..COUNT loop
    execute format('create table s%s.t%s (id int generated always as identity)', i % 7, i);
    if i % 200 = 0 then commit; end if;
  end loop; end $$";

fn good<T>(outcome: Result<T, Fault>) -> T {
    outcome.unwrap_or_else(|fault| panic!("{}", fault.render("It failed")))
}

#[test]
fn ten_thousand_tables_take_a_handful_of_queries() {
    let conf = "log_statement = all\nlog_line_prefix = '<%a> '\nautovacuum = off\nsession_preload_libraries = 'auto_explain'\n\
                auto_explain.log_min_duration = 0";
    let server = TestServer::start(17, conf);
    let count_log = || {
        let log = std::fs::read_to_string(&server.log).expect("the server's log");
        // Parameters stand in lines of their own; how often pg_dump is looked after depends on how long it takes.
        let counts = |entry: &&str| {
            entry.trim_start_matches('<').starts_with("dbbackup> LOG:  ")
                && !entry.contains("SET ")
                && !entry.contains(" LOG:  duration: ")
                && !entry.contains("a.application_name = $2")
        };
        log.split("\n<").filter(counts).count()
    };
    let queries = |count: usize| {
        let database = server.database("many");
        let make = MAKE.replace("COUNT", &count.to_string());
        let done = server.psql(&database).args(["-c", &make]).output().expect("psql");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let before = count_log();
        run(async {
            let source = postgres(&server);
            assert_eq!(good(source.survey(&database).await).len(), count);
            let planned = count_log() - before;
            assert!(planned < 10, "{planned} queries plan {count} tables");
            let snapshot = good(source.snapshot(&database).await);
            let contents = good(snapshot.contents().await);
            assert_eq!((contents.tables.len(), contents.sequences.len()), (count, count));
            assert!(!good(snapshot.inventory().await).0.is_empty());
            snapshot.release().await;
            let mut loader = good(source.loader(&database, &LoadSettings { index_memory: 64 << 20, ..LoadSettings::default() }).await);
            let (probed, behind) = good(loader.write_probe().await);
            assert_eq!((probed, behind), (count as u64, vec![]));
            loader.close().await;
        });
        count_log() - before
    };
    let (few, many) = (queries(20), queries(10_000));
    assert!(
        few > 20 && many - few < 300,
        "{few} queries for 20 tables, {many} for 10,000: only locks, sequences and probes come in batches"
    );
    // Without statistics the planner expects one row of each catalog: a nested loop would compare every sequence with every other row.
    let log = std::fs::read_to_string(&server.log).expect("the server's log");
    let plans: Vec<&str> = log.split("\n<").filter(|entry| entry.contains("  plan:") && entry.contains("WITH fed AS (")).collect();
    assert!(plans.len() >= 2, "{} plans of the probe are in the log", plans.len());
    let last = plans[plans.len() - 1];
    assert!(last.contains("Hash") && !last.contains("Nested Loop"), "the probe of 10,000 tables: {last}");
}
