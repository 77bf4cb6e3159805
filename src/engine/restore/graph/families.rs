//! Which tables meet each other's locks.

use crate::domain::schema::TableName;
use crate::engine::restore::select::{Chosen, is_relation, relation};
use std::collections::HashMap;

/// A number for each table that it shares with those whose locks it meets: partitions of one root, parents and children.
pub fn families(chosen: &Chosen, place: &HashMap<u32, usize>) -> HashMap<TableName, u32> {
    let mut number: HashMap<TableName, u32> = HashMap::new();
    let named = chosen.objects.iter().filter(|object| is_relation(object)).filter_map(relation);
    for name in named.chain(chosen.tables.iter().map(|(_, table)| table.name.clone())) {
        let next = number.len() as u32;
        number.entry(name).or_insert(next);
    }
    let mut parent: Vec<u32> = (0..number.len() as u32).collect();
    fn root(parent: &mut [u32], mut at: u32) -> u32 {
        while parent[at as usize] != at {
            parent[at as usize] = parent[parent[at as usize] as usize];
            at = parent[at as usize];
        }
        at
    }
    for object in chosen.objects.iter().filter(|object| matches!(object.kind.as_str(), "TABLE" | "TABLE ATTACH")) {
        let mut members: Vec<u32> = object
            .depends
            .iter()
            .filter_map(|id| place.get(id))
            .map(|at| &chosen.objects[*at])
            .filter(|on| on.kind == "TABLE")
            .filter_map(|on| relation(on).and_then(|name| number.get(&name).copied()))
            .collect();
        if object.kind == "TABLE" {
            members.extend(relation(object).and_then(|name| number.get(&name).copied()));
        }
        for pair in members.windows(2) {
            let (a, b) = (root(&mut parent, pair[0]), root(&mut parent, pair[1]));
            parent[a as usize] = b;
        }
    }
    number.into_iter().map(|(name, at)| (name, root(&mut parent, at))).collect()
}
