//! A restore that ends at any of its transitions, however it ends, is gone on with and ends equal to its source.

use super::*;
use crate::support::postgres::server;
use dbbackup::domain::job::Ratio;
use dbbackup::domain::spec::Retries;
use dbbackup::engine::restore::transition::Transition;
use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which transition, and how often it has been passed by then.
type Point = (Transition, usize);

/// Does something at one point.
struct At<F: Fn() + Send + Sync> {
    point: Option<Point>,
    act: F,
    passed: Mutex<HashMap<Transition, usize>>,
    /// Bytes that were shown, in their order.
    shown: Arc<Mutex<Vec<Ratio>>>,
}

impl<F: Fn() + Send + Sync> At<F> {
    fn new(point: Option<Point>, act: F) -> Arc<Self> {
        Arc::new(Self { point, act, passed: Mutex::default(), shown: Arc::default() })
    }
}

impl<F: Fn() + Send + Sync> EventSink for At<F> {
    fn post(&self, event: Event) {
        if let Event::Progress(progress) = event {
            self.shown.lock().expect("samples").push(progress.bytes);
        }
    }

    fn passing(&self, transition: Transition) {
        let count = {
            let mut passed = self.passed.lock().expect("counts");
            let count = passed.entry(transition).or_insert(0);
            *count += 1;
            *count
        };
        if self.point == Some((transition, count)) {
            (self.act)();
        }
    }
}

/// One of each kind of work, and rows in many chunks.
const SOURCE: &str = "\
create table parent (id serial primary key, v text); insert into parent (v) select repeat(md5(i::text), 3) from generate_series(1, 3000) i; \
create index on parent (v); create table child (parent int references parent, n int); insert into child select i, -i from generate_series(1, 500) i; \
create table empty (id int primary key); comment on table child is 'a child'; grant select on child to public; \
create materialized view total as select count(*) as n from parent; create unique index on total (n); \
select lo_from_bytea(4711, convert_to(repeat(md5('x'), 9000), 'UTF8')); select lo_from_bytea(4712, '\\x00'); \
create function touched() returns trigger language plpgsql as $$ begin return new; end $$; \
create trigger touched before update on child for each row execute function touched()";

/// A folder of its own for a restore, with the archive in it: the manifest comes to lie there.
fn beside(archive: &Path, dir: &Path, name: &str) -> PathBuf {
    let dir = dir.join(name);
    std::fs::create_dir(&dir).expect("a folder");
    let path = dir.join(archive.file_name().expect("a name"));
    std::fs::hard_link(archive, &path).expect("a link");
    path
}

fn manifest_of(archive: &Path) -> Option<PathBuf> {
    let dir = archive.parent().expect("a folder");
    let names = std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        names.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("restore-manifest-"))).collect();
    assert!(found.len() < 2, "{found:?}");
    found.pop()
}

/// The restore that is ended: over a database that is there, so that each step is taken.
fn replacing(server: &TestServer, archive: &Path, target: &str) -> RestoreSpec {
    RestoreSpec { clean: true, effort: effort(2), ..spec(server, archive, target) }
}

async fn restore_with(spec: &RestoreSpec, bench: &Bench, events: Arc<dyn EventSink>) -> Result<Summary, Fault> {
    let context = Context { events, ..bench.context.clone() };
    let plan = engine::plan(&JobSpec::Restore(spec.clone()), &context).await?;
    if let Some(fault) = plan.obstacle() {
        return Err(fault);
    }
    let name = plan.confirm.clone();
    engine::run(Confirmed::by_name(plan, name.as_deref())?, &context).await
}

fn proven(outcome: Result<Summary, Fault>, point: Point) {
    let summary = outcome.unwrap_or_else(|fault| panic!("{point:?}: {}", fault.render("Restore failed")));
    let nothing_left = matches!(point.0, Transition::DoneNoted);
    match &summary.proof {
        Some(proof) => assert!(proof.differences.is_empty() && proof.tables >= 5, "{point:?}: {proof:?}"),
        None => assert!(nothing_left, "{point:?}: not proven"),
    }
    assert!(summary.failed().next().is_none(), "{point:?}");
}

/// Whether the copy has what the source has, by means that owe nothing to the program, and no ledger.
fn same(server: &TestServer, expected: &str, target: &str, point: Point) {
    assert_eq!(rows(server, target), expected, "{point:?}");
    let large = "select count(*) || ' ' || md5(string_agg(data, '' order by loid, pageno)) from pg_largeobject where loid in (4711, 4712)";
    assert_eq!(server.sql(target, large).split(' ').count(), 2);
    assert_eq!(server.sql(target, "select n from total"), "3000", "{point:?}");
    assert_eq!(server.sql(target, "select count(*) from pg_namespace where nspname = '_dbbackup'"), "0", "{point:?}: the ledger is left");
}

