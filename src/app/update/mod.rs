//! The only function that changes the model.

pub mod act;
mod copying;
mod enter;
pub mod failing;
pub mod flow;
pub mod keys;
mod log;
mod marks;
mod modals;
mod replies;
mod settled;

use super::cmd::Cmd;
use super::jobs::LogLine;
use super::load::Load;
use super::model::Model;
use super::msg::{Clock, Msg};
use super::screens::log::LINES;
use super::screens::pitr;
use super::setup::Mode;
use super::toast::Toast;
use crate::domain::job::JobId;
use crate::engine::event::{Event, Level};

/// Takes something that happened. Total: it never panics, and a failure is state.
pub fn update(model: &mut Model, msg: Msg, out: &mut Vec<Cmd>) {
    take(model, msg, out);
    pitr::judge_anew(model);
    let product = model.product();
    model.backup.fit(product);
}

fn take(model: &mut Model, msg: Msg, out: &mut Vec<Cmd>) {
    match msg {
        Msg::Tick(clock) => {
            tick(model, clock);
            pitr::look_again(model, out);
        }
        Msg::Resize { cols, rows } => {
            model.dirty |= model.size != (cols, rows);
            model.size = (cols, rows);
        }
        Msg::Key(key) => {
            model.dirty = true;
            // A sticky error goes with the first key after it was seen.
            model.toasts.retain(|toast| toast.until.is_some());
            let (place, known) = (model.nav.place().clone(), model.toasts.len());
            keys::key(model, key, out);
            // News of one screen would hide the keys of the next.
            if *model.nav.place() != place {
                model.toasts.drain(..known.min(model.toasts.len()));
            }
        }
        Msg::Paste(text) => {
            model.dirty = true;
            keys::paste(model, &text);
        }
        Msg::Act(action) => {
            model.dirty = true;
            act::act(model, action, out);
        }
        Msg::Engine(id, event) => {
            model.dirty = true;
            engine(model, id, event, out);
        }
        Msg::Lagged(lost) => {
            model.dirty = true;
            let at = model.clock.now;
            let text = format!("… {lost} lines were dropped: they came faster than they could be shown");
            model.log.push(LogLine { at, job: JobId::default(), level: Level::Warn, text }, LINES);
        }
        Msg::Checked(id, check) => {
            if matches!(model.plan.plan, Load::Loading(asked) if asked == id) {
                model.dirty = true;
                model.plan.take(check);
            }
        }
        Msg::Done(id, answer) => {
            model.dirty = true;
            replies::done(model, id, answer, out);
        }
        Msg::Shutdown(why) => {
            model.dirty = true;
            flow::shutdown(model, why, out);
        }
    }
}

/// Shows news in the footer.
pub(super) fn toast(model: &mut Model, level: Level, text: impl Into<String>) {
    if model.toasts.len() >= super::model::TOASTS {
        model.toasts.pop_front();
    }
    model.toasts.push_back(Toast::new(level, text, model.clock.now));
}

/// Only what is seen to change makes the screen dirty: an idle one must write nothing.
fn tick(model: &mut Model, clock: Clock) {
    let before = (model.clock.now.0.div_euclid(1000), model.clock.now.0.div_euclid(60_000), model.clock.offset);
    model.clock = clock;
    let after = (model.clock.now.0.div_euclid(1000), model.clock.now.0.div_euclid(60_000), model.clock.offset);
    let moving = model.running().next().is_some() || model.is_waiting();
    if before.1 != after.1 || before.2 != after.2 || (moving && before.0 != after.0) {
        model.dirty = true;
    }
    let (now, shown) = (model.clock.now, model.toasts.len());
    model.toasts.retain(|toast| toast.until.is_none_or(|until| until > now));
    model.dirty |= shown != model.toasts.len();
}

fn engine(model: &mut Model, id: JobId, event: Event, out: &mut Vec<Cmd>) {
    let now = model.clock.now;
    if let Event::Log { level, text } = &event {
        model.log.push(LogLine { at: now, job: id, level: *level, text: text.clone() }, LINES);
    }
    if let Some(frozen) = model.frozen.as_mut().filter(|frozen| frozen.job.id == id) {
        frozen.missed += 1;
    }
    let Some(job) = model.jobs.iter_mut().find(|job| job.id == id) else { return };
    let was_over = job.state.is_over();
    job.take(event, now);
    if job.state.is_over() && !was_over {
        flow::ended(model, id, out);
    }
}

/// Whether a person opened the application and stays when a job ends.
pub(super) fn stays(model: &Model) -> bool {
    model.setup.mode == Mode::Interactive
}
