//! Why something failed, from the error and the environment together: a table of rules, the most particular first. Pure.

mod host;
mod reach;
mod server;
#[cfg(test)]
mod tests;

use crate::domain::Code;
use crate::domain::diagnosis::{About, Diagnosis, Disk, HopStep, HostFacts, RootCause, ServerFacts, Usage};
use crate::domain::fault::Step;

/// What a rule looks at.
pub struct Scene<'a> {
    /// The kind of failure.
    pub code: Code,
    /// Everything that the error says, in small letters.
    pub words: String,
    /// The host.
    pub host: &'a HostFacts,
    /// The server.
    pub server: Option<&'a ServerFacts>,
}

impl<'a> Scene<'a> {
    /// The scene of a report; none where nothing failed.
    fn of(diagnosis: &'a Diagnosis) -> Option<Self> {
        let error = diagnosis.error.as_ref()?;
        let context = error.context.iter().map(|(name, value)| format!("{name}: {value}"));
        let said: Vec<String> = std::iter::once(error.message.clone()).chain(context).collect();
        Some(Self { code: error.code, words: said.join("\n").to_lowercase(), host: &diagnosis.host, server: diagnosis.server.as_ref() })
    }

    /// Whether the error is one of these.
    fn is(&self, codes: &[Code]) -> bool {
        codes.contains(&self.code)
    }

    /// Whether the error says one of these words.
    fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.words.contains(word))
    }

    /// What the server said of itself.
    fn about(&self) -> Option<&'a About> {
        self.server.and_then(|server| server.about.known())
    }

    /// The disks that we know the fill of.
    fn disks(&self) -> impl Iterator<Item = (&'a Disk, Usage)> {
        self.host.disks.iter().filter_map(|disk| disk.usage.known().map(|usage| (disk, *usage)))
    }

    /// The same, without that of the server's data where anything else is there: what we write lies elsewhere.
    fn our_disks(&self) -> impl Iterator<Item = (&'a Disk, Usage)> {
        self.disks().filter(|(disk, _)| disk.uses.iter().any(|one| one != super::DATA))
    }

    /// The step on the way to the server that failed.
    fn stuck_at(&self, step: HopStep) -> Option<&'a crate::domain::diagnosis::Hop> {
        self.server.and_then(ServerFacts::broken).filter(|hop| hop.step == step)
    }
}

/// What a rule concluded.
pub struct Conclusion {
    text: String,
    evidence: Vec<String>,
    action: String,
    steps: Vec<Step>,
}

impl Conclusion {
    fn new(text: impl Into<String>, action: impl Into<String>) -> Self {
        Self { text: text.into(), evidence: Vec::new(), action: action.into(), steps: Vec::new() }
    }

    fn shown_by(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    fn step(mut self, text: impl Into<String>) -> Self {
        self.steps.push(Step::words(text));
        self
    }

    fn run(mut self, text: impl Into<String>, command: impl Into<String>) -> Self {
        self.steps.push(Step::run(text, command));
        self
    }
}

/// A rule: its name, and what it concludes where it applies.
type Rule = (&'static str, fn(&Scene<'_>) -> Option<Conclusion>);

/// All rules; the first that applies is the root cause.
const RULES: &[Rule] = &[
    ("read-only-disk", host::read_only),
    ("inodes-exhausted", host::inodes),
    ("disk-full", host::disk_full),
    ("disk-was-full", host::disk_was_full),
    ("slot-holds-wal", server::slot_holds_wal),
    ("archiver-holds-wal", server::archiver_holds_wal),
    ("binary-log", server::binary_log),
    ("server-disk-full", server::disk_full),
    ("cgroup-killed", host::group_killed),
    ("memory-exhausted", host::memory),
    ("files-exhausted", host::files),
    ("connection-limit", server::connection_limit),
    ("connections-exhausted", server::connections),
    ("idle-in-transaction", server::idle_in_transaction),
    ("lock-holder", server::lock_holder),
    ("lock-capacity", server::lock_capacity),
    ("standby", server::standby),
    ("password-expired", reach::password_expired),
    ("password-missing", reach::password_missing),
    ("no-hba-entry", reach::no_hba_entry),
    ("host-not-allowed", reach::host_not_allowed),
    ("peer", reach::peer),
    ("password-wrong", reach::password_wrong),
    ("name-unknown", reach::name_unknown),
    ("nothing-listens", reach::nothing_listens),
    ("no-answer", reach::no_answer),
    ("never-answers", reach::never_answers),
    ("tls", reach::tls),
    ("not-ready", reach::not_ready),
    ("restarted", server::restarted),
    ("tool", server::tool),
];

/// The root cause of what failed, if a rule knows it.
pub fn root_cause(diagnosis: &Diagnosis) -> Option<RootCause> {
    let scene = Scene::of(diagnosis)?;
    RULES.iter().find_map(|(name, rule)| {
        let Conclusion { text, evidence, action, steps } = rule(&scene)?;
        Some(RootCause { rule: (*name).to_owned(), text, evidence, action, steps })
    })
}
