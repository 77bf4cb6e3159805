//! Why something cannot be done now. Keys, footer and scripts ask here, and nowhere else.

use super::action::{Action, ScreenId};
use super::modal::Modal;
use super::model::Model;
use super::nav::Place;
use super::screens::plan::Purpose;
use super::screens::{archives, backup, binlog, contents, pitr, recover, settings};
use super::setup::Mode;
use super::waits;
use super::{keymap, palette};
use crate::app::load::Load;
use crate::domain::Code;
use crate::domain::job::{DatabaseState, JobState};
use crate::domain::spec::JobSpec;

/// Whether an action can be done, and why not.
pub fn availability(model: &Model, action: &Action) -> Result<(), String> {
    match (model.modals.last(), action) {
        (Some(Modal::Palette { .. }), Action::Enter) => match palette::chosen(model) {
            Some(entry) => entry.blocked.map_or(Ok(()), Err),
            None => Err("nothing is called so".to_owned()),
        },
        _ => below(model, action),
    }
}

/// The same for what is below the palette.
pub fn below(model: &Model, action: &Action) -> Result<(), String> {
    if matches!(model.nav.place(), Place::Pitr | Place::Wal)
        && let Some(product) = pitr::foreign(model)
        && is_of_another_product(model, action)
    {
        return Err(format!("this is for PostgreSQL servers, and the server is {product}"));
    }
    match action {
        Action::Unset => match settings::may_change(model) {
            _ if *model.nav.place() != Place::Settings => applies(model, action),
            answer => answer.map(drop),
        },
        Action::Screen(screen) if model.setup.mode == Mode::Command => {
            Err(format!("{} opens when dbbackup is started without a command", screen.title()))
        }
        Action::Refresh if model.setup.mode == Mode::Command => Err("this run is about one job".to_owned()),
        Action::Enter => enter(model),
        Action::Login => match model.servers.get(model.server).map(|server| &server.facts) {
            Some(Load::Failed(fault) | Load::Stale(_, fault)) if fault.code == Code::AuthFailed => Ok(()),
            Some(Load::Idle | Load::Loading(_)) => Err("the server has not answered yet".to_owned()),
            Some(_) => Err("the server does not ask for one".to_owned()),
            None => Err("no server is configured".to_owned()),
        },
        Action::DryRun | Action::WholeCluster if *model.nav.place() == Place::Backup => match action {
            Action::WholeCluster => backup::cluster(model).map(drop),
            _ => backup::single(model).map(drop),
        },
        Action::CancelJob => match model.job_in_sight().map(|job| &job.state) {
            None => Err("no job is in sight".to_owned()),
            Some(JobState::Stopping(_)) => Err("it is stopping already".to_owned()),
            Some(state) if state.is_over() => Err("the job is over".to_owned()),
            Some(_) => Ok(()),
        },
        Action::Resume => match model.job_in_sight() {
            None => Err("no job is in sight".to_owned()),
            Some(job) if !job.state.is_over() => Err("the job is at work".to_owned()),
            Some(job) => match job.resumed() {
                Some(_) => Ok(()),
                None => Err("there is nothing to go on with".to_owned()),
            },
        },
        Action::NextBlocker => match model.job_in_sight().map(|job| waits::blockers(job).len()) {
            Some(0) | None => Err("nobody is in the way".to_owned()),
            Some(1) => Err("only one session is in the way".to_owned()),
            Some(_) => Ok(()),
        },
        Action::EndBlocker(_) => waits::may_end(model),
        Action::BaseBackup if *model.nav.place() == Place::Backup => backup::base(model).map(drop),
        Action::CopyFix if matches!(model.nav.place(), Place::Pitr | Place::Wal) => match pitr::cure(model) {
            Some(_) => Ok(()),
            None => Err("nothing here wants a command".to_owned()),
        },
        Action::CheckLog if matches!(model.nav.place(), Place::Pitr | Place::Wal) => match pitr::check_spec(model) {
            Some(_) => Ok(()),
            None => Err("it is not known where the log is archived".to_owned()),
        },
        Action::Change(_) | Action::Finer(_) | Action::Jump(_) | Action::Zoom(_)
            if *model.nav.place() == Place::Pitr && pitr::scale(model).is_none() =>
        {
            Err("there is nothing to move along".to_owned())
        }
        Action::CopyFix => match model.diagnostics.current().map(|finding| finding.commands()) {
            None => Err("there is no finding".to_owned()),
            Some(None) => Err("this one has advice only, no command".to_owned()),
            Some(Some(_)) => Ok(()),
        },
        Action::KeepReport if model.diagnostics.file.is_some() => Err("this one is kept already".to_owned()),
        Action::KeepReport => match model.diagnostics.report.value() {
            Some(_) => Ok(()),
            None => Err("there is no report yet".to_owned()),
        },
        Action::ShowError | Action::Diagnose => match super::update::failing::in_sight(model) {
            Some(_) => Ok(()),
            None => Err("nothing failed here".to_owned()),
        },
        Action::Freeze => match model.job_in_sight() {
            Some(job) if !job.state.is_over() || model.frozen.is_some() => Ok(()),
            _ => Err("nothing moves".to_owned()),
        },
        Action::ShowLog => match model.job_in_sight() {
            Some(_) => Ok(()),
            None => Err("no job is in sight".to_owned()),
        },
        Action::CopyCommand if matches!(model.nav.place(), Place::Diagnostics | Place::Pitr | Place::Wal) => Ok(()),
        Action::Match(_) | Action::OnlyMatches if model.log_screen.filter.text().is_none_or(str::is_empty) => {
            Err("nothing is searched for: / begins".to_owned())
        }
        Action::CopyCommand => match super::update::act::spec_in_sight(model) {
            Some(_) => Ok(()),
            None => Err("nothing here has a command line".to_owned()),
        },
        Action::Verify | Action::RestoreTest | Action::Delete | Action::Inside | Action::RestoreThis => one_archive(model, action),
        Action::Change(_) if settings::is_without_choices(model) => Err("type it".to_owned()),
        _ => applies(model, action),
    }
}

