//! What keys do while a question or an explanation is shown.

use super::{act, flow};
use crate::app::action::Motion;
use crate::app::cmd::{Cmd, Query};
use crate::app::list::moved;
use crate::app::modal::{Hidden, Keys, Modal};
use crate::app::model::{Asked, Model};
use crate::app::palette;
use crate::app::waits;
use crate::domain::Code;
use crate::domain::password::Password;
use crate::domain::wait::Ending;

/// Far more lines than any explanation has; the view stops at the last one.
const END: usize = 400;

/// Help for this screen, then all keys.
pub fn help(model: &mut Model) {
    match model.modals.last_mut() {
        Some(Modal::Help { keys, scroll }) => {
            *keys = act::other(*keys);
            *scroll = 0;
        }
        _ => model.modals.push(Modal::Help { keys: Keys::Here, scroll: 0 }),
    }
}

/// Scrolls what is shown; says whether something was.
pub fn scroll(model: &mut Model, motion: Motion) -> bool {
    let page = model.page();
    match model.modals.last_mut() {
        Some(Modal::Help { scroll, .. } | Modal::Error { scroll, .. }) => *scroll = moved(*scroll, motion, END, page),
        Some(Modal::Palette { input, .. }) => {
            let text = input.value().to_owned();
            let last = palette::matching(model, &text).len().saturating_sub(1);
            if let Some(Modal::Palette { at, .. }) = model.modals.last_mut() {
                *at = moved((*at).min(last), motion, last, page);
            }
        }
        Some(
            Modal::Cancel(_) | Modal::End { .. } | Modal::Quit | Modal::Delete { .. } | Modal::Password { .. } | Modal::Command { .. },
        ) => {}
        None => return false,
    }
    true
}

/// Asks whether to end the session in the way that is chosen.
pub fn ask_end(model: &mut Model, ending: Ending) {
    let Some(job) = model.job_in_sight() else { return };
    if let (Some(blocker), Some(connection)) = (waits::chosen(model, job), waits::connection(job.spec()))
        && blocker.untouchable().is_none()
    {
        let modal = Modal::End { connection: Box::new(connection.clone()), blocker: Box::new(blocker.clone()), ending };
        model.modals.push(modal);
    }
}

/// Asks for the password of the server under the cursor.
pub fn ask_password(model: &mut Model) {
    model.modals.push(Modal::Password { server: model.server, typed: Hidden::default() });
}

/// Says yes.
pub fn accept(model: &mut Model, out: &mut Vec<Cmd>) {
    match model.modals.last() {
        Some(Modal::Cancel(id)) => {
            let id = *id;
            model.modals.pop();
            flow::cancel(model, id, out);
        }
        Some(Modal::End { connection, blocker, ending }) => {
            let query = Query::EndSession(connection.clone(), blocker.clone(), *ending);
            let id = model.request(Asked::End(waits::words(*ending, blocker)));
            model.modals.pop();
            out.push(Cmd::Fetch(id, query));
        }
        Some(Modal::Password { server, typed }) => {
            let (server, password) = (*server, Password::typed(typed.0.value()));
            model.modals.pop();
            model.log_in(server, password, out);
        }
        Some(Modal::Quit) => {
            model.modals.pop();
            flow::leave(model, Code::Cancelled.exit(), out);
        }
        Some(Modal::Delete { paths, typed }) => {
            let paths = paths.clone();
            if Modal::delete_word(&paths).is_some_and(|word| word != typed.value()) {
                return;
            }
            model.modals.pop();
            for path in paths {
                let id = model.request(Asked::Delete(path.clone()));
                model.list.picker.marked.remove(&path);
                out.push(Cmd::Fetch(id, Query::Delete(path)));
            }
        }
        Some(Modal::Help { .. } | Modal::Error { .. } | Modal::Command { .. } | Modal::Palette { .. }) | None => {}
    }
}
