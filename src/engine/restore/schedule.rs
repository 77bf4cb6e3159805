//! Decides what is started next. Pure: knows no server, no time and no threads; who runs the work tells it what came of it.
//!
//! A node starts when everything it depends on is done and when the tables that it locks are free, so that no session ever waits for a
//! lock that another of ours holds. Among those that could start, the one with the longest way to the end goes first.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

/// A node's number.
pub type NodeId = u32;

/// How a node holds a table family while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Beside others that share it: rows coming in, indexes being built.
    Shared,
    /// Alone.
    Alone,
}

/// What the schedule needs to know of a node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Nodes that must be done before.
    pub after: Vec<NodeId>,
    /// What it holds while it runs: number of a lock, and how.
    pub holds: Vec<(u32, Hold)>,
    /// Its cost, in bytes or their like.
    pub weight: u64,
    /// Added to its own rank, not to that of what comes before it: what its siblings have still to do.
    pub urgency: u64,
    /// Whether there is nothing to run: it is done as soon as what it depends on is.
    pub milestone: bool,
}

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Running,
    Done,
    Failed,
    Skipped,
}

/// How many nodes are looked at for one that can start. More are only blocked by locks that running nodes give back, so that
/// looking again after each of those ends starves none.
const LOOK_AT: usize = 2000;

/// The state of all nodes.
pub struct Schedule {
    nodes: Vec<Node>,
    state: Vec<State>,
    waits: Vec<u32>,
    dependents: Vec<Vec<NodeId>>,
    rank: Vec<u64>,
    ready: BTreeSet<(Reverse<u64>, NodeId)>,
    held: HashMap<u32, u32>,
    open: usize,
    running: usize,
}

/// In [`Schedule::held`]: held alone.
const ALONE: u32 = u32::MAX;

