//! What must not work, what is said then, and what stays.

use super::*;
use crate::support::postgres::server;
use dbbackup::domain::Code;

#[test]
fn a_full_target_is_refused_and_replaced_only_when_confirmed() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("full");
    bench.server.sql(&source, "create table t (id int); insert into t values (1)");
    let target = bench.server.database("full_target");
    bench.server.sql(&target, "create table precious (id int)");
    run(async {
        let archive = bench.backup_of(&source).await;
        let plain = spec(bench.server, &archive, &target);
        let plan = bench.plan(&plain).await.expect("a plan");
        assert!(plan.confirm.is_none());
        let obstacle = plan.obstacle().expect("it is not empty");
        assert!(obstacle.steps.iter().any(|step| step.text.contains(&format!("--clean --confirm {target}"))), "{obstacle:?}");
        // The check is made again when it runs.
        let fault = engine::run(Confirmed::by_name(plan, None).expect("nothing to confirm"), &bench.context).await.expect_err("not empty");
        assert_eq!(fault.code, Code::TargetNotEmpty);
        assert_eq!(bench.server.sql(&target, "select count(*) from precious"), "0");
        let clean = RestoreSpec { clean: true, ..plain };
        let plan = bench.plan(&clean).await.expect("a plan");
        assert_eq!((plan.confirm.as_deref(), plan.destroys.len()), (Some(target.as_str()), 1));
        assert_eq!(Confirmed::by_name(plan, Some("other")).expect_err("another name").code, Code::NotConfirmed);
        bench.restore(&clean).await.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
        let missing = RestoreSpec { create: false, ..spec(bench.server, &archive, "not_there_at_all") };
        let fault = bench.restore(&missing).await.expect_err("it is not there");
        assert!(fault.steps.iter().any(|step| step.text.contains("--create")), "{fault:?}");
    });
    assert_eq!(bench.server.sql(&target, "select id from t"), "1");
    assert_eq!(bench.server.sql(&target, "select to_regclass('precious') is null"), "t");
}

#[test]
fn a_cancelled_restore_leaves_nothing() {
    let bench = Bench::new(server(17));
    let source = bench.server.database("stop");
    // A check that sleeps, but did not when the rows came into the source: loading them into the copy never ends.
    bench.server.sql(
        &source,
        "create function slow(i int) returns int language plpgsql as $$ begin return i; end $$; \
         create table v (id int check (public.slow(id) > 0)); insert into v values (1); create table w (id int); \
         create or replace function slow(i int) returns int language plpgsql as $$ begin perform pg_sleep(600); return i; end $$",
    );
    let target = format!("{source}_copy");
    run(async {
        let archive = bench.backup_of(&source).await;
        let spec = spec(bench.server, &archive, &target);
        let job = bench.restore(&spec);
        let stop = async {
            // As soon as the server is at work on the copy's sleeping statement.
            loop {
                let asleep = bench.server.sql(
                    "postgres",
                    &format!("select count(*) from pg_stat_activity where datname = '{target}' and wait_event = 'PgSleep'"),
                );
                if asleep != "0" {
                    break;
                }
                tokio::task::yield_now().await;
            }
            bench.context.cancel.cancel();
        };
        let (outcome, ()) =
            tokio::time::timeout(std::time::Duration::from_secs(60), async { tokio::join!(job, stop) }).await.expect("no hang");
        let fault = outcome.expect_err("cancelled");
        assert_eq!(fault.code, Code::Cancelled, "{fault:?}");
        assert!(!fault.context.iter().any(|(name, _)| name == "Left"), "{fault:?}");
    });
    assert!(!bench.exists(&target));
    assert_eq!(bench.server.sql("postgres", &format!("select count(*) from pg_stat_activity where datname = '{target}'")), "0");
}

