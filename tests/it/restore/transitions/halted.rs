//! The server stops at once and starts again, or its disk is full. Both happen to everything on a server, so that restores are led to
//! their points first, one to each; then it happens to all of them together.

use super::*;
use crate::support::postgres::Room;
use dbbackup::domain::Code;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Far longer than any restore here takes.
const LIMIT: Duration = Duration::from_secs(120);

/// Restores that are on their way, and what each of them has to say.
enum Said {
    /// It is at its point, and waits there until the other end goes.
    There(Sender<()>),
    /// It has come to its end.
    Ended,
}

/// Restores one copy for each point, all at the same time, the last one after the others; when each stands at its point, `act` happens. Gives
/// what came of each.
fn meet(bench: &Bench, points: &[Point], spec: impl Fn(Point) -> RestoreSpec + Sync, act: impl FnOnce()) -> Vec<Result<Summary, Fault>> {
    std::thread::scope(|scope| {
        let (say, hear) = channel::<Said>();
        let spec = &spec;
        let lead = |point: Point| {
            let say = say.clone();
            scope.spawn(move || {
                let at = Mutex::new(say.clone());
                let sink = At::new(Some(point), move || {
                    let (done, wait) = channel();
                    at.lock().expect("a sender").send(Said::There(done)).expect("the other side listens");
                    // An error is the other end's going.
                    let _ = wait.recv();
                });
                let outcome = run(restore_with(&spec(point), bench, sink));
                say.send(Said::Ended).expect("the other side listens");
                outcome
            })
        };
        let mut there = Vec::new();
        let mut arrive = |count: usize| {
            for _ in 0..count {
                match hear.recv_timeout(LIMIT) {
                    Ok(Said::There(one)) => there.push(one),
                    Ok(Said::Ended) => panic!("a restore ended before it came to its point"),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!("a restore did not come to its point"),
                }
            }
        };
        // While a session waits for rows, no database can be made or dropped: the server waits until that session listens (COPY absorbs no
        // ProcSignalBarrier). So the one that stands there comes last.
        let (last, first) = points.split_last().expect("points");
        let mut restores: Vec<_> = first.iter().map(|point| lead(*point)).collect();
        arrive(first.len());
        restores.push(lead(*last));
        arrive(1);
        act();
        drop(there);
        restores.into_iter().map(|one| one.join().expect("a restore")).collect()
    })
}

/// A private server with an archive of its own, and the points of a restore of it.
struct Field {
    bench: Bench,
    archive: PathBuf,
    expected: Expected,
    points: Vec<Point>,
}

impl Field {
    /// A place for a target, and the archive beside which its manifest comes to lie.
    fn target(&self, point: Point) -> (String, PathBuf) {
        let name = format!("{:?}_{}", point.0, point.1).to_lowercase();
        (name.clone(), self.archive.parent().expect("a folder").join(&name).join(self.archive.file_name().expect("a name")))
    }

    fn spec(&self, point: Point) -> RestoreSpec {
        let (target, archive) = self.target(point);
        alone(self.bench.server, &archive, &target)
    }
}

/// With one session: what stands at its point keeps another session of the same restore from sending its rows, too (see [`meet`]).
fn alone(server: &TestServer, archive: &Path, target: &str) -> RestoreSpec {
    RestoreSpec { effort: effort(1), ..replacing(server, archive, target) }
}

/// Prepares a server: all targets are there, so that each step is taken.
fn field(server: TestServer, place: &str) -> Field {
    let bench = Bench::new(Box::leak(Box::new(server)));
    bench.server.sql("postgres", &format!("create database source template template0 {place}"));
    bench.server.sql("source", SOURCE);
    let archive = run(bench.backup_of("source"));
    let expected = Expected::of(bench.server, "source");
    bench.server.sql("postgres", "create database first template template0");
    bench.server.sql("first", "create table in_the_way ()");
    let mut points = points(&bench, &alone(bench.server, &beside(&archive, bench.dir.path(), "not"), "first"));
    let sent = points.iter().copied().find(|point| point.0 == Transition::LoadSent).expect("rows are sent");
    points.retain(|point| point.0 != Transition::LoadSent);
    points.push(sent);
    let field = Field { bench, archive, expected, points };
    for point in &field.points {
        let (target, archive) = field.target(*point);
        field.bench.server.sql("postgres", &format!("create database {target} template first"));
        beside(&field.archive, archive.ancestors().nth(2).expect("a folder"), &target);
    }
    field
}

#[test]
fn a_restore_whose_server_is_restarted_anywhere_carries_on() {
    // What is not flushed at once is lost: nothing else flushes it meanwhile.
    let field =
        field(TestServer::start(15, "max_connections = 300\nwal_writer_delay = 10s\nautovacuum = off\ncheckpoint_timeout = 1h"), "");
    let patient = |point: Point| {
        let mut spec = field.spec(point);
        spec.care.retries = Retries(4);
        spec
    };
    let outcomes = meet(&field.bench, &field.points, patient, || field.bench.server.restart_now());
    for (point, outcome) in field.points.iter().zip(outcomes) {
        let (target, archive) = field.target(*point);
        proven(outcome, *point);
        same(field.bench.server, &field.expected, &target, *point);
        assert_eq!(manifest_of(&archive), None, "{point:?}: the manifest is left");
    }
}

#[test]
fn a_restore_whose_disk_is_full_anywhere_goes_on() {
    // Room for the source and for one copy for each point, and some more.
    let field = field(TestServer::start_beside_a_small_disk(17, "max_connections = 300\nautovacuum = off", 400), "tablespace small");
    let server = field.bench.server;
    let hasty = |point: Point| {
        let mut spec = field.spec(point);
        spec.care.retries = Retries(0);
        spec
    };
    let outcomes = meet(&field.bench, &field.points, hasty, || server.fill_small_disk(Room::None));
    server.fill_small_disk(Room::Again);
    let mut full = 0;
    let mut left = HashMap::new();
    for (point, outcome) in field.points.iter().zip(outcomes) {
        match outcome {
            Err(fault) => {
                full += 1;
                assert_eq!(fault.code, Code::ServerDiskFull, "{point:?}: {}", fault.render("Restore failed"));
                assert!(
                    fault
                        .steps
                        .iter()
                        .any(|step| step.command.as_deref().is_some_and(|command| command.contains("--resume-from-manifest")))
                );
                left.insert(*point, manifest_of(&field.target(*point).1).unwrap_or_else(|| panic!("{point:?}: no manifest")));
            }
            // What is left to do from there takes no room.
            done => proven(done, *point),
        }
    }
    // Late points need little room: how many of them find it in pages that are there already is the server's luck.
    assert!(full * 3 > field.points.len(), "{full} of {} met the full disk", field.points.len());
    for_all(&field.points, |point| {
        let (target, archive) = field.target(point);
        if let Some(manifest) = left.get(&point) {
            let mut resumed = field.spec(point);
            resumed.care.resume = Some(manifest.clone());
            proven(run(restore_with(&resumed, &field.bench, At::new(None, || {}))), point);
        }
        same(server, &field.expected, &target, point);
        assert_eq!(manifest_of(&archive), None, "{point:?}: the manifest is left");
    });
}