impl Schedule {
    /// A schedule of nodes that refer to each other by their place. An edge to a node that is not there, or a circle, is refused with
    /// the number of a node in it.
    pub fn new(nodes: Vec<Node>) -> Result<Self, NodeId> {
        let count = nodes.len();
        let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); count];
        let mut waits = vec![0_u32; count];
        for (at, node) in nodes.iter().enumerate() {
            let mut after = node.after.clone();
            after.sort_unstable();
            after.dedup();
            for before in after {
                let list = dependents.get_mut(before as usize).ok_or(at as NodeId)?;
                list.push(at as NodeId);
                waits[at] += 1;
            }
        }
        let order = order(&waits, &dependents)?;
        // The longest way to the end, from the end.
        let mut rank = vec![0_u64; count];
        for at in order.iter().rev() {
            let at = *at as usize;
            let tail = dependents[at].iter().map(|next| rank[*next as usize]).max().unwrap_or(0);
            rank[at] = tail.saturating_add(nodes[at].weight.max(1));
        }
        for (rank, node) in rank.iter_mut().zip(&nodes) {
            *rank = rank.saturating_add(node.urgency);
        }
        let mut schedule = Self {
            state: vec![State::Waiting; count],
            ready: BTreeSet::new(),
            held: HashMap::new(),
            open: count,
            running: 0,
            nodes,
            waits,
            dependents,
            rank,
        };
        for at in order {
            if schedule.waits[at as usize] == 0 && schedule.state[at as usize] == State::Waiting {
                schedule.unlock(at);
            }
        }
        Ok(schedule)
    }

    /// The next node to run, if one can start now.
    #[cfg(test)]
    pub fn pick(&mut self) -> Option<NodeId> {
        self.pick_where(|_| true)
    }

    /// The next node to run among those that are wanted.
    pub fn pick_where(&mut self, wanted: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let found = self.ready.iter().take(LOOK_AT).find(|(_, at)| wanted(*at) && self.is_free(*at)).copied()?;
        self.ready.remove(&found);
        let at = found.1;
        for (lock, hold) in &self.nodes[at as usize].holds {
            let held = self.held.entry(*lock).or_insert(0);
            *held = if *hold == Hold::Alone { ALONE } else { *held + 1 };
        }
        self.state[at as usize] = State::Running;
        self.running += 1;
        Some(at)
    }

    fn is_free(&self, at: NodeId) -> bool {
        self.nodes[at as usize].holds.iter().all(|(lock, hold)| match self.held.get(lock) {
            None => true,
            Some(held) => *hold == Hold::Shared && *held != ALONE,
        })
    }

    /// A running node came to its end.
    pub fn done(&mut self, at: NodeId) {
        if self.leave(at, State::Done) {
            self.finish(at);
        }
    }

    /// A running node failed: whatever depends on it is skipped. Returns those.
    pub fn failed(&mut self, at: NodeId) -> Vec<NodeId> {
        if !self.leave(at, State::Failed) {
            return Vec::new();
        }
        self.skip_after(at)
    }

    /// Takes out a node that was not started, and whatever depends on it. Returns all of them.
    pub fn condemn(&mut self, at: NodeId) -> Vec<NodeId> {
        match self.state[at as usize] {
            State::Waiting => {}
            State::Ready => {
                self.ready.remove(&(Reverse(self.rank[at as usize]), at));
            }
            State::Running | State::Done | State::Failed | State::Skipped => return Vec::new(),
        }
        self.state[at as usize] = State::Skipped;
        self.open -= 1;
        let mut skipped = vec![at];
        skipped.extend(self.skip_after(at));
        skipped
    }

    fn skip_after(&mut self, at: NodeId) -> Vec<NodeId> {
        let mut skipped = Vec::new();
        let mut stack = vec![at];
        while let Some(at) = stack.pop() {
            for next in self.dependents[at as usize].clone() {
                if self.state[next as usize] == State::Waiting {
                    self.state[next as usize] = State::Skipped;
                    self.open -= 1;
                    skipped.push(next);
                    stack.push(next);
                }
            }
        }
        skipped
    }

    /// Whether nothing is left to run and nothing runs.
    pub fn is_over(&self) -> bool {
        self.open == 0
    }

    /// How many run now.
    #[cfg(test)]
    pub fn running(&self) -> usize {
        self.running
    }

    fn leave(&mut self, at: NodeId, to: State) -> bool {
        if self.state[at as usize] != State::Running {
            return false;
        }
        self.state[at as usize] = to;
        self.running -= 1;
        self.open -= 1;
        for (lock, hold) in &self.nodes[at as usize].holds {
            let left = match (hold, self.held.get(lock)) {
                (Hold::Shared, Some(held)) if *held != ALONE => held.saturating_sub(1),
                _ => 0,
            };
            if left == 0 {
                self.held.remove(lock)
            } else {
                self.held.insert(*lock, left)
            };
        }
        true
    }

    /// Tells those that wait for a node that it is done.
    fn finish(&mut self, at: NodeId) {
        let mut stack = vec![at];
        while let Some(at) = stack.pop() {
            for next in std::mem::take(&mut self.dependents[at as usize]) {
                self.waits[next as usize] -= 1;
                if self.waits[next as usize] == 0 && self.state[next as usize] == State::Waiting {
                    if self.nodes[next as usize].milestone {
                        self.state[next as usize] = State::Done;
                        self.open -= 1;
                        stack.push(next);
                    } else {
                        self.state[next as usize] = State::Ready;
                        self.ready.insert((Reverse(self.rank[next as usize]), next));
                    }
                }
            }
        }
    }

    fn unlock(&mut self, at: NodeId) {
        if self.nodes[at as usize].milestone {
            self.state[at as usize] = State::Done;
            self.open -= 1;
            self.finish(at);
        } else {
            self.state[at as usize] = State::Ready;
            self.ready.insert((Reverse(self.rank[at as usize]), at));
        }
    }
}

/// All nodes, each after what it depends on; or a node of a circle.
fn order(waits: &[u32], dependents: &[Vec<NodeId>]) -> Result<Vec<NodeId>, NodeId> {
    let mut waits = waits.to_vec();
    let mut order: Vec<NodeId> = (0..waits.len()).filter(|at| waits[*at] == 0).map(|at| at as NodeId).collect();
    let mut next = 0;
    while next < order.len() {
        for dependent in &dependents[order[next] as usize] {
            waits[*dependent as usize] -= 1;
            if waits[*dependent as usize] == 0 {
                order.push(*dependent);
            }
        }
        next += 1;
    }
    match waits.iter().position(|waits| *waits > 0) {
        Some(at) => Err(at as NodeId),
        None => Ok(order),
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
