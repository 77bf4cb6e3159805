//! `--save-debug-log`: one JSON file with everything that helps somebody from afar: the run, its configuration with origins, plans, events,
//! how it ended, the log's last lines. Without passwords; readable by its owner only; written also when the run fails or panics.

use super::log;
use super::run::Front;
use super::run_id::run_id;
use crate::app::model::Model;
use crate::app::msg::{Msg, Reply};
use crate::domain::redact::redact;
use crate::domain::{Code, Fault};
use crate::engine::event::Event;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The version of the file; it changes when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// Events that are kept; the oldest go first and are counted.
const EVENTS: usize = 2000;
/// Plans that are kept: a session of the screens makes many.
const PLANS: usize = 20;

/// What is gathered while the run goes on.
pub struct DebugLog {
    path: Option<PathBuf>,
    command: String,
    started: jiff::Timestamp,
    config: Value,
    plans: VecDeque<Value>,
    events: VecDeque<Value>,
    gone: u64,
    progress: BTreeMap<u64, Value>,
    outcome: Value,
    diagnosis: Value,
    written: bool,
}

impl DebugLog {
    /// Of this run; written at its end when a path was given.
    pub fn new(path: Option<PathBuf>, command: &str) -> Self {
        Self {
            path,
            command: command.to_owned(),
            started: jiff::Timestamp::now(),
            config: Value::Null,
            plans: VecDeque::new(),
            events: VecDeque::new(),
            gone: 0,
            progress: BTreeMap::new(),
            outcome: Value::Null,
            diagnosis: Value::Null,
            written: false,
        }
    }

    /// Whether it will be written.
    pub const fn is_wanted(&self) -> bool {
        self.path.is_some()
    }

    /// The configuration, masked, with origins.
    pub fn config(&mut self, config: Value) {
        self.config = config;
    }

    /// What a diagnosis found out about the failure, host and server.
    pub fn diagnosis(&mut self, diagnosis: Value) {
        self.diagnosis = diagnosis;
    }

    /// How the run ended.
    pub fn outcome(&mut self, outcome: Value) {
        self.outcome = outcome;
    }

    fn take(&mut self, msg: &Msg) {
        match msg {
            Msg::Engine(job, Event::Progress(progress)) => {
                self.progress.insert(job.0, json!(progress));
            }
            Msg::Engine(job, event) => self.event(json!({ "job": job, "event": event })),
            Msg::Checked(_, check) => self.event(json!({ "check": check })),
            Msg::Lagged(lost) => self.event(json!({ "lost": lost })),
            Msg::Done(_, Ok(Reply::Plan(plan))) => {
                if self.plans.len() >= PLANS {
                    self.plans.pop_front();
                }
                self.plans.push_back(json!(plan));
            }
            Msg::Done(_, Ok(Reply::Server(info, databases))) => {
                self.event(json!({ "server": info, "databases": databases.len() }));
            }
            Msg::Done(_, Err(fault)) => self.event(json!({ "fault": fault })),
            Msg::Shutdown(why) => self.event(json!({ "shutdown": format!("{why:?}") })),
            // Keys may spell a secret; the rest says nothing.
            _ => {}
        }
    }

    fn event(&mut self, mut event: Value) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
            self.gone += 1;
        }
        if let Some(event) = event.as_object_mut() {
            event.insert("time".into(), jiff::Timestamp::now().to_string().into());
        }
        self.events.push_back(event);
    }

    /// The run and its host. Asked for when it is written: most runs write nothing, and some have to be quick.
    fn run(&self) -> Value {
        let user = crate::system::user::current();
        let uname = rustix::system::uname();
        json!({
            "id": run_id(),
            "version": env!("CARGO_PKG_VERSION"),
            "command": self.command,
            "started": self.started.to_string(),
            "user": user.name,
            "uid": user.uid,
            "pid": std::process::id(),
            "folder": std::env::current_dir().ok(),
            "host": {
                "name": crate::system::hostname(),
                "system": uname.sysname().to_string_lossy(),
                "release": uname.release().to_string_lossy(),
                "architecture": std::env::consts::ARCH,
                "processors": crate::system::processors(),
                "memory": crate::system::memory::limit(),
                "zone": jiff::tz::TimeZone::system().iana_name(),
            },
        })
    }

    fn value(&self) -> Value {
        let mut all = json!({
            "v": VERSION,
            "run": self.run(),
            "saved": jiff::Timestamp::now().to_string(),
            "panicked": std::thread::panicking(),
            "config": self.config,
            "plans": self.plans,
            "progress": self.progress,
            "events_gone": self.gone,
            "events": self.events,
            "outcome": self.outcome,
            "diagnosis": self.diagnosis,
            "log": log::tail(),
        });
        hide(&mut all);
        all
    }

    /// Writes it where it was asked for, or beside the work of whoever asks now.
    pub fn save(&mut self) -> Result<PathBuf, Fault> {
        let path = self.path.clone().unwrap_or_else(|| PathBuf::from(format!("dbbackup-debug-{}.json", run_id())));
        self.written = true;
        write(&path, &self.value()).map_err(|error| {
            Fault::new(Code::OutputUnwritable, "cannot write the debug log")
                .at("File", path.display())
                .because(error)
                .step_run("Write it elsewhere:", "dbbackup --save-debug-log /tmp/dbbackup-debug.json …")
        })?;
        Ok(std::path::absolute(&path).unwrap_or(path))
    }
}

impl Drop for DebugLog {
    /// A run that never came to its end: a bug unwinds through here.
    fn drop(&mut self) {
        if self.is_wanted() && !self.written {
            // Who unwinds has nobody to tell.
            let _ = self.save();
        }
    }
}

/// Takes secrets out of every text, and the values of fields that are named like one.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(hidden) = redact(text) {
                *text = hidden;
            }
        }
        Value::Array(all) => all.iter_mut().for_each(hide),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(text) if name == "password" => crate::domain::redact::MASK.clone_into(text),
                    value => hide(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whole or not at all, for its owner only.
fn write(path: &Path, value: &Value) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".dbbackup-debug").tempfile_in(dir)?;
    serde_json::to_writer_pretty(&mut file, value)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Shows what another one shows, and gathers what happens.
pub struct Recording<'a> {
    /// The other one.
    pub front: &'a mut dyn Front,
    /// Where it is gathered.
    pub log: &'a mut DebugLog,
}

impl Front for Recording<'_> {
    fn notice(&mut self, msg: &Msg) {
        self.log.take(msg);
        self.front.notice(msg);
    }

    fn show(&mut self, model: &Model) -> io::Result<()> {
        self.front.show(model)
    }

    fn gap(&self) -> Duration {
        self.front.gap()
    }

    fn next_wake(&self) -> Option<Instant> {
        self.front.next_wake()
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.front.copy(text)
    }

    fn theme(&mut self, name: &str) -> io::Result<()> {
        self.front.theme(name)
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.front.suspend()
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.front.redraw()
    }

    fn save_debug_log(&mut self) -> Result<PathBuf, Fault> {
        self.log.save()
    }
}
