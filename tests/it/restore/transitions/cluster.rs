//! A whole cluster whose restore is killed: its globals, databases side by side, and one that is on every server and is filled in place.

use super::killed::{kill_at, killed, role};
use super::*;

const ALL: [&str; 3] = ["one", "postgres", "two"];

/// What was restored goes again, as if nothing had ever been restored there.
fn emptied(server: &TestServer) {
    let mut psql = server.psql("postgres");
    for sql in
        ["drop database if exists one", "drop database if exists two", "drop role if exists cluster_owner", "drop table if exists here"]
    {
        psql.args(["-c", sql]);
    }
    assert!(psql.output().expect("psql").status.success());
}

/// Definitions, rows and properties of all of them.
fn all_of(server: &TestServer) -> String {
    ALL.map(|name| [definitions(server, name), rows(server, name), compare::properties(server, name)].join("\n")).join("\n")
}

#[test]
fn a_cluster_that_is_killed_anywhere_goes_on() {
    if let Some(role) = role() {
        return killed(&role);
    }
    let bench = Bench::new(Box::leak(Box::new(TestServer::start(15, ""))));
    let from = bench.server;
    from.sql("postgres", "create role cluster_owner");
    from.sql("postgres", "create database one template template0");
    from.sql("postgres", "create database two template template0 owner cluster_owner connection limit 9");
    from.sql("one", SOURCE);
    from.sql(
        "two",
        "create table t (id serial primary key); insert into t select from generate_series(1, 20); alter table t owner to cluster_owner",
    );
    from.sql(
        "postgres",
        "create table here (id int primary key); insert into here select generate_series(1, 1000); create index on here ((-id))",
    );
    let archive = run(bench.backup(Scope::Cluster { include: Vec::new(), exclude: Vec::new(), parallel: 1 }, effort(2)));
    let (expected, whole) = (Expected::of(from, "one"), all_of(from));
    let to = Bench::new(Box::leak(Box::new(TestServer::start(15, ""))));
    let points = [
        (Transition::ManifestWritten, 1),
        (Transition::GlobalsMade, 1),
        (Transition::TargetNoted, 2),
        (Transition::TargetMade, 1),
        (Transition::LedgerMade, 1),
        (Transition::LedgerMade, 3),
        (Transition::FillingNoted, 1),
        (Transition::LoadCommitted, 3),
        (Transition::LedgerDropped, 3),
        (Transition::PropertiesSet, 2),
        (Transition::DoneNoted, 3),
    ];
    for point in points {
        emptied(to.server);
        let archive = beside(&archive, bench.dir.path(), &format!("{:?}_{}", point.0, point.1));
        kill_at("restore::transitions::cluster::a_cluster_that_is_killed_anywhere_goes_on", to.server, &archive, None, point);
        let manifest = manifest_of(&archive).unwrap_or_else(|| panic!("{point:?}: no manifest"));
        let scope = RestoreScope::Cluster { include: Vec::new(), exclude: Vec::new(), parallel: 2 };
        let mut resumed = RestoreSpec { scope, effort: effort(2), ..spec(to.server, &archive, "") };
        resumed.care.resume = Some(manifest);
        let outcome = run(restore_with(&resumed, &to, At::new(None, || {})));
        let summary = outcome.unwrap_or_else(|fault| panic!("{point:?}: {}", fault.render("Restore failed")));
        let names: Vec<&str> = summary.databases.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((names.as_slice(), summary.failed().count()), (&ALL[..], 0), "{point:?}: {summary:?}");
        assert!(summary.proof.iter().all(|proof| proof.differences.is_empty()), "{point:?}: {:?}", summary.proof);
        assert_eq!(manifest_of(&archive), None, "{point:?}: the manifest is left");
        same(to.server, &expected, "one", point);
        compare::same_text("the cluster", &whole, &all_of(to.server));
    }
}
