//! What the restore of such a dump would do. It is read from end to end here: one that is cut off, or does what no dump does, is refused before
//! anything is touched.

use super::super::super::database::{missing, not_empty};
use super::super::NOT_PROVEN;
use super::{chosen, of_another_product, possible, rules};
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::size::grouped;
use crate::domain::spec::{JobSpec, RestoreScope, RestoreSpec};
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::Context;
use crate::engine::restore::source::blocking;
use crate::server::Server;
use crate::server::sql_dump::{self, Inspection, Part, SqlDump};

/// Looks at dump and target; nothing is changed.
pub async fn plan(spec: &RestoreSpec, context: &Context, dump: SqlDump) -> Result<Plan, Fault> {
    possible(spec, &dump)?;
    let server = context.server()?;
    let info = server.info().await?;
    if server.sql_dumps().is_none() {
        return Err(of_another_product(&dump, &info));
    }
    let (looked_at, ruled, asked) = (dump.clone(), rules(spec), info.clone());
    let inspection = blocking(move || sql_dump::inspect(&looked_at, &ruled, Some(&asked))).await?;
    chosen(spec, &dump, &inspection.databases)?;
    let mut draft = Draft { spec, dump: &dump, inspection: &inspection, plan: empty(spec, &dump, &inspection, &info) };
    draft.dump();
    draft.server(&info);
    let existing = server.databases().await?;
    let to = spec.connection.label();
    match &spec.scope {
        RestoreScope::Single { target, .. } => {
            let parts = inspection.findings.parts.iter();
            let (made, bytes) = (parts.clone().map(|part| part.made).sum(), dump.bytes);
            let source = parts.clone().find_map(|part| part.database.clone()).or_else(|| dump.facts.database.clone());
            let name = source.map_or_else(|| format!("a {} dump", dump.words()), |name| text::clean(&name));
            draft.plan.title = format!("Restore {name} to {} on {to}", text::clean(target));
            let there = existing.iter().find(|one| one.name == *target);
            let (note, destroys) = draft.target(server.as_ref(), target, there).await?;
            draft.plan.items.push(PlanItem { name, target: target.clone(), bytes: Some(Bytes(bytes)), tables: Some(made), note, destroys });
            if destroys {
                draft.plan.confirm = Some(target.clone());
            }
        }
        RestoreScope::Cluster { .. } => {
            draft.plan.title = format!("Restore a {} dump to {to}", dump.words());
            for (name, part) in named(&inspection) {
                let there = existing.iter().find(|one| one.name == *name);
                let (note, destroys) = draft.target(server.as_ref(), name, there).await?;
                let (bytes, tables) = (None, Some(part.made));
                draft.plan.items.push(PlanItem { name: text::clean(name), target: name.clone(), bytes, tables, note, destroys });
            }
            draft.plan.confirm = Some(spec.connection.confirm_name());
        }
    }
    Ok(draft.plan)
}

/// The parts that have names.
fn named(inspection: &Inspection) -> impl Iterator<Item = (&String, &Part)> {
    inspection.findings.parts.iter().filter_map(|part| Some((part.database.as_ref()?, part)))
}

fn empty(spec: &RestoreSpec, dump: &SqlDump, inspection: &Inspection, info: &ServerInfo) -> Plan {
    let facts = &dump.facts;
    let made = facts.created.clone().into_iter().chain(Some(format!("by {}", facts.tool))).collect::<Vec<_>>();
    let jobs = if dump.is_parallel() { spec.effort.jobs.to_string() } else { "1: the dump is one script".to_owned() };
    let from = facts.server.as_ref().map_or_else(|| facts.product.to_string(), |version| format!("{} {version}", facts.product));
    let fact = |name: &str, value: String| (name.to_owned(), text::clean(&value));
    Plan {
        total: Bytes(dump.bytes),
        facts: vec![
            fact("Dump", spec.archive.display().to_string()),
            fact("Form", dump.to_string()),
            fact("Made", made.join(" ")),
            fact("From", from),
            fact("To", format!("{} at {}", info.title(), spec.connection.address())),
            fact("Size", format!("{}, {} unpacked", Bytes(dump.bytes), Bytes(inspection.plain))),
            fact("Sessions", jobs),
            fact("Work folder", "none needed: the dump is read as it is".to_owned()),
            fact("Proof", "none: the dump carries no fingerprints".to_owned()),
        ],
        ..Plan::of(JobSpec::Restore(spec.clone()))
    }
}

