//! All that the application knows.

use super::cmd::{Cmd, Query, ReqId};
use super::jobs::{Job, LogRing};
use super::list::Picker;
use super::load::Load;
use super::modal::Modal;
use super::msg::Clock;
use super::nav::{Nav, Place};
use super::screens::archives::{ArchiveList, Checked};
use super::screens::backup::BackupScreen;
use super::screens::binlog::BinlogScreen;
use super::screens::contents::ContentsScreen;
use super::screens::diagnostics::DiagnosticsScreen;
use super::screens::log::LogScreen;
use super::screens::pitr::RecoveryScreen;
use super::screens::plan::PlanScreen;
use super::screens::recover::RecoverScreen;
use super::screens::settings::SettingsScreen;
use super::screens::target::TargetScreen;
use super::setup::{Mode, Setup};
use super::toast::Toast;
use crate::domain::connection::Connection;
use crate::domain::job::{JobId, JobState};
use crate::domain::listing::ArchiveSummary;
use crate::domain::password::Password;
use crate::domain::plan::Plan;
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::{Fault, Product, Stamp};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

/// News kept in the footer's queue; the oldest goes first.
pub const TOASTS: usize = 8;

/// How the program ends: what `main` prints on the normal screen, and its exit code.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The exit code (docs: exit codes).
    pub exit: u8,
    /// What went wrong before a job could start, such as a confirmation that is missing.
    pub fault: Option<Fault>,
    /// The plan at which a dry run stopped, or that was not confirmed.
    pub plan: Option<Box<Plan>>,
    /// The jobs of this run, in the order in which they were started.
    pub jobs: Vec<Ended>,
}

/// A job as it stands when the program ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its number.
    pub id: JobId,
    /// "backup of shop".
    pub name: String,
    /// "Backup": for headlines.
    pub noun: &'static str,
    /// Its state; not over only when the program was left in haste.
    pub state: JobState,
}

/// A server and what is known of it.
#[derive(Clone, Debug)]
pub struct ServerView {
    /// How to reach it.
    pub connection: Connection,
    /// What it said.
    pub facts: Load<(ServerInfo, Vec<DatabaseInfo>)>,
}

/// What a request was about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    Server(usize),
    Archives,
    Contents(PathBuf),
    Delete(PathBuf),
    /// Saving a setting, or taking it out.
    Save(&'static str),
    Recovery,
    Binlog,
    Diagnosis,
    Reports,
    KeepReport,
    /// The ending of a session: what the news call it.
    End(String),
    Plan,
    DebugLog,
}

/// A job held still to be looked at.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// As it was.
    pub job: Job,
    /// When it was held.
    pub at: Stamp,
    /// Changes that came since.
    pub missed: u64,
}

/// The state of the whole application.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it was started with.
    pub setup: Setup,
    /// The time.
    pub clock: Clock,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Where the person is.
    pub nav: Nav,
    /// What stands before everything else, the top one last.
    pub modals: Vec<Modal>,
    /// News, the newest last; at most [`TOASTS`].
    pub toasts: VecDeque<Toast>,
    /// The servers, as configured.
    pub servers: Vec<ServerView>,
    /// The one that is worked with.
    pub server: usize,
    /// The archives in the backup folder.
    pub archives: Load<Vec<ArchiveSummary>>,
    /// How checks of archives came out in this run.
    pub checked: BTreeMap<PathBuf, Checked>,
    /// The jobs of this run, in the order in which they were started.
    pub jobs: Vec<Job>,
    /// The log of all jobs together.
    pub log: LogRing,
    /// A job held still.
    pub frozen: Option<Box<Frozen>>,
    /// Backup.
    pub backup: BackupScreen,
    /// Archives to restore from.
    pub restore: ArchiveList,
    /// What is in one.
    pub contents: ContentsScreen,
    /// What is restored to where.
    pub target: TargetScreen,
    /// What a job would do.
    pub plan: PlanScreen,
    /// The cursor of the list of jobs.
    pub jobs_picker: Picker<JobId>,
    /// The cursor among a job's databases.
    pub databases_picker: Picker<String>,
    /// The process of the session in a job's way that was chosen.
    pub blocker: Option<i32>,
    /// Archives.
    pub list: ArchiveList,
    /// What can be recovered, for PITR and WAL.
    pub recovery: RecoveryScreen,
    /// The same of a server of MySQL or MariaDB.
    pub binlog: BinlogScreen,
    /// What is recovered to where.
    pub recover: RecoverScreen,
    /// What state host and server are in.
    pub diagnostics: DiagnosticsScreen,
    /// The log's view.
    pub log_screen: LogScreen,
    /// Settings.
    pub settings: SettingsScreen,
    pub(super) asked: BTreeMap<ReqId, Asked>,
    pub(super) requests: u64,
    pub(super) leaving: Option<u8>,
    pub(super) dirty: bool,
    pub(super) outcome: Option<Outcome>,
}

