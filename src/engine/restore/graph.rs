//! What has to happen in what order: the archive's dependencies, and those between rows and what is built on them.
//!
//! Definitions that need no rows are made first, in the archive's order, and are not nodes. Everything else is: rows in parts, indexes,
//! keys and the rest, each behind what it depends on. Four tiers follow each other as in pg_restore: what makes the database; rights and
//! comments; materialized views, which are filled with the rights of their owners; event triggers, which must not see any of this.

use super::schedule::{Hold, Node, NodeId};
use super::select::{Chosen, is_relation, relation};
use super::unique;
use crate::archive::manifest;
use crate::domain::schema::{RowFormat, SchemaObject, Section, TableKind, TableName};
use crate::server::LoadMode;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

/// Tables smaller than this are not worth two steps for a key, nor a TRUNCATE for frozen rows.
const SMALL: u64 = 8 << 20;
const TINY: u64 = 64 << 10;

/// What a node does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Nothing: others wait for it.
    Milestone,
    /// Loads some chunks of a table.
    Load {
        /// The place in [`Chosen::tables`].
        table: usize,
        /// Which of its chunks.
        chunks: Range<usize>,
        /// How.
        mode: LoadMode,
    },
    /// Runs an object.
    Object(Box<SchemaObject>),
    /// Fills a materialized view.
    Refresh(TableName),
    /// Sets all sequences.
    Sequences,
    /// Gathers the statistics of a table.
    Analyze(TableName),
}

/// The nodes, and what each does.
#[derive(Debug, Default)]
pub struct Graph {
    /// Objects to run first, places in [`Chosen::objects`], in order.
    pub first: Vec<usize>,
    /// For the schedule.
    pub nodes: Vec<Node>,
    /// What each node does.
    pub work: Vec<Work>,
    /// Whether a node is so quick that many are run in one transaction.
    pub quick: Vec<bool>,
    /// How many nodes each table's rows and indexes are in: (parts of rows, indexes and keys).
    pub indexes: u64,
}

impl Graph {
    fn add(&mut self, work: Work, node: Node, quick: bool) -> NodeId {
        self.nodes.push(node);
        self.work.push(work);
        self.quick.push(quick);
        (self.nodes.len() - 1) as NodeId
    }

    fn milestone(&mut self, after: Vec<NodeId>) -> NodeId {
        self.add(Work::Milestone, Node { after, milestone: true, ..Node::default() }, false)
    }
}

/// Tiers that follow each other.
const MAIN: usize = 0;
const RIGHTS: usize = 1;
const VIEWS: usize = 2;
const EVENTS: usize = 3;
const TIERS: usize = 4;

/// Builds the graph for what was chosen of a database.
pub fn build(chosen: &Chosen, database: &manifest::Database, jobs: u32) -> Graph {
    Builder::new(chosen, database, jobs).build()
}

struct Builder<'a> {
    chosen: &'a Chosen,
    database: &'a manifest::Database,
    jobs: u64,
    graph: Graph,
    /// Place of an object by its id.
    place: HashMap<u32, usize>,
    /// The family of each table: partitions and their roots, parents and children, lock each other.
    family: HashMap<TableName, u32>,
    /// When a table's rows are in.
    loaded: HashMap<TableName, NodeId>,
    /// The same for all tables of a family.
    family_loaded: HashMap<u32, NodeId>,
    /// Size of a table's rows, and of one of its indexes.
    bytes: HashMap<TableName, (u64, u64)>,
    /// All nodes of each tier.
    tiers: [Vec<NodeId>; TIERS],
}

impl<'a> Builder<'a> {
    fn new(chosen: &'a Chosen, database: &'a manifest::Database, jobs: u32) -> Self {
        let place: HashMap<u32, usize> = chosen.objects.iter().enumerate().map(|(at, object)| (object.id, at)).collect();
        let mut built: HashMap<&TableName, u64> = HashMap::new();
        for object in chosen.objects.iter().filter(|object| is_index(object)) {
            if let Some(table) = &object.table {
                *built.entry(table).or_default() += 1;
            }
        }
        let bytes = chosen
            .tables
            .iter()
            .map(|(at, table)| {
                let rows = database.tables.get(*at).map_or(0, |entry| entry.bytes);
                let count = built.get(&table.name).copied().unwrap_or(1).max(1);
                (table.name.clone(), (rows, (table.index_bytes / count).max(rows / 5)))
            })
            .collect();
        Self {
            chosen,
            database,
            jobs: u64::from(jobs.max(1)),
            graph: Graph::default(),
            family: families(chosen, &place),
            place,
            loaded: HashMap::new(),
            family_loaded: HashMap::new(),
            bytes,
            tiers: Default::default(),
        }
    }

