//! A server that crashes in the middle of a restore empties the tables that it does not log: nothing else could tell without a proof, so the
//! restores here do without one.

use super::*;
use dbbackup::domain::Code;

/// Tables of both kinds that refer to each other and to themselves, with triggers that would spoil rows that come a second time.
const UNLOGGED: &str = "\
create table kept (id int primary key, v text); insert into kept select i, repeat(md5(i::text), 4) from generate_series(1, 2000) i; \
create unlogged table lost (id serial primary key, kept int references kept, earlier int references lost, v text); \
insert into lost (kept, earlier, v) select i, nullif(2001 - i, i), repeat(md5(i::text), 4) from generate_series(1, 2000) i; \
create index on lost (v); create unlogged table leaf (lost int references lost); insert into leaf select i from generate_series(1, 2000) i; \
create function spoil() returns trigger language plpgsql as $$ begin new.v := 'spoilt'; return new; end $$; \
create trigger spoil before insert on lost for each row execute function spoil(); alter table lost enable always trigger spoil; \
comment on trigger spoil on lost is 'it spoils'; \
create table parted (k int, v text) partition by range (k); create unlogged table parted_1 partition of parted for values from (0) to (1000); \
create table parted_2 partition of parted for values from (1000) to (5000); insert into parted select i, md5(i::text) from generate_series(1, 2000) i; \
create trigger spoil before insert on parted for each row execute function spoil(); alter table parted add foreign key (k) references kept; \
create materialized view total as select count(*) as n from lost";

/// What only the server's log or nothing holds.
fn crashing() -> TestServer {
    TestServer::start(17, "wal_writer_delay = 10s\nautovacuum = off\ncheckpoint_timeout = 1h")
}

fn unproven(bench: &Bench, archive: &Path, target: &str, retries: u32) -> RestoreSpec {
    let mut spec = RestoreSpec { prove: false, ..replacing(bench.server, &beside(archive, bench.dir.path(), target), target) };
    spec.care.retries = Retries(retries);
    spec
}

/// Until the ledger's end: what a crash takes later is lost as from any other database.
fn during(bench: &Bench, archive: &Path) -> Vec<Point> {
    let passed = At::new(None, || {});
    let spec = unproven(bench, archive, "unlogged_first", 0);
    run(restore_with(&spec, bench, passed.clone())).unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
    let passed = passed.passed.lock().expect("counts");
    let last = Transition::ALL.iter().position(|one| *one == Transition::LoadedNoted).expect("one of all");
    let late = [Transition::LoadCommitted, Transition::ObjectsMade, Transition::StatisticsGathered];
    let mut points: Vec<Point> = late.into_iter().map(|one| (one, 1)).collect();
    points.extend(Transition::ALL[..=last].iter().filter_map(|one| Some((*one, *passed.get(one)?))));
    points.retain(|(one, _)| *one >= Transition::LedgerMade);
    points
}

fn complete(bench: &Bench, source: &str, target: &str, point: Point) {
    assert_eq!(rows(bench.server, target), rows(bench.server, source), "{point:?}");
    assert_eq!(definitions(bench.server, target), definitions(bench.server, source), "{point:?}");
    let next = "select nextval('lost_id_seq')";
    assert_eq!(bench.server.sql(target, next), "2001", "{point:?}");
    assert_eq!(bench.server.sql(target, "select n from total"), "2000", "{point:?}");
}

#[test]
fn a_restore_carries_on_with_tables_that_a_crash_has_emptied() {
    let bench = Bench::new(Box::leak(Box::new(crashing())));
    bench.server.sql("postgres", "create database source template template0");
    bench.server.sql("source", UNLOGGED);
    let archive = run(bench.backup_of("source"));
    for (nth, point) in during(&bench, &archive).into_iter().enumerate() {
        let target = format!("carried_{nth}");
        let spec = unproven(&bench, &archive, &target, 4);
        let server = bench.server;
        let sink = At::new(Some(point), move || server.restart_now());
        run(restore_with(&spec, &bench, sink)).unwrap_or_else(|fault| panic!("{point:?}: {}", fault.render("Restore failed")));
        // The crash has emptied the source too.
        refill(&bench);
        complete(&bench, "source", &target, point);
    }
}

/// Fills what the crash has emptied in the source, from its definition.
fn refill(bench: &Bench) {
    bench.server.sql("postgres", "drop database source");
    bench.server.sql("postgres", "create database source template template0");
    bench.server.sql("source", UNLOGGED);
}

#[test]
fn a_restore_goes_on_with_tables_that_a_crash_has_emptied() {
    let bench = Bench::new(Box::leak(Box::new(crashing())));
    bench.server.sql("postgres", "create database source template template0");
    bench.server.sql("source", UNLOGGED);
    let archive = run(bench.backup_of("source"));
    for (nth, point) in during(&bench, &archive).into_iter().enumerate() {
        let target = format!("resumed_{nth}");
        let spec = unproven(&bench, &archive, &target, 0);
        let server = bench.server;
        let sink = At::new(Some(point), move || server.restart_now());
        let outcome = run(restore_with(&spec, &bench, sink));
        if let Err(fault) = outcome {
            assert_eq!(fault.code, Code::ServerUnavailable, "{point:?}: {}", fault.render("Restore failed"));
            let mut resumed = spec.clone();
            resumed.care.resume = Some(manifest_of(&spec.archive).unwrap_or_else(|| panic!("{point:?}: no manifest")));
            run(restore_with(&resumed, &bench, At::new(None, || {})))
                .unwrap_or_else(|fault| panic!("{point:?}: {}", fault.render("Restore failed")));
        }
        refill(&bench);
        complete(&bench, "source", &target, point);
        assert_eq!(manifest_of(&spec.archive), None, "{point:?}: the manifest is left");
    }
}

#[test]
fn what_a_restore_says_is_done_is_there_after_a_crash() {
    // The default of a server that waits for nothing, and writes nothing of its own accord.
    let conf = "synchronous_commit = off\nwal_writer_delay = 10s\nautovacuum = off\ncheckpoint_timeout = 1h";
    let bench = Bench::new(Box::leak(Box::new(TestServer::start(15, conf))));
    bench.server.sql("postgres", "create database source template template0");
    bench.server.sql("source", &format!("{SOURCE}; alter database source set work_mem = '5MB'; comment on database source is 'a source'"));
    let archive = run(bench.backup_of("source"));
    let expected = Expected::of(bench.server, "source");
    let about = |name: &str| {
        let sql = "select array_to_string(setconfig, ' '), shobj_description(d.oid, 'pg_database') from pg_database d join pg_db_role_setting on setdatabase = d.oid";
        bench.server.sql("postgres", &format!("{sql} where datname = '{name}'"))
    };
    let described = about("source");
    let spec = unproven(&bench, &archive, "said", 0);
    run(restore_with(&spec, &bench, At::new(None, || {}))).unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
    bench.server.restart_now();
    same(bench.server, &expected, "said", (Transition::DoneNoted, 1));
    assert_eq!(about("said"), described);
}
