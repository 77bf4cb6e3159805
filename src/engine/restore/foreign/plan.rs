//! What the restore of a foreign dump would do. The dump is looked at from end to end here: one that is cut off or does what no dump does is
//! refused before anything is touched.

use super::super::database::{missing, not_empty};
use super::super::source::blocking;
use super::{NOT_PROVEN, possible, rules, space};
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::server::ServerInfo;
use crate::domain::size::grouped;
use crate::domain::spec::{JobSpec, RestoreScope, RestoreSpec, What};
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::Context;
use crate::server::dump::{Dump, Form, Inspection, Tool};
use crate::storage::work;
use crate::system::disk;

/// Looks at dump, programs and target; nothing is changed, but for what dead runs left in the folder for temporary files.
pub async fn plan(spec: &RestoreSpec, context: &Context, dump: Dump) -> Result<Plan, Fault> {
    possible(spec, &dump)?;
    let server = context.server()?;
    let info = server.info().await?;
    let tools = server.dump_tools().ok_or_else(|| super::of_another_product(&dump, "PostgreSQL", "postgres", &info))?;
    let tool = tools.program(&dump, info.major()).await?;
    let (looked_at, ruled) = (dump.clone(), rules(spec, &dump));
    let inspection = blocking(move || looked_at.inspect(ruled)).await?;
    let mut draft = Draft { spec, dump: &dump, inspection: &inspection, plan: empty(spec, &dump, &inspection, &info, &tool) };
    draft.dump();
    draft.server(&info, &tool);
    draft.work_folder()?;
    let existing = server.databases().await?;
    match &spec.scope {
        RestoreScope::Single { target, selection, .. } => {
            draft.plan.title = format!("Restore {} to {} on {}", draft.source(), text::clean(target), spec.connection.label());
            let there = existing.iter().find(|one| one.name == *target);
            let size = there.and_then(|there| there.bytes).unwrap_or(0);
            let weight = match there {
                Some(there) if there.allow_connections && !spec.clean => Some(server.weigh(target).await?),
                _ => None,
            };
            let note = draft.target(target, selection.what, there.map(|there| there.sessions), Bytes(size), weight);
            draft.item(target.clone(), note);
            if !draft.plan.destroys.is_empty() {
                draft.plan.confirm = Some(target.clone());
            }
        }
        RestoreScope::Cluster { .. } => {
            draft.plan.title = format!("Restore {} to {}", draft.source(), spec.connection.label());
            let script = &inspection.script;
            for name in script.makes.iter().filter(|name| existing.iter().any(|one| one.name == **name) && !script.drops.contains(name)) {
                draft.fault(&not_empty(name, 1, 0));
            }
            for name in script.drops.iter().filter(|name| existing.iter().any(|one| one.name == **name)) {
                draft.plan.destroys.push(text::clean(name));
            }
            for part in inspection.script.parts.iter().filter(|part| part.database.is_some()) {
                let name = part.database.clone().unwrap_or_default();
                let destroys = draft.plan.destroys.contains(&text::clean(&name));
                let (bytes, tables) = (None, Some(part.made));
                draft.plan.items.push(PlanItem { target: name.clone(), name, bytes, tables, note: "as the script says".into(), destroys });
            }
            draft.plan.confirm = Some(spec.connection.confirm_name());
        }
    }
    Ok(draft.plan)
}

fn empty(spec: &RestoreSpec, dump: &Dump, inspection: &Inspection, info: &ServerInfo, tool: &Tool) -> Plan {
    let facts = &dump.facts;
    let made =
        [facts.created.clone(), facts.tool.as_ref().map(|tool| format!("by pg_dump {tool}"))].into_iter().flatten().collect::<Vec<_>>();
    let work = match dump.needs_unpacking() {
        true => format!("{} for {} to unpack", space::base(spec).display(), Bytes(inspection.plain)),
        false => "none needed: the dump is read as it is".to_owned(),
    };
    let jobs = if dump.form.is_script() || dump.form == Form::Tar { 1 } else { spec.effort.jobs };
    let fact = |name: &str, value: String| (name.to_owned(), text::clean(&value));
    Plan {
        total: Bytes(dump.bytes),
        facts: vec![
            fact("Dump", spec.archive.display().to_string()),
            fact("Form", dump.to_string()),
            fact("Made", if made.is_empty() { "it does not say".to_owned() } else { made.join(" ") }),
            fact("From", facts.server.as_ref().map_or_else(|| "it does not say".to_owned(), |version| format!("PostgreSQL {version}"))),
            fact("To", format!("{} at {}", info.title(), spec.connection.address())),
            fact("Size", format!("{}, {} unpacked", Bytes(dump.bytes), Bytes(inspection.plain))),
            fact("Program", format!("{} ({})", tool.path.display(), tool.version)),
            fact("Sessions", jobs.to_string()),
            fact("Work folder", work),
            fact("Proof", "none: the dump carries no fingerprints".to_owned()),
        ],
        ..Plan::of(JobSpec::Restore(spec.clone()))
    }
}

