//! What each action does.

use super::enter::{enter, open_archive};
use super::{copying, flow, keys, log, marks, modals, settled, toast};
use crate::app::action::{Action, Motion, ScreenId, Toward};
use crate::app::cmd::Cmd;
use crate::app::form::{Field, FieldId, Form};
use crate::app::jobs::Job;
use crate::app::list::Filter;
use crate::app::modal::{Keys, Modal};
use crate::app::model::{Asked, Frozen, Model};
use crate::app::nav::{Nav, Place};
use crate::app::screens::archives::{self, Order};
use crate::app::screens::backup::{self, Part};
use crate::app::screens::diagnostics;
use crate::app::screens::limits;
use crate::app::screens::log::Follow;
use crate::app::screens::pitr;
use crate::app::screens::recover::{self};
use crate::app::screens::settings;
use crate::app::waits;
use crate::domain::Connection;
use crate::domain::spec::{Depth, JobSpec, RestoreTest, Sample, VerifySpec};

use crate::engine::event::Level;
use std::path::PathBuf;

/// Does something that was asked for. Whoever asks has asked [`crate::app::availability::availability`] before; what cannot be done is left.
pub fn act(model: &mut Model, action: Action, out: &mut Vec<Cmd>) {
    match action {
        Action::Submit(spec) => flow::submit(model, *spec, out),
        Action::Notice(text) => toast(model, Level::Warn, text),
        Action::Quit => flow::quit(model, out),
        Action::Interrupt => flow::interrupt(model, out),
        Action::Suspend => out.push(Cmd::Suspend),
        Action::Redraw => out.push(Cmd::Redraw),
        Action::Help => modals::help(model),
        Action::Back => back(model, out),
        Action::Screen(screen) => {
            model.nav = Nav::at(Place::from(screen));
            model.settings.edit = None;
            model.frozen = None;
            model.log_screen.job = None;
            match screen {
                ScreenId::Diagnostics => diagnostics::open(model, out),
                ScreenId::Pitr | ScreenId::Wal => pitr::open(model, out),
                _ => {}
            }
        }
        Action::Move(motion) => go(model, motion),
        Action::Change(toward) => change(model, toward),
        Action::Part(_) => {
            model.backup.part = match model.backup.part {
                Part::Databases => Part::Options,
                Part::Options => Part::Databases,
            }
        }
        Action::Enter => enter(model, out),
        Action::Mark => marks::mark(model),
        Action::MarkAll => marks::mark_all(model),
        Action::Filter => {
            if let Some(filter) = keys::filter_mut(model) {
                filter.open();
            }
        }
        Action::Refresh => match model.nav.place() {
            Place::Diagnostics => diagnostics::collect(model, out),
            Place::Reports => diagnostics::ask_past(model, out),
            Place::Pitr | Place::Wal | Place::Recover => pitr::ask(model, out),
            _ => model.ask_everything(out),
        },
        Action::Diagnose => diagnostics::of_failure(model, out),
        Action::KeepReport => diagnostics::keep(model, out),
        Action::PastReports => {
            diagnostics::ask_past(model, out);
            model.nav.enter(Place::Reports);
        }
        Action::CheckLog => {
            if let Some(spec) = pitr::check_spec(model) {
                flow::submit(model, JobSpec::CheckLog(spec), out);
            }
        }
        Action::CopyFix => copying::fix(model, out),
        Action::CopyCommand => copying::command(model, out),
        Action::DryRun => {
            let spec = match model.nav.place() {
                Place::Target => model.target.spec(&model.contents, model),
                Place::Recover => recover::spec(model),
                _ => backup::single(model),
            };
            with_spec(model, spec, out, flow::dry_run);
        }
        Action::WholeCluster => {
            let spec = backup::cluster(model);
            with_spec(model, spec, out, flow::submit);
        }
        Action::BaseBackup => {
            let spec = backup::base(model);
            with_spec(model, spec, out, flow::submit);
        }
        Action::Finer(toward) => pitr::finer(model, toward),
        Action::Jump(toward) => pitr::jump(model, toward),
        Action::Zoom(toward) => pitr::zoom(model, toward),
        Action::TypeMoment => pitr::type_moment(model),
        Action::CancelJob => {
            if let Some(id) = model.job_in_sight().filter(|job| !job.state.is_over()).map(|job| job.id) {
                model.modals.push(Modal::Cancel(id));
            }
        }
        Action::Resume => {
            if let Some(spec) = model.job_in_sight().and_then(Job::resumed) {
                flow::submit(model, spec, out);
            }
        }
        Action::NextBlocker => waits::choose_next(model),
        Action::EndBlocker(ending) => modals::ask_end(model, ending),
        Action::ShowLog => {
            model.log_screen.job = model.job_in_sight().map(|job| job.id);
            model.log_screen.follow = Follow::Newest;
            model.nav.enter(Place::Log);
        }
        Action::Freeze => freeze(model),
        Action::ShowError => {
            if let Some(super::failing::InSight { headline, fault, missing }) = super::failing::in_sight(model) {
                model.modals.push(Modal::Error { headline, fault, missing, scroll: 0 });
            }
        }
        Action::Sort(toward) => {
            if let Some(list) = marks::archive_list(model) {
                list.column = list.column.beside(toward);
            }
        }
        Action::Reverse => {
            if let Some(list) = marks::archive_list(model) {
                list.order = match list.order {
                    Order::Falling => Order::Rising,
                    Order::Rising => Order::Falling,
                };
            }
        }
        Action::Verify => {
            let archives = chosen_archives(model);
            let jobs = model.setup.effort.jobs;
            if !archives.is_empty() {
                flow::submit(model, JobSpec::Verify(VerifySpec { archives, depth: Depth::Full, jobs, restore_test: None }), out);
            }
        }
        Action::RestoreTest => {
            if let Some(spec) = restore_test(model) {
                flow::submit(model, spec, out);
            }
        }
        Action::Inside | Action::RestoreThis => {
            let keys = archives::keys(model, &model.list);
            if let Some(path) = model.list.picker.current(&keys).cloned() {
                open_archive(model, path, out);
            }
        }
        Action::Delete => {
            let paths = chosen_archives(model);
            if !paths.is_empty() {
                model.modals.push(Modal::Delete { paths, typed: tui_input::Input::default() });
            }
        }
        Action::Login => modals::ask_password(model),
        Action::Follow => log::follow(model),
        Action::Level => log::level(model),
        Action::Match(toward) => log::go_on(model, toward),
        Action::OnlyMatches => log::only(model),
        Action::Wrap => log::wrap(model),
        Action::SaveDebugLog => {
            let id = model.request(Asked::DebugLog);
            out.push(Cmd::SaveDebugLog(id));
        }
        Action::Palette => model.modals.push(Modal::Palette { input: tui_input::Input::default(), at: 0 }),
        Action::Unset => {
            if let (Place::Settings, Ok(view)) = (model.nav.place(), settings::may_change(model)) {
                settled::save(model, view.name, None, out);
            }
        }
        Action::Accept => modals::accept(model, out),
    }
}

