//! What `wal cleanup`, `pitr enable` and `pitr disable` change. Without `--confirm` they only say what that would be.

use super::{Desk, text};
use crate::app::cmd::Query;
use crate::app::command;
use crate::app::msg::Reply;
use crate::batch::query::{self, Form};
use crate::cli::pitr::Enable;
use crate::cli::wal::Cleanup;
use crate::config::settings::Key;
use crate::domain::recovery::BaseBackup;
use crate::domain::wal::{Switch, WalName};
use crate::domain::{Code, Fault, Stamp};
use crate::engine::pitr::switch::{self, Force, Wanted};
use crate::engine::wal::keep::{self, Rule};
use crate::runtime::work::Work;
use std::sync::Arc;

/// Whether the change was confirmed: by the bare flag, or by the name of what is changed.
fn is_confirmed(desk: &Desk<'_>, name: &str) -> Result<bool, Fault> {
    match desk.confirm {
        None => Ok(false),
        Some("") => Ok(true),
        Some(given) if given == name => Ok(true),
        Some(given) => Err(Fault::new(Code::NotConfirmed, format!("--confirm names {given}, and this is about {name}"))
            .step("Give --confirm alone, or with that name.")),
    }
}

/// Takes away what no base backup needs.
pub fn cleanup(desk: &Desk<'_>, asked: &Cleanup, work: impl FnOnce() -> Arc<dyn Work>) -> Result<String, Fault> {
    let rule = rule(asked)?;
    let backups = crate::batch::script::backup_dir(desk.resolved);
    let bases = crate::engine::pitr::bases(&backups)?;
    let found = desk.archive(None)?;
    let Some(survey) = &found.survey else { return Ok(String::new()) };
    let own = found.report.wal.system_identifier.clone();
    let ours: Vec<BaseBackup> = bases
        .into_iter()
        .filter(|base| own.as_ref().is_none_or(|own| base.system_identifier.is_empty() || base.system_identifier == *own))
        .collect();
    let plan = keep::decide(survey, &ours, rule, Stamp(jiff::Timestamp::now().as_millisecond()))?;
    let name = plan.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let confirmed = is_confirmed(desk, &name)?;
    if !confirmed || plan.remove.is_empty() {
        let mut out = desk.json(|| serde_json::json!({ "plan": plan, "removed": null }), || text::cleanup(&plan));
        if desk.form == Form::Text {
            let mut flags = vec![("--archive-dir", plan.dir.display().to_string()), ("--backup-dir", backups.display().to_string())];
            flags.extend(asked.before.iter().map(|name| ("--before", name.clone())));
            flags.extend(asked.keep_days.map(|days| ("--keep-days", days.to_string())));
            let mut words = command::of_server(None, &["wal", "cleanup"], &flags);
            words.push("--confirm".to_owned());
            let again = command::shell(&words);
            out.push_str(&if plan.remove.is_empty() {
                "\nNothing has to go.\n".to_owned()
            } else {
                format!("\nNothing was removed. To remove it:\n  {again}\n")
            });
        }
        return Ok(out);
    }
    let removed = answer(work, Query::CleanLog(Box::new(plan.clone())))?;
    let Reply::Cleaned(files, bytes) = removed else { return Err(Fault::internal("a cleanup was answered as something else")) };
    Ok(desk.json(
        || serde_json::json!({ "plan": plan, "removed": { "files": files, "bytes": bytes } }),
        || format!("{}\nRemoved {files} files, {bytes}.\n", text::cleanup(&plan)),
    ))
}

fn rule(asked: &Cleanup) -> Result<Rule, Fault> {
    match (&asked.before, asked.keep_days) {
        (Some(name), _) => match name.parse() {
            Ok(WalName::Segment(name)) => Ok(Rule::Before(name)),
            _ => Err(Fault::new(Code::Usage, format!("{:?} is not the name of a segment, such as 000000010000000000000042", name))),
        },
        (None, Some(days)) => Ok(Rule::Days(days)),
        (None, None) => Ok(Rule::Bases),
    }
}

