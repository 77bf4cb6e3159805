//! The fold by examples, and what must hold of it for any failures.

use super::*;
use proptest::prelude::*;

fn lacks(what: &str, state: &str) -> Fault {
    Fault::new(Code::MissingObject, "cannot create it").because(format!("{what} does not exist")).with_sqlstate(state)
}

fn not_available(name: &str) -> Fault {
    let said = format!("extension \"{name}\" is not available");
    Fault::new(Code::MissingObject, "cannot create it").because(said).with_sqlstate("0A000")
}

fn failed<'a>(id: u32, label: &'a str, kind: &'a str, fault: &'a Fault) -> Failed<'a> {
    Failed { id: Some(id), label, kind, fault }
}

fn skipped<'a>(id: u32, label: &'a str, kind: &'a str, because: usize) -> Skipped<'a> {
    Skipped { id: Some(id), label, kind, because }
}

#[test]
fn one_missing_extension_is_one_cause_in_all_databases() {
    let fault = not_available("postgis");
    let database = |name| Losses {
        database: Some(name),
        failed: vec![failed(1, "EXTENSION postgis", "EXTENSION", &fault)],
        skipped: vec![
            skipped(2, "TABLE public.roads", "TABLE", 0),
            skipped(3, "TABLE public.towns", "TABLE", 0),
            skipped(4, "INDEX public.roads_way", "INDEX", 0),
        ],
        needs: HashMap::new(),
    };
    let losses = [database("gis"), database("maps")];
    let folded = fold(&losses, 15);
    assert_eq!(folded.causes.len(), 1, "{folded:?}");
    let cause = &folded.causes[0];
    assert_eq!(cause.line(), "extension postgis is missing → 4 tables, 2 indexes not restored");
    assert_eq!((cause.failed, cause.skipped, cause.databases.as_slice()), (2, 6, &["gis".to_owned(), "maps".to_owned()][..]));
    assert_eq!(cause.steps[0].command.as_deref(), Some("apt-get install postgresql-15-postgis-3"));
    assert_eq!(tally(10, &folded.missing[0]), Tally { done: 6, failed: 1, skipped: 3 });
}

#[test]
fn a_role_that_could_not_be_made_is_the_cause_of_all_that_lack_it() {
    let refused = Fault::new(Code::PermissionDenied, "cannot create ROLE alice")
        .because("permission denied to create role")
        .with_sqlstate("42501")
        .step("Roles are made by a superuser: log in as one.");
    let (alice, bob) = (lacks("role \"alice\"", "42704"), lacks("role \"bob\"", "42704"));
    let losses = [
        Losses { database: None, failed: vec![failed(1, "ROLE alice", "ROLE", &refused)], ..Losses::default() },
        Losses {
            database: Some("shop"),
            failed: vec![
                failed(5, "TABLE public.b", "TABLE", &bob),
                failed(6, "TABLE public.a", "TABLE", &alice),
                failed(7, "VIEW public.v", "VIEW", &alice),
            ],
            ..Losses::default()
        },
    ];
    let folded = fold(&losses, 17);
    let said: Vec<String> = folded.causes.iter().map(Cause::line).collect();
    let first = "role alice cannot be made: permission denied to create role → 1 table, 1 view not restored";
    assert_eq!(said, [first, "role bob is missing → 1 table not restored"]);
    assert_eq!(folded.causes[0].steps[0].text, "Roles are made by a superuser: log in as one.");
    assert_eq!(folded.causes[1].steps[0].command.as_deref(), Some("createuser --no-login bob"));
    assert_eq!(folded.missing[1].0.iter().map(|one| one.cause).collect::<Vec<_>>(), [1, 0, 0]);
}

#[test]
fn what_fails_for_want_of_what_failed_is_a_consequence_by_the_graph() {
    let (broken, relation) = (
        Fault::new(Code::SqlFailed, "cannot create it").because("division by zero").with_sqlstate("22012"),
        lacks("relation \"public.t\"", "42P01"),
    );
    let own = Fault::new(Code::SqlFailed, "cannot create it").because("too long").with_sqlstate("54000");
    let losses = [Losses {
        database: Some("shop"),
        failed: vec![
            failed(3, "VIEW public.v", "VIEW", &relation),
            failed(1, "TABLE public.t", "TABLE", &broken),
            failed(1, "TABLE DATA public.t", "TABLE DATA", &relation),
            failed(4, "INDEX public.i", "INDEX", &own),
        ],
        skipped: vec![skipped(2, "FUNCTION public.f()", "FUNCTION", 1)],
        needs: HashMap::from([(3, vec![2]), (2, vec![1]), (4, vec![1])]),
    }];
    let folded = fold(&losses, 15);
    assert_eq!(folded.causes.len(), 2, "{folded:?}");
    // The root is counted with what follows from it: it is no thing that many lack, but an object of its own.
    assert_eq!(folded.causes[0].line(), "TABLE public.t: division by zero → 1 table, 1 function, rows of 1 table, 1 view not restored");
    assert_eq!(folded.causes[1].line(), "INDEX public.i: too long → 1 index not restored");
}

