//! Folds failures into their root causes. Pure: knows what failed, what was skipped because of it, and what depends on what.
//!
//! A failure is the consequence of another one when something that its object needs failed too (the archive's dependencies say so), or
//! when it lacks just what another failed to make: a role that could not be created, for all tables that it owns. What is left are roots;
//! those that lack the same thing, in whatever database, are one cause. The order in which failures come in changes nothing.

mod cure;
mod subject;

use crate::domain::cause::{Cause, Lost, Missing, Tally};
use crate::domain::{Code, Fault, text};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use subject::Subject;

/// An object that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// Its number in the archive; none for what is no object: a database that stopped as a whole.
    pub id: Option<u32>,
    /// Kind and name: "TABLE public.roads".
    pub label: &'a str,
    /// The kind, as the archive names it.
    pub kind: &'a str,
    /// Why.
    pub fault: &'a Fault,
}

/// An object that was not tried.
#[derive(Clone, Copy, Debug)]
pub struct Skipped<'a> {
    /// Its number in the archive.
    pub id: Option<u32>,
    /// Kind and name.
    pub label: &'a str,
    /// The kind, as the archive names it.
    pub kind: &'a str,
    /// The failure that it was skipped for: its place in [`Losses::failed`].
    pub because: usize,
}

/// What is missing in one database, or of the globals.
#[derive(Clone, Debug, Default)]
pub struct Losses<'a> {
    /// The database; none for the globals.
    pub database: Option<&'a str>,
    /// What failed.
    pub failed: Vec<Failed<'a>>,
    /// What was skipped because of that.
    pub skipped: Vec<Skipped<'a>>,
    /// What each object needs, by the archive's numbers.
    pub needs: HashMap<u32, Vec<u32>>,
}

/// The causes, and which one each failed and skipped object has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// The cause with the most consequences first.
    pub causes: Vec<Cause>,
    /// For each of the losses, in their order: the objects that failed and those that were skipped. None is in both or twice.
    pub missing: Vec<(Vec<Missing>, Vec<Missing>)>,
}

/// How many of `all` objects were made, failed and were skipped.
pub fn tally(all: u64, missing: &(Vec<Missing>, Vec<Missing>)) -> Tally {
    let (failed, skipped) = (missing.0.len() as u64, missing.1.len() as u64);
    Tally { done: all.saturating_sub(failed + skipped), failed, skipped }
}

/// A failure's place: which of the losses, which failure in it.
type Place = (usize, usize);

/// Objects that are not there, each with what its cause is about.
type Listed<'a> = Vec<(Missing, &'a Subject)>;

