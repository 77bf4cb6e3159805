//! Answers to questions. One that is no longer awaited is dropped.

use super::{flow, toast};
use crate::app::cmd::{Cmd, ReqId};
use crate::app::jobs::file_name;
use crate::app::modal::Modal;
use crate::app::model::{Asked, Model};
use crate::app::msg::Reply;
use crate::app::screens::settings::{self, Effect, SettingView};
use crate::app::screens::{binlog, pitr, recover};
use crate::domain::Fault;
use crate::engine::event::Level;

/// Takes an answer.
pub fn done(model: &mut Model, id: ReqId, answer: Result<Reply, Fault>, out: &mut Vec<Cmd>) {
    let now = model.clock.now;
    let Some(asked) = model.asked.remove(&id) else { return };
    match (asked, answer) {
        (Asked::Plan, Ok(Reply::Plan(plan))) => flow::planned(model, Ok(*plan), out),
        (Asked::Plan, Err(fault)) => flow::planned(model, Err(fault), out),
        (Asked::Server(at), answer) => {
            let answer = match answer {
                Ok(Reply::Server(info, databases)) => Ok((*info, databases)),
                Ok(_) => Err(Fault::internal("a server was asked and something else answered")),
                Err(fault) => Err(fault),
            };
            if let Some(server) = model.servers.get_mut(at) {
                server.facts.answer(answer, now);
            }
        }
        (Asked::Archives, answer) => {
            let answer = match answer {
                Ok(Reply::Archives(archives)) => Ok(archives),
                Ok(_) => Err(Fault::internal("a folder was asked and something else answered")),
                Err(fault) => Err(fault),
            };
            model.archives.answer(answer, now);
            forget_gone(model);
        }
        (Asked::Contents(path), answer) if path == model.contents.path => {
            let answer = match answer {
                Ok(Reply::Contents(contents)) => Ok(*contents),
                Ok(_) => Err(Fault::internal("an archive was asked and something else answered")),
                Err(fault) => Err(fault),
            };
            model.contents.contents.answer(answer, now);
            model.contents.unfold();
        }
        (Asked::Delete(path), Ok(_)) => {
            toast(model, Level::Info, format!("{} is deleted", file_name(&path)));
            model.ask_archives(out);
        }
        (Asked::Delete(path), Err(fault)) => {
            toast(model, Level::Error, format!("{} is not deleted: {}", file_name(&path), fault.root_cause()));
            model.ask_archives(out);
        }
        (Asked::Save(name), Ok(Reply::Settings(settings))) => saved(model, name, settings, out),
        (Asked::Save(name), Ok(_)) => toast(model, Level::Error, format!("{name}: something else answered")),
        (Asked::Save(name), Err(fault)) => {
            toast(model, Level::Error, format!("{name} is not saved: {}", fault.root_cause()));
            model.modals.push(Modal::Error { headline: "Saving a setting failed".to_owned(), fault, missing: Vec::new(), scroll: 0 });
        }
        (Asked::Recovery, answer) => {
            let answer = match answer {
                Ok(Reply::Recovery(report)) => Ok(*report),
                Ok(_) => Err(Fault::internal("it was asked what can be recovered and something else answered")),
                Err(fault) => Err(fault),
            };
            pitr::take(model, answer);
            recover::learned(model);
        }
        (Asked::Binlog, answer) => {
            let answer = match answer {
                Ok(Reply::Binlog(standing)) => Ok(*standing),
                Ok(_) => Err(Fault::internal("it was asked for the archive of a binary log and something else answered")),
                Err(fault) => Err(fault),
            };
            binlog::take(model, answer);
        }
        (Asked::Diagnosis, answer) => {
            let answer = match answer {
                Ok(Reply::Diagnosis(diagnosis)) => Ok(*diagnosis),
                Ok(_) => Err(Fault::internal("a report was asked for and something else answered")),
                Err(fault) => Err(fault),
            };
            model.diagnostics.report.answer(answer, now);
            model.diagnostics.open.clear();
        }
        (Asked::Reports, answer) => {
            let answer = match answer {
                Ok(Reply::Reports(reports)) => Ok(reports),
                Ok(_) => Err(Fault::internal("reports were asked for and something else answered")),
                Err(fault) => Err(fault),
            };
            model.diagnostics.past.answer(answer, now);
        }
        (Asked::KeepReport, Ok(Reply::Kept(path))) => toast(model, Level::Info, format!("written: {}", path.display())),
        (Asked::KeepReport, Ok(_)) => {}
        (Asked::KeepReport, Err(fault)) => toast(model, Level::Error, format!("not written: {}", fault.root_cause())),
        (Asked::End(what), Ok(_)) => toast(model, Level::Info, format!("{what} is being ended")),
        (Asked::End(what), Err(fault)) => {
            toast(model, Level::Error, format!("{what} is not ended: {}", fault.root_cause()));
            model.modals.push(Modal::Error { headline: "Ending a session failed".to_owned(), fault, missing: Vec::new(), scroll: 0 });
        }
        (Asked::DebugLog, Ok(Reply::Saved(path))) => toast(model, Level::Info, format!("saved as {}", path.display())),
        (Asked::DebugLog, Err(fault)) => toast(model, Level::Error, format!("not saved: {}: {}", fault.what, fault.root_cause())),
        (Asked::Plan | Asked::Contents(_) | Asked::DebugLog, _) => {}
    }
}

/// Takes what holds after a setting was saved, and says whether that changes anything now.
fn saved(model: &mut Model, name: &'static str, settings: Vec<SettingView>, out: &mut Vec<Cmd>) {
    model.setup.settings = settings;
    let Some(view) = settings::named(model, name).cloned() else { return };
    match (&view.covered, view.effect()) {
        (Some(stronger), _) => {
            toast(model, Level::Warn, format!("{name} is saved, but {stronger} is stronger"));
        }
        (None, Effect::AtOnce) => {
            out.extend(view.value.map(Cmd::Theme));
            toast(model, Level::Info, format!("{name} is saved"));
        }
        (None, Effect::NextStart) => toast(model, Level::Info, format!("{name} is saved; it counts from the next start")),
    }
}

/// Takes marks from archives that are gone, so that nothing is done to what is not seen.
fn forget_gone(model: &mut Model) {
    let Some(archives) = model.archives.value() else { return };
    let there: std::collections::BTreeSet<_> = archives.iter().map(|archive| archive.path.clone()).collect();
    for list in [&mut model.list, &mut model.restore] {
        list.picker.marked.retain(|path| there.contains(path));
    }
    model.checked.retain(|path, _| there.contains(path));
}