/// Whether an action is for another product than the server's, so that no key for it is shown.
pub fn is_of_another_product(model: &Model, action: &Action) -> bool {
    if pitr::foreign(model).is_none() {
        return false;
    }
    match model.nav.place() {
        Place::Backup => *action == Action::BaseBackup,
        Place::Pitr | Place::Wal => pitr::is_of_timeline(action),
        _ => false,
    }
}

/// Whether an action means something where the person is: one of its keys does.
fn applies(model: &Model, action: &Action) -> Result<(), String> {
    let (above, place) = (keymap::scope(model).chain(), keymap::place_scope(model).chain());
    let mut elsewhere: Vec<&str> = Vec::new();
    for bind in keymap::KEYS.iter().filter(|bind| bind.action == *action) {
        if above.contains(&bind.scope) || place.contains(&bind.scope) {
            return Ok(());
        }
        if !elsewhere.contains(&bind.scope.title()) {
            elsewhere.push(bind.scope.title());
        }
    }
    if elsewhere.is_empty() { Ok(()) } else { Err(format!("works on {}", elsewhere.join("; "))) }
}

fn enter(model: &Model) -> Result<(), String> {
    match model.nav.place() {
        Place::Backup => backup::single(model).map(drop),
        Place::Restore => match model.restore.picker.current(&archives::keys(model, &model.restore)) {
            Some(_) => Ok(()),
            None => Err("there is no archive".to_owned()),
        },
        Place::Contents => contents_choice(model),
        Place::Target => model.target.spec(&model.contents, model).map(drop),
        Place::Pitr if pitr::foreign(model).is_some() => match pitr::typed(model) {
            Some(typed) => typed.map(drop),
            None => binlog::spec(model).map(drop),
        },
        Place::Wal if pitr::foreign(model).is_some() => Ok(()),
        Place::Pitr => match (pitr::typed(model), model.recovery.report.value()) {
            (Some(typed), _) => typed.map(drop),
            (None, None) => Err("it is not known yet what can be recovered".to_owned()),
            (None, Some(report)) if report.bases.is_empty() => Err("there is no base backup to recover from".to_owned()),
            (None, Some(_)) => Ok(()),
        },
        Place::Wal => match model.recovery.report.value() {
            Some(_) => Ok(()),
            None => Err("nothing is known of the archive yet".to_owned()),
        },
        Place::Recover => recover::spec(model).map(drop),
        Place::Plan => plan(model),
        Place::Settings => match (&model.settings.edit, settings::wrong(model)) {
            (Some(_), Some(why)) => Err(why),
            (Some(_), None) => Ok(()),
            (None, _) => settings::may_change(model).map(drop),
        },
        Place::Database(..) | Place::Log => applies(model, &Action::Enter),
        Place::Diagnostics if model.diagnostics.current().is_none() => Err("there is no finding".to_owned()),
        Place::Reports if model.diagnostics.past_keys().is_empty() => Err("there is no report".to_owned()),
        Place::Jobs if model.jobs.is_empty() => Err("no job has run yet".to_owned()),
        Place::Job(_) => match model.job_in_sight() {
            Some(job) if matches!(job.spec(), JobSpec::Base(_) | JobSpec::Recover(_) | JobSpec::CheckLog(_)) => {
                Err("it is about a whole server".to_owned())
            }
            Some(job) if !job.progress.databases.is_empty() => Ok(()),
            _ => Err("it has no databases to show".to_owned()),
        },
        _ => Ok(()),
    }
}

fn contents_choice(model: &Model) -> Result<(), String> {
    match &model.contents.contents {
        Load::Failed(fault) => Err(fault.what.clone()),
        Load::Idle | Load::Loading(_) => Err("the archive is still being read".to_owned()),
        Load::Ready(..) | Load::Stale(..) => contents::ContentsScreen::choice(&model.contents).map(drop),
    }
}

fn plan(model: &Model) -> Result<(), String> {
    match (&model.plan.plan, model.plan.purpose) {
        (Load::Idle | Load::Loading(_), _) => Err("still being found out".to_owned()),
        (Load::Failed(fault) | Load::Stale(_, fault), _) => Err(fault.what.clone()),
        (Load::Ready(..), Purpose::DryRun) => Err("this is a dry run: Esc, then Enter starts it".to_owned()),
        (Load::Ready(plan, _), Purpose::Start) => match plan.obstacle() {
            Some(obstacle) => Err(format!("a check failed: {}", obstacle.what)),
            None => Ok(()),
        },
    }
}

fn one_archive(model: &Model, action: &Action) -> Result<(), String> {
    if *model.nav.place() != Place::Archives {
        return Err(format!("this works on the {} screen", ScreenId::Archives.title()));
    }
    let keys = archives::keys(model, &model.list);
    let Some(current) = model.list.picker.current(&keys) else { return Err("there is no archive".to_owned()) };
    let readable = model.archives.value().is_some_and(|all| all.iter().any(|archive| archive.path == *current && archive.head.is_ok()));
    match action {
        Action::Inside | Action::RestoreThis | Action::RestoreTest if !readable => {
            Err("this archive cannot be read; v verifies it".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether a database of a job failed.
pub const fn failed(state: &DatabaseState) -> bool {
    matches!(state, DatabaseState::Failed(_))
}
