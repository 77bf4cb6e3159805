//! Nodes for definitions that wait: what they wait for, and how they hold the tables that they stand on.

use super::{Builder, MAIN, SMALL, TINY, VIEWS, Work, is_index};
use crate::domain::schema::{SchemaObject, TableKind, TableName};
use crate::engine::restore::schedule::{Hold, Node, NodeId};
use crate::engine::restore::select::{Chosen, is_relation, relation};
use crate::server::definition;
use crate::server::{Mark, Step};
use std::collections::{BTreeSet, HashMap};

/// The tables that an object stands on: its own, and those it depends on directly or through one of their indexes.
pub fn tables_of(chosen: &Chosen, place: &HashMap<u32, usize>, object: &SchemaObject) -> BTreeSet<TableName> {
    let mut tables: BTreeSet<TableName> = object.table.iter().cloned().collect();
    for on in object.depends.iter().filter_map(|id| place.get(id)).map(|at| &chosen.objects[*at]) {
        if is_relation(on) {
            tables.extend(relation(on));
        }
        tables.extend(on.table.clone());
    }
    tables
}

impl Builder<'_> {
    fn definitions(&self) -> &'static dyn definition::Definitions {
        definition::of(self.chosen.product)
    }

    fn tables_of(&self, object: &SchemaObject) -> BTreeSet<TableName> {
        tables_of(self.chosen, &self.place, object)
    }

    pub(super) fn object(&mut self, at: usize, tier: usize, gate: Option<NodeId>, nodes: &mut HashMap<usize, NodeId>) {
        if nodes.contains_key(&at) {
            return;
        }
        let object = &self.chosen.objects[at];
        if is_index(object) {
            self.graph.indexes += 1;
        }
        // What is there already holds nothing up.
        if self.done.has_object(object.id) {
            return;
        }
        let tables = self.tables_of(object);
        let mut after: Vec<NodeId> = gate.into_iter().collect();
        for table in &tables {
            match (self.loaded.get(table), self.family.get(table).and_then(|family| self.family_loaded.get(family))) {
                (Some(end), _) => after.push(*end),
                // A partitioned table has no rows of its own: what is built on it needs those of its partitions.
                (None, Some(end)) => after.push(*end),
                (None, None) => {}
            }
        }
        for id in &object.depends {
            // The archive's order is one in which everything comes after what it needs, so that its node is there already.
            if let Some(node) = self.place.get(id).and_then(|on| nodes.get(on)) {
                after.push(*node);
            }
        }
        let families: BTreeSet<u32> = tables.iter().filter_map(|table| self.family.get(table).copied()).collect();
        let holds = |hold: Hold| families.iter().map(|family| (*family, hold)).collect::<Vec<_>>();
        let (rows, index) = object.table.as_ref().and_then(|table| self.bytes.get(table)).copied().unwrap_or_default();
        let small = rows < TINY;
        let node = match object.kind.as_str() {
            "INDEX" if !small => {
                // Where it is a change of the table, another one would only wait for it, and may wait too long.
                let hold = if self.chosen.product.is_mysql() { Hold::Alone } else { Hold::Shared };
                let node = Node { after, holds: holds(hold), weight: index + rows / 10, ..Node::default() };
                self.graph.add(Work::Object(Box::new(object.clone()), Step::Whole), node, false)
            }
            "CONSTRAINT" if rows > SMALL && self.definitions().two_steps(object).is_some() => {
                self.key(object, after, &families, index + rows / 10)
            }
            "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" if !small => {
                let node = Node { after, holds: holds(Hold::Alone), weight: index.max(rows / 5), ..Node::default() };
                self.graph.add(Work::Object(Box::new(object.clone()), Step::Whole), node, false)
            }
            _ => {
                let node = Node { after, holds: holds(Hold::Alone), weight: 1, ..Node::default() };
                self.graph.add(Work::Object(Box::new(object.clone()), Step::Whole), node, true)
            }
        };
        nodes.insert(at, node);
        self.tiers[tier].push(node);
    }

    /// A key as an index and a constraint that takes it over.
    fn key(&mut self, object: &SchemaObject, after: Vec<NodeId>, families: &BTreeSet<u32>, weight: u64) -> NodeId {
        let Some(split) = self.definitions().two_steps(object) else {
            let holds = families.iter().map(|family| (*family, Hold::Alone)).collect();
            return self.graph.add(
                Work::Object(Box::new(object.clone()), Step::Whole),
                Node { after, holds, weight, ..Node::default() },
                false,
            );
        };
        let index = SchemaObject { sql: split.index, owner_sql: None, ..object.clone() };
        let holds = families.iter().map(|family| (*family, Hold::Shared)).collect();
        let is_built = self.done.has(Mark::Object(object.id, Step::Index));
        let after = if is_built {
            after
        } else {
            vec![self.graph.add(Work::Object(Box::new(index), Step::Index), Node { after, holds, weight, ..Node::default() }, false)]
        };
        let attach = SchemaObject { sql: split.attach, tablespace: None, ..object.clone() };
        let holds = families.iter().map(|family| (*family, Hold::Alone)).collect();
        self.graph.add(Work::Object(Box::new(attach), Step::Attach), Node { after, holds, weight: 1, ..Node::default() }, true)
    }

    /// Materialized views, one after another in the archive's order; what is built on a view waits for its rows like on a table.
    pub(super) fn refreshes(&mut self, gate: Option<NodeId>) {
        let mut last = gate;
        for (at, view) in self.chosen.views.iter().enumerate() {
            if self.done.has(Mark::View(at as u32)) {
                continue;
            }
            let node =
                self.graph.add(Work::Refresh(at), Node { after: last.into_iter().collect(), weight: SMALL, ..Node::default() }, false);
            last = Some(node);
            self.loaded.insert(view.clone(), node);
            self.tiers[VIEWS].push(node);
        }
    }

    /// Statistics of each table with rows, once its indexes and extended statistics are there.
    pub(super) fn analyzes(&mut self, nodes: &HashMap<usize, NodeId>) {
        let mut built: HashMap<TableName, Vec<NodeId>> = HashMap::new();
        for (at, node) in nodes {
            let object = &self.chosen.objects[*at];
            if is_index(object) || object.kind == "STATISTICS" {
                for table in self.tables_of(object) {
                    built.entry(table).or_default().push(*node);
                }
            }
        }
        for (place, (at, table)) in self.chosen.tables.iter().enumerate() {
            let rows = self.database.tables.get(*at).map_or(0, |entry| entry.rows);
            if rows == 0 || table.kind != TableKind::Table {
                continue;
            }
            let mut after = built.remove(&table.name).unwrap_or_default();
            after.sort_unstable();
            after.extend(self.loaded.get(&table.name));
            let holds = vec![(self.family_of(&table.name), Hold::Alone)];
            let node = self.graph.add(Work::Analyze(place), Node { after, holds, weight: 1, ..Node::default() }, false);
            self.tiers[MAIN].push(node);
        }
    }
}
