//! The audit: who did what to which target, one JSON object a line, appended and synced. Before something is destroyed its line is on
//! the disk; where somebody asked for an audit and it cannot be written, nothing is begun.
//!
//! It wraps the engine, so that whatever a screen or a command line asks for goes through here. It is never rotated nor read by us.

use super::log::chosen::Wish;
use super::log::{Limits, Rotating, make_folder};
use super::run_id::run_id;
use super::work::Work;
use crate::app::cmd::Query;
use crate::app::msg::Reply;
use crate::config::environment::Environment;
use crate::domain::job::{Summary, Verdict};
use crate::domain::plan::{Confirmed, Plan};
use crate::domain::redact::redact;
use crate::domain::spec::{JobSpec, RestoreScope, Scope};
use crate::domain::text::clean;
use crate::domain::wait::Ending;
use crate::domain::wal::{Direction, SettingChange, Switch};
use crate::domain::{Code, Fault};
use crate::engine::event::{Destruction, Event, EventSink};
use crate::engine::restore::transition::Transition;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// The version of the lines; it changes when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// Things that are destroyed and named in a line; more are counted.
const NAMED: usize = 200;

/// No limit: what is audited is small, and nothing of it may be lost.
const UNLIMITED: Limits = Limits { size: u64::MAX, files: 1, total: u64::MAX, free: 0 };

/// The file, and who acts.
pub struct Audit {
    path: PathBuf,
    wish: Wish,
    file: Mutex<Option<Rotating>>,
    who: Value,
}

/// What is done to what.
#[derive(Clone, Debug)]
struct Deed {
    action: &'static str,
    target: String,
    more: Value,
}

impl Audit {
    /// An audit of this run, whose command line is given without secrets.
    pub fn new(path: PathBuf, wish: Wish, environment: &Environment, command: &str) -> Self {
        let user = crate::system::user::current();
        let who = json!({
            "host": crate::system::hostname(), "uid": user.uid, "user": user.name, "sudo_user": environment.get("SUDO_USER"),
            "command": clean(command),
        });
        Self { path, wish, file: Mutex::new(None), who }
    }

    /// Says that something begins. An error means that it must not.
    fn begin(&self, deed: &Deed) -> Result<(), Fault> {
        self.put(deed, "begin", &Value::Null)
    }

    /// Says how it ended. It has happened: that it cannot be written is for the log.
    fn end(&self, deed: &Deed, outcome: &str, fault: Option<&Fault>) {
        let ended = json!({
            "outcome": outcome,
            "code": fault.map(|fault| fault.code.as_str()),
            "message": fault.map(|fault| clean(&redact(&fault.to_string()))),
        });
        if let Err(fault) = self.put(deed, "end", &ended) {
            tracing::error!("the end of {} is not in the audit: {fault}", deed.action);
        }
    }

