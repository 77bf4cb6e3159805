//! One table under another name.
//!
//! Table, indexes and keys are renamed. What is bound to the old name in other ways (sequences and defaults that use them, foreign keys,
//! triggers, rules, policies, rights) is left out and said.

use super::select::Chosen;
use crate::domain::schema::TableName;
use crate::domain::{Code, Fault};
use crate::server::definition;

/// Changes what was chosen so that `from` becomes `to`.
pub fn apply(chosen: &mut Chosen, from: &TableName, to: &TableName) -> Result<(), Fault> {
    let objects = std::mem::take(&mut chosen.objects);
    let mut left_out = Vec::new();
    for object in objects {
        let label = format!("{} {}", object.kind, object.name);
        match definition::of(chosen.product).renamed(object, from, to) {
            Some(object) => chosen.objects.push(object),
            None => left_out.push(crate::domain::text::clean(&label)),
        }
    }
    if chosen.definitions && !chosen.objects.iter().any(|object| object.kind == "TABLE") {
        let fault = Fault::new(Code::NotInArchive, format!("the archive has no definition of the table {from} that can be renamed"));
        return Err(fault.step("Make the table yourself and restore its rows: --data-only"));
    }
    if !left_out.is_empty() {
        chosen.notes.push(format!("left out of {to}, as it is bound to the name {from}: {}", left_out.join(", ")));
    }
    chosen.tables.retain(|(_, table)| table.name == *from);
    for (_, table) in &mut chosen.tables {
        table.name = to.clone();
        table.root = None;
    }
    chosen.sequences.clear();
    chosen.views.clear();
    Ok(())
}
