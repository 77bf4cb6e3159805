//! Diagnostics: what state host and server are in, what of it wants attention, and the reports of failures.

use crate::app::cmd::{Cmd, Query};
use crate::app::list::Picker;
use crate::app::load::Load;
use crate::app::model::{Asked, Model};
use crate::app::nav::Place;
use crate::app::update::failing::{self, InSight};
use crate::domain::diagnosis::{Diagnosis, Finding, KeptReport};
use crate::domain::{Connection, Fault};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What a report is about.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// The server.
    pub connection: Option<Connection>,
    /// The folder of the backups.
    pub dir: PathBuf,
    /// What failed.
    pub fault: Option<Fault>,
}

/// What the screen remembers.
#[derive(Clone, Debug, Default)]
pub struct DiagnosticsScreen {
    /// The report that is shown.
    pub report: Load<Diagnosis>,
    /// What it is about; none: the server in sight, as it is now.
    pub about: Option<About>,
    /// The file from which it was read; none: it was just collected.
    pub file: Option<PathBuf>,
    /// The cursor among the findings.
    pub picker: Picker<usize>,
    /// Findings whose evidence is shown.
    pub open: BTreeSet<usize>,
    /// The reports that were kept.
    pub past: Load<Vec<KeptReport>>,
    /// The cursor among them.
    pub past_picker: Picker<PathBuf>,
}

impl DiagnosticsScreen {
    /// The findings as they are shown; the root cause is the first.
    pub fn findings(&self) -> Vec<Finding> {
        self.report.value().map(Diagnosis::shown).unwrap_or_default()
    }

    /// The numbers of the findings, for the cursor.
    pub fn keys(&self) -> Vec<usize> {
        (0..self.findings().len()).collect()
    }

    /// The finding under the cursor.
    pub fn current(&self) -> Option<Finding> {
        let row = self.picker.row(&self.keys());
        self.findings().into_iter().nth(row)
    }

    /// The past reports, for the cursor.
    pub fn past_keys(&self) -> Vec<PathBuf> {
        self.past.value().into_iter().flatten().map(|one| one.path.clone()).collect()
    }
}

/// The server in sight, as it is now.
fn here(model: &Model) -> About {
    About { connection: model.server().map(|server| server.connection.clone()), dir: model.setup.dir.clone(), fault: None }
}

/// What the report that is shown is about.
pub fn about(model: &Model) -> About {
    model.diagnostics.about.clone().unwrap_or_else(|| here(model))
}

/// Shows the screen; what it shows is collected when there is nothing yet.
pub fn open(model: &mut Model, out: &mut Vec<Cmd>) {
    if matches!(model.diagnostics.report, Load::Idle) {
        collect(model, out);
    }
}

/// Collects a report, or the one that is shown anew.
pub fn collect(model: &mut Model, out: &mut Vec<Cmd>) {
    let About { connection, dir, fault } = about(model);
    let id = model.request(Asked::Diagnosis);
    model.diagnostics.report.ask(id);
    model.diagnostics.file = None;
    out.push(Cmd::Fetch(id, Query::Diagnose(connection.map(Box::new), dir, fault)));
}

/// Shows the report of what failed in sight: the one that was made when it failed, else one of now.
pub fn of_failure(model: &mut Model, out: &mut Vec<Cmd>) {
    let Some(InSight { fault, .. }) = failing::in_sight(model) else { return };
    let spec = match model.nav.place() {
        Place::Plan => model.plan.spec.clone(),
        _ => model.job_in_sight().map(|job| job.spec().clone()),
    };
    let about = About {
        connection: spec.as_ref().and_then(|spec| spec.connection()).cloned(),
        dir: spec.as_ref().map_or_else(|| model.setup.dir.clone(), crate::domain::spec::JobSpec::folder),
        fault: Some(fault.clone()),
    };
    // A name is one beside the backups; a path stays as it is.
    let file = fault.report().map(|report| about.dir.join(report));
    model.modals.clear();
    model.diagnostics = DiagnosticsScreen { about: Some(about), past: model.diagnostics.past.clone(), ..DiagnosticsScreen::default() };
    match file {
        // A panic's report is of another kind.
        Some(file) if file.extension().is_some_and(|extension| extension == "json") => read(model, file, out),
        _ => collect(model, out),
    }
    model.nav.enter(Place::Diagnostics);
}

/// Shows a report that was kept.
pub fn read(model: &mut Model, file: PathBuf, out: &mut Vec<Cmd>) {
    let id = model.request(Asked::Diagnosis);
    let old = std::mem::take(&mut model.diagnostics);
    model.diagnostics = DiagnosticsScreen {
        report: Load::Loading(id),
        file: Some(file.clone()),
        about: old.about,
        past: old.past,
        past_picker: old.past_picker,
        ..DiagnosticsScreen::default()
    };
    out.push(Cmd::Fetch(id, Query::Report(file)));
}

/// Asks for the reports that were kept.
pub fn ask_past(model: &mut Model, out: &mut Vec<Cmd>) {
    let id = model.request(Asked::Reports);
    model.diagnostics.past.ask(id);
    let dir = about(model).dir;
    out.push(Cmd::Fetch(id, Query::Reports(dir)));
}

/// Has the report that is shown written beside the backups.
pub fn keep(model: &mut Model, out: &mut Vec<Cmd>) {
    let Some(report) = model.diagnostics.report.value().cloned() else { return };
    let dir = about(model).dir;
    let id = model.request(Asked::KeepReport);
    out.push(Cmd::Fetch(id, Query::KeepReport(dir, Box::new(report))));
}