#[test]
fn needs_that_go_in_a_circle_end() {
    let fault = lacks("relation \"public.x\"", "42P01");
    let losses = [Losses {
        database: Some("shop"),
        failed: vec![failed(1, "VIEW public.a", "VIEW", &fault), failed(2, "VIEW public.b", "VIEW", &fault)],
        skipped: Vec::new(),
        needs: HashMap::from([(1, vec![2]), (2, vec![1])]),
    }];
    let folded = fold(&losses, 15);
    assert_eq!(folded.causes.len(), 1);
    assert_eq!(folded.causes[0].failed, 2);
}

/// Failures as a generator makes them: kinds of reasons, edges to smaller numbers, things skipped for a failure.
#[derive(Clone, Debug)]
struct Sketch {
    reasons: Vec<usize>,
    edges: Vec<(u32, u32)>,
    skipped: Vec<(u32, usize)>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let reasons = proptest::collection::vec(0usize..6, 1..8);
    let edges = proptest::collection::vec((0u32..16, 0u32..16), 0..12);
    let skipped = proptest::collection::vec((0u32..16, 0usize..8), 0..12);
    (reasons, edges, skipped).prop_map(|(reasons, edges, skipped)| Sketch { reasons, edges, skipped })
}

fn reasons() -> Vec<Fault> {
    vec![
        lacks("role \"a\"", "42704"),
        lacks("role \"b\"", "42704"),
        lacks("relation \"public.t\"", "42P01"),
        not_available("postgis"),
        Fault::new(Code::SqlFailed, "x").because("division by zero").with_sqlstate("22012"),
        Fault::new(Code::CorruptedBackup, "x").because("frame 3 is damaged"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_object_counts_once_and_order_says_nothing(sketches in proptest::collection::vec(sketch(), 1..4), turn in 0usize..8) {
        let faults = reasons();
        let names = ["a", "b", "c", "d"];
        let labels: Vec<String> = (0..16).map(|id| format!("TABLE public.t{id}")).collect();
        let build = |turn: usize| -> Vec<Losses<'_>> {
            let mut all: Vec<Losses<'_>> = sketches.iter().enumerate().map(|(nth, sketch)| {
                let count = sketch.reasons.len();
                let mut failed: Vec<Failed<'_>> = sketch.reasons.iter().enumerate()
                    .map(|(id, reason)| Failed { id: Some(id as u32), label: &labels[id], kind: "TABLE", fault: &faults[*reason] }).collect();
                failed.rotate_left(turn % count);
                let mut skipped: Vec<Skipped<'_>> = sketch.skipped.iter().map(|(id, because)| Skipped {
                    id: Some(*id),
                    label: &labels[*id as usize],
                    kind: "TABLE",
                    // The failure that was meant, wherever it stands now.
                    because: (because % count + count - turn % count) % count,
                }).collect();
                let turns = turn % skipped.len().max(1);
                skipped.rotate_left(turns);
                let mut needs: HashMap<u32, Vec<u32>> = HashMap::new();
                for (a, b) in &sketch.edges {
                    needs.entry(*a.max(b)).or_default().push(*a.min(b));
                }
                Losses { database: Some(names[nth]), failed, skipped, needs }
            }).collect();
            let turns = turn % all.len();
            all.rotate_left(turns);
            all
        };
        let losses = build(0);
        let folded = fold(&losses, 15);
        for (one, missing) in losses.iter().zip(&folded.missing) {
            let ids: HashSet<u32> = one.failed.iter().filter_map(|one| one.id).chain(one.skipped.iter().filter_map(|one| one.id)).collect();
            let listed: Vec<&str> = missing.0.iter().chain(&missing.1).map(|one| one.object.as_str()).collect();
            prop_assert_eq!(listed.iter().collect::<HashSet<_>>().len(), listed.len(), "twice: {:?}", listed);
            prop_assert_eq!(listed.len(), ids.len());
            let sum = tally(16, missing);
            prop_assert_eq!(sum.done + sum.failed + sum.skipped, 16);
        }
        let (failed, skipped): (usize, usize) =
            folded.missing.iter().fold((0, 0), |sum, missing| (sum.0 + missing.0.len(), sum.1 + missing.1.len()));
        prop_assert_eq!(folded.causes.iter().map(|one| one.failed).sum::<u64>(), failed as u64);
        prop_assert_eq!(folded.causes.iter().map(|one| one.skipped).sum::<u64>(), skipped as u64);
        for window in folded.causes.windows(2) {
            prop_assert!(window[0].failed + window[0].skipped >= window[1].failed + window[1].skipped);
        }
        // An object that was skipped for two reasons is counted for one of them: which one is no matter of the fold.
        let once = sketches.iter().all(|sketch| {
            let ids: Vec<u32> = sketch.skipped.iter().map(|(id, _)| *id).collect();
            ids.iter().collect::<HashSet<_>>().len() == ids.len()
        });
        if once {
            prop_assert_eq!(fold(&build(turn), 15).causes, folded.causes);
        }
    }
}
