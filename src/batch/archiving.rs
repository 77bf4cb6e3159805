//! `dbbackup wal stats | list | timeline | verify | cleanup` and `dbbackup pitr`: asks the engine, prints what it says as text or JSON.

mod change;
mod lines;
mod text;

use super::query::Form;
use super::result::Volume;
use super::{query, settings};
use crate::cli::pitr::Pitr;
use crate::cli::wal::Wal;
use crate::cli::{Cli, Command};
use crate::config::layers::Resolved;
use crate::config::secrets::Secrets;
use crate::config::settings::Key;
use crate::domain::spec::{CheckLogSpec, JobSpec};
use crate::domain::wal::SegmentSpan;
use crate::domain::{Code, Fault};
use crate::engine::pitr::{self, Gathered, Wanted};
use crate::engine::wal::check::Checked;
use crate::engine::wal::{figures, verify};
use crate::runtime::work::Work;
use lines::Lines;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Whether the server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// In any case.
    Always,
    /// Only when the archive's folder is not given: then it is found from the server's settings.
    ForFolder,
}

/// Carries one of the commands out; gives the exit code. None for other commands. What changes something goes through `work`, which audits it.
pub fn run(cli: &Cli, resolved: &Resolved, secrets: &Secrets, work: impl FnOnce() -> Arc<dyn Work>) -> Option<u8> {
    let confirm = if cli.globals.dry_run { None } else { cli.globals.confirm.as_deref() };
    let desk = Desk { resolved, secrets, confirm, form: if resolved.switch(Key::Json) { Form::Json } else { Form::Text } };
    Some(match cli.command.as_ref()? {
        Command::Wal(Wal::Stats(_)) => settings::finish(desk.stats(), "No figures"),
        Command::Wal(Wal::List { timeline, .. }) => settings::finish(desk.list(*timeline), "No list"),
        Command::Wal(Wal::Timeline(_)) => settings::finish(desk.timelines(), "No timelines"),
        Command::Wal(Wal::Verify { segments, .. }) => desk.verify(segments),
        Command::Wal(Wal::Cleanup(cleanup)) => settings::finish(change::cleanup(&desk, cleanup, work), "Nothing cleaned up"),
        Command::Pitr(Pitr::Enable(enable)) => settings::finish(change::enable(&desk, enable, work), "Archiving not switched on"),
        Command::Pitr(Pitr::Disable { force }) => settings::finish(change::disable(&desk, *force, work), "Archiving not switched off"),
        Command::Pitr(Pitr::Status { .. }) => settings::finish(desk.status(), "No status"),
        _ => return None,
    })
}

/// What the commands work with.
struct Desk<'a> {
    resolved: &'a Resolved,
    secrets: &'a Secrets,
    /// What stands behind --confirm; none without it.
    confirm: Option<&'a str>,
    form: Form,
}

impl Desk<'_> {
    /// Looks at archive and server.
    fn gather(&self, ask: Ask, backups: Option<PathBuf>) -> Result<Gathered, Fault> {
        let zone = self.resolved.text(Key::PitrTimezone).map(str::to_owned);
        let wanted = Wanted { backups, wal: self.resolved.path(Key::WalDir), zone };
        if wanted.wal.is_some() && ask == Ask::ForFolder {
            return query::work(async move || Ok(pitr::gather(None, wanted).await));
        }
        query::connect(self.resolved, self.secrets, async move |server| Ok(pitr::gather(Some(server), wanted).await))
    }

    /// The same, where without the archive there is nothing to say.
    fn archive(&self, backups: Option<PathBuf>) -> Result<Gathered, Fault> {
        let gathered = self.gather(Ask::ForFolder, backups)?;
        if gathered.survey.is_some() {
            return Ok(gathered);
        }
        let fault = gathered.obstacle.or(gathered.silence).unwrap_or_else(|| {
            let mut fault = Fault::new(Code::Usage, "which archive of the log is meant is not known");
            for line in &gathered.report.wal.unknown {
                fault = fault.because(line);
            }
            fault
        });
        Err(fault.step_run("Give its folder:", "dbbackup wal stats --archive-dir /wal"))
    }

    fn json(&self, value: impl FnOnce() -> serde_json::Value, text: impl FnOnce() -> String) -> String {
        match self.form {
            Form::Json => format!("{:#}\n", value()),
            Form::Text => text(),
        }
    }

    fn stats(&self) -> Result<String, Fault> {
        let found = self.archive(None)?;
        Ok(self.json(
            || serde_json::json!({ "wal": found.report.wal, "average": found.report.wal.stats.average(), "saved_percent": found.report.wal.stats.saved() }),
            || text::stats(&found.report.wal),
        ))
    }

    fn list(&self, timeline: Option<u32>) -> Result<String, Fault> {
        let found = self.archive(None)?;
        let Some(survey) = &found.survey else { return Ok(String::new()) };
        let entries = figures::entries(survey).filter(|entry| timeline.is_none_or(|wanted| entry.timeline.0 == wanted));
        Ok(self.json(
            || {
                serde_json::json!(
                    figures::entries(survey).filter(|entry| timeline.is_none_or(|wanted| entry.timeline.0 == wanted)).collect::<Vec<_>>()
                )
            },
            || text::list(entries),
        ))
    }

    fn timelines(&self) -> Result<String, Fault> {
        let report = self.archive(None)?.report;
        Ok(self.json(
            || serde_json::json!({ "timelines": report.wal.timelines, "stretches": report.stretches, "gaps": report.wal.gaps }),
            || text::timelines(&report),
        ))
    }

    /// Reads everything, or the segments that are named; what is wrong is told on both channels, and by the exit code.
    fn verify(&self, segments: &[SegmentSpan]) -> u8 {
        match self.checked(segments) {
            Err(fault) => settings::finish(Err(fault), "Not verified"),
            Ok((checked, spec)) => {
                let told = settings::finish(Ok(self.json(|| serde_json::json!(checked), || text::checked(&checked))), "Not verified");
                match verify::obstacle(&checked, &spec).filter(|_| told == 0) {
                    Some(fault) => settings::finish(Err(fault), "Verified"),
                    None => told,
                }
            }
        }
    }

    fn checked(&self, segments: &[SegmentSpan]) -> Result<(Checked, CheckLogSpec), Fault> {
        let found = self.archive(None)?;
        let survey = found.survey.unwrap_or_default();
        let spec = CheckLogSpec {
            wal_dir: survey.dir.clone(),
            dir: super::script::backup_dir(self.resolved),
            segments: segments.to_vec(),
            jobs: self.resolved.parsed(Key::Jobs).unwrap_or_else(crate::system::processors),
        };
        let volume = if self.resolved.switch(Key::Quiet) || self.form == Form::Json { Volume::Quiet } else { Volume::Normal };
        let lines = Lines::of(JobSpec::CheckLog(spec.clone()), volume);
        let checked = verify::look(&survey, &spec, &lines, &CancellationToken::new());
        lines.finish();
        Ok((checked?, spec))
    }

    fn status(&self) -> Result<String, Fault> {
        let found = self.gather(Ask::Always, Some(super::script::backup_dir(self.resolved)))?;
        if let (None, Some(fault)) = (&found.survey, &found.silence) {
            // With neither server nor archive there is nothing to say.
            return Err(fault.clone());
        }
        Ok(self.json(|| serde_json::json!({ "report": found.report }), || text::status(&found.report)))
    }
}
