//! `dbbackup binlog archive | list | stats | cleanup`: follows a server's binary log, asks the engine about the archive, prints what it says.

mod following;
mod text;

use super::query::{self, Form};
use super::settings;
use crate::app::cmd::Query;
use crate::app::command;
use crate::app::msg::Reply;
use crate::cli::binlog::{Binlog, Cleanup};
use crate::cli::{Cli, Command};
use crate::config::layers::Resolved;
use crate::config::secrets::Secrets;
use crate::config::settings::Key;
use crate::domain::binlog::BinlogReport;
use crate::domain::{Bytes, Code, Fault, Stamp};
use crate::engine::binlog::identity::Identity;
use crate::engine::binlog::keep::{self, Rule};
use crate::engine::binlog::{backups, survey};
use crate::runtime::work::Work;
use crate::server::binlog::Binlogs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Carries one of the commands out; gives the exit code. None for other commands. What removes something goes through `work`, which audits it.
pub fn run(cli: &Cli, resolved: &Resolved, secrets: &Secrets, work: impl FnOnce() -> Arc<dyn Work>) -> Option<u8> {
    let Command::Binlog(binlog) = cli.command.as_ref()? else { return None };
    let form = if resolved.switch(Key::Json) { Form::Json } else { Form::Text };
    let confirm = if cli.globals.dry_run { None } else { cli.globals.confirm.as_deref() };
    Some(match binlog {
        Binlog::Archive { once, .. } => match cli.globals.dry_run {
            true => settings::finish(Err(Fault::new(Code::Usage, "archiving has no dry run").step("Leave --dry-run out.")), "Not archived"),
            false => following::run(*once, resolved, secrets, form),
        },
        Binlog::List(_) => settings::finish(list(resolved, form), "No list"),
        Binlog::Stats(_) => settings::finish(stats(resolved, secrets, form), "No figures"),
        Binlog::Cleanup(cleanup) => settings::finish(self::cleanup(cleanup, resolved, form, confirm, work), "Nothing cleaned up"),
    })
}

/// The archive's folder.
pub fn dir(resolved: &Resolved) -> Result<PathBuf, Fault> {
    resolved.path(Key::BinlogDir).filter(|dir| !dir.as_os_str().is_empty()).ok_or_else(|| {
        Fault::new(Code::Usage, "no archive of the binary log is named")
            .step_run("Name its folder, or set binlog.dir in the configuration:", "dbbackup binlog stats --binlog-dir /binlog")
    })
}

fn looked(dir: &Path, server: Option<&Binlogs>) -> Result<BinlogReport, Fault> {
    let mut report = survey::survey(dir)?;
    report.room = crate::system::disk::space(dir).ok().map(|space| (Bytes(space.free), Bytes(space.total)));
    survey::conclude(&mut report, server, Stamp(jiff::Timestamp::now().as_millisecond()));
    Ok(report)
}

fn list(resolved: &Resolved, form: Form) -> Result<String, Fault> {
    let report = looked(&dir(resolved)?, None)?;
    Ok(match form {
        Form::Json => format!("{:#}\n", serde_json::json!({ "logs": report.logs, "gaps": report.gaps, "unknown": report.unknown })),
        Form::Text => text::list(&report),
    })
}

/// The server is asked only where one was named: an archive can be looked at anywhere.
fn stats(resolved: &Resolved, secrets: &Secrets, form: Form) -> Result<String, Fault> {
    let dir = dir(resolved)?;
    let is_named = resolved.connection().is_ok_and(|connection| connection.product.is_mysql());
    let (server, silence) = match is_named.then(|| query::connect(resolved, secrets, async |server| server.binlogs().await)) {
        Some(Ok(server)) => (Some(server), None),
        Some(Err(fault)) => (None, Some(format!("the server: {fault}"))),
        None => (None, None),
    };
    let mut report = looked(&dir, server.as_ref())?;
    report.unknown.extend(silence);
    Ok(match form {
        Form::Json => format!("{:#}\n", serde_json::json!({ "binlog": report, "saved_percent": report.stats.saved() })),
        Form::Text => text::stats(&report),
    })
}

fn cleanup(
    asked: &Cleanup,
    resolved: &Resolved,
    form: Form,
    confirm: Option<&str>,
    work: impl FnOnce() -> Arc<dyn Work>,
) -> Result<String, Fault> {
    let rule = match (&asked.before, asked.keep_days) {
        (Some(name), _) => Rule::Before(name.parse().map_err(|why: String| Fault::new(Code::Usage, why))?),
        (None, Some(days)) => Rule::Days(days),
        (None, None) => Rule::Backups,
    };
    let dir = dir(resolved)?;
    let report = looked(&dir, None)?;
    let folder = super::script::backup_dir(resolved);
    let (kept, unread) = backups::list(&folder, Identity::read(&dir)?.as_ref())?;
    if let Some(line) = unread.first() {
        // What a backup that cannot be read needs is not known.
        return Err(Fault::new(Code::Incomplete, "nothing is removed: a backup cannot be read")
            .at("Folder", folder.display())
            .because(line));
    }
    let plan = keep::decide(&report, &kept, &rule, Stamp(jiff::Timestamp::now().as_millisecond()))?;
    let name = plan.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match confirm {
        Some(given) if !given.is_empty() && given != name => {
            return Err(Fault::new(Code::NotConfirmed, format!("--confirm names {given}, and this is about {name}"))
                .step("Give --confirm alone, or with that name."));
        }
        Some(_) if !plan.remove.is_empty() => {}
        _ => {
            let mut flags = vec![("--binlog-dir", plan.dir.display().to_string()), ("--backup-dir", folder.display().to_string())];
            flags.extend(asked.before.iter().map(|name| ("--before", name.clone())));
            flags.extend(asked.keep_days.map(|days| ("--keep-days", days.to_string())));
            let mut words = command::of_server(None, &["binlog", "cleanup"], &flags);
            words.push("--confirm".to_owned());
            return Ok(match form {
                Form::Json => format!("{:#}\n", serde_json::json!({ "plan": plan, "removed": null })),
                Form::Text => text::cleanup(&plan, &command::shell(&words)),
            });
        }
    }
    let work = work();
    let query = Query::CleanLog(Box::new(plan.clone()));
    let Reply::Cleaned(files, bytes) = query::work(async move || work.answer(query).await)? else {
        return Err(Fault::internal("a cleanup was answered as something else"));
    };
    Ok(match form {
        Form::Json => format!("{:#}\n", serde_json::json!({ "plan": plan, "removed": { "files": files, "bytes": bytes } })),
        Form::Text => format!("Removed {files} files, {bytes}.\n"),
    })
}
