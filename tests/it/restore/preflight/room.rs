//! Too little room: in the lock table and for connections. Each is a failed check where the restore does fail.

use super::*;
use crate::support::postgres::Postgres as TestServer;

/// A server on which everything is scarce.
const SCARCE: &str = "max_connections = 12\nmax_locks_per_transaction = 10\nmax_prepared_transactions = 0\nmax_wal_senders = 0\nwal_level = replica\n\
                      autovacuum_max_workers = 1\nmax_worker_processes = 1";

#[test]
fn a_lock_table_that_is_too_small_fails_the_check_and_the_restore() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("many_tables");
    bench.server.sql(&source, "do $$ begin for i in 1..600 loop execute format('create table t%s (a text)', i); end loop; end $$");
    let scarce = TestServer::start(15, SCARCE);
    let before = databases(&scarce);
    run(async {
        let archive = bench.backup_of(&source).await;
        let (context, _) = elsewhere(&scarce);
        let to = RestoreSpec { effort: effort(2), prove: false, ..spec(&scarce, &archive, "many_tables") };
        let plan = plan_on(&context, &to).await;
        failed(&plan, "lock table", Code::LockTableFull, "the server has room for 120");
        assert_eq!(line(&plan, "rehearsal").state, CheckState::Ok, "the trial takes what room there is: {plan:#?}");
        assert_eq!(databases(&scarce), before);
        let forced = care(&to, |care| (care.force, care.rehearse) = (true, Rehearse::Off));
        let plan = plan_on(&context, &forced).await;
        assert_eq!(plan.obstacle(), None);
        let fault = engine::run(Confirmed::by_name(plan, None).expect("nothing to confirm"), &context).await.expect_err("no room");
        assert_eq!(fault.code, Code::LockTableFull, "the check was right: {fault:?}");
    });
}

#[test]
fn too_few_connections_for_the_jobs_fail_the_check() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("few");
    bench.server.sql(&source, "create table t (id int)");
    let scarce = TestServer::start(15, SCARCE);
    run(async {
        let archive = bench.backup_of(&source).await;
        let (context, _) = elsewhere(&scarce);
        let to = |jobs| RestoreSpec { effort: effort(jobs), ..spec(&scarce, &archive, "few") };
        let plan = plan_on(&context, &to(16)).await;
        failed(&plan, "connections", Code::TooManyConnections, "17 are needed");
        let cure = line(&plan, "connections").cure.clone().expect("a cure");
        let jobs: u32 =
            cure.split("--jobs ").nth(1).and_then(|rest| rest.split(';').next()).and_then(|jobs| jobs.parse().ok()).expect("a number");
        assert!((4..12).contains(&jobs), "{cure}");
        // The server lets go of the first plan's sessions a little after they have ended.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while scarce.sql("postgres", "select count(*) from pg_stat_activity where backend_type = 'client backend'") != "1" {
            assert!(std::time::Instant::now() < until, "sessions of the first plan are still there");
        }
        assert_eq!(plan_on(&context, &to(jobs)).await.obstacle(), None, "what the cure says works");
        assert_eq!(plan_on(&context, &care(&to(16), |care| care.force = true)).await.obstacle(), None);
    });
}
