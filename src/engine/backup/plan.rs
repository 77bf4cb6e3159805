//! What a backup would do. Changes nothing anywhere.

use super::checks;
use super::rows::sessions;
use super::select::{self, Selected};
use crate::archive::manifest::Kind;
use crate::domain::codec::Codec;
use crate::domain::fault::{Code, Fault};
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::size::Bytes;
use crate::domain::spec::{BackupSpec, Depth, JobSpec, Scope};
use crate::engine::Context;
use crate::engine::backup::{make, name};
use crate::engine::event::Event;
use crate::server::{Server, Survey};
use futures_util::stream::{self, StreamExt};
use jiff::Zoned;

/// Databases that are sized up at the same time.
const SURVEYS: usize = 4;

/// Checks connection, tools, permissions, space and locks, and sizes up every database. A check that fails is in the plan; only what makes
/// a plan impossible is a fault: no connection, no list of databases, patterns that are none.
pub async fn plan(spec: &BackupSpec, context: &Context) -> Result<Plan, Fault> {
    let server = context.server()?;
    let mut checks = Checks { all: Vec::new(), context };
    let info = super::unless_cancelled(context, server.info()).await.map_err(|fault| fault.at("Host", spec.connection.address()))?;
    checks.add(checks::connection(&spec.connection, &info));
    if let Some(check) = checks::pooler(&info) {
        checks.add(check);
    }
    // Definitions of the other products are read from the server itself.
    if !info.product.is_mysql() {
        checks.add(checks::tool(super::unless_cancelled(context, async { Ok(server.schema_tool(&info).await) }).await?));
    }
    let all = super::unless_cancelled(context, server.databases()).await?;
    let selected = select::select(&spec.scope, &all)?;
    for check in checks::selection(&spec.scope, &selected) {
        checks.add(check);
    }
    let surveyed = survey(server.as_ref(), &selected, context).await?;
    let estimate = estimate(&surveyed, spec.compression.codec);
    // Only PostgreSQL's lock table has a size that a backup can exceed.
    let locks = (!info.product.is_mysql()).then(|| checks::locks(&info, most_locks(&surveyed, &spec.scope)));
    let (folder, space) = (checks::folder(&spec.dir), checks::space(&spec.dir, estimate));
    for check in [Some(folder), Some(space), locks, Some(checks::connections(&info, needed(spec, surveyed.len())))].into_iter().flatten() {
        checks.add(check);
    }
    for (database, found) in &surveyed {
        if let Err(fault) = found {
            checks.add(checks::unreadable(&database.name, fault));
        }
    }
    if let Some(check) = checks::rights(&spec.scope, info.product, &spec.connection.user, &surveyed) {
        checks.add(check);
    }
    let names: Vec<String> = surveyed.iter().map(|(database, _)| database.name.clone()).collect();
    for condition in super::unless_cancelled(context, server.readiness(&names)).await? {
        checks.add(checks::readiness(condition));
    }
    if info.in_recovery && !info.product.is_mysql() {
        checks.add(checks::standby());
    }
    let at = Zoned::now();
    let mut items = Vec::new();
    for (database, found) in &surveyed {
        items.push(item(spec, database, found, &at)?);
    }
    let total = surveyed.iter().map(|(_, found)| weight(found)).sum();
    Ok(Plan {
        title: title(spec),
        items,
        checks: checks.all,
        total: Bytes(total),
        facts: facts(spec, &info, estimate),
        ..Plan::of(JobSpec::Backup(spec.clone()))
    })
}

/// The checklist; each line is told at once.
struct Checks<'a> {
    all: Vec<Check>,
    context: &'a Context,
}

impl Checks<'_> {
    fn add(&mut self, check: Check) {
        self.context.events.post(Event::Checked(check.clone()));
        self.all.push(check);
    }
}

/// A database and its tables, or why they cannot be seen.
pub type Surveyed = (DatabaseInfo, Result<Survey, Fault>);

async fn survey(server: &dyn Server, selected: &Selected, context: &Context) -> Result<Vec<Surveyed>, Fault> {
    let looks = stream::iter(selected.databases.iter().cloned().map(|database| async move {
        let tables = server.inspect(&database.name).await;
        let plain = select::is_plain_template(&database) && server.weigh(&database.name).await.is_ok_and(|(objects, _)| objects == 0);
        (!plain).then_some((database, tables))
    }));
    let all = async { Ok(looks.buffered(SURVEYS).collect::<Vec<_>>().await) };
    Ok(super::unless_cancelled(context, all).await?.into_iter().flatten().collect())
}