    fn put(&self, deed: &Deed, event: &str, ended: &Value) -> Result<(), Fault> {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let mut line = json!({ "v": VERSION, "time": time, "run": run_id(), "event": event, "action": deed.action, "target": deed.target });
        for part in [&deed.more, ended, &self.who] {
            if let (Some(line), Some(part)) = (line.as_object_mut(), part.as_object()) {
                line.extend(part.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        match (self.write(&format!("{line}\n")), self.wish) {
            (Ok(()), _) => Ok(()),
            (Err(error), Wish::Default) => {
                tracing::warn!("cannot write the audit {}: {error}", self.path.display());
                Ok(())
            }
            (Err(error), Wish::Asked) => Err(Fault::new(Code::OutputUnwritable, "cannot write the audit, without which nothing is begun")
                .at("File", self.path.display())
                .because(error)
                .step_run("See why:", format!("ls -ld {0}; df {0}", shell_words::quote(&self.path.display().to_string())))
                .step_run("Go on without an audit, if that is allowed:", "dbbackup --audit-file off …")),
        }
    }

    fn write(&self, line: &str) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            make_folder(&self.path)?;
            *file = Some(Rotating::open(self.path.clone(), UNLIMITED)?);
        }
        match file.as_mut() {
            Some(file) => file.append(line.as_bytes()).and_then(|()| file.sync()),
            None => Ok(()),
        }
    }
}

/// Work that is audited.
pub struct Audited {
    inner: Arc<dyn Work>,
    audit: Arc<Audit>,
}

impl Audited {
    /// The same work, audited.
    pub fn new(inner: Arc<dyn Work>, audit: Audit) -> Self {
        Self { inner, audit: Arc::new(audit) }
    }
}

/// What a job does to what; none for a job that changes nothing.
fn deed_of(plan: &Plan) -> Option<Deed> {
    let (action, target, more) = match &plan.spec {
        JobSpec::Backup(backup) => {
            let what = match &backup.scope {
                Scope::Single { databases } => databases.join(", "),
                Scope::Cluster { .. } => "cluster".to_owned(),
            };
            ("backup", format!("{what} at {}", backup.connection.address()), json!({ "dir": backup.dir, "role": backup.connection.user }))
        }
        JobSpec::Restore(restore) => {
            let what = match &restore.scope {
                RestoreScope::Single { target, .. } => target.clone(),
                RestoreScope::Cluster { .. } => "cluster".to_owned(),
            };
            let more = json!({ "archive": restore.archive, "role": restore.connection.user });
            ("restore", format!("{what} at {}", restore.connection.address()), more)
        }
        JobSpec::Verify(verify) => {
            let test = verify.restore_test.as_ref()?;
            let more = json!({ "archives": verify.archives, "role": test.connection.user });
            ("restore-test", test.connection.address(), more)
        }
        JobSpec::Base(base) => ("base-backup", base.connection.address(), json!({ "dir": base.dir, "role": base.connection.user })),
        JobSpec::CheckLog(_) => return None,
        JobSpec::Recover(recover) => {
            ("recovery", recover.target_dir.display().to_string(), json!({ "base": recover.base, "dir": recover.dir }))
        }
        JobSpec::Replay(replay) => {
            let what = replay.rename.as_deref().or(replay.database.as_deref()).unwrap_or("all databases");
            let more =
                json!({ "base": replay.base, "target": replay.target, "binlog_dir": replay.binlog_dir, "role": replay.connection.user });
            ("recovery", format!("{what} at {}", replay.connection.address()), more)
        }
    };
    let mut deed = Deed { action, target: clean(&redact(&target)), more };
    if let (false, Some(more)) = (plan.destroys.is_empty(), deed.more.as_object_mut()) {
        more.insert("destroys".into(), json!(some(&plan.destroys)));
    }
    Some(deed)
}

/// The first names of many, and how many more there are.
fn some(all: &[String]) -> Vec<String> {
    let mut named: Vec<String> = all.iter().take(NAMED).map(|what| clean(what)).collect();
    let rest = all.len().saturating_sub(NAMED);
    if rest > 0 {
        named.push(format!("and {rest} more"));
    }
    named
}

/// Settings with what they were and will be.
fn changes(switch: &Switch) -> Vec<Value> {
    let one = |change: &SettingChange| {
        let to = change.to.as_ref().map(|to| clean(&redact(to)));
        json!({ "setting": change.setting.name(), "from": clean(&redact(&change.from)), "to": to })
    };
    switch.changes.iter().map(one).collect()
}

/// Passes a job's events on, and audits what it destroys.
struct Sink {
    events: Arc<dyn EventSink>,
    audit: Arc<Audit>,
    /// Where the databases are.
    server: String,
}

impl Sink {
    fn deed(&self, what: &Destruction) -> Deed {
        match what {
            Destruction::Database(name) => {
                Deed { action: "drop-database", target: clean(&format!("{name} at {}", self.server)), more: Value::Null }
            }
        }
    }
}

impl EventSink for Sink {
    fn post(&self, event: Event) {
        self.events.post(event);
    }

    fn passing(&self, transition: Transition) {
        self.events.passing(transition);
    }

    fn explain(&self, fault: Fault) -> Fault {
        self.events.explain(fault)
    }

    fn destroying(&self, what: &Destruction) -> Result<(), Fault> {
        self.audit.begin(&self.deed(what))
    }