/// Folds them. `major` is the target's version, for the names of packages.
pub fn fold(losses: &[Losses<'_>], major: u32) -> Folded {
    let subjects: Vec<Vec<Subject>> = losses.iter().map(|one| one.failed.iter().map(subject::of).collect()).collect();
    let roots = Roots::new(losses, &subjects);
    // What many have in common comes first in the order of its name, so that no order of input shows.
    let mut groups: BTreeMap<&Subject, Group<'_>> = BTreeMap::new();
    let mut key_of: HashMap<Place, &Subject> = HashMap::new();
    for (nth, one) in losses.iter().enumerate() {
        for at in 0..one.failed.len() {
            let root = roots.of((nth, at));
            let subject = &subjects[root.0][root.1];
            key_of.insert((nth, at), subject);
            groups.entry(subject).or_default().roots.insert(root);
        }
    }
    let mut listed: Vec<(Listed<'_>, Listed<'_>)> = Vec::new();
    for (nth, one) in losses.iter().enumerate() {
        let mut seen = HashSet::new();
        let (mut failed, mut skipped) = (Vec::new(), Vec::new());
        for (at, failure) in one.failed.iter().enumerate() {
            let subject = key_of[&(nth, at)];
            let Some(group) = groups.get_mut(subject) else { continue };
            group.databases.extend(one.database);
            if seen.insert((failure.id, failure.label)) {
                group.failed += 1;
                group.count(failure, subject);
                let missing = Missing {
                    object: text::clean(failure.label),
                    kind: failure.kind.to_owned(),
                    code: Some(failure.fault.code),
                    message: text::clean(failure.fault.root_cause()),
                    cause: 0,
                };
                failed.push((missing, subject));
            }
        }
        for object in &one.skipped {
            let Some(subject) = key_of.get(&(nth, object.because)).copied() else { continue };
            let Some(group) = groups.get_mut(subject) else { continue };
            if seen.insert((object.id, object.label)) {
                group.skipped += 1;
                *group.lost.entry(object.kind.to_owned()).or_default() += 1;
                let missing = Missing {
                    object: text::clean(object.label),
                    kind: object.kind.to_owned(),
                    code: None,
                    message: String::new(),
                    cause: 0,
                };
                skipped.push((missing, subject));
            }
        }
        listed.push((failed, skipped));
    }
    let mut causes: Vec<(&Subject, Cause)> =
        groups.into_iter().map(|(subject, group)| (subject, group.cause(subject, losses, major))).collect();
    causes.sort_by(|(a, x), (b, y)| (y.failed + y.skipped).cmp(&(x.failed + x.skipped)).then_with(|| a.cmp(b)));
    let place: HashMap<&Subject, usize> = causes.iter().enumerate().map(|(at, (subject, _))| (*subject, at)).collect();
    let settled = |some: Listed<'_>| -> Vec<Missing> {
        some.into_iter().map(|(missing, subject)| Missing { cause: place.get(subject).copied().unwrap_or(0), ..missing }).collect()
    };
    let missing = listed.into_iter().map(|(failed, skipped)| (settled(failed), settled(skipped))).collect();
    Folded { causes: causes.into_iter().map(|(_, cause)| cause).collect(), missing }
}

/// What is missed most comes first: things before what is said of them, many before few, tables before the rest.
fn weight(lost: &Lost) -> (bool, std::cmp::Reverse<u64>, bool) {
    let said = matches!(lost.kind.as_str(), "COMMENT" | "ACL" | "DEFAULT ACL" | "SECURITY LABEL" | "MEMBERSHIP");
    (said, std::cmp::Reverse(lost.count), lost.kind != "TABLE")
}

/// What one cause has gathered.
#[derive(Default)]
struct Group<'a> {
    roots: BTreeSet<Place>,
    databases: BTreeSet<&'a str>,
    failed: u64,
    skipped: u64,
    lost: BTreeMap<String, u64>,
}

impl Group<'_> {
    /// What the cause is about is not counted among what it costs: "extension postgis is missing → 1 extension" says nothing.
    fn count(&mut self, failure: &Failed<'_>, subject: &Subject) {
        if !subject.is_made_by(failure) {
            *self.lost.entry(failure.kind.to_owned()).or_default() += 1;
        }
    }

    fn cause(self, subject: &Subject, losses: &[Losses<'_>], major: u32) -> Cause {
        // The failure that speaks for all: one that failed to make the thing itself, else the first by database and name.
        let speaker = self
            .roots
            .iter()
            .map(|(nth, at)| (losses[*nth].database, &losses[*nth].failed[*at]))
            .min_by_key(|(database, one)| (!subject.is_made_by(one), *database, one.label, one.fault.root_cause()));
        let mut lost: Vec<Lost> = self.lost.into_iter().map(|(kind, count)| Lost { kind, count }).collect();
        lost.sort_by(|a, b| weight(a).cmp(&weight(b)).then_with(|| a.kind.cmp(&b.kind)));
        let fault = speaker.map(|(_, one)| one.fault);
        Cause {
            code: fault.map_or(Code::Partial, |fault| fault.code),
            what: subject.what(fault),
            said: text::clean(fault.map_or("", |fault| fault.root_cause())),
            sqlstate: fault.and_then(|fault| fault.sqlstate.clone()),
            databases: self.databases.into_iter().map(text::clean).collect(),
            failed: self.failed,
            skipped: self.skipped,
            lost,
            steps: cure::steps(subject, fault, major),
        }
    }
}

/// Which failure each one comes from.
struct Roots<'a, 'b> {
    losses: &'a [Losses<'b>],
    /// For each of the losses: which failure an object is not there for.
    lost: Vec<HashMap<u32, Vec<usize>>>,
    /// Failures that lack something, to the one that failed to make it.
    makers: HashMap<Place, Place>,
}