    fn build(mut self) -> Graph {
        self.rows();
        let late = self.late();
        self.graph.first = (0..self.chosen.objects.len()).filter(|at| !late.contains(at)).collect();
        let tiers = self.tier_of(&late);
        let late = self.sorted(&late);
        let mut nodes: HashMap<usize, NodeId> = HashMap::new();
        let mut gates: Vec<NodeId> = Vec::new();
        for tier in [MAIN, RIGHTS, VIEWS, EVENTS] {
            let gate = gates.last().copied();
            if tier == VIEWS {
                self.refreshes(gate);
            }
            for at in late.iter().copied().filter(|at| tiers[at] == tier) {
                self.object(at, tier, gate, &mut nodes);
            }
            if tier == MAIN {
                if !self.chosen.sequences.is_empty() {
                    let node = self.graph.add(Work::Sequences, Node { weight: 1, ..Node::default() }, false);
                    self.tiers[MAIN].push(node);
                }
                self.analyzes(&nodes);
            }
            let members = std::mem::take(&mut self.tiers[tier]);
            let after = if members.is_empty() { gate.into_iter().collect() } else { members };
            gates.push(self.graph.milestone(after));
        }
        self.graph
    }

    /// Nodes for rows: a table alone in one, or in parts that several sessions load.
    fn rows(&mut self) {
        let total: u64 = self.chosen.tables.iter().filter_map(|(at, _)| self.database.tables.get(*at)).map(|entry| entry.bytes).sum();
        // A table that one session loads must not be what everyone waits for at the end.
        let whole = (total / (self.jobs * 4)).max(32 << 20);
        let part = (total / (self.jobs * 16)).clamp(8 << 20, 128 << 20);
        let before = self.acyclic();
        let mut done: Vec<Option<NodeId>> = vec![None; self.chosen.tables.len()];
        let mut metadata: Option<NodeId> = None;
        for at in before.order {
            let (entry_at, table) = &self.chosen.tables[at];
            let Some(entry) = self.database.tables.get(*entry_at) else { continue };
            let family = self.family_of(&table.name);
            let mut after: Vec<NodeId> = before.edges[at].iter().filter_map(|parent| done[*parent]).collect();
            if table.kind == TableKind::LargeObjectData {
                after.extend(metadata);
            }
            let apart = table.format == RowFormat::Binary || table.kind == TableKind::LargeObjectData;
            let limit = match (apart, self.chosen.definitions) {
                (true, _) => 0,
                // Foreign keys that are there already are checked at the end of each statement.
                (false, false) => u64::MAX,
                (false, true) if entry.bytes <= whole || self.jobs == 1 => u64::MAX,
                (false, true) => part,
            };
            let runs = cut(&entry.chunks, limit);
            // Whoever loads alone empties the table first: there must be no other part.
            let alone = self.chosen.definitions
                && table.kind == TableKind::Table
                && table.root.is_none()
                && runs.len() == 1
                && limit == u64::MAX
                && entry.bytes > TINY;
            let mode = if alone { LoadMode::Alone } else { LoadMode::Shared };
            let mut left = entry.bytes;
            let mut parts = Vec::new();
            for chunks in runs {
                let weight: u64 = entry.chunks[chunks.clone()].iter().map(|chunk| chunk.bytes).sum();
                left = left.saturating_sub(weight);
                let node =
                    Node { after: after.clone(), holds: vec![(family, Hold::Shared)], weight, urgency: left / self.jobs, milestone: false };
                parts.push(self.graph.add(Work::Load { table: at, chunks, mode }, node, false));
            }
            let is_metadata = table.kind == TableKind::LargeObjectMetadata;
            let name = table.name.clone();
            let end = if parts.is_empty() { self.graph.milestone(after) } else { self.graph.milestone(parts) };
            self.tiers[MAIN].push(end);
            done[at] = Some(end);
            if is_metadata {
                metadata = Some(end);
            }
            self.loaded.insert(name, end);
        }
        self.through_roots();
        let mut by_family: HashMap<u32, Vec<NodeId>> = HashMap::new();
        for (name, end) in &self.loaded {
            by_family.entry(self.family_of(name)).or_default().push(*end);
        }
        for (family, mut ends) in by_family {
            ends.sort_unstable();
            let node = self.graph.milestone(ends);
            self.family_loaded.insert(family, node);
        }
    }

    /// Rows that are loaded through a root may come to lie in any of its partitions: each is complete when all are.
    fn through_roots(&mut self) {
        let mut by_root: BTreeMap<&TableName, Vec<&TableName>> = BTreeMap::new();
        for (_, table) in &self.chosen.tables {
            if let Some(root) = &table.root {
                by_root.entry(root).or_default().push(&table.name);
            }
        }
        for leaves in by_root.into_values() {
            let ends = leaves.iter().filter_map(|leaf| self.loaded.get(*leaf).copied()).collect();
            let all = self.graph.milestone(ends);
            self.loaded.extend(leaves.into_iter().map(|leaf| (leaf.clone(), all)));
        }
    }

