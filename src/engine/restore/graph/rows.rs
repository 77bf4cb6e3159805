//! Nodes for rows: which parts of which table are loaded by themselves, and after which others.

use super::{Builder, MAIN, TINY, Work};
use crate::archive::manifest;
use crate::domain::schema::{RowFormat, Table, TableKind, TableName};
use crate::engine::restore::schedule::{Hold, Node, NodeId};
use crate::server::LoadMode;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

/// The most bytes of rows in one transaction where a server sends each as a whole to its replicas: MySQL's group replication refuses more
/// than 150 MB, and a binary log's cache goes to the disk long before.
const TRANSACTION: u64 = 64 << 20;

/// Engines whose rows are committed with others or not at all.
const TRANSACTIONAL: [&str; 3] = ["innodb", "rocksdb", "ndbcluster"];

/// Whether a table has an engine without transactions (MySQL).
fn has_no_transactions(table: &Table) -> bool {
    table.engine.as_deref().is_some_and(|engine| !TRANSACTIONAL.contains(&engine.to_ascii_lowercase().as_str()))
}

impl Builder<'_> {
    /// Nodes for rows: a table alone in one, or in parts that several sessions load.
    pub(super) fn rows(&mut self) {
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
            // What cannot be taken back is loaded by one call, before which the table is emptied.
            let at_once = self.chosen.definitions && has_no_transactions(table);
            let apart = table.format == RowFormat::Binary || table.kind == TableKind::LargeObjectData;
            let limit = match (apart, self.chosen.definitions) {
                _ if at_once => u64::MAX,
                (true, _) => 0,
                _ if self.chosen.product.is_mysql() => part.min(TRANSACTION),
                // Foreign keys that are there already are checked at the end of each statement.
                (false, false) => u64::MAX,
                (false, true) if entry.bytes <= whole || self.jobs == 1 => u64::MAX,
                (false, true) => part,
            };
            let missing = self.done.missing(*entry_at, entry.chunks.len());
            let runs: Vec<Range<usize>> = missing.into_iter().flat_map(|run| cut(&entry.chunks, run, limit)).collect();
            // Whoever loads alone empties the table first: there must be no other part.
            let alone = self.chosen.definitions
                && table.kind == TableKind::Table
                && table.root.is_none()
                && runs.first().is_some_and(|run| *run == (0..entry.chunks.len()))
                && (limit == u64::MAX || self.chosen.product.is_mysql())
                && (at_once || entry.bytes > TINY);
            let mode = if alone { LoadMode::Alone } else { LoadMode::Shared };
            let mut left: u64 = runs.iter().flat_map(|run| &entry.chunks[run.clone()]).map(|chunk| chunk.bytes).sum();
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
}

struct Order {
    order: Vec<usize>,
    edges: Vec<Vec<usize>>,
}

/// Runs of chunks within a range, of about `limit` bytes each; one run where the limit is without end, one chunk each where it is 0.
fn cut(chunks: &[manifest::Chunk], within: Range<usize>, limit: u64) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut from, mut bytes) = (within.start, 0_u64);
    for at in within.clone() {
        bytes = bytes.saturating_add(chunks[at].bytes);
        if bytes >= limit || limit == 0 {
            runs.push(from..at + 1);
            (from, bytes) = (at + 1, 0);
        }
    }
    if from < within.end {
        runs.push(from..within.end);
    }
    runs
}
