use super::*;
use crate::domain::job::{DatabaseProgress, DatabaseState, Progress};
use crate::domain::wait::Blocker;
use std::sync::Mutex;

#[derive(Default)]
struct Heard(Mutex<Vec<(Level, String)>>);

impl EventSink for Heard {
    fn post(&self, event: Event) {
        if let Event::Log { level, text } = event {
            self.0.lock().expect("a list").push((level, text));
        }
    }
}

fn wait(pid: i32, waited_ms: u64) -> Wait {
    let middle = Blocker { pid: 20, user: "ann".into(), blocked_by: vec![30], ..Blocker::default() };
    let root = Blocker {
        pid: 30,
        depth: 1,
        user: "bob".into(),
        state: "idle in transaction".into(),
        end: "KILL 30;".into(),
        ..Blocker::default()
    };
    Wait {
        pid,
        database: "shop".into(),
        object: "public.orders".into(),
        mode: "ACCESS EXCLUSIVE".into(),
        waited_ms,
        limit_ms: 60_000,
        blockers: vec![middle, root],
        ..Wait::default()
    }
}

#[test]
fn a_wait_is_said_once_warned_of_once_and_its_end_is_said() {
    let heard: Arc<Heard> = Arc::default();
    let mut said = Said { known: HashMap::new(), detail: Detail::Waits };
    for waits in [vec![wait(1, 2000)], vec![wait(1, 3000)], vec![wait(1, 31_000)], vec![wait(1, 32_000)], vec![]] {
        said.say(&waits, heard.as_ref());
    }
    let lines = heard.0.lock().expect("a list");
    let levels: Vec<Level> = lines.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::Info, Level::Warn, Level::Info], "{lines:?}");
    assert!(lines[0].1.contains("a lock on public.orders, 2 s of 60 s") && lines[0].1.contains("pid 30, bob"), "{lines:?}");
}

#[test]
fn with_trees_every_change_is_told_in_full() {
    let heard: Arc<Heard> = Arc::default();
    let mut said = Said { known: HashMap::new(), detail: Detail::Trees };
    let mut other = wait(1, 3000);
    other.blockers.truncate(1);
    for waits in [vec![wait(1, 2000)], vec![wait(1, 2500)], vec![other]] {
        said.say(&waits, heard.as_ref());
    }
    let lines = heard.0.lock().expect("a list");
    assert_eq!(lines.len(), 3 + 2, "{lines:?}");
    assert!(lines[2].1.contains("(root)"), "{lines:?}");
}

#[test]
fn progress_counts_on_and_faults_name_who_was_in_the_way() {
    let board = Board::default();
    board.see(vec![wait(1, 2000), wait(2, 59_900)]);
    let mut progress = Progress::default();
    let timeout = Fault::new(Code::LockTimeout, "cannot create INDEX i")
        .at("Database", "shop")
        .because("canceling statement due to lock timeout")
        .step_run("See who holds the lock:", "SELECT 1")
        .step("Try again.");
    progress.databases.push(DatabaseProgress { state: DatabaseState::Failed(timeout.clone()), ..DatabaseProgress::default() });
    board.fill(&mut progress);
    assert_eq!(progress.waits.len(), 2);
    assert_eq!(progress.waiting.as_deref(), Some("a lock on public.orders, 2 s of 60 s, and 1 more"));
    // The wait is over when its time is: what was seen last still counts.
    board.see(Vec::new());
    let fault = board.explain(timeout.clone());
    assert_eq!(progress.databases[0].state, DatabaseState::Failed(fault.clone()));
    let text = fault.render("Restore failed");
    assert!(text.contains("ACCESS EXCLUSIVE on public.orders, 60 s") && text.contains("pid 30, bob"), "{text}");
    assert_eq!(fault.steps[0].command.as_deref(), Some("KILL 30;"));
    assert_eq!(fault.steps.len(), 2, "the general step has gone, the last one stays: {text}");
    assert_eq!(board.explain(fault.clone()), fault, "a fault is explained once");
    let nobody = Board::default();
    nobody.see(vec![Wait { blockers: Vec::new(), mode: String::new(), ..wait(1, 4000) }]);
    let unnamed = nobody.explain(timeout);
    assert!(unnamed.steps[0].text.starts_with("See who"), "who cannot be named is looked for: {unnamed:?}");
    assert!(unnamed.context.contains(&("Waited for".to_owned(), "a lock on public.orders, 60 s".to_owned())), "{unnamed:?}");
    let elsewhere = Fault::new(Code::LockTimeout, "cannot").at("Database", "other");
    assert_eq!(board.explain(elsewhere.clone()), elsewhere);
}