/// A plan as it grows.
struct Draft<'a> {
    spec: &'a RestoreSpec,
    dump: &'a SqlDump,
    inspection: &'a Inspection,
    plan: Plan,
}

impl Draft<'_> {
    fn check(&mut self, state: CheckState, name: &str, detail: impl Into<String>, cure: Option<&str>) {
        self.plan.checks.push(Check { state, name: name.into(), detail: detail.into(), cure: cure.map(str::to_owned), code: None });
    }

    fn refuse(&mut self, code: Code, name: &str, detail: impl Into<String>, cure: impl Into<String>) {
        self.plan.checks.push(Check {
            state: CheckState::Failed,
            name: name.into(),
            detail: detail.into(),
            cure: Some(cure.into()),
            code: Some(code),
        });
    }

    fn fault(&mut self, fault: &Fault) {
        let cure = fault.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let detail = fault.causes.last().map_or_else(|| fault.what.clone(), |cause| format!("{}: {cause}", fault.what));
        self.refuse(fault.code, "target", detail, cure);
    }

    fn dump(&mut self) {
        let findings = &self.inspection.findings;
        let rows: u64 = findings.parts.iter().map(Part::rows).sum();
        let others: u64 = findings.parts.iter().map(|part| part.others).sum();
        let events: usize = findings.parts.iter().map(|part| part.events.len()).sum();
        let detail = format!(
            "{}: {} statements, {} rows, nothing that reaches beyond its databases",
            self.dump,
            grouped(findings.statements),
            grouped(rows)
        );
        self.check(CheckState::Ok, "dump", detail, None);
        if let Some(why) = &self.inspection.incomplete {
            let cure = "Copy the dump again from where it was made.";
            if self.spec.care.force {
                self.check(CheckState::Warning, "dump", format!("{why} (gone over: --force)"), None);
            } else {
                self.refuse(Code::TruncatedBackup, "dump", why.clone(), format!("{cure} Or go on all the same: --force"));
            }
        }
        for what in &findings.left_out {
            self.check(CheckState::Warning, "left out", what.clone(), None);
        }
        if others > 0 {
            let detail = format!(
                "{} views, routines, triggers and the like come with it, and run with the rights of their definers",
                grouped(others)
            );
            self.check(
                CheckState::Warning,
                "code",
                detail,
                Some("Where you do not trust its origin, look at them before you use the database, or use --no-owner."),
            );
        }
        if events > 0 {
            let detail = format!("{} events come disabled: otherwise they would run by themselves at once", grouped(events as u64));
            self.check(CheckState::Warning, "events", detail, Some("Enable those that you want: ALTER EVENT name ENABLE"));
        }
        self.check(CheckState::Warning, "proof", NOT_PROVEN, None);
    }

    fn server(&mut self, info: &ServerInfo) {
        if info.in_recovery {
            self.refuse(Code::ServerUnavailable, "server", "it is a replica that takes no writes", "Restore to the primary server.");
        } else {
            self.check(CheckState::Ok, "server", info.title(), None);
        }
        let from = self.dump.facts.product;
        if from != info.product {
            let detail = format!("the dump is of {from}, the target is {}: statements that it does not know will fail", info.product);
            self.check(
                CheckState::Warning,
                "product",
                detail,
                Some(&format!("Restore to a server of {from}, or see with --continue-on-error what is lost.")),
            );
        }
    }

    /// Whether a target can take it: what it is now, and whether that is lost.
    async fn target(&mut self, server: &dyn Server, target: &str, there: Option<&DatabaseInfo>) -> Result<(String, bool), Fault> {
        let name = text::clean(target);
        let makes = self.spec.create || self.spec.clean || matches!(self.spec.scope, RestoreScope::Cluster { .. });
        let Some(there) = there else {
            if makes {
                self.check(CheckState::Ok, "target", format!("{name} will be made"), None);
            } else {
                self.fault(&missing(target));
            }
            return Ok(("new".into(), false));
        };
        if self.spec.clean {
            let size = Bytes(there.bytes.unwrap_or(0));
            if there.sessions > 0 {
                self.check(CheckState::Warning, "sessions", format!("{} sessions in {name} will be ended", there.sessions), None);
            }
            self.plan.destroys.push(format!("{name} ({size})"));
            return Ok((format!("EXISTS, {size}: will be dropped"), true));
        }
        let (objects, bytes) = server.weigh(target).await?;
        if objects > 0 {
            self.fault(&not_empty(target, objects, bytes));
        } else {
            self.check(CheckState::Ok, "target", format!("{name} exists and is filled in place"), None);
        }
        Ok(("exists, filled in place".into(), false))
    }
}