/// A plan as it grows.
struct Draft<'a> {
    spec: &'a RestoreSpec,
    dump: &'a Dump,
    inspection: &'a Inspection,
    plan: Plan,
}

impl Draft<'_> {
    fn check(&mut self, state: CheckState, name: &str, detail: impl Into<String>, cure: Option<String>) {
        self.plan.checks.push(Check { state, name: name.into(), detail: detail.into(), cure, code: None });
    }

    fn refuse(&mut self, code: Code, name: &str, detail: impl Into<String>, cure: Option<String>) {
        self.plan.checks.push(Check { state: CheckState::Failed, name: name.into(), detail: detail.into(), cure, code: Some(code) });
    }

    /// A failure that a person may decide to live with.
    fn obstacle(&mut self, code: Code, name: &str, detail: &str, cure: &str) {
        if self.spec.care.force {
            self.check(CheckState::Warning, name, format!("{detail} (gone over: --force)"), None);
        } else {
            self.refuse(code, name, detail, Some(format!("{cure} Or go on all the same: --force")));
        }
    }

    fn fault(&mut self, fault: &Fault) {
        let cure = fault.steps.iter().map(ToString::to_string);
        let detail = fault.causes.last().map_or_else(|| fault.what.clone(), |cause| format!("{}: {cause}", fault.what));
        self.refuse(fault.code, "target", detail, Some(cure.collect::<Vec<_>>().join(" ")));
    }

    /// The dump's name for titles: its database, or what it is.
    fn source(&self) -> String {
        self.dump.facts.database.as_deref().map_or_else(|| format!("a {} dump", self.dump.form.words()), text::clean)
    }

    fn item(&mut self, target: String, (note, destroys): (String, bool)) {
        let tables = if self.dump.form.is_script() {
            self.inspection.script.parts.iter().map(|part| part.made).sum()
        } else {
            self.dump.facts.items.iter().filter(|item| item.kind == "TABLE").count() as u64
        };
        let name = self.source();
        self.plan.items.push(PlanItem { name, target, bytes: Some(Bytes(self.dump.bytes)), tables: Some(tables), note, destroys });
    }

    fn dump(&mut self) {
        let dump = self.dump;
        let detail = if dump.form.is_script() {
            let rows: u64 = self.inspection.script.parts.iter().flat_map(|part| &part.tables).map(|(_, rows)| rows).sum();
            format!("{dump}: {} lines, {} rows, no foreign commands", grouped(self.inspection.script.lines), grouped(rows))
        } else {
            format!(
                "{dump}: {} entries, the data of {} are all there",
                grouped(dump.facts.items.len() as u64),
                grouped(self.inspection.data.len() as u64)
            )
        };
        self.check(CheckState::Ok, "dump", detail, None);
        if dump.form.is_script() && !self.inspection.script.is_complete(dump.form) {
            self.obstacle(
                Code::TruncatedBackup,
                "dump",
                "its last line is not that of a complete dump: it is cut off, or something was added to it",
                "Copy the dump again from where it was made.",
            );
        }
        self.check(CheckState::Warning, "proof", NOT_PROVEN, None);
    }

    fn server(&mut self, info: &ServerInfo, tool: &Tool) {
        if info.in_recovery {
            let cure = "Restore to the primary server.".to_owned();
            self.refuse(Code::ServerUnavailable, "server", "it is a standby, which takes no writes", Some(cure));
        } else {
            self.check(CheckState::Ok, "server", info.title(), None);
        }
        let major = |version: &str| version.split('.').next().and_then(|part| part.parse::<u32>().ok());
        if let Some(from) = self.dump.facts.server.as_deref().and_then(major).filter(|from| *from > info.major()) {
            let detail =
                format!("the dump is of version {from}, the target is {}: statements that it does not know will fail", info.major());
            self.check(CheckState::Warning, "version", detail, Some(format!("Restore to PostgreSQL {from} or newer.")));
        }
        self.check(CheckState::Ok, "program", format!("{} at {}", tool.title(), tool.path.display()), None);
        if !self.dump.form.is_script() {
            return;
        }
        if !tool.restricts() {
            self.obstacle(
                Code::ToolTooOld,
                "program",
                &format!("{} cannot be kept from running commands that are hidden in a script", tool.title()),
                "Install the newest update of the client programs (13.22, 14.19, 15.14, 16.10, 17.6 or newer).",
            );
        }
        if info.superuser {
            let detail = "the dump is a script and runs with all rights of a superuser";
            let cure = "Where you do not trust its origin, restore it as a role that owns nothing but the target.";
            self.check(CheckState::Warning, "rights", detail, Some(cure.into()));
        }
    }

    fn work_folder(&mut self) -> Result<(), Fault> {
        let base = space::base(self.spec);
        if !self.dump.needs_unpacking() {
            return Ok(());
        }
        let free = space::of(&base)?;
        for (path, bytes) in work::sweep(&base)? {
            let detail = format!("{} of a run that is no more ({}) was removed", text::clean(&path.display().to_string()), Bytes(bytes));
            self.check(CheckState::Ok, "work folder", detail, None);
        }
        let shown = text::clean(&base.display().to_string());
        if let Err(error) = disk::writable(&base) {
            let cure = "Name another folder: --workdir DIR".to_owned();
            self.refuse(Code::OutputUnwritable, "work folder", format!("{shown} cannot be written to: {error}"), Some(cure));
        } else if let Err(fault) = space::room(&base, free, self.inspection.plain) {
            let detail = format!("{shown} has {} free, {} are needed", Bytes(free.free), Bytes(self.inspection.plain));
            self.refuse(fault.code, "work folder", detail, Some("Name a folder with more room: --workdir DIR".into()));
        } else {
            let detail = format!("{shown} is writable, {} free, {} needed", Bytes(free.free), Bytes(self.inspection.plain));
            self.check(CheckState::Ok, "work folder", detail, None);
        }
        Ok(())
    }

    /// Whether the target can take it; what it is now, and whether that is lost. `sessions` of a target that is there; `weight` of one that
    /// stays.
    fn target(&mut self, target: &str, what: What, sessions: Option<u32>, size: Bytes, weight: Option<(u64, u64)>) -> (String, bool) {
        let name = text::clean(target);
        let Some(sessions) = sessions else {
            if self.spec.create || self.spec.clean {
                self.check(CheckState::Ok, "target", format!("{name} will be made"), None);
                if self.dump.form.is_script() {
                    let detail = "a plain dump does not say its database's encoding and locale: the server's own are taken";
                    self.check(CheckState::Ok, "locale", detail, None);
                }
            } else {
                self.fault(&missing(target));
            }
            return ("new".into(), false);
        };
        if self.spec.clean {
            if what == What::DataOnly {
                let cure = "Leave --clean out.".to_owned();
                self.refuse(Code::Usage, "target", "--clean replaces a whole database, but only rows are restored", Some(cure));
            }
            if target == self.spec.connection.database || matches!(target, "template0" | "template1") {
                let cure = "Log in to another database (--dbname template1), or restore under another name (--target).".to_owned();
                let detail = format!("{name} cannot be dropped: we are logged in to it, or it is a template");
                self.refuse(Code::ServerUnavailable, "target", detail, Some(cure));
            }
            if sessions > 0 {
                self.check(CheckState::Warning, "sessions", format!("{sessions} sessions in {name} will be ended"), None);
            }
            self.plan.destroys.push(format!("{name} ({size})"));
            return (format!("EXISTS, {size}: will be dropped"), true);
        }
        match weight {
            None => self.refuse(Code::PermissionDenied, "target", format!("{name} allows no connections"), None),
            Some((objects, bytes)) if objects > 0 && what != What::DataOnly => self.fault(&not_empty(target, objects, bytes)),
            Some(_) => self.check(CheckState::Ok, "target", format!("{name} exists and is filled in place"), None),
        }
        ("exists, filled in place".into(), false)
    }
}
