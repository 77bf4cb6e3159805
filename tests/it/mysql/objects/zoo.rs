//! The zoo's definitions on another server, under its own name and under another one.

use super::{contents, dumped, make, run, surplus};
use crate::support::mysql::{Kind, Mysql as TestServer, server};
use crate::support::mysql_zoo::zoo;
use dbbackup::domain::schema::{InventoryItem, Section};
use dbbackup::server::TargetChoices;
use std::collections::HashSet;

/// Lines of the stock program that are no definitions of ours: settings of the script, and what a broken view leaves.
fn is_beside(line: &str) -> bool {
    line.contains("broken_view")
        || line.contains("Final view structure")
        || line.contains("character_set_client")
        || line.contains("saved_cs_client")
}

fn both_ways(kind: Kind, source: &[String], copy: &[String], database: (&str, &str)) {
    let named: Vec<String> = copy.iter().map(|line| line.replace(&format!("`{}`", database.1), &format!("`{}`", database.0))).collect();
    let beside = |lines: Vec<&String>| lines.into_iter().filter(|line| !is_beside(line)).cloned().collect::<Vec<_>>();
    let (lost, new) = (beside(surplus(source, &named)), beside(surplus(&named, source)));
    assert!(lost.is_empty() && new.is_empty(), "{kind:?} lost:\n{lost:#?}\nnew:\n{new:#?}");
}

fn compared(items: &[InventoryItem], without: &[&str]) -> Vec<String> {
    let of_interest = |item: &&InventoryItem| !without.contains(&item.kind.as_str()) && !item.identity.contains("broken_view");
    items.iter().filter(of_interest).map(|item| format!("{} {}: {}", item.kind, item.identity, item.definition)).collect()
}

#[test]
fn all_definitions_come_back_as_they_were() {
    for kind in Kind::ALL {
        let source = server(kind);
        let name = zoo(source);
        let target = TestServer::start_with(kind, &[]);
        let read = run(contents(source, name));
        check_order(&read.objects);
        assert!(read.notes.iter().any(|note| note.contains("view broken_view") && note.contains("not there")), "{:?}", read.notes);
        for object in read.objects.iter().filter(|object| object.kind != "ACL") {
            assert!(!object.sql.contains("`zoo`.") && !object.sql.contains("zoo."), "{} names its database: {}", object.name, object.sql);
        }
        let users = bring_accounts(source, &target);
        assert_eq!(users, Vec::<String>::new());
        let choices = TargetChoices::default();
        let failed = run(make(&target, name, &read, &choices));
        let failed: Vec<String> =
            failed.iter().map(|(object, fault)| format!("{} {}: {}", object.kind, object.name, fault.root_cause())).collect();
        assert!(failed.iter().all(|line| line.contains("broken_view")) && failed.len() == 1, "{kind:?} {failed:#?}");
        let copy = run(contents(&target, name));
        let (then, now) = (compared(&read.inventory, &[]), compared(&copy.inventory, &[]));
        assert_eq!((surplus(&then, &now), surplus(&now, &then)), (vec![], vec![]), "{kind:?}");
        both_ways(kind, &dumped(source, name), &dumped(&target, name), (name, name));

        // Under another name, with other definers and without rights.
        let choices = TargetChoices { no_acl: true, map_roles: vec![("gone".into(), "root@localhost".into())], ..TargetChoices::default() };
        let other = "zoo `2`_";
        assert_eq!(run(make(&target, other, &read, &choices)).len(), 1);
        let renamed = run(contents(&target, other));
        let (then, now) = (compared(&read.inventory, &["owner", "acl"]), compared(&renamed.inventory, &["owner", "acl"]));
        assert_eq!((surplus(&then, &now), surplus(&now, &then)), (vec![], vec![]), "{kind:?}");
        let definers: HashSet<&str> = renamed.objects.iter().filter_map(|object| object.definer.as_deref()).collect();
        assert!(!definers.contains("gone@%") && definers.contains("nobody here@no.such.host"), "{definers:?}");
        let bare = TargetChoices { no_owner: true, no_acl: true, ..TargetChoices::default() };
        assert_eq!(run(make(&target, "bare", &read, &bare)).len(), 1);
        let mine = run(contents(&target, "bare"));
        assert!(mine.objects.iter().filter_map(|object| object.definer.as_deref()).all(|definer| definer == "root@localhost"));
    }
}

/// Everything stands behind what it needs, and indexes, foreign keys, triggers and events wait for the rows.
fn check_order(objects: &[dbbackup::domain::schema::SchemaObject]) {
    let mut seen = HashSet::new();
    for object in objects {
        assert!(object.depends.iter().all(|on| seen.contains(on)), "{} stands before what it needs", object.name);
        seen.insert(object.id);
        let late = matches!(object.kind.as_str(), "INDEX" | "FK CONSTRAINT" | "TRIGGER" | "EVENT");
        assert_eq!(object.section == Section::PostData, late, "{} {}", object.kind, object.name);
    }
    let kinds: HashSet<&str> = objects.iter().map(|object| object.kind.as_str()).collect();
    for kind in ["TABLE", "VIEW", "FUNCTION", "PROCEDURE", "INDEX", "FK CONSTRAINT", "TRIGGER", "EVENT", "ACL"] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    let index = objects.iter().find(|object| object.kind == "INDEX" && object.name.starts_with("key_many")).expect("keys of a table");
    assert!(
        index.sql.contains("ADD KEY `by_a`") && index.sql.contains("ADD KEY `by_b_prefix`") && !index.sql.contains("FULLTEXT"),
        "{}",
        index.sql
    );
}

/// Brings the accounts of one server to another; gives what failed of those that the zoo has.
fn bring_accounts(source: &TestServer, target: &TestServer) -> Vec<String> {
    super::accounts::bring(source, target).into_iter().filter(|line| line.contains("zoo")).collect()
}
