//! One table, one schema, only definitions, only rows, under another name.

use super::Home;
use crate::support::compare;
use crate::support::postgres::{Postgres, server};

fn shop(server: &Postgres) -> String {
    let name = server.database("shop");
    server.sql(
        &name,
        "create schema app; create schema other; \
         create table app.customers (id serial primary key, name text not null unique); \
         create table app.orders (id serial primary key, customer_id integer not null references app.customers, total numeric default 1 check (total >= 0)); \
         create index orders_customer on app.orders (customer_id); \
         create table other.log (id bigint generated always as identity primary key, line text); \
         insert into app.customers (name) select 'c' || i from generate_series(1, 300) i; \
         insert into app.orders (customer_id, total) select 1 + i % 300, i from generate_series(1, 5000) i; \
         insert into other.log (line) select 'l' || i from generate_series(1, 50) i; \
         create view app.totals as select customer_id, sum(total) from app.orders group by 1;",
    );
    name
}

#[test]
fn one_table_comes_back_beside_its_successor() {
    let server = server(15);
    let source = shop(server);
    let home = Home::new();
    let archive = home.backup(server, &source, &[]).display().to_string();
    let rows = compare::rows(server, &source);
    // Somebody deletes what must not be deleted; the table comes back under another name, with its index and its own sequence.
    server.sql(&source, "delete from app.orders where id > 10");
    home.on(server, &["restore", "table", &archive, "app.orders", "--target", &source, "--as", "app.orders_old", "--prove"]).ok();
    let after = compare::rows(server, &source);
    assert_eq!(after["app.orders_old"], rows["app.orders"]);
    assert_eq!(after["app.orders"].len(), 10);
    assert_eq!(after["app.customers"], rows["app.customers"]);
    let indexes = server.sql(&source, "select count(*) from pg_index where indrelid = 'app.orders_old'::regclass");
    assert_eq!(indexes, "2", "primary key and index");
    // The rows go into a table that exists and is empty.
    server.sql(&source, "truncate app.orders");
    home.on(server, &["restore", "table", &archive, "app.orders", "--target", &source, "--data-only"]).ok();
    assert_eq!(compare::rows(server, &source)["app.orders"], rows["app.orders"]);
    // The same once more would put every row there twice.
    let outcome = home.on(server, &["restore", "table", &archive, "app.orders", "--target", &source]);
    assert_ne!(outcome.code, 0, "{}", outcome.text());
    assert_eq!(compare::rows(server, &source)["app.orders"].len(), 5000);
    home.on(server, &["restore", "table", &archive, "app.order", "--target", &source]).fails(66, "app.orders");
}

#[test]
fn a_schema_or_definitions_or_rows_alone() {
    let server = server(17);
    let source = shop(server);
    let home = Home::new();
    let archive = home.backup(server, &source, &[]).display().to_string();
    let rows = compare::rows(server, &source);
    let target = format!("{source}_app");
    home.on(server, &["restore", "single", &archive, "--target", &target, "--create", "--include", "app", "--prove"]).ok();
    let found = compare::rows(server, &target);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["app.customers", "app.orders"]);
    assert!(found.iter().all(|(name, found)| *found == rows[name]));
    assert_eq!(server.sql(&target, "select count(*) from app.totals"), "300");
    let target = format!("{source}_definitions");
    home.on(server, &["restore", "single", &archive, "--target", &target, "--create", "--schema-only"]).ok();
    compare::same_text("the schema", &compare::schema(server, &source), &compare::schema(server, &target));
    assert!(compare::rows(server, &target).values().all(Vec::is_empty));
    home.on(server, &["restore", "single", &archive, "--target", &target, "--data-only"]).ok();
    compare::same_database((server, &source), (server, &target));
    let target = format!("{source}_without");
    home.on(server, &["restore", "single", &archive, "--target", &target, "--create", "--exclude", "other.log"]).ok();
    assert_eq!(compare::rows(server, &target).keys().collect::<Vec<_>>(), ["app.customers", "app.orders"]);
}

#[test]
fn nothing_is_overwritten_unasked() {
    let server = server(15);
    let source = shop(server);
    let home = Home::new();
    let archive = home.backup(server, &source, &[]).display().to_string();
    server.sql(&source, "update app.customers set name = 'later ' || id");
    let changed = compare::rows(server, &source);
    home.on(server, &["restore", "single", &archive, "--target", &source]).fails(1, "TARGET_NOT_EMPTY");
    home.on(server, &["restore", "single", &archive, "--target", &source, "--clean"]).fails(64, "NOT_CONFIRMED");
    home.on(server, &["restore", "single", &archive, "--target", &source, "--clean", "--confirm", "another"]).fails(64, "NOT_CONFIRMED");
    assert_eq!(compare::rows(server, &source), changed);
    home.on(server, &["restore", "single", &archive, "--target", &source, "--clean", "--confirm", &source, "--prove"]).ok();
    assert_eq!(server.sql(&source, "select count(*) from app.customers where name like 'later%'"), "0");
    // An empty database that exists is filled without further questions.
    let empty = server.database("empty");
    home.on(server, &["restore", "single", &archive, "--target", &empty, "--prove"]).ok();
    compare::same_database((server, &source), (server, &empty));
}

#[test]
fn owners_and_rights_can_be_left_out_or_mapped() {
    let server = server(15);
    let source = server.database("owned");
    server.sql("postgres", "drop role if exists e2e_old; drop role if exists e2e_new; create role e2e_old; create role e2e_new");
    server
        .sql(&source, "create table t (a integer); alter table t owner to e2e_old; grant select on t to e2e_old with grant option; grant select on t to public");
    let home = Home::new();
    let archive = home.backup(server, &source, &[]).display().to_string();
    let owner = |database: &str| server.sql(database, "select pg_get_userbyid(relowner), relacl is null from pg_class where relname = 't'");
    let (plain, mapped) = (format!("{source}_plain"), format!("{source}_mapped"));
    home.on(server, &["restore", "single", &archive, "--target", &plain, "--create", "--no-owner", "--no-acl"]).ok();
    assert_eq!(owner(&plain), "postgres|t");
    home.on(server, &["restore", "single", &archive, "--target", &mapped, "--create", "--map-role", "e2e_old=e2e_new"]).ok();
    assert_eq!(owner(&mapped), "e2e_new|f");
    let acl = server.sql(&mapped, "select relacl from pg_class where relname = 't'");
    assert!(acl.contains("e2e_new=") && !acl.contains("e2e_old"), "{acl}");
}
