//! What a job will do, found out before it does anything; and the ritual without which nothing is destroyed.

use super::fault::{Code, Fault};
use super::size::Bytes;
use super::spec::JobSpec;
use serde::{Deserialize, Serialize};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// Fine.
    Ok,
    /// Worth knowing; the job can run.
    Warning,
    /// The job cannot run.
    Failed,
    /// Could not be found out.
    Unknown,
    /// Still being found out; never in a finished plan.
    Running,
}

/// One line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How it came out.
    pub state: CheckState,
    /// What was looked at: "backup folder".
    pub name: String,
    /// What was found: "/backup is writable, 41 GB free".
    pub detail: String,
    /// What to do about it.
    pub cure: Option<String>,
    /// For a failed check: the kind of failure that ends the run. None: several things, or nothing more exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// One thing the job works on, usually a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanItem {
    /// Its name.
    pub name: String,
    /// What it becomes: the target's name, or the file's.
    pub target: String,
    /// Its size on the server, or the size of its rows in the archive.
    pub bytes: Option<Bytes>,
    /// Tables with rows, where known.
    pub tables: Option<u64>,
    /// "new", "EXISTS, 212 MB: will be dropped".
    pub note: String,
    /// Whether something is destroyed for it.
    pub destroys: bool,
}

/// What a job will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub spec: JobSpec,
    /// "Back up shop from db01:5432 to /backup".
    pub title: String,
    /// What it works on.
    pub items: Vec<PlanItem>,
    /// What was checked.
    pub checks: Vec<Check>,
    /// Lines that say what will be lost: "shop2 (212 MB, 34 tables)".
    pub destroys: Vec<String>,
    /// The name that must be typed (R14); none where nothing is destroyed.
    pub confirm: Option<String>,
    /// Bytes to read.
    pub total: Bytes,
    /// Facts for people: estimated archive size, jobs, codec.
    pub facts: Vec<(String, String)>,
    /// The diagnostics report that was written because a check failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

impl Plan {
    /// A plan of a job in which nothing is decided yet.
    pub const fn of(spec: JobSpec) -> Self {
        Self {
            spec,
            title: String::new(),
            items: Vec::new(),
            checks: Vec::new(),
            destroys: Vec::new(),
            confirm: None,
            total: Bytes(0),
            facts: Vec::new(),
            report: None,
        }
    }

    /// The failed checks as one fault of the first one's kind, if there are any.
    pub fn obstacle(&self) -> Option<Fault> {
        let failed: Vec<_> = self.checks.iter().filter(|check| check.state == CheckState::Failed).collect();
        let first = failed.first()?;
        let mut fault = Fault::new(first.code.unwrap_or(Code::Partial), format!("{}: {}", first.name, first.detail));
        for check in &failed {
            // What else is in the way is no cause of the first: it stands beside it.
            if !std::ptr::eq(*check, *first) {
                fault.context.push((format!("Also {}", check.name), check.detail.clone()));
            }
            if let Some(cure) = &check.cure {
                fault = fault.step(cure.clone());
            }
        }
        if let Some(report) = &self.report {
            fault = fault.at(Fault::REPORT, report);
        }
        Some(fault.cured())
    }
}

/// A plan that may be carried out. Only the two functions here make one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confirmed(Plan);

impl Confirmed {
    /// Confirms a plan by the name that was typed; `None` for a plan that destroys nothing.
    pub fn by_name(plan: Plan, typed: Option<&str>) -> Result<Self, Fault> {
        match (&plan.confirm, typed) {
            (None, _) => Ok(Self(plan)),
            (Some(wanted), Some(typed)) if wanted == typed => Ok(Self(plan)),
            (Some(wanted), typed) => {
                let mut fault = Fault::new(
                    Code::NotConfirmed,
                    match typed {
                        Some(typed) => format!("{typed:?} is not the name of what would be overwritten"),
                        None => "this overwrites data and was not confirmed".to_owned(),
                    },
                );
                for loss in &plan.destroys {
                    fault = fault.at("Destroys", loss);
                }
                Err(fault.step_run("Look at what would be lost (above), then confirm it by its name:", format!("--confirm {wanted}")))
            }
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::spec::{Depth, VerifySpec};

    #[test]
    fn several_obstacles_stand_side_by_side_and_the_first_decides() {
        let spec = JobSpec::Verify(VerifySpec { archives: Vec::new(), depth: Depth::Quick, jobs: 1, restore_test: None });
        let mut plan = Plan::of(spec);
        assert_eq!(plan.obstacle(), None);
        for (name, code) in [("pg_dump", Code::ToolMissing), ("database shop", Code::DatabaseMissing)] {
            plan.checks.push(Check {
                state: CheckState::Failed,
                name: name.into(),
                detail: "not there".into(),
                cure: Some(format!("get {name}")),
                code: Some(code),
            });
        }
        let fault = plan.obstacle().expect("two failed checks");
        assert_eq!((fault.code, fault.what.as_str()), (Code::ToolMissing, "pg_dump: not there"));
        assert_eq!(fault.context, [("Also database shop".to_owned(), "not there".to_owned())]);
        assert!(fault.causes.is_empty(), "one obstacle is not the cause of another");
        assert_eq!(fault.steps.len(), 2);
    }
}