impl<'a, 'b> Roots<'a, 'b> {
    fn new(losses: &'a [Losses<'b>], subjects: &[Vec<Subject>]) -> Self {
        let lost = losses
            .iter()
            .map(|one| {
                let mut lost: HashMap<u32, Vec<usize>> = HashMap::new();
                for (at, failure) in one.failed.iter().enumerate() {
                    lost.entry(failure.id.unwrap_or(u32::MAX)).or_default().push(at);
                }
                for object in one.skipped.iter().filter(|object| object.because < one.failed.len()) {
                    lost.entry(object.id.unwrap_or(u32::MAX)).or_default().push(object.because);
                }
                lost.remove(&u32::MAX);
                lost
            })
            .collect();
        // Who failed to make what: looked up in the same database first, then among the globals.
        let mut made: HashMap<(Option<&str>, Subject), Place> = HashMap::new();
        for (nth, one) in losses.iter().enumerate() {
            for (at, failure) in one.failed.iter().enumerate() {
                if let Some(subject) = subject::made(failure) {
                    let place = made.entry((one.database, subject)).or_insert((nth, at));
                    let earlier = &losses[place.0].failed[place.1];
                    if (failure.label, failure.fault.root_cause()) < (earlier.label, earlier.fault.root_cause()) {
                        *place = (nth, at);
                    }
                }
            }
        }
        let mut makers = HashMap::new();
        for (nth, one) in losses.iter().enumerate() {
            for (at, lacking) in subjects[nth].iter().enumerate() {
                let maker = [one.database, None].into_iter().find_map(|whose| made.get(&(whose, lacking.clone())).copied());
                if let Some(maker) = maker.filter(|maker| *maker != (nth, at)) {
                    makers.insert((nth, at), maker);
                }
            }
        }
        Self { losses, lost, makers }
    }

    /// The first failure of the chain. A chain that comes back to itself ends where it would.
    fn of(&self, place: Place) -> Place {
        let mut at = place;
        let mut seen = BTreeSet::from([at]);
        while let Some(next) = self.before(at) {
            if !seen.insert(next) {
                // Whatever of the circle one starts from, the same one speaks for it.
                let mut circle = vec![next];
                let mut on = next;
                while let Some(next) = self.before(on).filter(|next| *next != circle[0]) {
                    circle.push(next);
                    on = next;
                }
                return circle.into_iter().min_by_key(|at| self.name(*at)).unwrap_or(next);
            }
            at = next;
        }
        at
    }

    fn name(&self, at: Place) -> (Option<&'b str>, &'b str, &'b str) {
        let one = &self.losses[at.0].failed[at.1];
        (self.losses[at.0].database, one.label, one.kind)
    }

    /// The failure that this one is a consequence of.
    fn before(&self, at: Place) -> Option<Place> {
        self.makers.get(&at).copied().or_else(|| self.needed(at))
    }

    /// The nearest failure among what an object needs, by the archive's graph. Only what lacks something is a consequence: a table whose
    /// rows break a rule does so by itself.
    fn needed(&self, (nth, at): Place) -> Option<Place> {
        let one = &self.losses[nth];
        let failure = &one.failed[at];
        let id = failure.id.filter(|_| failure.fault.code.is_missing())?;
        let mut level = vec![id];
        let mut seen: HashSet<u32> = HashSet::from([id]);
        loop {
            let found = level
                .iter()
                .filter_map(|id| self.lost[nth].get(id))
                .flatten()
                // The same object fails twice where its rows come after its definition: the definition was first.
                .filter(|other| **other != at && (one.failed[**other].id != failure.id || is_rows(failure.kind)))
                .min_by_key(|other| self.name((nth, **other)));
            if let Some(found) = found {
                return Some((nth, *found));
            }
            level = level.iter().filter_map(|id| one.needs.get(id)).flatten().copied().filter(|id| seen.insert(*id)).collect();
            if level.is_empty() {
                return None;
            }
        }
    }
}

/// Whether a kind is what is in an object, not the object.
fn is_rows(kind: &str) -> bool {
    kind.ends_with(" DATA")
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
