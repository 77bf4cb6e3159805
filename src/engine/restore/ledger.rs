//! The ledger of one database, as the engine uses it: what is done already, and which marks a piece of work has.

use super::graph::Work;
use super::select::Chosen;
use crate::domain::schema::SchemaObject;
use crate::domain::{Code, Fault, Product, text};
use crate::server::{LedgerHead, Mark, Step};
use std::collections::HashSet;
use std::ops::Range;

/// Whether marks are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    /// Each piece of work has its marks.
    Marks,
    /// There is no ledger: what a lost session did stays unknown.
    #[default]
    Nothing,
}

/// What an earlier run has done.
#[derive(Clone, Debug, Default)]
pub struct Done(HashSet<Mark>);

impl Done {
    /// What the ledger says.
    pub fn of(marks: Vec<Mark>) -> Self {
        Self(marks.into_iter().collect())
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a piece of work is done.
    pub fn has(&self, mark: Mark) -> bool {
        self.0.contains(&mark)
    }

    /// Takes a mark off.
    pub fn remove(&mut self, mark: Mark) {
        self.0.remove(&mark);
    }

    /// Whether an object is there with all that belongs to it.
    pub fn has_object(&self, id: u32) -> bool {
        self.has(Mark::Object(id, Step::Whole)) || self.has(Mark::Object(id, Step::Attach))
    }

    /// The runs of a table's chunks that are not in; `table` is its place in the manifest.
    pub fn missing(&self, table: usize, chunks: usize) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for at in 0..chunks {
            if self.has(Mark::Chunk(table as u32, at as u32)) {
                continue;
            }
            match runs.last_mut() {
                Some(run) if run.end == at => run.end = at + 1,
                _ => runs.push(at..at + 1),
            }
        }
        runs
    }
}

/// The marks of what a node does.
pub fn marks_of(chosen: &Chosen, work: &Work) -> Vec<Mark> {
    match work {
        // Statistics that are gathered twice harm nobody.
        Work::Milestone | Work::Analyze(_) => Vec::new(),
        Work::Load { table, chunks, .. } => {
            let place = chosen.tables.get(*table).map_or(0, |(place, _)| *place as u32);
            chunks.clone().map(|chunk| Mark::Chunk(place, chunk as u32)).collect()
        }
        Work::Object(object, step) => vec![Mark::Object(object.id, *step)],
        Work::Refresh(place) => vec![Mark::View(*place as u32)],
        Work::Sequences => vec![Mark::Sequences],
    }
}

/// The marks of definitions that are made at once.
pub fn marks_of_objects(objects: &[&SchemaObject]) -> Vec<Mark> {
    objects.iter().map(|object| Mark::Object(object.id, Step::Whole)).collect()
}

/// The fault of a database in which another restore is at work, or was interrupted.
pub fn foreign(product: Product, target: &str, head: &LedgerHead) -> Fault {
    let name = text::clean(target);
    Fault::new(Code::AnotherRun, format!("another restore is at work in the database {name}, or was interrupted there"))
        .because(format!("it has the ledger of the restore {}, begun {}", text::clean(&head.run), text::clean(&head.started)))
        .at("Database", &name)
        .step(
            "Go on with that restore: its manifest is called restore-manifest-….json and lies beside its archive (--resume-from-manifest).",
        )
        .step(format!("Or replace the database, with everything that is in it: --clean --confirm {name}"))
        .step_run("Or keep what is there and give that restore up:", crate::server::ledger::removal(product, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found() {
        let done = Done::of(vec![Mark::Chunk(3, 0), Mark::Chunk(3, 4), Mark::Chunk(4, 1), Mark::Chunk(3, 9)]);
        assert_eq!(done.missing(3, 7), [1..4, 5..7]);
        assert_eq!(done.missing(4, 1), std::slice::from_ref(&(0..1)));
        assert!(done.missing(5, 0).is_empty());
        assert!(Done::of(vec![Mark::Object(1, Step::Attach)]).has_object(1));
        assert!(!Done::of(vec![Mark::Object(1, Step::Index)]).has_object(1));
    }
}
