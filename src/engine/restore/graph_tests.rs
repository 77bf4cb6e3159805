use super::*;
use crate::archive::manifest::{Chunk, Database, TableEntry};
use crate::domain::schema::{Section, Table};
use crate::engine::restore::schedule::Schedule;
use proptest::prelude::*;

fn object(id: u32, kind: &str, name: &str, section: Section, table: Option<&str>, depends: &[u32]) -> SchemaObject {
    SchemaObject {
        id,
        kind: kind.into(),
        schema: Some("public".into()),
        name: name.into(),
        section,
        sql: format!("-- {kind} {name};"),
        table: table.map(|table| TableName::new("public", table)),
        depends: depends.to_vec(),
        ..SchemaObject::default()
    }
}

fn table(name: &str, object: u32, bytes: u64) -> TableEntry {
    let count = bytes.div_ceil(16 << 20).max(1);
    TableEntry {
        table: Table { name: TableName::new("public", name), object: Some(object), ..Table::default() },
        bytes,
        rows: bytes,
        chunks: (0..count as u32).map(|number| Chunk { number, frame: number, rows: 1, bytes: bytes / count }).collect(),
        ..TableEntry::default()
    }
}

fn chosen(objects: Vec<SchemaObject>, database: &Database) -> Chosen {
    Chosen {
        objects,
        tables: database.tables.iter().map(|entry| entry.table.clone()).enumerate().collect(),
        definitions: true,
        whole: true,
        ..Chosen::default()
    }
}

/// Everything in an order in which one worker would do it.
fn run(graph: &Graph) -> Vec<NodeId> {
    let mut schedule = Schedule::new(graph.nodes.clone()).expect("no circle");
    let mut order = Vec::new();
    while let Some(at) = schedule.pick() {
        order.push(at);
        schedule.done(at);
    }
    assert!(schedule.is_over());
    order
}

fn words(graph: &Graph, at: NodeId) -> String {
    match &graph.work[at as usize] {
        Work::Milestone => "milestone".into(),
        Work::Load { table, chunks, .. } => format!("load {table} {}..{}", chunks.start, chunks.end),
        Work::Object(object, Step::Index) => format!("index of {}", object.name),
        Work::Object(object, _) => format!("{} {}", object.kind, object.name),
        Work::Refresh(view) => format!("refresh {view}"),
        Work::Sequences => "sequences".into(),
        Work::Analyze(table) => format!("analyze {table}"),
    }
}

#[test]
fn rows_indexes_keys_and_the_rest_come_in_order() {
    use Section::{None as Last, PostData as Post, PreData as Pre};
    let big = 200 << 20;
    let mut key = object(3, "CONSTRAINT", "a a_pkey", Post, Some("a"), &[1]);
    key.sql = "ALTER TABLE ONLY public.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (id);\n".into();
    let objects = vec![
        object(1, "TABLE", "a", Pre, None, &[]),
        object(2, "TABLE", "b", Pre, None, &[]),
        object(9, "MATERIALIZED VIEW", "m", Pre, None, &[1]),
        key,
        object(4, "INDEX", "b_idx", Post, Some("b"), &[2]),
        object(10, "INDEX", "m_idx", Post, Some("m"), &[9]),
        object(5, "FK CONSTRAINT", "b fk", Post, Some("b"), &[3, 2]),
        object(6, "TRIGGER", "b t", Post, Some("b"), &[2]),
        object(7, "ACL", "TABLE a", Last, None, &[1]),
        object(8, "EVENT TRIGGER", "e", Post, None, &[]),
        object(11, "COMMENT", "EVENT TRIGGER e", Last, None, &[8]),
    ];
    let database = Database { tables: vec![table("a", 1, big), table("b", 2, big)], ..Database::default() };
    let mut chosen = chosen(objects, &database);
    chosen.views = vec![TableName::new("public", "m")];
    let graph = build(&chosen, &database, 2, &Done::default());
    assert_eq!(graph.first, [0, 1, 2]);
    assert_eq!(graph.indexes, 3);
    let order: Vec<String> = run(&graph).into_iter().map(|at| words(&graph, at)).collect();
    let at = |what: &str| order.iter().position(|word| word == what).unwrap_or_else(|| panic!("{what} in {order:?}"));
    let last_load = |table: &str| order.iter().rposition(|word| word.starts_with(&format!("load {table} "))).expect("a load");
    assert!(last_load("0") < at("index of a a_pkey") && at("index of a a_pkey") < at("CONSTRAINT a a_pkey"));
    assert!(at("CONSTRAINT a a_pkey") < at("FK CONSTRAINT b fk") && last_load("1") < at("FK CONSTRAINT b fk"));
    assert!(last_load("1") < at("TRIGGER b t") && last_load("1") < at("INDEX b_idx"));
    assert!(at("analyze 0") > at("CONSTRAINT a a_pkey"));
    assert!(at("ACL TABLE a") > at("TRIGGER b t") && at("refresh 0") > at("ACL TABLE a") && at("INDEX m_idx") > at("refresh 0"));
    assert_eq!(&order[order.len() - 2..], ["EVENT TRIGGER e", "COMMENT EVENT TRIGGER e"]);
}

