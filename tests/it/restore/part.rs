//! Parts of a database.

use super::*;
use crate::support::postgres::server;
use dbbackup::domain::Code;
use dbbackup::domain::spec::What;

fn part(bench: &Bench, archive: &Path, target: &str, selection: Selection) -> RestoreSpec {
    RestoreSpec {
        scope: RestoreScope::Single { database: None, target: target.into(), selection },
        create: false,
        ..spec(bench.server, archive, target)
    }
}

fn include(pattern: &str) -> Selection {
    Selection { include: vec![pattern.into()], ..Selection::default() }
}

fn good(outcome: Result<Summary, Fault>) -> Summary {
    outcome.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")))
}

const SHOP: &str = "create schema s; create table s.customers (id serial primary key, name text); \
    create table s.orders (id int primary key, customer int references s.customers, note text default 'x'); \
    create index by_note on s.orders (note); create view s.v as select * from s.orders; \
    create table public.other (id int); insert into public.other values (1); \
    insert into s.customers (name) select 'n' || i from generate_series(1, 50) i; insert into s.orders select i, i, 'o' || i from generate_series(1, 40) i";

#[test]
fn one_table_with_what_belongs_to_it() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("shop");
    bench.server.sql(&source, SHOP);
    let target = bench.server.database("one_table");
    run(async {
        let archive = bench.backup_of(&source).await;
        let summary = good(bench.restore(&part(&bench, &archive, &target, include("s.orders"))).await.map(|mut s| {
            s.warnings.sort();
            s
        }));
        assert_eq!(summary.rows, 40);
        assert!(summary.warnings.iter().any(|note| note.contains("FK CONSTRAINT")), "{:?}", summary.warnings);
        let there = bench
            .server
            .sql(&target, "select string_agg(relname, ',' order by relname) from pg_class where relnamespace = 's'::regnamespace");
        assert_eq!(there, "by_note,orders,orders_pkey");
        // Once more: it is there already, and the cure is told.
        let fault = bench.restore(&part(&bench, &archive, &target, include("s.orders"))).await.expect_err("it is there");
        assert_eq!(fault.code, Code::DuplicateObject, "{fault:?}");
        assert!(fault.steps.iter().any(|step| step.text.contains("--as")));
        let fault = bench.restore(&part(&bench, &archive, &target, include("s.ordrs"))).await.expect_err("no such table");
        assert_eq!(fault.code, Code::NotInArchive);
        assert!(fault.steps.iter().any(|step| step.text.contains("s.orders")), "{fault:?}");
    });
}

#[test]
fn one_table_under_another_name_beside_the_original() {
    let bench = Bench::new(server(17));
    let source = bench.server.database("rename");
    bench.server.sql(&source, SHOP);
    run(async {
        let archive = bench.backup_of(&source).await;
        bench.server.sql(&source, "delete from s.orders where id > 10");
        let selection = Selection { rename: Some((table("s", "orders"), table("public", "orders old"))), ..Selection::default() };
        let summary = good(bench.restore(&part(&bench, &archive, &source, selection)).await);
        assert!(summary.warnings.iter().any(|note| note.contains("left out")), "{:?}", summary.warnings);
    });
    assert_eq!(bench.server.sql(&source, "select count(*) from s.orders"), "10");
    assert_eq!(bench.server.sql(&source, "select count(*) from public.\"orders old\""), "40");
    let indexes =
        bench.server.sql(&source, "select string_agg(indexname, ',' order by indexname) from pg_indexes where tablename = 'orders old'");
    assert_eq!(indexes, "orders old_by_note,orders old_pkey");
}

#[test]
fn one_schema_definitions_only_then_rows_only() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("two_steps");
    bench.server.sql(&source, SHOP);
    let target = bench.server.database("two_steps_copy");
    run(async {
        let archive = bench.backup_of(&source).await;
        let only = |what| Selection { what, ..include("s") };
        good(bench.restore(&part(&bench, &archive, &target, only(What::SchemaOnly))).await);
        assert_eq!(bench.server.sql(&target, "select count(*) from s.customers"), "0");
        assert_eq!(bench.server.sql(&target, "select to_regclass('public.other') is null"), "t");
        good(bench.restore(&part(&bench, &archive, &target, only(What::DataOnly))).await);
        assert_eq!(bench.server.sql(&target, "select count(*) from s.v"), "40");
        assert_eq!(bench.server.sql(&target, "insert into s.customers (name) values ('next') returning id"), "51");
        let rest = Selection { exclude: vec!["s".into()], ..Selection::default() };
        good(bench.restore(&part(&bench, &archive, &target, rest)).await);
        assert_eq!(bench.server.sql(&target, "select id from public.other"), "1");
    });
}

#[test]
fn rows_only_come_in_the_order_of_foreign_keys_of_partitioned_tables_too() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("rows_of_partitions");
    // The table that is referred to takes longer: beside it, rows that refer to it would come too early.
    let tables = "create table parent (id int primary key, note text) partition by range (id);
        create table z_parent_1 partition of parent for values from (0) to (100) partition by range (id);
        create table z_parent_1a partition of z_parent_1 for values from (0) to (100);
        create table child (id int, parent int references parent, note text) partition by hash (id);
        create table a_child_0 partition of child for values with (modulus 2, remainder 0);
        create table a_child_1 partition of child for values with (modulus 2, remainder 1);";
    bench.server.sql(&source, tables);
    bench.server.sql(&source, "insert into parent select i, repeat(md5(i::text), 2000) from generate_series(0, 99) i");
    bench.server.sql(&source, "insert into child select i, i % 100, '' from generate_series(1, 50) i");
    let target = bench.server.database("rows_of_partitions_copy");
    bench.server.sql(&target, tables);
    run(async {
        let archive = bench.backup_of(&source).await;
        let only = Selection { what: What::DataOnly, ..Selection::default() };
        good(bench.restore(&part(&bench, &archive, &target, only)).await);
    });
    assert_eq!(bench.server.sql(&target, "select count(*) from child join parent on parent.id = child.parent"), "50");
}
