//! Which definitions wait for rows, in what order, and in which tier.

use super::{Builder, EVENTS, MAIN, RIGHTS, VIEWS};
use crate::domain::schema::{Section, TableName};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Whether an object would do something by itself while the rest is restored: PostgreSQL's event triggers, MySQL's scheduled events.
fn is_event(kind: &str) -> bool {
    matches!(kind, "EVENT TRIGGER" | "EVENT")
}

impl Builder<'_> {
    /// Objects that are not made before the rows: post-data, and whatever depends on such.
    pub(super) fn late(&self) -> BTreeSet<usize> {
        let mut late: BTreeSet<usize> = BTreeSet::new();
        // Once is enough for an archive in order; the loop is for one that is not.
        loop {
            let before = late.len();
            for (at, object) in self.chosen.objects.iter().enumerate() {
                let on_late = object.depends.iter().filter_map(|id| self.place.get(id)).any(|on| late.contains(on));
                if object.section != Section::PreData || on_late || is_event(&object.kind) {
                    late.insert(at);
                }
            }
            if late.len() == before {
                return late;
            }
        }
    }

    /// The same objects, each after those it depends on, else in the archive's order.
    pub(super) fn sorted(&self, late: &BTreeSet<usize>) -> Vec<usize> {
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

    pub(super) fn tier_of(&self, late: &BTreeSet<usize>) -> HashMap<usize, usize> {
        let views: HashSet<&TableName> = self.chosen.views.iter().collect();
        let mut tiers: HashMap<usize, usize> = HashMap::new();
        loop {
            let mut changed = false;
            for at in late {
                let object = &self.chosen.objects[*at];
                let own = match (object.kind.as_str(), object.section) {
                    (kind, _) if is_event(kind) => EVENTS,
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
}
