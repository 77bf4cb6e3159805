//! Cursors, marks and folds of whatever list is shown.

use crate::app::action::{Motion, Toward};
use crate::app::list::moved;
use crate::app::model::Model;
use crate::app::nav::Place;
use crate::app::screens::archives::{self, ArchiveList};
use crate::app::screens::backup::{self, Part};
use crate::app::screens::contents::Node;
use crate::app::screens::log::{self as log_view, Follow};
use crate::app::screens::pitr;
use crate::app::screens::settings;

/// The list of archives that is shown.
pub fn archive_list(model: &mut Model) -> Option<&mut ArchiveList> {
    match model.nav.place() {
        Place::Restore => Some(&mut model.restore),
        Place::Archives => Some(&mut model.list),
        _ => None,
    }
}

/// The databases of the job that is shown, in the order of the list: a picture that is held keeps its order too.
pub fn database_names(model: &Model) -> Vec<String> {
    let Some(job) = model.job_in_sight() else { return Vec::new() };
    let held = model.frozen.as_ref().map(|frozen| &frozen.job).filter(|held| held.id == job.id);
    held.unwrap_or(job).listed().into_iter().map(|one| one.name.clone()).collect()
}

/// Moves the cursor of the list that is shown.
pub fn go(model: &mut Model, motion: Motion) {
    let page = model.page();
    match model.nav.place().clone() {
        Place::Home => {
            let last = model.servers.len().saturating_sub(1);
            model.server = moved(model.server, motion, last, page);
        }
        Place::Backup if model.backup.part == Part::Options => model.backup.form.go(motion),
        Place::Backup => {
            let names = backup::names(model);
            model.backup.picker.go(motion, &names, page);
        }
        Place::Restore => {
            let keys = archives::keys(model, &model.restore);
            model.restore.picker.go(motion, &keys, page);
        }
        Place::Archives => {
            let keys = archives::keys(model, &model.list);
            model.list.picker.go(motion, &keys, page);
        }
        Place::Contents => {
            let rows = model.contents.rows();
            model.contents.picker.go(motion, &rows, page);
        }
        Place::Target => model.target.form.go(motion),
        Place::Recover => model.recover.form.go(motion),
        Place::Pitr => pitr::go(model, motion),
        Place::Wal => {
            let keys = pitr::gap_keys(model);
            model.recovery.gaps.go(motion, &keys, page);
        }
        // The view stops at the last line; the plan's own size is a bound that is never too small.
        Place::Plan => {
            let lines = model
                .plan
                .plan
                .value()
                .map_or(0, |plan| 8 + plan.items.len() + plan.checks.len() * 6 + plan.destroys.len() + plan.facts.len());
            model.plan.scroll = moved(model.plan.scroll, motion, lines, page);
        }
        Place::Jobs => {
            let ids = model.job_ids();
            model.jobs_picker.go(motion, &ids, page);
        }
        Place::Job(_) => {
            let names = database_names(model);
            model.databases_picker.go(motion, &names, page);
        }
        Place::Diagnostics => {
            let keys = model.diagnostics.keys();
            model.diagnostics.picker.go(motion, &keys, 3);
        }
        Place::Reports => {
            let keys = model.diagnostics.past_keys();
            model.diagnostics.past_picker.go(motion, &keys, page);
        }
        Place::Log => log(model, motion, page),
        Place::Settings => {
            let names = settings::names(model);
            model.settings.picker.go(motion, &names, page);
        }
        Place::Database(..) => {}
    }
}

fn log(model: &mut Model, motion: Motion, page: usize) {
    let numbers: Vec<u64> = log_view::lines(model).iter().map(|(number, _)| *number).collect();
    let last = numbers.len().saturating_sub(1);
    let row = match model.log_screen.follow {
        Follow::Newest => last,
        Follow::Held(number) => numbers.iter().rposition(|known| *known <= number).unwrap_or(0),
    };
    // The cursor is the last line in sight: the top of the log is reached when a page is above it.
    let row = match motion {
        Motion::First => page.min(last),
        motion => moved(row, motion, last, page),
    };
    model.log_screen.follow = match numbers.get(row) {
        Some(number) if row < last => Follow::Held(*number),
        _ => Follow::Newest,
    };
}

/// Marks what is under the cursor.
pub fn mark(model: &mut Model) {
    match model.nav.place() {
        Place::Backup => {
            let names = backup::names(model);
            model.backup.picker.mark(&names);
        }
        Place::Contents => {
            let rows = model.contents.rows();
            model.contents.picker.mark(&rows);
        }
        Place::Archives => {
            let keys = archives::keys(model, &model.list);
            model.list.picker.mark(&keys);
        }
        _ => {}
    }
}

/// Marks all that is shown, or nothing.
pub fn mark_all(model: &mut Model) {
    match model.nav.place() {
        Place::Backup => {
            let names = backup::names(model);
            model.backup.picker.mark_all(&names);
        }
        Place::Contents => {
            let rows: Vec<Node> = model.contents.rows().into_iter().filter(|node| node.parent().is_none()).collect();
            model.contents.picker.mark_all(&rows);
        }
        Place::Archives => {
            let keys = archives::keys(model, &model.list);
            model.list.picker.mark_all(&keys);
        }
        _ => {}
    }
}

/// Folds or unfolds; at a line that is folded already, goes to what it is in.
pub fn fold(model: &mut Model, toward: Toward) {
    let rows = model.contents.rows();
    let Some(node) = model.contents.picker.current(&rows).cloned() else { return };
    match toward {
        Toward::Next => {
            model.contents.open.insert(node);
        }
        Toward::Previous => {
            if !model.contents.open.remove(&node)
                && let Some(parent) = node.parent()
            {
                model.contents.picker.selected = Some(parent);
            }
        }
    }
}