fn chosen_archives(model: &Model) -> Vec<PathBuf> {
    model.list.picker.chosen(&archives::keys(model, &model.list))
}

/// A trial of the chosen archives on the server that is looked at.
fn restore_test(model: &Model) -> Option<JobSpec> {
    let archives = chosen_archives(model);
    let connection = model.server()?.connection.clone();
    let effort = model.setup.effort;
    let test = RestoreTest { connection, sample: Sample::Three, effort };
    let spec = VerifySpec { archives, depth: Depth::Full, jobs: effort.jobs, restore_test: Some(Box::new(test)) };
    (!spec.archives.is_empty()).then_some(JobSpec::Verify(spec))
}

pub(super) fn with_spec(
    model: &mut Model,
    spec: Result<JobSpec, String>,
    out: &mut Vec<Cmd>,
    then: fn(&mut Model, JobSpec, &mut Vec<Cmd>),
) {
    match spec {
        Ok(spec) => then(model, spec, out),
        Err(reason) => toast(model, Level::Warn, reason),
    }
}

/// One level back: out of a question, a filter, a deeper place.
fn back(model: &mut Model, out: &mut Vec<Cmd>) {
    if model.modals.pop().is_some() {
        return;
    }
    let editing = model.settings.edit.as_ref().filter(|_| *model.nav.place() == Place::Settings).map(|edit| edit.name);
    if let Some(filter) = keys::filter_mut(model)
        && filter.text().is_some()
        && editing.is_none()
    {
        *filter = Filter::Off;
        return;
    }
    if editing.is_some() {
        model.settings.edit = None;
        return;
    }
    if *model.nav.place() == Place::Pitr && model.recovery.typing.take().is_some() {
        return;
    }
    match model.nav.place() {
        // A command that is not confirmed ends as a batch run would: nothing is done.
        Place::Plan if !super::stays(model) => return unconfirmed(model, out),
        Place::Plan => flow::abandon(model, out),
        Place::Job(_) => model.frozen = None,
        Place::Log => model.log_screen.job = None,
        Place::Backup if model.backup.part == Part::Options => {
            model.backup.part = Part::Databases;
            return;
        }
        _ => {}
    }
    if super::stays(model) || !model.nav.is_root() {
        model.nav.back();
    }
}