    fn destroyed(&self, what: &Destruction, fault: Option<&Fault>) {
        self.audit.end(&self.deed(what), if fault.is_none() { "done" } else { "failed" }, fault);
    }
}

impl Work for Audited {
    fn plan(&self, spec: JobSpec, events: Arc<dyn EventSink>, cancel: CancellationToken) -> BoxFuture<'static, Result<Plan, Fault>> {
        self.inner.plan(spec, events, cancel)
    }

    fn run(&self, plan: Confirmed, events: Arc<dyn EventSink>, cancel: CancellationToken) -> BoxFuture<'static, Result<Summary, Fault>> {
        let Some(deed) = deed_of(plan.plan()) else { return self.inner.run(plan, events, cancel) };
        let (inner, audit) = (Arc::clone(&self.inner), Arc::clone(&self.audit));
        Box::pin(async move {
            let server = plan.plan().spec.connection().map(crate::domain::Connection::address).unwrap_or_default();
            let deed = begun(&audit, deed).await?;
            let sink = Arc::new(Sink { events, audit: Arc::clone(&audit), server });
            let result = inner.run(plan, sink, cancel).await;
            let outcome = match &result {
                Ok(summary) if summary.verdict() == Verdict::Complete => "done",
                Ok(summary) if summary.verdict() == Verdict::Partial => "partial",
                Ok(_) => "failed",
                Err(fault) if matches!(fault.code, Code::Cancelled | Code::Terminated) => "cancelled",
                Err(_) => "failed",
            };
            let fault = match &result {
                Ok(summary) => summary.failed().find_map(|one| one.fault.clone()),
                Err(fault) => Some(fault.clone()),
            };
            aside(move || audit.end(&deed, outcome, fault.as_ref())).await?;
            result
        })
    }

    fn explain(&self, spec: JobSpec, fault: Fault) -> BoxFuture<'static, Fault> {
        self.inner.explain(spec, fault)
    }

    fn explain_summary(&self, spec: JobSpec, summary: Summary) -> BoxFuture<'static, Summary> {
        self.inner.explain_summary(spec, summary)
    }

    fn answer(&self, query: Query) -> BoxFuture<'static, Result<Reply, Fault>> {
        let deed = match &query {
            Query::Delete(path) => Deed { action: "delete-archive", target: clean(&path.display().to_string()), more: Value::Null },
            Query::CleanLog(plan) => Deed {
                action: "clean-log",
                target: clean(&plan.dir.display().to_string()),
                more: json!({ "files": plan.remove.len(), "bytes": plan.bytes, "first_kept": plan.from, "destroys": some(&plan.remove) }),
            },
            Query::SwitchArchiving(connection, switch) => Deed {
                action: match switch.direction {
                    Direction::On => "archiving-on",
                    Direction::Off => "archiving-off",
                },
                target: connection.address(),
                more: json!({ "role": connection.user, "changes": changes(switch) }),
            },
            Query::EndSession(connection, blocker, ending) => Deed {
                action: match ending {
                    Ending::Cancel => "cancel-statement",
                    Ending::Terminate => "end-session",
                },
                target: format!("pid {} at {}", blocker.pid, connection.address()),
                more: json!({
                    "role": blocker.user, "database": blocker.database, "application": clean(&blocker.application),
                    "statement": clean(&redact(&blocker.statement)),
                }),
            },
            _ => return self.inner.answer(query),
        };
        let (inner, audit) = (Arc::clone(&self.inner), Arc::clone(&self.audit));
        Box::pin(async move {
            let deed = begun(&audit, deed).await?;
            let result = inner.answer(query).await;
            let fault = result.as_ref().err().cloned();
            aside(move || audit.end(&deed, if fault.is_none() { "done" } else { "failed" }, fault.as_ref())).await?;
            result
        })
    }
}

async fn begun(audit: &Arc<Audit>, deed: Deed) -> Result<Deed, Fault> {
    let audit = Arc::clone(audit);
    aside(move || audit.begin(&deed).map(|()| deed)).await?
}

/// Waits for a disk where it may.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::internal("the audit was dropped").because(error))
}
