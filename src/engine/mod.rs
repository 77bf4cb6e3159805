//! What the product does: backup, restore, verify. Joins servers, archives and storage into jobs. Knows no screen and no bus.

pub mod aside;
pub mod backup;
pub mod base;
pub mod bases;
pub mod binlog;
pub mod browse;
pub mod destroy;
pub mod diagnose;
pub mod event;
pub mod pitr;
pub mod prove;
pub mod recover;
pub mod restore;
pub mod verify;
pub mod wal;
pub mod watch;

use crate::domain::fault::Fault;
use crate::domain::job::Summary;
use crate::domain::plan::{Confirmed, Plan};
use crate::domain::spec::JobSpec;
use crate::server::Server;
use event::EventSink;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a job needs from the world.
#[derive(Clone)]
pub struct Context {
    /// The server; none for a job that needs none.
    pub server: Option<Arc<dyn Server>>,
    /// Where events go.
    pub events: Arc<dyn EventSink>,
    /// Cancels the job: server-side statements too, leftovers removed.
    pub cancel: CancellationToken,
}

impl Context {
    /// The server of a job that needs one.
    pub fn server(&self) -> Result<&Arc<dyn Server>, Fault> {
        self.server.as_ref().ok_or_else(|| Fault::internal("a job that needs a server was started without one"))
    }

    /// A fault when the job was cancelled.
    pub fn alive(&self) -> Result<(), Fault> {
        if self.cancel.is_cancelled() { Err(Fault::new(crate::domain::Code::Cancelled, "cancelled")) } else { Ok(()) }
    }
}

/// Finds out what a job would do. Changes nothing that is there; a restore's rehearsal makes scratch databases of its own and drops them.
/// A cancelled planning has cancelled its questions on the server too when it ends.
pub async fn plan(spec: &JobSpec, context: &Context) -> Result<Plan, Fault> {
    let planned = match spec {
        JobSpec::Backup(backup) => backup::plan::plan(backup, context).await,
        JobSpec::Restore(restore) => restore::plan(restore, context).await,
        JobSpec::Verify(verify) => match &verify.restore_test {
            Some(test) => unless_cancelled(context, verify::trial::plan(verify, test, context)).await,
            None => verify::plan(verify),
        },
        JobSpec::Base(base) => base::plan(base, context).await,
        JobSpec::Recover(recover) => recover::plan(recover, context).await,
        JobSpec::Replay(replay) => unless_cancelled(context, binlog::plan::plan(replay, context)).await,
        JobSpec::CheckLog(check) => unless_cancelled(context, wal::verify::plan(check)).await,
    };
    if let (true, Some(server)) = (context.cancel.is_cancelled(), &context.server) {
        server.settled().await;
    }
    planned.map_err(Fault::cured)
}

/// Waits for what can be dropped at any point without leaving anything.
async fn unless_cancelled<T>(context: &Context, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::select! {
        biased;
        () = context.cancel.cancelled() => Err(Fault::new(crate::domain::Code::Cancelled, "cancelled")),
        done = work => done,
    }
}

/// Carries out a plan. A cancelled job is a fault of code `CANCELLED`; what it left behind stands in the fault's context as `Left`.
pub async fn run(plan: Confirmed, context: &Context) -> Result<Summary, Fault> {
    let watch = watch::Watch::start(context);
    let ended = match &plan.plan().spec {
        JobSpec::Backup(backup) => backup::run(backup, watch.context()).await,
        JobSpec::Restore(restore) => restore::run(restore, watch.context()).await,
        JobSpec::Verify(verify) => verify::run(verify, watch.context()).await,
        JobSpec::Base(base) => base::run(base, watch.context()).await,
        JobSpec::Recover(recover) => recover::run(recover, watch.context()).await,
        JobSpec::Replay(replay) => binlog::replay::run(replay, watch.context()).await,
        JobSpec::CheckLog(check) => wal::verify::run(check, watch.context()).await,
    };
    watch.end(ended).map_err(Fault::cured)
}
