//! What went wrong in a restore that went on all the same.

use crate::domain::Fault;
use crate::domain::schema::{SchemaObject, TableName};
use crate::engine::restore::graph::Work;
use crate::engine::restore::select::{Chosen, is_relation, relation};
use std::collections::HashMap;

/// What went wrong where it went on all the same.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    /// Failures, the first one first.
    pub failures: Vec<Failure>,
    /// What was skipped because of them.
    pub skipped: Vec<Skipped>,
    /// Objects that are not there: by their id, the place of the failure that is to blame.
    pub lost: HashMap<u32, usize>,
}

impl Troubles {
    /// The failure that keeps an object from being made, if what it depends on is lost.
    pub fn lost_by(&self, object: &SchemaObject) -> Option<usize> {
        object.depends.iter().find_map(|on| self.lost.get(on)).copied()
    }
}

/// Something that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The object's id in the archive; none for what is no object (all sequences, a session).
    pub object: Option<u32>,
    /// For people: `INDEX orders_idx`.
    pub label: String,
    /// The archive's kind of object (`INDEX`), `TABLE DATA` for rows, `SEQUENCE SET` for the values of sequences.
    pub kind: String,
    /// Why.
    pub fault: Fault,
}

/// Something that was not tried because of a failure.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// The object's id in the archive.
    pub object: Option<u32>,
    /// For people.
    pub label: String,
    /// As in [`Failure::kind`].
    pub kind: String,
    /// The place in [`Troubles::failures`] of the one to blame.
    pub because: usize,
}

/// What a piece of work is about, in words.
#[derive(Clone, Debug)]
pub struct About {
    object: Option<u32>,
    label: String,
    kind: String,
}

impl About {
    /// An object.
    pub fn object(object: &SchemaObject) -> Self {
        Self { object: Some(object.id), label: label(object), kind: object.kind.clone() }
    }

    /// The object's id in the archive.
    pub fn id(&self) -> Option<u32> {
        self.object
    }
}

impl Failure {
    /// A failure of something.
    pub fn of(about: Option<About>, fault: Fault) -> Self {
        let About { object, label, kind } = about.unwrap_or_else(|| About { object: None, label: fault.what.clone(), kind: String::new() });
        Self { object, label, kind, fault }
    }
}

impl Skipped {
    /// Something that was skipped because of the failure at a place.
    pub fn of(about: About, because: usize) -> Self {
        Self { object: about.object, label: about.label, kind: about.kind, because }
    }
}

/// What a node is about; none for what nobody would miss (milestones, statistics).
pub fn about(chosen: &Chosen, work: &Work) -> Option<About> {
    match work {
        Work::Milestone | Work::Analyze(_) => None,
        Work::Object(object, _) => Some(About::object(object)),
        Work::Load { table, .. } => {
            let table = &chosen.tables.get(*table)?.1;
            let label = crate::domain::text::clean(&format!("TABLE DATA {}", table.name.name));
            Some(About { object: table.object, label, kind: "TABLE DATA".into() })
        }
        Work::Refresh(place) => {
            let view = chosen.views.get(*place)?;
            let label = crate::domain::text::clean(&format!("MATERIALIZED VIEW DATA {}", view.name));
            Some(About { object: id_of(chosen, view), label, kind: "MATERIALIZED VIEW DATA".into() })
        }
        Work::Sequences => Some(About { object: None, label: "SEQUENCE SET".into(), kind: "SEQUENCE SET".into() }),
    }
}

/// The id of a relation.
fn id_of(chosen: &Chosen, name: &TableName) -> Option<u32> {
    let found = chosen.objects.iter().find(|object| is_relation(object) && relation(object).as_ref() == Some(name));
    found.map(|object| object.id)
}

/// An object for people: `INDEX orders_idx`.
pub fn label(object: &SchemaObject) -> String {
    crate::domain::text::clean(&format!("{} {}", object.kind, object.name))
}