impl Model {
    /// The first state, and what it asks of the world.
    pub fn new(setup: Setup) -> (Model, Vec<Cmd>) {
        let servers = setup.connections.iter().map(|connection| ServerView { connection: connection.clone(), facts: Load::Idle }).collect();
        let mut model = Model {
            backup: BackupScreen::new(&setup),
            clock: Clock::default(),
            size: (80, 24),
            nav: Nav::at(Place::Home),
            modals: Vec::new(),
            toasts: VecDeque::new(),
            servers,
            server: 0,
            archives: Load::Idle,
            checked: BTreeMap::new(),
            jobs: Vec::new(),
            log: LogRing::default(),
            frozen: None,
            restore: ArchiveList::default(),
            contents: ContentsScreen::default(),
            target: TargetScreen::default(),
            plan: PlanScreen::default(),
            jobs_picker: Picker::default(),
            databases_picker: Picker::default(),
            blocker: None,
            list: ArchiveList::default(),
            recovery: RecoveryScreen::default(),
            binlog: BinlogScreen::default(),
            recover: RecoverScreen::default(),
            diagnostics: DiagnosticsScreen::default(),
            log_screen: LogScreen::default(),
            settings: SettingsScreen::default(),
            asked: BTreeMap::new(),
            requests: 0,
            leaving: None,
            dirty: true,
            outcome: None,
            setup,
        };
        let mut out = Vec::new();
        if let Some(job) = model.setup.job.clone() {
            super::update::flow::submit(&mut model, job, &mut out);
        }
        if model.setup.mode == Mode::Interactive {
            model.ask_everything(&mut out);
        }
        (model, out)
    }

    /// Whether what is on the screen is no longer what it should be.
    pub const fn dirty(&self) -> bool {
        self.dirty
    }

    /// Notes that the screen was drawn.
    pub const fn clean(&mut self) {
        self.dirty = false;
    }

    /// When something on the screen changes by the mere passing of time; a [`super::msg::Msg::Tick`] is wanted then. A second from now
    /// while durations are shown, else when news goes or the minute changes; never where nobody looks on.
    pub fn next_wake(&self) -> Option<Stamp> {
        if self.outcome.is_some() || self.setup.mode == Mode::Batch {
            return None;
        }
        let now = self.clock.now.0;
        let second = Stamp(now - now.rem_euclid(1000) + 1000);
        if self.running().next().is_some() || self.is_waiting() {
            return Some(second);
        }
        let minute = Stamp(now - now.rem_euclid(60_000) + 60_000);
        self.toasts.iter().filter_map(|toast| toast.until).chain([minute]).min()
    }

