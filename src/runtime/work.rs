//! What the executor hands work to: the engine, or a script in tests.

use super::settings::Source;
use crate::app::cmd::Query;
use crate::app::msg::Reply;
use crate::config::secrets::Secrets;
use crate::domain::job::Summary;
use crate::domain::plan::{Confirmed, Plan};
use crate::domain::spec::JobSpec;
use crate::domain::{Connection, Fault};
use crate::engine::event::{EventSink, Level};
use crate::engine::{self, Context};
use crate::server::Server;
use crate::server::postgres::Postgres;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Does what the application asks for.
pub trait Work: Send + Sync + 'static {
    /// Finds out what a job would do; `events` takes the checks as they come out.
    fn plan(&self, spec: JobSpec, events: Arc<dyn EventSink>, cancel: CancellationToken) -> BoxFuture<'static, Result<Plan, Fault>>;

    /// Carries a job out. A cancelled one is a fault of code `CANCELLED`, with what is left in its context as `Left`.
    fn run(&self, plan: Confirmed, events: Arc<dyn EventSink>, cancel: CancellationToken) -> BoxFuture<'static, Result<Summary, Fault>>;

    /// Answers a question.
    fn answer(&self, query: Query) -> BoxFuture<'static, Result<Reply, Fault>>;
}

/// The engine, with the passwords that it needs.
pub struct Engine {
    secrets: Arc<Secrets>,
    settings: Arc<Source>,
}

impl Engine {
    /// The engine.
    pub fn new(secrets: Arc<Secrets>, settings: Source) -> Self {
        Self { secrets, settings: Arc::new(settings) }
    }
}

/// A server with its password looked up; and what the search found odd.
pub fn server(secrets: &Secrets, connection: &Connection) -> Result<(Arc<dyn Server>, Option<String>), Fault> {
    let looked = secrets.look_up(connection)?;
    let server: Arc<dyn Server> = Arc::new(Postgres::new(connection.clone(), looked.password)?);
    Ok((server, looked.warning))
}

fn context(secrets: &Secrets, spec: &JobSpec, events: Arc<dyn EventSink>, cancel: CancellationToken) -> Result<Context, Fault> {
    let connection = match spec {
        JobSpec::Backup(backup) => Some(&backup.connection),
        JobSpec::Restore(restore) => Some(&restore.connection),
        JobSpec::Verify(verify) => verify.restore_test.as_ref().map(|test| &test.connection),
    };
    let server = connection.map(|connection| server(secrets, connection)).transpose()?;
    let server = server.map(|(server, warning)| {
        if let Some(warning) = warning {
            events.log(Level::Warn, warning);
        }
        server
    });
    Ok(Context { server, events, cancel })
}

impl Work for Engine {
    fn plan(&self, spec: JobSpec, events: Arc<dyn EventSink>, cancel: CancellationToken) -> BoxFuture<'static, Result<Plan, Fault>> {
        let secrets = Arc::clone(&self.secrets);
        Box::pin(async move {
            super::panic::test_worker();
            let context = context(&secrets, &spec, events, cancel)?;
            engine::plan(&spec, &context).await
        })
    }

    fn run(&self, plan: Confirmed, events: Arc<dyn EventSink>, cancel: CancellationToken) -> BoxFuture<'static, Result<Summary, Fault>> {
        let secrets = Arc::clone(&self.secrets);
        Box::pin(async move {
            let context = context(&secrets, &plan.plan().spec, events, cancel)?;
            engine::run(plan, &context).await
        })
    }

    fn answer(&self, query: Query) -> BoxFuture<'static, Result<Reply, Fault>> {
        let (secrets, settings) = (Arc::clone(&self.secrets), Arc::clone(&self.settings));
        Box::pin(async move {
            super::panic::test_worker();
            match query {
                Query::Save(name, text) => {
                    aside(move || settings.save(name, text.as_deref(), super::host::facts()).map(Reply::Settings)).await
                }
                Query::Server(connection) => {
                    let (server, _) = server(&secrets, &connection)?;
                    let info = server.info().await?;
                    Ok(Reply::Server(Box::new(info), server.databases().await?))
                }
                Query::EndSession(connection, blocker, ending) => {
                    let (server, _) = server(&secrets, &connection)?;
                    server.end_session(&blocker, ending).await.map(|()| Reply::Ended)
                }
                Query::Archives(dir) => aside(move || engine::browse::list(&dir).map(Reply::Archives)).await,
                Query::Contents(path) => aside(move || engine::browse::contents(&path).map(|it| Reply::Contents(Box::new(it)))).await,
                Query::Delete(path) => aside(move || engine::browse::delete(&path).map(|()| Reply::Deleted)).await,
            }
        })
    }
}

/// Runs file work where it may block. A panic in it goes on in the caller, as if the work had been done there.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Fault::internal("file work was dropped while the program ended")),
    }
}