/// Has the server archive its log.
pub fn enable(desk: &Desk<'_>, asked: &Enable, work: impl FnOnce() -> Arc<dyn Work>) -> Result<String, Fault> {
    let dir = desk.resolved.path(Key::WalDir).ok_or_else(|| {
        Fault::new(Code::Usage, "where the log is archived has to be said")
            .step_run("Give the folder:", "dbbackup pitr enable --archive-dir /wal")
    })?;
    let dir = std::path::absolute(&dir).map_err(|error| Fault::new(Code::Usage, "the folder has no path from the root").because(error))?;
    let program = std::env::current_exe().map_err(|error| Fault::internal("where this program is cannot be found out").because(error))?;
    let force = if asked.force { Force::Yes } else { Force::No };
    let wanted = Wanted { dir, timeout: asked.archive_timeout, force, program };
    let mut flags = vec![("--archive-dir", wanted.dir.display().to_string())];
    flags.extend(wanted.timeout.map(|seconds| ("--archive-timeout", seconds.to_string())));
    let again = again(desk, &["pitr", "enable"], &flags, force)?;
    let plan = query::connect(desk.resolved, desk.secrets, async move |server| switch::enable(&*server, &wanted).await)?;
    switched(desk, plan, &again, work)
}

/// Has the server archive nothing any more.
pub fn disable(desk: &Desk<'_>, force: bool, work: impl FnOnce() -> Arc<dyn Work>) -> Result<String, Fault> {
    let force = if force { Force::Yes } else { Force::No };
    let plan = query::connect(desk.resolved, desk.secrets, async move |server| switch::disable(&*server, force).await)?;
    switched(desk, plan, &again(desk, &["pitr", "disable"], &[], force)?, work)
}

/// The command that makes the change.
fn again(desk: &Desk<'_>, what: &[&str], flags: &[(&str, String)], force: Force) -> Result<String, Fault> {
    let mut words = command::of_server(Some(&desk.resolved.connection()?), what, flags);
    if force == Force::Yes {
        words.push("--force".to_owned());
    }
    words.push("--confirm".to_owned());
    Ok(command::shell(&words))
}

fn switched(desk: &Desk<'_>, plan: Switch, again: &str, work: impl FnOnce() -> Arc<dyn Work>) -> Result<String, Fault> {
    let connection = desk.resolved.connection()?;
    let confirmed = is_confirmed(desk, &connection.label())?;
    if !confirmed {
        let mut out = desk.json(|| serde_json::json!({ "plan": plan, "changed": false, "checks": [] }), || text::switch(&plan));
        if desk.form == Form::Text && !plan.changes.is_empty() {
            out.push_str(&format!("\nNothing was changed. To change it:\n  {again}\n"));
        }
        return Ok(out);
    }
    let reply = answer(work, Query::SwitchArchiving(Box::new(connection), Box::new(plan.clone())))?;
    let Reply::Switched(checks) = reply else { return Err(Fault::internal("a switch was answered as something else")) };
    Ok(desk.json(
        || serde_json::json!({ "plan": plan, "changed": !plan.changes.is_empty(), "checks": checks }),
        || {
            let restart = match plan.restart.as_slice() {
                [] => "It holds now: no restart is needed.\n".to_owned(),
                names => format!(
                    "A restart of the server is needed, and was not made, for: {}\n  for example: systemctl restart postgresql\n",
                    names.join(", ")
                ),
            };
            let done = if plan.changes.is_empty() { "" } else { "Changed. " };
            format!("{}{}\n{done}{restart}", text::switch(&plan), text::checks(&checks))
        },
    ))
}

/// Has it done where it is audited.
fn answer(work: impl FnOnce() -> Arc<dyn Work>, query: Query) -> Result<Reply, Fault> {
    let work = work();
    query::work(async move || work.answer(query).await)
}
