//! The process is killed: nothing of it can clean up, and its sessions may live on for a while.

use super::*;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// What the process that is to be killed needs to know, in its environment.
const ROLE: &str = "DBBACKUP_TEST_KILLED_RESTORE";

/// What the process is told that this one is to be, if so.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Restores in a process of its own, which kills itself at a point; `test` is the one that calls this. No target: the whole cluster.
pub fn kill_at(test: &str, server: &TestServer, archive: &Path, target: Option<&str>, point: Point) {
    let place = Transition::ALL.iter().position(|one| *one == point.0).expect("one of all");
    let role = [
        server.socket.display().to_string(),
        server.port.to_string(),
        archive.display().to_string(),
        target.unwrap_or_default().to_owned(),
        place.to_string(),
        point.1.to_string(),
    ];
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture"])
        .env(ROLE, role.join("\n"))
        .output()
        .expect("a process");
    assert_eq!(child.status.signal(), Some(9), "{point:?}: {}", String::from_utf8_lossy(&child.stderr));
}

/// The process that kills itself: socket folder, port, archive, target, transition and count, with newlines between.
pub fn killed(role: &str) {
    let parts: Vec<&str> = role.split('\n').collect();
    let [socket, port, archive, target, transition, count] = parts[..] else { panic!("{role}") };
    let transition = Transition::ALL[transition.parse::<usize>().expect("a place")];
    let connection = Connection { host: socket.into(), port: port.parse().expect("a port"), ..Connection::default() };
    let die = || rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).expect("a signal");
    let events = At::new(Some((transition, count.parse().expect("a count"))), die);
    let postgres = Postgres::new(connection.clone(), None).expect("a connection");
    let context = Context { server: Some(Arc::new(postgres)), events, cancel: CancellationToken::new() };
    let scope = match target {
        "" => RestoreScope::Cluster { include: Vec::new(), exclude: Vec::new(), parallel: 2 },
        target => RestoreScope::Single { database: None, target: target.into(), selection: Selection::default() },
    };
    let spec = RestoreSpec {
        connection,
        archive: archive.into(),
        scope,
        create: true,
        clean: true,
        no_owner: false,
        no_acl: false,
        no_tablespaces: false,
        map_roles: Vec::new(),
        effort: effort(2),
        prove: true,
        toast_compression: None,
        continue_on_error: false,
        binlog: Default::default(),
        care: Care::default(),
    };
    run(async {
        let plan = engine::plan(&JobSpec::Restore(spec), &context).await.expect("a plan");
        let name = plan.confirm.clone();
        let _ = engine::run(Confirmed::by_name(plan, name.as_deref()).expect("confirmed"), &context).await;
    });
    panic!("it came to its end");
}

#[test]
fn a_restore_that_is_killed_anywhere_goes_on() {
    if let Some(role) = role() {
        return killed(&role);
    }
    let bench = Bench::new(server(17));
    let source = bench.server.database("killed");
    bench.server.sql(&source, SOURCE);
    let archive = run(bench.backup_of(&source));
    let expected = Expected::of(bench.server, &source);
    let first = bench.server.database("killed_not");
    bench.server.sql(&first, "create table in_the_way ()");
    let points = points(&bench, &replacing(bench.server, &beside(&archive, bench.dir.path(), "not"), &first));
    for_all(&points, |point| {
        let target = bench.server.database("killed_at");
        bench.server.sql(&target, "create table in_the_way ()");
        let archive = beside(&archive, bench.dir.path(), &target);
        kill_at("restore::transitions::killed::a_restore_that_is_killed_anywhere_goes_on", bench.server, &archive, Some(&target), point);
        let manifest = manifest_of(&archive).unwrap_or_else(|| panic!("{point:?}: no manifest"));
        let mut resumed = replacing(bench.server, &archive, &target);
        resumed.care.resume = Some(manifest);
        let outcome = run(restore_with(&resumed, &bench, At::new(None, || {})));
        proven(outcome, point);
        same(bench.server, &expected, &target, point);
        assert_eq!(manifest_of(&archive), None, "{point:?}: the manifest is left");
    });
    assert_eq!(definitions(bench.server, &source), definitions(bench.server, &first));
}
