//! The server ends the restore's sessions: it carries on by itself.

use super::*;

#[test]
fn a_restore_whose_sessions_are_ended_anywhere_carries_on() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("ended");
    bench.server.sql(&source, SOURCE);
    let archive = run(bench.backup_of(&source));
    let expected = Expected::of(bench.server, &source);
    let first = bench.server.database("ended_not");
    bench.server.sql(&first, "create table in_the_way ()");
    let points = points(&bench, &replacing(bench.server, &beside(&archive, bench.dir.path(), "not"), &first));
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