#[test]
fn a_giant_is_cut_and_partitions_share_their_locks() {
    use Section::{PostData as Post, PreData as Pre};
    let objects = vec![
        object(1, "TABLE", "root", Pre, None, &[]),
        object(2, "TABLE", "leaf", Pre, None, &[]),
        object(3, "TABLE ATTACH", "leaf", Pre, None, &[1, 2]),
        object(4, "FK CONSTRAINT", "root fk", Post, Some("root"), &[1]),
    ];
    let database = Database { tables: vec![table("leaf", 2, 1 << 30)], ..Database::default() };
    let graph = build(&chosen(objects, &database), &database, 4, &Done::default());
    let loads = graph.work.iter().filter(|work| matches!(work, Work::Load { mode: LoadMode::Shared, .. })).count();
    assert!(loads >= 8, "{loads}");
    let key = graph.work.iter().position(|work| matches!(work, Work::Object(..))).expect("the key");
    let load = graph.work.iter().position(|work| matches!(work, Work::Load { .. })).expect("a load");
    assert_eq!(graph.nodes[key].holds[0].0, graph.nodes[load].holds[0].0, "one family");
    let order = run(&graph);
    let place = |node: usize| order.iter().position(|at| *at as usize == node).expect("ran");
    let loads_before = (0..graph.work.len()).filter(|at| matches!(graph.work[*at], Work::Load { .. })).all(|at| place(at) < place(key));
    assert!(loads_before, "a key of the root needs the rows of all leaves");
}

#[test]
fn what_is_built_on_a_partition_waits_for_all_that_may_bring_it_rows() {
    use Section::{PostData as Post, PreData as Pre};
    let objects = vec![
        object(1, "TABLE", "root", Pre, None, &[]),
        object(2, "TABLE", "a", Pre, None, &[]),
        object(3, "TABLE", "b", Pre, None, &[]),
        object(4, "INDEX", "a_idx", Post, Some("a"), &[2]),
    ];
    let through = |mut entry: TableEntry| {
        entry.table.root = Some(TableName::new("public", "root"));
        entry
    };
    let database = Database { tables: vec![through(table("a", 2, 1 << 20)), through(table("b", 3, 1 << 20))], ..Database::default() };
    let graph = build(&chosen(objects, &database), &database, 1, &Done::default());
    let order: Vec<String> = run(&graph).into_iter().map(|at| words(&graph, at)).collect();
    let at = |what: &str| order.iter().position(|word| word == what).unwrap_or_else(|| panic!("{what} in {order:?}"));
    assert!(at("INDEX a_idx") > at("load 0 0..1") && at("INDEX a_idx") > at("load 1 0..1"), "{order:?}");
    assert!(at("analyze 0") > at("load 1 0..1"), "{order:?}");
    let alone = graph.work.iter().any(|work| matches!(work, Work::Load { mode: LoadMode::Alone, .. }));
    assert!(!alone, "nobody may empty what others fill");
}

#[test]
fn rows_alone_go_in_the_order_of_the_keys_and_circles_are_survived() {
    let database = Database { tables: vec![table("child", 1, 1 << 30), table("parent", 2, 1), table("x", 3, 1)], ..Database::default() };
    let mut chosen = chosen(Vec::new(), &database);
    chosen.definitions = false;
    chosen.before = vec![(0, 1), (1, 2), (2, 1)];
    let graph = build(&chosen, &database, 4, &Done::default());
    let order: Vec<String> = run(&graph).into_iter().map(|at| words(&graph, at)).collect();
    let loads: Vec<&str> = order.iter().filter(|word| word.starts_with("load")).map(String::as_str).collect();
    assert_eq!(loads.len(), 3, "each table in one statement: {order:?}");
    let at = |what: &str| loads.iter().position(|word| *word == what).expect("a load");
    assert!(at("load 1 0..1") < at("load 0 0..64"), "{loads:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn dependencies_are_kept_whatever_the_kinds(raw in proptest::collection::vec((0_usize..9, 0_usize..3, proptest::collection::vec(any::<u32>(), 0..3)), 1..40), reversed in any::<bool>()) {
        const KINDS: [&str; 9] = ["TABLE", "INDEX", "CONSTRAINT", "FK CONSTRAINT", "ACL", "COMMENT", "EVENT TRIGGER", "TRIGGER", "VIEW"];
        const SECTIONS: [Section; 3] = [Section::PreData, Section::PostData, Section::None];
        let mut objects: Vec<SchemaObject> = raw.iter().enumerate().map(|(at, (kind, section, depends))| {
            let depends: Vec<u32> = depends.iter().filter(|_| at > 0).map(|d| d % at.max(1) as u32).collect();
            object(at as u32, KINDS[*kind], &format!("o{at}"), SECTIONS[*section], None, &depends)
        }).collect();
        if reversed {
            objects.reverse();
        }
        let database = Database::default();
        let graph = build(&chosen(objects.clone(), &database), &database, 2, &Done::default());
        let mut done: Vec<u32> = graph.first.iter().map(|at| objects[*at].id).collect();
        for node in run(&graph) {
            if let Work::Object(object, _) = &graph.work[node as usize] {
                for before in &object.depends {
                    prop_assert!(done.contains(before), "{} before {}", object.id, before);
                }
                done.push(object.id);
            }
        }
        prop_assert_eq!(done.len(), objects.len());
    }
}