fn weight(found: &Result<Survey, Fault>) -> u64 {
    found.as_ref().map_or(0, |survey| survey.tables.iter().map(|table| table.total_bytes).sum())
}

/// What the archives will take, by experience: rows as text are about as large as on the server's disk, and compress to a third.
fn estimate(surveyed: &[Surveyed], codec: Codec) -> u64 {
    let rows: u64 = surveyed.iter().map(|(_, found)| weight(found)).sum();
    match codec {
        Codec::None => rows,
        Codec::Lz4 => rows / 2,
        Codec::Zstd | Codec::Gzip | Codec::Xz => rows / 3,
    }
}

/// Databases that are at work at the same time.
fn parallel(scope: &Scope, databases: usize) -> usize {
    match scope {
        Scope::Single { .. } => 1,
        Scope::Cluster { parallel, .. } => (*parallel as usize).clamp(1, databases.max(1)),
    }
}

/// The most locks that are held at the same time: one for each table, in as many databases as are at work.
fn most_locks(surveyed: &[Surveyed], scope: &Scope) -> u64 {
    let mut counts: Vec<u64> =
        surveyed.iter().filter_map(|(_, found)| found.as_ref().ok()).map(|survey| survey.locks.max(survey.tables.len() as u64)).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts.into_iter().take(parallel(scope, surveyed.len())).sum()
}

/// Connections at the same time: the readers, and for each database at work the snapshot's and the schema tool's.
fn needed(spec: &BackupSpec, databases: usize) -> u64 {
    u64::from(sessions(spec.effort.jobs.max(1))) + 2 * parallel(&spec.scope, databases) as u64
}

fn item(spec: &BackupSpec, database: &DatabaseInfo, found: &Result<Survey, Fault>, at: &Zoned) -> Result<PlanItem, Fault> {
    let subject = match spec.scope {
        Scope::Single { .. } => name::Subject::Database(&database.name),
        Scope::Cluster { .. } => name::Subject::Cluster,
    };
    let path = name::free(&spec.dir, &name::stem(subject, at, &spec.name_time)?, spec.compression.codec);
    Ok(PlanItem {
        name: database.name.clone(),
        target: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        bytes: found.is_ok().then(|| Bytes(weight(found))).or(database.bytes.map(Bytes)),
        tables: found.as_ref().ok().map(|survey| survey.tables.len() as u64),
        note: if database.sessions == 0 { String::new() } else { format!("{} sessions in it", database.sessions) },
        destroys: false,
    })
}

fn title(spec: &BackupSpec) -> String {
    let what = match &spec.scope {
        // The names stand below it: many of them would push what matters out of sight.
        Scope::Single { databases } if databases.len() > 3 => format!("{} databases", databases.len()),
        Scope::Single { databases } => databases.join(", "),
        Scope::Cluster { .. } => "the whole cluster".to_owned(),
    };
    crate::domain::text::clean(&format!("Back up {what} from {} to {}", spec.connection.label(), spec.dir.display()))
}

fn facts(spec: &BackupSpec, info: &ServerInfo, estimate: u64) -> Vec<(String, String)> {
    let kind = if matches!(spec.scope, Scope::Single { .. }) { Kind::Single } else { Kind::Cluster };
    let verify = match make::depth(spec.verify, kind) {
        None => "nothing",
        Some(Depth::Quick) => "structure and sizes (quick)",
        Some(Depth::Full) => "every byte (full)",
    };
    let jobs = spec.effort.jobs.max(1);
    let mut facts = vec![
        ("Server", info.title()),
        ("Archive size", format!("about {}", Bytes(estimate))),
        ("Compression", spec.compression.to_string()),
        ("Jobs", format!("{jobs} threads, {} readers", sessions(jobs))),
        ("Memory", format!("at most {} for rows", Bytes(spec.effort.memory))),
        ("Checked afterwards", verify.to_owned()),
    ];
    if info.product.is_mysql() {
        facts.insert(1, ("Sizes", "about, by the server's statistics".to_owned()));
    }
    if let Scope::Cluster { parallel, .. } = spec.scope {
        facts.push(("Databases at once", parallel.max(1).to_string()));
    }
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A line of the checklist.
pub fn check(state: CheckState, name: &str, detail: impl Into<String>, cure: Option<String>) -> Check {
    Check { state, name: name.to_owned(), detail: detail.into(), cure, code: None }
}

/// A line of the checklist without which nothing is begun: the run ends with this code.
pub fn refuse(code: Code, name: &str, detail: impl Into<String>, cure: Option<String>) -> Check {
    Check { code: Some(code), ..check(CheckState::Failed, name, detail, cure) }
}
