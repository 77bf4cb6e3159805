//! What has to happen in what order: the archive's dependencies, and those between rows and what is built on them.
//!
//! Definitions that need no rows are made first, in the archive's order, and are not nodes. Everything else is: rows in parts, indexes,
//! keys and the rest, each behind what it depends on. Four tiers follow each other as in pg_restore: what makes the database; rights and
//! comments; materialized views, which are filled with the rights of their owners; event triggers, which must not see any of this.

mod families;
mod objects;
mod order;
mod rows;

use super::ledger::Done;
use super::schedule::{Node, NodeId};
use super::select::Chosen;
use crate::archive::manifest;
use crate::domain::schema::{Counter, SchemaObject, TableName};
use crate::server::{LoadMode, Mark, Step};
pub use families::families;
pub use objects::tables_of;
use std::collections::HashMap;
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
    /// Runs an object, or a part of it.
    Object(Box<SchemaObject>, Step),
    /// Fills a materialized view, by its place in [`Chosen::views`].
    Refresh(usize),
    /// Sets all sequences.
    Sequences,
    /// Gathers the statistics of a table, by its place in [`Chosen::tables`].
    Analyze(usize),
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

/// Builds the graph for what was chosen of a database, without what an earlier run has done.
pub fn build(chosen: &Chosen, database: &manifest::Database, jobs: u32, done: &Done) -> Graph {
    Builder::new(chosen, database, jobs, done).build()
}

struct Builder<'a> {
    chosen: &'a Chosen,
    database: &'a manifest::Database,
    jobs: u64,
    done: &'a Done,
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
    fn new(chosen: &'a Chosen, database: &'a manifest::Database, jobs: u32, done: &'a Done) -> Self {
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
            done,
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
        self.graph.first =
            (0..self.chosen.objects.len()).filter(|at| !late.contains(at) && !self.done.has_object(self.chosen.objects[*at].id)).collect();
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
                if !self.chosen.sequences.is_empty() && !self.done.has(Mark::Sequences) {
                    // Tables count by themselves while their rows come: what they count to is looked at behind that.
                    let counted = self.chosen.sequences.iter().any(|state| state.counter == Counter::Table);
                    let after = self.loaded.values().copied().filter(|_| counted).collect();
                    let node = self.graph.add(Work::Sequences, Node { after, weight: 1, ..Node::default() }, false);
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

    fn family_of(&self, name: &TableName) -> u32 {
        self.family.get(name).copied().unwrap_or(u32::MAX)
    }
}

/// Whether an object builds an index.
pub fn is_index(object: &SchemaObject) -> bool {
    matches!(object.kind.as_str(), "INDEX" | "CONSTRAINT")
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