    /// Whether an answer is awaited that the screen shows a spinner for.
    pub fn is_waiting(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Whether a report is being collected or read.
    pub fn is_diagnosing(&self) -> bool {
        self.asked.values().any(|asked| *asked == Asked::Diagnosis)
    }

    /// The question about recovery that is not answered yet.
    pub fn waits_for_recovery(&self) -> Option<ReqId> {
        self.asked.iter().find(|(_, asked)| **asked == Asked::Recovery).map(|(id, _)| *id)
    }

    /// How the program ends, once that is known: draw the last frame, then leave.
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The server that is worked with.
    pub fn server(&self) -> Option<&ServerView> {
        self.servers.get(self.server)
    }

    /// The product of the server that is worked with: what it said itself, or else what was configured.
    pub fn product(&self) -> Option<Product> {
        self.server().map(|server| server.facts.value().map_or(server.connection.product, |(info, _)| info.product))
    }

    /// A job.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// The jobs that are not over.
    pub fn running(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| !job.state.is_over())
    }

    /// The jobs as the list shows them, newest first.
    pub fn job_ids(&self) -> Vec<JobId> {
        self.jobs.iter().rev().map(|job| job.id).collect()
    }

    /// The job that keys are about: the one that is shown, the one under the cursor, or the only one that runs.
    pub fn job_in_sight(&self) -> Option<&Job> {
        match self.nav.place() {
            Place::Job(id) | Place::Database(id, _) => self.job(*id),
            Place::Jobs => self.jobs_picker.current(&self.job_ids()).and_then(|id| self.job(*id)),
            _ => {
                let mut running = self.running();
                match (running.next(), running.next()) {
                    (Some(only), None) => Some(only),
                    _ => None,
                }
            }
        }
    }

    /// The rows that a list has at this size.
    pub const fn page(&self) -> usize {
        self.size.1.saturating_sub(8) as usize
    }

    /// How far a cancellation by signal has come: the exit code when jobs are over.
    pub const fn leaving(&self) -> Option<u8> {
        self.leaving
    }

    pub(super) fn request(&mut self, asked: Asked) -> ReqId {
        self.requests += 1;
        let id = ReqId(self.requests);
        // A newer question about the same thing makes the older one's answer worthless.
        self.asked.retain(|_, known| *known != asked);
        self.asked.insert(id, asked);
        id
    }

    /// Asks every server and the folder.
    pub(super) fn ask_everything(&mut self, out: &mut Vec<Cmd>) {
        for at in 0..self.servers.len() {
            self.ask_server(at, out);
        }
        self.ask_archives(out);
    }

    pub(super) fn ask_server(&mut self, at: usize, out: &mut Vec<Cmd>) {
        let id = self.request(Asked::Server(at));
        if let Some(server) = self.servers.get_mut(at) {
            server.facts.ask(id);
            out.push(Cmd::Fetch(id, Query::Server(Box::new(server.connection.clone()))));
        }
    }

    /// Asks a server with a password that was just typed.
    pub(super) fn log_in(&mut self, at: usize, password: Password, out: &mut Vec<Cmd>) {
        let id = self.request(Asked::Server(at));
        if let Some(server) = self.servers.get_mut(at) {
            server.facts.ask(id);
            out.push(Cmd::Fetch(id, Query::Login(Box::new(server.connection.clone()), password)));
        }
    }

    pub(super) fn ask_archives(&mut self, out: &mut Vec<Cmd>) {
        let id = self.request(Asked::Archives);
        self.archives.ask(id);
        out.push(Cmd::Fetch(id, Query::Archives(self.setup.dir.clone())));
    }

    pub(super) fn end(&mut self, exit: u8, fault: Option<Fault>, plan: Option<Plan>, out: &mut Vec<Cmd>) {
        if self.outcome.is_some() {
            return;
        }
        let jobs =
            self.jobs.iter().map(|job| Ended { id: job.id, name: job.name(), noun: job.spec().noun(), state: job.state.clone() }).collect();
        self.outcome = Some(Outcome { exit, fault, plan: plan.map(Box::new), jobs });
        self.dirty = true;
        out.push(Cmd::Quit);
    }
}
