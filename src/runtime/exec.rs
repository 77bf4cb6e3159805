//! Carries out what the application asks for: jobs and questions on tokio, beside the loop. Every call returns at once.

use super::inbox::{Inbox, JobSink, PlanSink};
use super::story;
use super::work::Work;
use crate::app::cmd::{Query, ReqId};
use crate::app::msg::{Msg, Reply};
use crate::domain::job::{JobId, Leftovers, Summary};
use crate::domain::plan::Confirmed;
use crate::domain::spec::JobSpec;
use crate::domain::{Code, Fault};
use crate::engine::event::{Event, Level};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Jobs that work at the same time; further ones wait. This bounds the kept lane of the bus.
pub const JOBS_AT_ONCE: usize = 4;

/// How long unfinished tasks are waited for when the program ends. Jobs are over by then; this is for questions on their way.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// How long a planning is waited for that has scratch databases to drop.
const PLAN_WAIT: Duration = Duration::from_secs(15);

/// Runs jobs and answers questions.
pub struct Executor {
    runtime: Option<Runtime>,
    inbox: Arc<Inbox>,
    work: Arc<dyn Work>,
    jobs: HashMap<JobId, CancellationToken>,
    /// Plannings that may still be at work.
    plans: Vec<Planning>,
    admitted: Arc<Semaphore>,
}

struct Planning {
    id: ReqId,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Executor {
    /// An executor with its own threads.
    pub fn new(inbox: Arc<Inbox>, work: Arc<dyn Work>) -> Result<Self, Fault> {
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .thread_name("dbbackup-engine")
            .on_thread_park(crate::system::pace::nap)
            .build()
            .map_err(|error| Fault::internal("cannot start threads").because(error))?;
        let admitted = Arc::new(Semaphore::new(JOBS_AT_ONCE));
        Ok(Self { runtime: Some(runtime), inbox, work, jobs: HashMap::new(), plans: Vec::new(), admitted })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is taken by drop alone")
    }

    /// Where other tasks of the program run: signals.
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.runtime().handle()
    }

    /// Plans a job; checks come as [`Msg::Checked`], the answer as [`Msg::Done`]. A planning before this one is of no use any more.
    pub fn plan(&mut self, id: ReqId, spec: JobSpec) {
        self.plans.retain(|plan| !plan.task.is_finished());
        self.plans.iter().for_each(|plan| plan.cancel.cancel());
        let cancel = CancellationToken::new();
        let sink = Arc::new(PlanSink::new(Arc::clone(&self.inbox), id));
        let planned = self.work.plan(spec.clone(), sink, cancel.clone());
        let (work, abandoned) = (Arc::clone(&self.work), cancel.clone());
        let task = self.answer(id, async move {
            let planned = match planned.await {
                Ok(mut plan) => {
                    if let Some(obstacle) = plan.obstacle() {
                        plan.report = explained(&*work, spec, obstacle, &abandoned).await.report().map(str::to_owned);
                    }
                    Ok(plan)
                }
                Err(fault) => Err(explained(&*work, spec, fault, &abandoned).await),
            };
            story::planned(&planned);
            planned.map(|plan| Reply::Plan(Box::new(plan)))
        });
        self.plans.push(Planning { id, cancel, task });
    }

    /// Nobody waits for a planning any more: it stops, and drops what it made for its checks.
    pub fn abandon(&self, id: ReqId) {
        self.plans.iter().filter(|plan| plan.id == id).for_each(|plan| plan.cancel.cancel());
    }

    /// Answers a question; the answer comes as [`Msg::Done`].
    pub fn fetch(&self, id: ReqId, query: Query) {
        drop(self.answer(id, self.work.answer(query)));
    }

    fn answer(&self, id: ReqId, reply: impl Future<Output = Result<Reply, Fault>> + Send + 'static) -> JoinHandle<()> {
        let inbox = Arc::clone(&self.inbox);
        let task = self.runtime().spawn(reply);
        self.runtime().spawn(async move {
            inbox.answer(Msg::Done(id, outcome(task.await)));
        })
    }