/// The first and the last time that each transition is passed.
fn points(bench: &Bench, archive: &Path, target: &str) -> Vec<Point> {
    let sink = At::new(None, || {});
    run(async {
        let plain = replacing(bench.server, archive, target);
        proven(restore_with(&plain, bench, sink.clone()).await, (Transition::Proven, 1));
    });
    assert!(manifest_of(archive).is_none(), "a restore that is complete leaves no manifest");
    let passed = sink.passed.lock().expect("counts");
    let missing: Vec<_> = Transition::ALL.iter().filter(|one| !passed.contains_key(one)).collect();
    assert_eq!(missing, [&Transition::GlobalsMade], "a step that no restore here takes");
    let mut points: Vec<Point> = Vec::new();
    for transition in Transition::ALL {
        let count = passed.get(&transition).copied().unwrap_or(0);
        points.extend((count > 0).then_some((transition, 1)));
        if count > 2 {
            points.push((transition, count - 1));
        }
    }
    points
}

/// Runs for all points, some at the same time.
fn for_all(points: &[Point], work: impl Fn(Point) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    work(*point);
                }
            });
        }
    });
}

/// What the process that is to be killed needs to know, in its environment.
const ROLE: &str = "DBBACKUP_TEST_KILLED_RESTORE";

/// The process that kills itself: socket folder, port, archive, target, transition and count, with newlines between.
fn killed(role: &str) {
    let parts: Vec<&str> = role.split('\n').collect();
    let [socket, port, archive, target, transition, count] = parts[..] else { panic!("{role}") };
    let transition = Transition::ALL[transition.parse::<usize>().expect("a place")];
    let connection = Connection { host: socket.into(), port: port.parse().expect("a port"), ..Connection::default() };
    let die = || rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).expect("a signal");
    let events = At::new(Some((transition, count.parse().expect("a count"))), die);
    let postgres = Postgres::new(connection.clone(), None).expect("a connection");
    let context = Context { server: Some(Arc::new(postgres)), events, cancel: CancellationToken::new() };
    let scope = RestoreScope::Single { database: None, target: target.into(), selection: Selection::default() };
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
    if let Ok(role) = std::env::var(ROLE) {
        return killed(&role);
    }
    let bench = Bench::new(server(17));
    let source = bench.server.database("killed");
    bench.server.sql(&source, SOURCE);
    let archive = run(bench.backup_of(&source));
    let expected = rows(bench.server, &source);
    let first = bench.server.database("killed_not");
    bench.server.sql(&first, "create table in_the_way ()");
    let points = points(&bench, &beside(&archive, bench.dir.path(), "not"), &first);
    for_all(&points, |point| {
        let target = bench.server.database("killed_at");
        bench.server.sql(&target, "create table in_the_way ()");
        let archive = beside(&archive, bench.dir.path(), &target);
        let place = Transition::ALL.iter().position(|one| *one == point.0).expect("one of all");
        let role = [
            bench.server.socket.display().to_string(),
            bench.server.port.to_string(),
            archive.display().to_string(),
            target.clone(),
            place.to_string(),
            point.1.to_string(),
        ];
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["restore::transitions::a_restore_that_is_killed_anywhere_goes_on", "--exact", "--nocapture"])
            .env(ROLE, role.join("\n"))
            .output()
            .expect("a process");
        assert_eq!(child.status.signal(), Some(9), "{point:?}: {}", String::from_utf8_lossy(&child.stderr));
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

#[test]
fn a_restore_whose_sessions_are_ended_anywhere_carries_on() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("ended");
    bench.server.sql(&source, SOURCE);
    let archive = run(bench.backup_of(&source));
    let expected = rows(bench.server, &source);
    let first = bench.server.database("ended_not");
    bench.server.sql(&first, "create table in_the_way ()");
    let points = points(&bench, &beside(&archive, bench.dir.path(), "not"), &first);
    for_all(&points, |point| {
        let target = bench.server.database("ended_at");
        bench.server.sql(&target, "create table in_the_way ()");
        let archive = beside(&archive, bench.dir.path(), &target);
        let end = || {
            let end =
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like 'dbbackup%' and datname = ";
            bench.server.sql("postgres", &format!("{end} '{target}'"));
        };
        let mut patient = replacing(bench.server, &archive, &target);
        patient.care.retries = Retries(4);
        // What is done at the point outlives this closure's borrow only by the call below.
        let (outcome, shown) = std::thread::scope(|scope| {
            let (sender, receiver) = std::sync::mpsc::channel::<std::sync::mpsc::Sender<()>>();
            let sender = Mutex::new(sender);
            let sink = At::new(Some(point), move || {
                let (done, wait) = std::sync::mpsc::channel();
                sender.lock().expect("a sender").send(done).expect("the other side listens");
                wait.recv().expect("an answer");
            });
            scope.spawn(|| {
                let receiver = receiver;
                while let Ok(done) = receiver.recv() {
                    end();
                    done.send(()).expect("the restore waits");
                }
            });
            let shown = Arc::clone(&sink.shown);
            (run(restore_with(&patient, &bench, sink)), shown)
        });
        proven(outcome, point);
        let shown = shown.lock().expect("samples");
        assert!(shown.is_sorted_by_key(|bytes| bytes.done), "{point:?}: it went back: {shown:?}");
        let last = shown.last().expect("a sample");
        assert_eq!(last.done, last.total, "{point:?}: what was sent twice was counted twice, or not at all");
        same(bench.server, &expected, &target, point);
        assert_eq!(manifest_of(&archive), None, "{point:?}: the manifest is left");
    });
}
