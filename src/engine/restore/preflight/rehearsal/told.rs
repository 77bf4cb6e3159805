//! What a rehearsal found, as lines of the checklist.

use super::{NAME, Outcome};
use crate::domain::size::grouped;
use crate::domain::{Code, Fault, text};
use crate::engine::restore::preflight::checklist::{Found, list, obstacle, ok, unknown};
use crate::engine::restore::preflight::locale;
use crate::engine::restore::preflight::subject::Subject;
use crate::engine::restore::preflight::trial::Failure;
use std::collections::BTreeMap;
use std::time::Duration;

/// Kinds of failures that are told apart; beyond these they are counted.
const TOLD: usize = 10;

/// The longest piece of a statement that a line shows.
const STATEMENT: usize = 160;

/// The lines: each kind of failure once, however many databases and objects it meets.
pub fn told(subjects: &[&Subject<'_>], alike: &[usize], outcomes: &[Outcome], took: Duration) -> Vec<Found> {
    let (mut definitions, mut tried, mut left_out) = (0, 0, 0);
    for outcome in outcomes {
        if let Outcome::Tried { definitions: run, left_out: out, .. } = outcome {
            definitions += run;
            left_out += out;
        }
    }
    let mut not: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut bad: Vec<(Fault, Vec<&str>)> = Vec::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (subject, outcome) in subjects.iter().zip(alike.iter().filter_map(|at| outcomes.get(*at))) {
        let name = subject.database.name.as_str();
        match outcome {
            Outcome::Tried { failures, .. } => {
                tried += 1;
                for failure in failures {
                    match groups.iter_mut().find(|group| group.takes(failure)) {
                        Some(group) => group.add(name, failure),
                        None => groups.push(Group::new(name, failure.clone())),
                    }
                }
            }
            Outcome::NoDatabase(fault) => match bad.iter_mut().find(|(known, _)| known.causes == fault.causes) {
                Some((_, names)) => names.push(name),
                None => bad.push((fault.clone(), vec![name])),
            },
            Outcome::Not(why) => not.entry(why.clone()).or_default().push(name),
        }
    }
    let mut found: Vec<Found> = bad.into_iter().map(|(fault, names)| no_database(&fault, &names)).collect();
    let more = groups.len().saturating_sub(TOLD);
    found.extend(groups.into_iter().take(TOLD).map(Group::line));
    if more > 0 {
        found.push(obstacle(Code::Partial, NAME, format!("{more} further kinds of failures"), None));
    }
    for (why, names) in not {
        found.push(unknown(NAME, format!("{} not tried out: {}", list(names), text::clean(&why)), None));
    }
    if found.is_empty() {
        let out = if left_out == 0 { String::new() } else { format!(", {} not", grouped(left_out as u64)) };
        let same = if outcomes.len() < tried { format!(" ({} different)", grouped(outcomes.len() as u64)) } else { String::new() };
        let detail = format!(
            "{} definitions of {} databases{same} tried out{out}, in {:.1} s",
            grouped(definitions as u64),
            grouped(tried as u64),
            took.as_secs_f64()
        );
        found.push(ok(NAME, detail));
    }
    found
}

fn no_database(fault: &Fault, names: &[&str]) -> Found {
    let cure = steps(fault);
    obstacle(fault.code, locale::NAME, format!("{}: {}", list(names.iter().copied()), text::clean(&fault.causes.join("; "))), cure)
}

fn steps(fault: &Fault) -> Option<String> {
    let steps: Vec<String> = fault.steps.iter().map(ToString::to_string).collect();
    (!steps.is_empty()).then(|| steps.join(" "))
}

/// Failures with the same cause.
struct Group<'a> {
    first: Failure,
    databases: Vec<&'a str>,
    objects: u64,
}

impl<'a> Group<'a> {
    fn new(database: &'a str, first: Failure) -> Self {
        Self { first, databases: vec![database], objects: 1 }
    }

    fn takes(&self, other: &Failure) -> bool {
        let (a, b) = (&self.first.fault, &other.fault);
        a.code == b.code && a.sqlstate == b.sqlstate && a.root_cause() == b.root_cause()
    }

    fn add(&mut self, database: &'a str, failure: &Failure) {
        self.objects += 1;
        if self.databases.last() != Some(&database) {
            self.databases.push(database);
        }
        for (kind, count) in &failure.needed_by {
            *self.first.needed_by.entry(kind.clone()).or_default() += count;
        }
    }

    fn line(self) -> Found {
        let fault = &self.first.fault;
        let mut detail = format!("{}: {} cannot be made", list(self.databases.iter().copied()), self.first.label);
        if self.objects > 1 {
            detail.push_str(&format!(" and {} more", grouped(self.objects - 1)));
        }
        detail.push_str(&format!(": {}", text::clean(fault.root_cause())));
        if let Some(sqlstate) = &fault.sqlstate {
            detail.push_str(&format!(" (SQLSTATE {sqlstate})"));
        }
        if !self.first.needed_by.is_empty() {
            let kinds = self.first.needed_by.iter().map(|(kind, count)| format!("{} × {}", grouped(*count), text::clean(kind)));
            detail.push_str(&format!("; needed by {}", kinds.collect::<Vec<_>>().join(", ")));
        }
        if let Some(statement) = &fault.statement {
            let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
            let cut: String = line.chars().take(STATEMENT).collect();
            detail.push_str(&format!("; statement: {}{}", text::clean(&cut), if cut.len() < line.len() { " …" } else { "" }));
        }
        // What cannot be made ends the restore, unless it is told to go on.
        let around = "With --continue-on-error it is left out, and told at the end.";
        let cure = steps(fault).map_or_else(|| around.to_owned(), |cure| format!("{cure} {around}"));
        obstacle(fault.code, NAME, detail, Some(cure))
    }
}