    /// The order of tables in which those that others refer to come first; what would make a circle is left out.
    fn acyclic(&self) -> Order {
        let count = self.chosen.tables.len();
        let mut edges: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); count];
        for (child, parent) in &self.chosen.before {
            edges[*child].insert(*parent);
        }
        // Large objects' descriptions come before their pages.
        let rank = |at: usize| u8::from(self.chosen.tables[at].1.kind == TableKind::LargeObjectData);
        let mut waiting: Vec<usize> = (0..count).collect();
        waiting.sort_by_key(|at| (rank(*at), *at));
        let mut placed = vec![false; count];
        let mut order = Vec::with_capacity(count);
        while !waiting.is_empty() {
            let before = order.len();
            waiting.retain(|at| {
                let free = edges[*at].iter().all(|parent| placed[*parent]);
                if free {
                    placed[*at] = true;
                    order.push(*at);
                }
                !free
            });
            if order.len() == before {
                // A circle. Going from table to what it needs leads into it; its table goes without the ones that are not there yet.
                let mut at = waiting[0];
                let mut seen = HashSet::new();
                while seen.insert(at) {
                    at = edges[at].iter().copied().find(|parent| !placed[*parent]).unwrap_or(at);
                }
                waiting.retain(|waits| *waits != at);
                edges[at].retain(|parent| placed[*parent]);
                placed[at] = true;
                order.push(at);
            }
        }
        Order { order, edges: edges.into_iter().map(|set| set.into_iter().collect()).collect() }
    }

    fn family_of(&self, name: &TableName) -> u32 {
        self.family.get(name).copied().unwrap_or(u32::MAX)
    }

    /// Objects that are not made before the rows: post-data, and whatever depends on such.
    fn late(&self) -> BTreeSet<usize> {
        let mut late: BTreeSet<usize> = BTreeSet::new();
        // Once is enough for an archive in order; the loop is for one that is not.
        loop {
            let before = late.len();
            for (at, object) in self.chosen.objects.iter().enumerate() {
                let on_late = object.depends.iter().filter_map(|id| self.place.get(id)).any(|on| late.contains(on));
                if object.section != Section::PreData || on_late || object.kind == "EVENT TRIGGER" {
                    late.insert(at);
                }
            }
            if late.len() == before {
                return late;
            }
        }
    }

    /// The same objects, each after those it depends on, else in the archive's order.
    fn sorted(&self, late: &BTreeSet<usize>) -> Vec<usize> {
        let mut out = Vec::with_capacity(late.len());
        let mut seen: HashSet<usize> = HashSet::new();
        for at in late {
            // Depth first without recursion: (object, whether what it depends on has been gone through).
            let mut stack = vec![(*at, false)];
            while let Some((at, ready)) = stack.pop() {
                if ready {
                    out.push(at);
                } else if seen.insert(at) {
                    stack.push((at, true));
                    let needs = self.chosen.objects[at].depends.iter().filter_map(|id| self.place.get(id).copied());
                    stack.extend(needs.filter(|on| late.contains(on) && !seen.contains(on)).map(|on| (on, false)));
                }
            }
        }
        out
    }

    fn tier_of(&self, late: &BTreeSet<usize>) -> HashMap<usize, usize> {
        let views: HashSet<&TableName> = self.chosen.views.iter().collect();
        let mut tiers: HashMap<usize, usize> = HashMap::new();
        loop {
            let mut changed = false;
            for at in late {
                let object = &self.chosen.objects[*at];
                let own = match (object.kind.as_str(), object.section) {
                    ("EVENT TRIGGER", _) => EVENTS,
                    (_, Section::None) => RIGHTS,
                    _ if object.table.as_ref().is_some_and(|table| views.contains(table)) => VIEWS,
                    _ => MAIN,
                };
                let needed = object.depends.iter().filter_map(|id| self.place.get(id)).filter_map(|on| tiers.get(on)).max().copied();
                let tier = own.max(needed.unwrap_or(MAIN));
                changed |= tiers.insert(*at, tier) != Some(tier);
            }
            if !changed {
                return tiers;
            }
        }
    }

    /// The tables that an object stands on: its own, and those it depends on directly or through one of their indexes.
    fn tables_of(&self, object: &SchemaObject) -> BTreeSet<TableName> {
        let mut tables: BTreeSet<TableName> = object.table.iter().cloned().collect();
        for on in object.depends.iter().filter_map(|id| self.place.get(id)).map(|at| &self.chosen.objects[*at]) {
            if is_relation(on) {
                tables.extend(relation(on));
            }
            tables.extend(on.table.clone());
        }
        tables
    }

    fn object(&mut self, at: usize, tier: usize, gate: Option<NodeId>, nodes: &mut HashMap<usize, NodeId>) {
        if nodes.contains_key(&at) {
            return;
        }
        let object = &self.chosen.objects[at];
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
                let node = Node { after, holds: holds(Hold::Shared), weight: index + rows / 10, ..Node::default() };
                self.graph.add(Work::Object(Box::new(object.clone())), node, false)
            }
            "CONSTRAINT" if rows > SMALL && unique::split(object).is_some() => self.key(object, after, &families, index + rows / 10),
            "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" if !small => {
                let node = Node { after, holds: holds(Hold::Alone), weight: index.max(rows / 5), ..Node::default() };
                self.graph.add(Work::Object(Box::new(object.clone())), node, false)
            }
            _ => {
                let node = Node { after, holds: holds(Hold::Alone), weight: 1, ..Node::default() };
                self.graph.add(Work::Object(Box::new(object.clone())), node, true)
            }
        };
        if is_index(object) {
            self.graph.indexes += 1;
        }
        nodes.insert(at, node);
        self.tiers[tier].push(node);
    }

    /// A key as an index and a constraint that takes it over.
    fn key(&mut self, object: &SchemaObject, after: Vec<NodeId>, families: &BTreeSet<u32>, weight: u64) -> NodeId {
        let Some(split) = unique::split(object) else {
            let holds = families.iter().map(|family| (*family, Hold::Alone)).collect();
            return self.graph.add(Work::Object(Box::new(object.clone())), Node { after, holds, weight, ..Node::default() }, false);
        };
        let index = SchemaObject { sql: split.index, owner_sql: None, ..object.clone() };
        let holds = families.iter().map(|family| (*family, Hold::Shared)).collect();
        let built = self.graph.add(Work::Object(Box::new(index)), Node { after, holds, weight, ..Node::default() }, false);
        let attach = SchemaObject { sql: split.attach, tablespace: None, ..object.clone() };
        let holds = families.iter().map(|family| (*family, Hold::Alone)).collect();
        self.graph.add(Work::Object(Box::new(attach)), Node { after: vec![built], holds, weight: 1, ..Node::default() }, true)
    }

    /// Materialized views, one after another in the archive's order; what is built on a view waits for its rows like on a table.
    fn refreshes(&mut self, gate: Option<NodeId>) {
        let mut last = gate;
        for view in &self.chosen.views {
            let node = self.graph.add(
                Work::Refresh(view.clone()),
                Node { after: last.into_iter().collect(), weight: SMALL, ..Node::default() },
                false,
            );
            last = Some(node);
            self.loaded.insert(view.clone(), node);
            self.tiers[VIEWS].push(node);
        }
    }

    /// Statistics of each table with rows, once its indexes and extended statistics are there.
    fn analyzes(&mut self, nodes: &HashMap<usize, NodeId>) {
        let mut built: HashMap<TableName, Vec<NodeId>> = HashMap::new();
        for (at, node) in nodes {
            let object = &self.chosen.objects[*at];
            if is_index(object) || object.kind == "STATISTICS" {
                for table in self.tables_of(object) {
                    built.entry(table).or_default().push(*node);
                }
            }
        }
        for (at, table) in &self.chosen.tables {
            let rows = self.database.tables.get(*at).map_or(0, |entry| entry.rows);
            if rows == 0 || table.kind != TableKind::Table {
                continue;
            }
            let mut after = built.remove(&table.name).unwrap_or_default();
            after.sort_unstable();
            after.extend(self.loaded.get(&table.name));
            let holds = vec![(self.family_of(&table.name), Hold::Alone)];
            let node = self.graph.add(Work::Analyze(table.name.clone()), Node { after, holds, weight: 1, ..Node::default() }, false);
            self.tiers[MAIN].push(node);
        }
    }
}

struct Order {
    order: Vec<usize>,
    edges: Vec<Vec<usize>>,
}

/// Whether an object builds an index.
pub fn is_index(object: &SchemaObject) -> bool {
    matches!(object.kind.as_str(), "INDEX" | "CONSTRAINT")
}

/// Runs of chunks of about `limit` bytes each; one run where the limit is without end, one chunk each where it is 0.
fn cut(chunks: &[manifest::Chunk], limit: u64) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut from, mut bytes) = (0, 0_u64);
    for (at, chunk) in chunks.iter().enumerate() {
        bytes = bytes.saturating_add(chunk.bytes);
        if bytes >= limit || limit == 0 {
            runs.push(from..at + 1);
            (from, bytes) = (at + 1, 0);
        }
    }
    if from < chunks.len() {
        runs.push(from..chunks.len());
    }
    runs
}

/// A number for each table that it shares with those whose locks it meets: partitions of one root, parents and children.
fn families(chosen: &Chosen, place: &HashMap<u32, usize>) -> HashMap<TableName, u32> {
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

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
