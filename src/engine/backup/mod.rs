//! Makes backups.

pub mod budget;
pub mod checks;
pub mod database;
pub mod documents;
pub mod estimate;
pub mod finish;
pub mod halt;
pub mod make;
pub mod moment;
pub mod name;
pub mod plan;
pub mod pool;
pub mod press;
pub mod progress;
pub mod ranges;
pub mod rows;
pub mod seats;
pub mod select;
pub mod table;
pub mod writing;

use super::Context;
use crate::archive::manifest::Kind;
use crate::domain::fault::{Code, Fault};
use crate::domain::job::{DatabaseOutcome, DatabaseState, Phase, Summary};
use crate::domain::server::DatabaseInfo;
use crate::domain::size::Bytes;
use crate::domain::spec::{BackupSpec, Depth, Scope};
use crate::engine::event::{Event, Level};
use crate::server::Server;
use crate::storage::local;
use make::{Made, Order, Run};
use progress::{DatabaseMeter, Meter, Ticker};
use std::sync::Arc;
use std::time::Instant;

/// Carries out a backup. Databases that failed while others did not are in the summary; a run of which nothing is left is a fault.
pub async fn run(spec: &BackupSpec, context: &Context) -> Result<Summary, Fault> {
    let began = Instant::now();
    let mut summary = carry_out(spec, context).await.map_err(|fault| fault.at("Host", spec.connection.address()))?;
    summary.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

async fn carry_out(spec: &BackupSpec, context: &Context) -> Result<Summary, Fault> {
    let server = context.server()?.clone();
    let look = async {
        let info = server.info().await?;
        server.schema_tool(&info).await?;
        let selected = select::select(&spec.scope, &server.databases().await?)?;
        Ok::<_, Fault>((info, selected))
    };
    let (info, selected) = unless_cancelled(context, look).await?;
    prepare(spec, context)?;
    let mut lost: Vec<(String, Fault)> =
        selected.missing.iter().map(|(name, near)| (name.clone(), select::missing(name, near.as_deref()))).collect();
    lost.extend(selected.closed.iter().map(|name| (name.clone(), select::closed(name))));
    let databases = unless_cancelled(context, without_plain_templates(server.as_ref(), selected.databases)).await?;
    if databases.is_empty() {
        return Err(lost.into_iter().next().map_or_else(
            || Fault::new(Code::DatabaseMissing, "no database is left to back up").step("Look at --include and --exclude."),
            |(_, fault)| fault,
        ));
    }
    let meters: Vec<_> = databases.iter().map(|database| DatabaseMeter::new(&database.name, database.bytes.unwrap_or(0))).collect();
    let meter = Meter::new(meters.clone());
    meter.phase(Phase::Preparing);
    let ticker = Ticker::start(&meter, &context.events);
    let run = Run { spec, context, info: &info, meter: &meter };
    let summary = match &spec.scope {
        Scope::Single { .. } => one_by_one(&run, meters, lost).await,
        Scope::Cluster { parallel, .. } => {
            let globals = Some(unless_cancelled(context, server.globals()).await?);
            let warnings = unless_cancelled(context, server.globals_gaps()).await?;
            warnings.iter().for_each(|warning| context.events.log(Level::Warn, warning.clone()));
            let order = Order { kind: Kind::Cluster, databases: meters, globals, parallel: *parallel as usize, lost };
            make::make(&run, order).await.map(|made| add(Summary { warnings, ..Summary::default() }, made))
        }
    };
    drop(ticker);
    // The last word of the counters, also after a failure.
    context.events.post(Event::Progress(Box::new(meter.sample())));
    summary
}

async fn unless_cancelled<T>(context: &Context, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    halt::Halt::under(&context.cancel).or(work).await
}

/// The folder, and what killed runs left in it.
fn prepare(spec: &BackupSpec, context: &Context) -> Result<(), Fault> {
    local::prepare_dir(&spec.dir)?;
    for path in local::sweep(&spec.dir)? {
        context.events.log(Level::Warn, format!("removed {}, which a killed run had left", path.display()));
    }
    Ok(())
}

/// `template1` is in every cluster; it is backed up only where somebody made something in it.
async fn without_plain_templates(server: &dyn Server, databases: Vec<DatabaseInfo>) -> Result<Vec<DatabaseInfo>, Fault> {
    let mut kept = Vec::with_capacity(databases.len());
    for database in databases {
        if !select::is_plain_template(&database) || server.weigh(&database.name).await?.0 > 0 {
            kept.push(database);
        }
    }
    Ok(kept)
}

/// One archive for each database, one after another. One that fails does not keep the next from being made.
async fn one_by_one(run: &Run<'_>, meters: Vec<Arc<DatabaseMeter>>, lost: Vec<(String, Fault)>) -> Result<Summary, Fault> {
    let mut summary = Summary::default();
    let mut first = None;
    let mut fail = |summary: &mut Summary, name: String, fault: Fault| {
        first.get_or_insert_with(|| fault.clone());
        summary.databases.push(DatabaseOutcome { name, fault: Some(fault), ..DatabaseOutcome::default() });
    };
    for meter in meters {
        let order = Order { kind: Kind::Single, databases: vec![meter.clone()], globals: None, parallel: 1, lost: Vec::new() };
        match make::make(run, order).await {
            Ok(made) => summary = add(summary, made),
            Err(fault) if run.context.cancel.is_cancelled() => {
                return Err(summary.archives.iter().fold(fault, |fault, path| fault.at("Finished before", path.display())));
            }
            Err(fault) => {
                meter.is(DatabaseState::Failed(fault.clone()));
                fail(&mut summary, meter.name().to_owned(), fault);
            }
        }
    }
    for (name, fault) in lost {
        fail(&mut summary, name, fault);
    }
    match first {
        Some(fault) if summary.archives.is_empty() => Err(fault),
        _ => Ok(summary),
    }
}

fn add(mut summary: Summary, made: Made) -> Summary {
    summary.archives.push(made.path);
    summary.archive_bytes += Bytes(made.bytes);
    for database in &made.databases {
        summary.rows += database.rows;
        summary.row_bytes += database.bytes;
    }
    summary.databases.extend(made.databases);
    summary.verified = made.verified.map(|depth| match depth {
        Depth::Quick => "quick".to_owned(),
        Depth::Full => "full".to_owned(),
    });
    summary.warnings.extend(made.warnings);
    summary
}