    /// Starts a job, or lets it wait until another one is over.
    pub fn start(&mut self, job: JobId, plan: Confirmed) {
        let cancel = CancellationToken::new();
        self.jobs.insert(job, cancel.clone());
        let sink = Arc::new(JobSink::new(Arc::clone(&self.inbox), job));
        let (admitted, work) = (Arc::clone(&self.admitted), Arc::clone(&self.work));
        self.runtime().spawn(async move {
            let permit = tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                permit = admitted.acquire_owned() => permit.ok(),
            };
            if permit.is_none() {
                return sink.end(Event::Cancelled(Leftovers::default()));
            }
            sink.begin();
            story::line(job, Level::Info, &format!("begins: {}", plan.plan().title));
            let spec = plan.plan().spec.clone();
            let task = tokio::spawn({
                let (sink, work, cancel) = (Arc::clone(&sink), Arc::clone(&work), cancel.clone());
                // The engine is called inside the task, so that a panic while its future is made fails the job as well.
                async move { work.run(plan, sink, cancel).await }
            });
            let last = last_event(match outcome(task.await) {
                Ok(summary) => Ok(explained_summary(&*work, spec, summary, &cancel).await),
                Err(fault) => Err(explained(&*work, spec, fault, &cancel).await),
            });
            story::ended(job, &last);
            sink.end(last);
        });
    }

    /// Tells a job to stop; it says itself when it has.
    pub fn cancel(&self, job: JobId) {
        if let Some(token) = self.jobs.get(&job) {
            token.cancel();
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        for token in self.jobs.values() {
            token.cancel();
        }
        for plan in &self.plans {
            plan.cancel.cancel();
        }
        if let Some(runtime) = self.runtime.take() {
            let tasks: Vec<JoinHandle<()>> = self.plans.drain(..).map(|plan| plan.task).filter(|task| !task.is_finished()).collect();
            if !tasks.is_empty() {
                // What a planning made for its checks must not stay behind; what does is dropped by the next run.
                let over = futures_util::future::join_all(tasks);
                let _ = runtime.block_on(async { tokio::time::timeout(PLAN_WAIT, over).await });
            }
            runtime.shutdown_timeout(LAST_WAIT);
        }
    }
}

/// The fault with its report named, where it has one. Who is told to stop makes none.
async fn explained(work: &dyn Work, spec: JobSpec, fault: Fault, cancel: &CancellationToken) -> Fault {
    let known = fault.clone();
    tokio::select! {
        biased;
        () = cancel.cancelled() => known,
        fault = work.explain(spec, fault) => fault,
    }
}

/// The same for what failed in a job that went on to its end.
async fn explained_summary(work: &dyn Work, spec: JobSpec, summary: Summary, cancel: &CancellationToken) -> Summary {
    if summary.failed().next().is_none() {
        return summary;
    }
    let known = summary.clone();
    tokio::select! {
        biased;
        () = cancel.cancelled() => known,
        summary = work.explain_summary(spec, summary) => summary,
    }
}

/// What a task came to; a panic in it is a fault with its report.
fn outcome<T>(ended: Result<Result<T, Fault>, tokio::task::JoinError>) -> Result<T, Fault> {
    match ended {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(super::panic::fault(error.into_panic().as_ref())),
        Err(error) => Err(Fault::internal("a task was dropped").because(error)),
    }
}

fn last_event(result: Result<Summary, Fault>) -> Event {
    match result {
        Ok(summary) => Event::Finished(Box::new(summary)),
        Err(fault) if matches!(fault.code, Code::Cancelled | Code::Terminated) => {
            let left = fault.context.iter().filter(|(name, _)| name == "Left");
            let manifest = fault.context.iter().find(|(name, _)| name == "Manifest").map(|(_, path)| path.into());
            Event::Cancelled(Leftovers { things: left.map(|(_, thing)| thing.clone()).collect(), manifest })
        }
        Err(fault) => Event::Failed(fault),
    }
}