fn unconfirmed(model: &mut Model, out: &mut Vec<Cmd>) {
    let plan = model.plan.plan.value().cloned();
    let fault = plan.clone().and_then(|plan| crate::domain::plan::Confirmed::by_name(plan, None).err());
    let exit = fault.as_ref().map_or(crate::domain::Code::Cancelled.exit(), |fault| fault.code.exit());
    model.end(exit, fault, plan, out);
}

/// The fields behind the one that has the cursor, if there are some.
fn opened(model: &Model, form: &Form, of: fn(&Connection) -> Vec<Field>) -> Option<Vec<Field>> {
    let here = form.current().is_some_and(|field| field.id == FieldId::More);
    model.server().filter(|_| here).map(|server| of(&server.connection))
}

fn change(model: &mut Model, toward: Toward) {
    match model.nav.place() {
        Place::Backup => {
            model.backup.form.change(toward);
            if model.backup.form.current().is_some_and(|field| field.id == FieldId::Codec) {
                model.backup.codec_changed();
            }
            if let Some(fields) = opened(model, &model.backup.form, limits::of_backup) {
                limits::changed(&mut model.backup.form, fields);
            }
        }
        Place::Target => {
            model.target.form.change(toward);
            if let Some(fields) = opened(model, &model.target.form, limits::of_restore) {
                limits::changed(&mut model.target.form, fields);
            }
        }
        Place::Pitr => pitr::step(model, toward),
        Place::Recover => {
            let mut screen = std::mem::take(&mut model.recover);
            screen.form.change(toward);
            screen.changed(model);
            model.recover = screen;
        }
        Place::Contents => marks::fold(model, toward),
        Place::Log => log::shift(model, toward),
        Place::Settings => settings::next_word(model),
        _ => {}
    }
}

fn go(model: &mut Model, motion: Motion) {
    if modals::scroll(model, motion) {
        return;
    }
    marks::go(model, motion);
}

fn freeze(model: &mut Model) {
    model.frozen = match model.frozen.take() {
        Some(_) => None,
        None => model.job_in_sight().cloned().map(|job| Box::new(Frozen { job, at: model.clock.now, missed: 0 })),
    };
}

/// The job whose command line would be copied.
pub fn spec_in_sight(model: &Model) -> Option<JobSpec> {
    match model.nav.place() {
        Place::Backup => backup::single(model).ok(),
        Place::Target => model.target.spec(&model.contents, model).ok(),
        Place::Recover => recover::spec(model).ok(),
        Place::Plan => model.plan.spec.clone(),
        Place::Archives => {
            let archives = chosen_archives(model);
            let jobs = model.setup.effort.jobs;
            if archives.is_empty() {
                None
            } else {
                Some(JobSpec::Verify(VerifySpec { archives, depth: Depth::Full, jobs, restore_test: None }))
            }
        }
        _ => model.job_in_sight().map(|job| job.spec().clone()),
    }
}

/// The keys that help shows.
pub const fn other(keys: Keys) -> Keys {
    match keys {
        Keys::Here => Keys::All,
        Keys::All => Keys::Here,
    }
}
