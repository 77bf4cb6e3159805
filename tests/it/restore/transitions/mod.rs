//! A restore that ends at any of its transitions, however it ends, is gone on with and ends equal to its source.

mod cluster;
mod ended;
mod halted;
mod killed;
mod unlogged;

use super::*;
use crate::support::compare;
use crate::support::postgres::server;
use dbbackup::domain::job::Ratio;
use dbbackup::domain::spec::Retries;
use dbbackup::engine::restore::transition::Transition;
use std::collections::HashMap;
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

/// What a source holds, by means that owe nothing to the program.
struct Expected {
    rows: String,
    large: String,
    sequences: String,
}

impl Expected {
    fn of(server: &TestServer, database: &str) -> Self {
        Self {
            rows: rows(server, database),
            large: compare::large_objects(server, database),
            sequences: compare::sequences(server, database),
        }
    }
}

/// Whether the copy has what the source has, and no ledger.
fn same(server: &TestServer, expected: &Expected, target: &str, point: Point) {
    assert_eq!(rows(server, target), expected.rows, "{point:?}");
    assert_eq!(compare::large_objects(server, target), expected.large, "{point:?}");
    assert_eq!(compare::sequences(server, target), expected.sequences, "{point:?}");
    assert_eq!(server.sql(target, "select n from total"), "3000", "{point:?}");
    assert_eq!(server.sql(target, "select count(*) from pg_namespace where nspname = '_dbbackup'"), "0", "{point:?}: the ledger is left");
}

/// The first and nearly the last time that a restore passes each transition.
fn points(bench: &Bench, plain: &RestoreSpec) -> Vec<Point> {
    let sink = At::new(None, || {});
    run(async {
        proven(restore_with(plain, bench, sink.clone()).await, (Transition::Proven, 1));
    });
    assert!(manifest_of(&plain.archive).is_none(), "a restore that is complete leaves no manifest");
    let passed = sink.passed.lock().expect("counts");
    let missing: Vec<_> = Transition::ALL.iter().filter(|one| !passed.contains_key(one)).collect();
    // Those are steps of a cluster.
    assert_eq!(missing, [&Transition::GlobalsMade, &Transition::FillingNoted], "a step that no restore here takes");
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
