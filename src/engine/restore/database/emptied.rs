//! After a crash of the server: tables that it does not log are empty, with everything on them that was made after their rows. Indexes and keys may
//! stay; triggers would fire for the rows that come again, and foreign keys would want them in an order, so these are taken back and made again.

use super::Order;
use crate::domain::schema::{SchemaObject, TableKind, TableName};
use crate::domain::{Code, Fault, text};
use crate::engine::restore::graph::{families, tables_of};
use crate::engine::restore::ledger::Done;
use crate::engine::restore::select::Chosen;
use crate::server::{Loader, Mark, Step};
use std::collections::{HashMap, HashSet};

/// Takes back what stands on tables that are empty again; gives what is done then.
pub async fn take_back(order: &Order<'_>, chosen: &Chosen, session: &mut dyn Loader, mut done: Done) -> Result<Done, Fault> {
    let unlogged: HashSet<TableName> = session.unlogged().await?.into_iter().collect();
    if let Some(root) = mixed(chosen, order, &done, &unlogged) {
        return Err(undecided(order.target, root));
    }
    let (objects, mut marks) = standing(chosen, &done, &unlogged);
    // A server that keeps the marks of such rows elsewhere than the rows has them still.
    marks.extend(rows(chosen, order, &done, &unlogged));
    session.take_back(&objects, &marks).await?;
    for mark in marks {
        done.remove(mark);
    }
    Ok(done)
}

/// A root through which rows came that may lie in partitions of both kinds: some of those rows are left, and nobody can tell which.
fn mixed<'a>(chosen: &'a Chosen, order: &Order<'_>, done: &Done, unlogged: &HashSet<TableName>) -> Option<&'a TableName> {
    let through = || chosen.tables.iter().filter_map(|(at, table)| Some((*at, table, table.root.as_ref()?)));
    let emptied: HashSet<&TableName> = through().filter(|(_, table, _)| unlogged.contains(&table.name)).map(|(_, _, root)| root).collect();
    let begun = |at: usize| {
        let chunks = order.database.tables.get(at).map_or(0, |entry| entry.chunks.len());
        (0..chunks).any(|chunk| done.has(Mark::Chunk(at as u32, chunk as u32)))
    };
    through().find(|(at, _, root)| emptied.contains(root) && begun(*at)).map(|(_, _, root)| root)
}

/// The marks of the rows of emptied tables.
fn rows<'a>(chosen: &'a Chosen, order: &'a Order<'_>, done: &'a Done, unlogged: &'a HashSet<TableName>) -> impl Iterator<Item = Mark> + 'a {
    let emptied = chosen.tables.iter().filter(|(_, table)| table.root.is_none() && unlogged.contains(&table.name));
    emptied.flat_map(|(at, _)| {
        let chunks = order.database.tables.get(*at).map_or(0, |entry| entry.chunks.len());
        (0..chunks).map(|chunk| Mark::Chunk(*at as u32, chunk as u32)).filter(|mark| done.has(*mark))
    })
}

/// The triggers and foreign keys that are made on emptied tables, or on tables of which those are parts; and what is to be done again
/// with them: their own marks and those of their comments.
fn standing<'a>(chosen: &'a Chosen, done: &Done, unlogged: &HashSet<TableName>) -> (Vec<&'a SchemaObject>, Vec<Mark>) {
    let place: HashMap<u32, usize> = chosen.objects.iter().enumerate().map(|(at, object)| (object.id, at)).collect();
    let family = families(chosen, &place);
    let filled = chosen.tables.iter().filter(|(_, table)| table.kind == TableKind::Table && unlogged.contains(&table.name));
    let emptied: HashSet<u32> = filled.filter_map(|(_, table)| family.get(&table.name).copied()).collect();
    let touches = |object: &SchemaObject| {
        tables_of(chosen, &place, object).iter().any(|table| family.get(table).is_some_and(|family| emptied.contains(family)))
    };
    let is_done = |object: &&SchemaObject| done.has_object(object.id);
    let objects: Vec<&SchemaObject> = chosen
        .objects
        .iter()
        .filter(is_done)
        .filter(|object| matches!(object.kind.as_str(), "TRIGGER" | "FK CONSTRAINT") && touches(object))
        .collect();
    let ids: HashSet<u32> = objects.iter().map(|object| object.id).collect();
    let comments = chosen.objects.iter().filter(is_done);
    let comments = comments.filter(|object| object.kind == "COMMENT" && object.depends.iter().any(|on| ids.contains(on)));
    let marks = objects.iter().copied().chain(comments).map(|object| Mark::Object(object.id, Step::Whole)).collect();
    (objects, marks)
}

fn undecided(target: &str, root: &TableName) -> Fault {
    let name = text::clean(target);
    Fault::new(Code::TargetNotEmpty, format!("the server has crashed and emptied some partitions of {}", text::clean(&root.to_string())))
        .because("it logs some of its partitions and some not, and nobody can tell which rows were in those")
        .at("Database", &name)
        .step("Remove what was restored, and restore it anew, without the manifest.")
        .step_run("That is, where the database may be replaced:", format!("--clean --confirm {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::{Table, TableName};

    #[test]
    fn what_stands_on_emptied_tables_is_made_again() {
        let object = |id: u32, kind: &str, name: &str, table: Option<&str>, depends: &[u32]| SchemaObject {
            id,
            kind: kind.into(),
            schema: Some("public".into()),
            name: name.into(),
            table: table.map(|table| TableName::new("public", table)),
            depends: depends.to_vec(),
            ..SchemaObject::default()
        };
        let table = |name: &str| Table { name: TableName::new("public", name), ..Table::default() };
        let chosen = Chosen {
            objects: vec![
                object(1, "TABLE", "kept", None, &[]),
                object(2, "TABLE", "lost", None, &[]),
                object(3, "TRIGGER", "lost t", Some("lost"), &[2]),
                object(4, "TRIGGER", "kept t", Some("kept"), &[1]),
                object(5, "FK CONSTRAINT", "lost fk", Some("lost"), &[1, 2]),
                object(6, "FK CONSTRAINT", "kept fk", Some("kept"), &[1]),
                object(7, "COMMENT", "TRIGGER t ON lost", Some("lost"), &[3]),
                object(8, "INDEX", "lost i", Some("lost"), &[2]),
                object(9, "TRIGGER", "lost later", Some("lost"), &[2]),
            ],
            tables: vec![(0, table("kept")), (1, table("lost"))],
            ..Chosen::default()
        };
        let done = Done::of((1..9).map(|id| Mark::Object(id, Step::Whole)).collect());
        let (objects, marks) = standing(&chosen, &done, &HashSet::from([TableName::new("public", "lost")]));
        assert_eq!(objects.iter().map(|object| object.id).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(marks, [3, 5, 7].map(|id| Mark::Object(id, Step::Whole)));
        assert!(standing(&chosen, &done, &HashSet::new()).0.is_empty());
    }
}
