//! What the executor hands work to: the engine, or a script in tests.

use super::report::Reports;
use super::settings::Source;
use crate::app::cmd::Query;
use crate::app::msg::Reply;
use crate::config::secrets::Secrets;
use crate::config::settings::Key;
use crate::domain::job::Summary;
use crate::domain::plan::{Confirmed, Plan};
use crate::domain::spec::JobSpec;
use crate::domain::{Connection, Fault};
use crate::engine::event::{EventSink, Level};
use crate::engine::{self, Context};
use crate::server::Server;
use crate::server::mysql::Mysql;
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

    /// Makes a report of what ended a job, or kept it from starting, and names it in the fault, where it is worth one. Takes no longer than the
    /// report's limit.
    fn explain(&self, spec: JobSpec, fault: Fault) -> BoxFuture<'static, Fault> {
        let _ = spec;
        Box::pin(std::future::ready(fault))
    }

    /// The same for what failed in a job that went on to its end.
    fn explain_summary(&self, spec: JobSpec, summary: Summary) -> BoxFuture<'static, Summary> {
        let _ = spec;
        Box::pin(std::future::ready(summary))
    }

    /// Answers a question.
    fn answer(&self, query: Query) -> BoxFuture<'static, Result<Reply, Fault>>;
}

/// The engine, with the passwords that it needs.
pub struct Engine {
    secrets: Arc<Secrets>,
    settings: Arc<Source>,
    reports: Arc<Reports>,
}

impl Engine {
    /// The engine; `reports` says where what it finds out about failures goes.
    pub fn new(secrets: Arc<Secrets>, settings: Source, reports: Reports) -> Self {
        Self { secrets, settings: Arc::new(settings), reports: Arc::new(reports) }
    }
}

/// A server with its password looked up; and what the search found odd.
pub fn server(secrets: &Secrets, connection: &Connection) -> Result<(Arc<dyn Server>, Option<String>), Fault> {
    let looked = secrets.look_up(connection)?;
    let server: Arc<dyn Server> = if connection.product.is_mysql() {
        Arc::new(Mysql::new(connection.clone(), looked.password)?.with_source(looked.source))
    } else {
        Arc::new(Postgres::new(connection.clone(), looked.password)?.with_source(looked.source))
    };
    Ok((server, looked.warning))
}

fn context(secrets: &Secrets, spec: &JobSpec, events: Arc<dyn EventSink>, cancel: CancellationToken) -> Result<Context, Fault> {
    let server = spec.connection().map(|connection| server(secrets, connection)).transpose()?;
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
            let context = context(&secrets, &spec, events, cancel)?;
            super::panic::test_worker();
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

    fn explain(&self, spec: JobSpec, fault: Fault) -> BoxFuture<'static, Fault> {
        let (secrets, reports) = (Arc::clone(&self.secrets), Arc::clone(&self.reports));
        Box::pin(async move { reports.explain(&secrets, &spec, fault).await })
    }

    fn explain_summary(&self, spec: JobSpec, summary: Summary) -> BoxFuture<'static, Summary> {
        let (secrets, reports) = (Arc::clone(&self.secrets), Arc::clone(&self.reports));
        Box::pin(async move { reports.explain_summary(&secrets, &spec, summary).await })
    }

    fn answer(&self, query: Query) -> BoxFuture<'static, Result<Reply, Fault>> {
        let (secrets, settings, reports) = (Arc::clone(&self.secrets), Arc::clone(&self.settings), Arc::clone(&self.reports));
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
                Query::Login(connection, password) => {
                    secrets.remember(&connection, password.expose().into());
                    let (server, _) = server(&secrets, &connection)?;
                    let info = server.info().await?;
                    Ok(Reply::Server(Box::new(info), server.databases().await?))
                }
                Query::EndSession(connection, blocker, ending) => {
                    let (server, _) = server(&secrets, &connection)?;
                    server.end_session(&blocker, ending).await.map(|()| Reply::Ended)
                }
                Query::Recovery(connection, backups, wal) => {
                    let server = connection.map(|connection| server(&secrets, &connection)).transpose()?;
                    let wanted = engine::pitr::Wanted { backups: Some(backups), wal, zone: settings.text(Key::PitrTimezone) };
                    let report = engine::pitr::report(server.map(|(server, _)| server), wanted).await?;
                    Ok(Reply::Recovery(Box::new(report)))
                }
                Query::Binlog(connection, backups, dir) => {
                    let server = connection.map(|connection| server(&secrets, &connection)).transpose()?;
                    // A server that does not answer cannot say how far it is, and just then the archive is needed.
                    let logs = match server {
                        Some((server, _)) => server.binlogs().await.ok(),
                        None => None,
                    };
                    aside(move || engine::binlog::standing::look(&dir, &backups, logs.as_ref()).map(|it| Reply::Binlog(Box::new(it)))).await
                }
                Query::CleanLog(plan) => {
                    aside(move || engine::wal::keep::remove(&plan).map(|(files, bytes)| Reply::Cleaned(files, bytes))).await
                }
                Query::SwitchArchiving(connection, switch) => {
                    let (server, _) = server(&secrets, &connection)?;
                    engine::pitr::switch::carry_out(&*server, &switch).await.map(Reply::Switched)
                }
                Query::Archives(dir) => aside(move || engine::browse::list(&dir).map(Reply::Archives)).await,
                Query::Contents(path) => aside(move || engine::browse::contents(&path).map(|it| Reply::Contents(Box::new(it)))).await,
                Query::Diagnose(connection, dir, fault) => {
                    let diagnosis = reports.collect(&secrets, connection.as_deref(), &dir, fault.as_ref()).await;
                    Ok(Reply::Diagnosis(Box::new(diagnosis)))
                }
                Query::Reports(dir) => {
                    let shelf = reports.shelf(&dir);
                    aside(move || Ok(Reply::Reports(shelf.list()))).await
                }
                Query::Report(path) => aside(move || engine::diagnose::read(&path).map(|it| Reply::Diagnosis(Box::new(it)))).await,
                Query::KeepReport(dir, diagnosis) => reports.keep(&dir, *diagnosis).await.map(Reply::Kept),
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
