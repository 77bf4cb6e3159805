//! What Enter does, wherever the person is: the next step from there.

use super::act::{act, with_spec};
use super::{flow, keys, log, marks, settled};
use crate::app::action::Action;
use crate::app::cmd::{Cmd, Query};
use crate::app::load::Load;
use crate::app::modal::Modal;
use crate::app::model::{Asked, Model};
use crate::app::nav::{Nav, Place};
use crate::app::screens::archives;
use crate::app::screens::backup;
use crate::app::screens::contents::ContentsScreen;
use crate::app::screens::diagnostics;
use crate::app::screens::home;
use crate::app::screens::recover::{self, RecoverScreen};
use crate::app::screens::target::TargetScreen;
use crate::app::screens::{pitr, replay};
use crate::domain::recovery::judge::Wish;
use std::path::PathBuf;

pub(super) fn enter(model: &mut Model, out: &mut Vec<Cmd>) {
    if matches!(model.modals.last(), Some(Modal::Palette { .. })) {
        return settled::run_chosen(model, out);
    }
    if let Some(filter) = keys::filter_mut(model)
        && filter.is_typing()
    {
        filter.keep();
        if *model.nav.place() == Place::Log {
            log::show_found(model);
        }
        return;
    }
    match model.nav.place().clone() {
        Place::Home => follow_advice(model),
        Place::Backup => {
            let spec = backup::single(model);
            with_spec(model, spec, out, flow::submit);
        }
        Place::Restore => {
            let keys = archives::keys(model, &model.restore);
            if let Some(path) = model.restore.picker.current(&keys).cloned() {
                open_archive(model, path, out);
            }
        }
        Place::Contents => {
            if let Ok(choice) = model.contents.choice() {
                // Coming back to the same choice keeps what was filled in.
                if model.target.choice.as_ref() != Some(&choice) {
                    model.target = TargetScreen::new(choice, model.product().unwrap_or_default(), model.setup.effort.jobs);
                }
                model.nav.enter(Place::Target);
            }
        }
        Place::Target => {
            let spec = model.target.spec(&model.contents, model);
            with_spec(model, spec, out, flow::submit);
        }
        Place::Pitr if model.recovery.typing.is_some() => pitr::take_typed(model),
        Place::Pitr if pitr::foreign(model).is_some() => {
            let opened = replay::open(model);
            match opened {
                Ok(()) => model.nav.enter(Place::Recover),
                Err(why) => with_spec(model, Err(why), out, flow::submit),
            }
        }
        Place::Wal if pitr::foreign(model).is_some() => model.nav = Nav::at(Place::Pitr),
        Place::Pitr => open_recovery(model, pitr::wish(model), out),
        Place::Wal => {
            pitr::to_gap(model);
            model.nav = Nav::at(Place::Pitr);
        }
        Place::Recover => {
            let spec = recover::spec(model);
            with_spec(model, spec, out, flow::submit);
        }
        Place::Plan => {
            if let Load::Ready(plan, _) = model.plan.plan.clone()
                && plan.obstacle().is_none()
            {
                let typed = model.plan.typed.value().to_owned();
                flow::start(model, plan, Some(&typed), out);
            }
        }
        Place::Jobs => {
            let ids = model.job_ids();
            if let Some(id) = model.jobs_picker.current(&ids) {
                model.databases_picker.selected = None;
                model.nav.enter(Place::Job(*id));
            }
        }
        Place::Job(id) => {
            let names = marks::database_names(model);
            if let Some(name) = model.databases_picker.current(&names) {
                model.nav.enter(Place::Database(id, name.clone()));
            }
        }
        Place::Diagnostics => {
            let row = model.diagnostics.picker.row(&model.diagnostics.keys());
            if !model.diagnostics.open.remove(&row) {
                model.diagnostics.open.insert(row);
            }
        }
        Place::Reports => {
            let keys = model.diagnostics.past_keys();
            if let Some(file) = model.diagnostics.past_picker.current(&keys).cloned() {
                diagnostics::read(model, file, out);
                model.nav.back();
                if *model.nav.place() != Place::Diagnostics {
                    model.nav.enter(Place::Diagnostics);
                }
            }
        }
        Place::Archives => act(model, Action::Inside, out),
        Place::Settings => settled::setting(model, out),
        Place::Database(..) | Place::Log => {}
    }
}

fn follow_advice(model: &mut Model) {
    match home::advice(model) {
        Some(advice) => {
            model.server = advice.server;
            model.backup.picker.marked = advice.databases.into_iter().collect();
            model.nav = Nav::at(Place::from(advice.screen));
        }
        None => model.nav = Nav::at(Place::Backup),
    }
}

/// The form of a recovery. Coming back with the same wish keeps what was filled in.
fn open_recovery(model: &mut Model, wish: Wish, out: &mut Vec<Cmd>) {
    pitr::open(model, out);
    if model.recover.wished.as_ref() != Some(&wish) {
        model.recover = RecoverScreen::new(model, wish);
    }
    model.nav.enter(Place::Recover);
}

pub(super) fn open_archive(model: &mut Model, path: PathBuf, out: &mut Vec<Cmd>) {
    if archives::is_base(model, &path) {
        return open_recovery(model, Wish { base: Some(path), ..Wish::default() }, out);
    }
    if model.contents.path != path || model.contents.contents.value().is_none() {
        let id = model.request(Asked::Contents(path.clone()));
        model.contents = ContentsScreen { path: path.clone(), contents: Load::Loading(id), ..ContentsScreen::default() };
        out.push(Cmd::Fetch(id, Query::Contents(path)));
    }
    model.nav.enter(Place::Contents);
}