#[test]
fn the_failing_statement_is_told_and_the_rest_goes_on_only_when_asked() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("bad");
    // A function that works on the source and not on an empty search_path.
    bench.server.sql(
        &source,
        "create table base (id int); create function leans() returns bigint language plpgsql stable as $$ begin return (select count(*) from base); end $$; \
         create table good (id int primary key); insert into good values (1), (2); \
         create materialized view m as select leans() as n; create index m_n on m (n)",
    );
    run(async {
        let archive = bench.backup_of(&source).await;
        let target = format!("{source}_stop");
        let fault = bench.restore(&spec(bench.server, &archive, &target)).await.expect_err("the view cannot be filled");
        assert!(fault.what.contains("public.m") && fault.sqlstate.as_deref() == Some("42P01"), "{fault:?}");
        assert!(fault.statement.as_deref().is_some_and(|sql| sql.starts_with("REFRESH")), "{fault:?}");
        assert!(fault.context.iter().any(|(name, _)| name == "Left"), "{fault:?}");
        let target = format!("{source}_go_on");
        let on = RestoreSpec { continue_on_error: true, prove: false, ..spec(bench.server, &archive, &target) };
        let summary = bench.restore(&on).await.expect("a result");
        assert_eq!(summary.verdict(), dbbackup::domain::job::Verdict::Partial);
        let one = &summary.databases[0];
        assert_eq!(one.fault.as_ref().map(|fault| fault.code), Some(Code::Partial), "{one:?}");
        assert!(one.skipped.iter().any(|missing| missing.object == "INDEX m_n"), "{one:?}");
        assert_eq!((summary.causes.len(), one.objects.failed, one.objects.skipped), (1, 1, one.skipped.len() as u64), "{summary:?}");
        assert_eq!(bench.server.sql(&target, "select count(*) from good"), "2");
    });
}

#[test]
fn rows_that_break_one_rule_are_one_cause_whatever_they_were_part_of() {
    let bench = Bench::new(server(17));
    let source = bench.server.database("rules");
    // What broke the rules came in behind their backs: while triggers slept, and before the function of the check was changed.
    bench.server.sql(
        &source,
        "create table parent (id int primary key); create table child (id int, parent int constraint of_parent references parent); \
         set session_replication_role = replica; insert into child values (1, 7); reset session_replication_role; \
         create function fits(i int) returns bool immutable language sql as 'select true'; \
         create domain small as int constraint is_small check (public.fits(value)); \
         create table one (v small); create table two (v small); insert into one values (70); insert into two values (71); \
         create or replace function fits(i int) returns bool immutable language sql as 'select i < 50'",
    );
    run(async {
        let archive = bench.backup_of(&source).await;
        let target = format!("{source}_copy");
        let on = RestoreSpec { continue_on_error: true, prove: true, ..spec(bench.server, &archive, &target) };
        let summary = bench.restore(&on).await.expect("a result");
        // What is there is proven, what is not is named.
        let proof = summary.proof.as_ref().expect("a proof of what is there");
        assert_eq!((proof.tables, proof.rows, proof.differences.len()), (2, 1, 0), "{proof:?}");
        let said = "only the rows of 2 tables are proven; not there: public.one, public.two";
        assert!(summary.warnings.iter().any(|warning| warning.contains(said)), "{:?}", summary.warnings);
        let whats: Vec<&str> = summary.causes.iter().map(|cause| cause.what.as_str()).collect();
        assert_eq!(whats.len(), 2, "{whats:?}");
        assert!(whats.iter().any(|what| what.starts_with("rows break of_parent of public.child: ")), "{whats:?}");
        let domain = summary.causes.iter().find(|cause| cause.what.starts_with("rows break is_small of the type public.small: "));
        assert_eq!(domain.map(|cause| cause.failed), Some(2), "{:?}", summary.causes);
    });
}

#[test]
fn a_missing_role_is_found_before_anything_is_done() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("roles");
    bench.server.sql(&source, "create role gone_soon; create table t (id int); alter table t owner to gone_soon");
    run(async {
        let archive = bench.backup_of(&source).await;
        bench.server.sql(&source, "alter table t owner to postgres; drop role gone_soon");
        let target = format!("{source}_copy");
        let base = spec(bench.server, &archive, &target);
        let obstacle = bench.plan(&base).await.expect("a plan").obstacle().expect("a role is missing");
        assert!(obstacle.what.contains("gone_soon") && obstacle.steps.iter().any(|step| step.text.contains("--no-owner")), "{obstacle:?}");
        assert!(!bench.exists(&target));
        let without = RestoreSpec { no_owner: true, no_acl: true, ..base };
        bench.restore(&without).await.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
    });
}
