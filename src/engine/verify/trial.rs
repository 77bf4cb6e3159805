//! The restore test: databases of an archive are restored into throw-away databases, proven by their fingerprints and dropped again.
//!
//! Nothing that belongs to the whole server is applied: no globals, no settings of databases. Where roles are missing, owners and rights are
//! left out, and that is said.

mod sample;

use crate::archive::manifest::Database;
use crate::archive::reader::Archive;
use crate::domain::connection::Connection;
use crate::domain::job::{DatabaseOutcome, Proof, Summary, Tried};
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::server::ServerInfo;
use crate::domain::size::grouped;
use crate::domain::spec::{Effort, JobSpec, RestoreTest, Sample, VerifySpec};
use crate::domain::text::clean;
use crate::domain::{Bytes, Code, Fault, time};
use crate::engine::Context;
use crate::engine::event::{Event, Level};
use crate::engine::restore::feed::Feeder;
use crate::engine::restore::progress::Board;
use crate::engine::restore::source;
use crate::engine::restore::throwaway;
use crate::server::{Purpose, Scratch, Server, TargetChoices};
use crate::system::disk;
use futures_util::stream::{self, StreamExt};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the names of the databases begin with.
const PREFIX: &str = Purpose::RestoreTest.prefix();

/// How long the drop of a throw-away database may take.
const DROP_LIMIT: Duration = Duration::from_secs(60);

/// How many databases are tried out at the same time.
fn side_by_side(jobs: u32, databases: usize) -> usize {
    (jobs.max(1) as usize).min(databases).max(1)
}

/// What a restore test would do.
pub async fn plan(spec: &VerifySpec, test: &RestoreTest, context: &Context) -> Result<Plan, Fault> {
    let server = context.server()?;
    let info = server.info().await.map_err(|fault| fault.at("Host", test.connection.address()))?;
    let mut checks = vec![check(CheckState::Ok, "connection", format!("{} at {}", info.title(), test.connection.address()))];
    if info.in_recovery {
        checks.push(refuse(
            Code::PermissionDenied,
            "server",
            if info.product.is_mysql() {
                "it is read only: no database can be made on it"
            } else {
                "it is a standby: no database can be made on it"
            },
            "Use the primary, or another server.",
        ));
    }
    if server.supplies().await?.is_some_and(|supplies| !supplies.may_create) {
        let user = clean(&test.connection.user);
        let (what, cure) = match info.product.is_mysql() {
            true => (
                "the user may not create databases",
                format!("GRANT ALL PRIVILEGES ON `\\_dbbackup\\_%`.* TO '{user}'@'%'; or use another user."),
            ),
            false => ("the role may not create databases", format!("ALTER ROLE {user} CREATEDB, or use another role.")),
        };
        checks.push(refuse(Code::PermissionDenied, "server", what, &cure));
    }
    let (mut items, mut sizes, mut total) = (Vec::new(), Vec::new(), Bytes(0));
    for path in &spec.archives {
        let archive = open(path).await?;
        let databases = &archive.manifest().databases;
        let picked = sample::pick(databases, test.sample);
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let failed = databases.iter().filter(|database| database.failed.is_some()).count();
        if picked.is_empty() {
            checks.push(refuse(Code::NotInArchive, "archive", &format!("{file} holds no database"), "Take a new backup."));
        } else {
            let detail = format!("{file}: {} of {} databases are tried out", grouped(picked.len() as u64), grouped(databases.len() as u64));
            checks.push(check(if failed > 0 { CheckState::Warning } else { CheckState::Ok }, "archive", detail));
        }
        for (database, why) in picked {
            let bytes = Bytes(sample::row_bytes(database));
            total += bytes;
            sizes.push(sample::disk_bytes(database));
            items.push(PlanItem {
                name: database.name.clone(),
                target: format!("{}…", PREFIX),
                bytes: Some(bytes),
                tables: Some(database.tables.len() as u64),
                note: why.to_owned(),
                destroys: false,
            });
        }
    }
    let parallel = side_by_side(test.effort.jobs, items.len());
    if !items.is_empty() {
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        checks.push(room(&test.connection, &info, sizes.iter().take(parallel).sum()));
    }
    checks.iter().for_each(|check| context.events.post(Event::Checked(check.clone())));
    let facts = vec![
        ("Server".to_owned(), info.title()),
        ("Databases at once".to_owned(), parallel.to_string()),
        ("Afterwards".to_owned(), "every throw-away database is dropped".to_owned()),
    ];
    Ok(Plan { title: title(spec, test), items, checks, total, facts, ..Plan::of(JobSpec::Verify(spec.clone())) })
}

/// Opens an archive. A dump of another program is refused with what can be done with it.
async fn open(path: &std::path::Path) -> Result<Arc<Archive>, Fault> {
    let looked = path.to_owned();
    if let Some(dump) = source::blocking(move || super::foreign::sql::dump(&looked)).await? {
        return Err(super::foreign::sql::no_trial(&dump));
    }
    let looked = path.to_owned();
    match source::blocking(move || super::foreign::dump(&looked)).await? {
        Some(dump) => Err(super::foreign::no_trial(&dump)),
        None => source::open(path).await,
    }
}

fn title(spec: &VerifySpec, test: &RestoreTest) -> String {
    let on = test.connection.label();
    let what = match (spec.archives.as_slice(), test.sample) {
        ([], _) => format!("Clear away what killed restore tests have left on {on}"),
        ([one], _) => format!("Restore test of {} on {on}", one.display()),
        (many, _) => format!("Restore test of {} archives on {on}", many.len()),
    };
    let all = if test.sample == Sample::All && !spec.archives.is_empty() { " (every database)" } else { "" };
    clean(&format!("{what}{all}"))
}

fn check(state: CheckState, name: &str, detail: impl Into<String>) -> Check {
    Check { state, name: name.to_owned(), detail: clean(&detail.into()), cure: None, code: None }
}

fn refuse(code: Code, name: &str, detail: &str, cure: &str) -> Check {
    Check { cure: Some(cure.to_owned()), code: Some(code), ..check(CheckState::Failed, name, detail) }
}

/// Whether the server has room for the databases that are there at the same time. Known only where its disk is ours too.
fn room(connection: &Connection, info: &ServerInfo, need: u64) -> Check {
    const NAME: &str = "disk space";
    let local = connection.is_socket() || matches!(connection.host.as_str(), "localhost" | "127.0.0.1" | "::1");
    let space = info.data_directory.as_deref().map(Path::new).filter(|dir| local && dir.is_dir()).and_then(|dir| disk::space(dir).ok());
    let Some(space) = space else {
        return check(CheckState::Unknown, NAME, format!("about {} are needed; what the server has is not known", Bytes(need)));
    };
    let detail = format!("{} free, about {} needed at the same time", Bytes(space.free), Bytes(need));
    let cure = "Make room on the server, use fewer --jobs, or test on another server.";
    if space.free < need {
        refuse(Code::ServerDiskFull, NAME, &detail, cure)
    } else if space.free / 5 * 4 < need {
        Check { cure: Some(cure.to_owned()), ..check(CheckState::Warning, NAME, detail) }
    } else {
        check(CheckState::Ok, NAME, detail)
    }
}

/// A database that is tried out.
struct Pick<'a> {
    archive: &'a Arc<Archive>,
    feeder: &'a Arc<Feeder>,
    database: &'a Database,
    place: usize,
}

/// What came of it.
struct Came {
    tried: Tried,
    bytes: u64,
    proof: Option<Proof>,
    warnings: Vec<String>,
    fault: Option<Fault>,
}

/// Carries it out. A database that cannot be restored or differs is a fault; the others are tried all the same.
pub async fn run(spec: &VerifySpec, test: &RestoreTest, context: &Context) -> Result<Summary, Fault> {
    let began = Instant::now();
    let server = context.server()?;
    let warnings = sweep(server.as_ref(), context).await?;
    if spec.archives.is_empty() {
        return Ok(Summary { warnings, verified: Some(spec.word().to_owned()), duration_ms: millis(began), ..Summary::default() });
    }
    let roles: HashSet<String> = server.supplies().await?.map(|supplies| supplies.roles.into_iter().collect()).unwrap_or_default();
    let mut archives = Vec::new();
    for path in &spec.archives {
        let archive = open(path).await?;
        archives.push((Feeder::new(Arc::clone(&archive), test.effort.memory / spec.archives.len() as u64), archive));
    }
    let picks: Vec<Pick<'_>> = archives
        .iter()
        .flat_map(|(feeder, archive)| {
            sample::pick(&archive.manifest().databases, test.sample).into_iter().map(move |(one, _)| (feeder, archive, one))
        })
        .enumerate()
        .map(|(place, (feeder, archive, database))| Pick { archive, feeder, database, place })
        .collect();
    let listed = picks.iter().map(|pick| (pick.database.name.clone(), sample::row_bytes(pick.database), pick.database.tables.len() as u64));
    let board = Board::new(&listed.collect::<Vec<_>>(), test.effort.memory);
    board.proves();
    for (feeder, _) in &archives {
        let feeder = Arc::clone(feeder);
        board.measure(move || feeder.held());
    }
    let ticker = board.post(context);
    let parallel = side_by_side(test.effort.jobs, picks.len());
    let each = |whole: u64| (whole / parallel as u64).max(1);
    let effort = Effort {
        jobs: u32::try_from(each(u64::from(test.effort.jobs))).unwrap_or(1),
        memory: each(test.effort.memory).max(1 << 20),
        ..test.effort
    };
    let (board_of, roles_of) = (&board, &roles);
    let work: Vec<_> = picks.iter().map(|pick| try_out(pick, context, server.as_ref(), effort, board_of, roles_of)).collect();
    let mut came: Vec<(usize, Came)> = stream::iter(work).buffer_unordered(parallel).collect().await;
    drop(ticker);
    context.events.post(Event::Progress(Box::new(board.sample())));
    came.sort_by_key(|(place, _)| *place);
    let mut summary = Summary {
        archives: spec.archives.clone(),
        archive_bytes: Bytes(archives.iter().map(|(_, archive)| archive.bytes()).sum()),
        verified: Some(spec.word().to_owned()),
        warnings,
        ..Summary::default()
    };
    let mut faults = Vec::new();
    for (_, one) in came {
        take(&mut summary, &mut faults, one);
    }
    summary.duration_ms = millis(began);
    if context.cancel.is_cancelled() {
        let left: Vec<String> = faults.iter().filter(|fault| fault.what.contains(PREFIX)).map(|fault| fault.what.clone()).collect();
        let fault = Fault::new(Code::Cancelled, "cancelled");
        return Err(if left.is_empty() { fault } else { fault.at("Left", left.join("; ")) });
    }
    match all_as_one(&summary, faults) {
        Some(fault) => Err(fault),
        None => Ok(summary),
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn take(summary: &mut Summary, faults: &mut Vec<Fault>, one: Came) {
    summary.warnings.extend(one.warnings.iter().map(|warning| format!("{}: {warning}", clean(&one.tried.name))));
    summary.databases.push(DatabaseOutcome {
        name: one.tried.name.clone(),
        tables: one.tried.tables,
        rows: one.tried.rows,
        bytes: Bytes(one.bytes),
        fault: one.fault.clone(),
        ..DatabaseOutcome::default()
    });
    match one.fault {
        Some(fault) => faults.push(fault.at("Archive", one.tried.archive.display())),
        None => {
            summary.rows += one.tried.rows;
            summary.row_bytes += Bytes(one.bytes);
            let proof = summary.proof.get_or_insert_default();
            if let Some(found) = one.proof {
                proof.tables += found.tables;
                proof.rows += found.rows;
                proof.objects += found.objects;
                proof.probed += found.probed;
            }
            summary.tried.push(one.tried);
        }
    }
}

/// The failures as one fault: what differs comes first, for it says most of the archive. With what is good beside it.
fn all_as_one(summary: &Summary, mut faults: Vec<Fault>) -> Option<Fault> {
    faults.sort_by_key(|fault| fault.code.exit() != Code::ProofFailed.exit());
    let mut faults = faults.into_iter();
    let mut first = faults.next()?;
    for other in faults {
        first.context.push(("Also".to_owned(), format!("{}: {}", other.code.as_str(), other.what)));
    }
    for good in &summary.tried {
        let took = time::span(good.took_ms);
        first.context.push(("Good".to_owned(), format!("{}: restored and proven in {took}", clean(&good.name))));
    }
    Some(first)
}

/// Makes a throw-away database, restores into it, proves it, and drops it whatever happened.
async fn try_out(
    pick: &Pick<'_>,
    context: &Context,
    server: &dyn Server,
    effort: Effort,
    board: &Board,
    roles: &HashSet<String>,
) -> (usize, Came) {
    let database = pick.database;
    let mut came = Came {
        tried: Tried { archive: pick.archive.path().to_owned(), name: database.name.clone(), ..Tried::default() },
        bytes: sample::row_bytes(database),
        proof: None,
        warnings: Vec::new(),
        fault: None,
    };
    if let Err(fault) = context.alive() {
        came.fault = Some(fault);
        return (pick.place, came);
    }
    let choices = TargetChoices { no_owner: true, no_acl: true, no_tablespaces: true, map_roles: Vec::new() };
    match server.scratch(Purpose::RestoreTest, &database.properties, &choices).await {
        Ok(scratch) => restored_into(scratch, pick, context, effort, board, roles, &mut came).await,
        Err(fault) => came.fault = Some(fault),
    }
    board.leave(pick.place, came.fault.as_ref().map_or(Ok(true), Err));
    let shown = clean(&database.name);
    match &came.fault {
        Some(fault) => context.events.log(Level::Error, format!("{shown}: {fault}")),
        None => {
            let Tried { tables, rows, took_ms, .. } = came.tried;
            let text =
                format!("{shown}: restored and proven in {} ({} tables, {} rows)", time::span(took_ms), grouped(tables), grouped(rows));
            context.events.log(Level::Info, text);
        }
    }
    (pick.place, came)
}

/// Restores into a throw-away database, proves it, and drops it.
async fn restored_into(
    scratch: Box<dyn Scratch>,
    pick: &Pick<'_>,
    context: &Context,
    effort: Effort,
    board: &Board,
    roles: &HashSet<String>,
    came: &mut Came,
) {
    let (began, name) = (Instant::now(), scratch.name().to_owned());
    let (archive, feeder, database) = (pick.archive, pick.feeder, pick.database);
    let trial = throwaway::Trial { context, archive, feeder, database, target: &name, effort, board, place: pick.place, roles };
    match throwaway::restore(&trial).await {
        Ok((done, lacking)) => {
            if !lacking.is_empty() {
                let names = lacking.iter().map(|role| clean(role)).collect::<Vec<_>>().join(", ");
                came.warnings.push(format!("restored without owners and rights: the server has no role {names}"));
            }
            came.fault = done.fault;
            came.proof = done.proof;
        }
        Err(fault) => came.fault = Some(fault),
    }
    came.tried.took_ms = millis(began);
    if let Some(proof) = &came.proof {
        (came.tried.tables, came.tried.rows, came.tried.objects) = (proof.tables, proof.rows, proof.objects);
    }
    came.fault = came.fault.take().map(|fault| told(fault, &name, &database.name));
    let dropped = tokio::time::timeout(DROP_LIMIT, scratch.remove()).await;
    let dropped =
        dropped.unwrap_or_else(|_| Err(Fault::new(Code::ServerUnavailable, format!("no answer within {} s", DROP_LIMIT.as_secs()))));
    if let Err(fault) = dropped {
        let stays = stays(&name, fault);
        came.warnings.push(format!("{}; the next restore test drops it", stays.what));
        context.events.log(Level::Warn, stays.to_string());
        if came.fault.as_ref().is_none_or(|fault| fault.code == Code::Cancelled) {
            came.fault = Some(stays);
        }
    }
}

/// The fault of a throw-away database that could not be dropped: the next test does it.
fn stays(name: &str, fault: Fault) -> Fault {
    let name = clean(name);
    let code = if fault.code == Code::Internal { Code::SqlFailed } else { fault.code };
    Fault::new(code, format!("the throw-away database {name} could not be dropped"))
        .because(fault)
        .step_run("Drop it, or let the next restore test do it:", format!("DROP DATABASE \"{}\" WITH (FORCE);", name.replace('"', "\"\"")))
}

/// Drops what killed tests have left; says what was dropped and what stays.
async fn sweep(server: &dyn Server, context: &Context) -> Result<Vec<String>, Fault> {
    let swept = server.sweep_scratches(Purpose::RestoreTest).await?;
    let mut said = Vec::new();
    for (name, why) in swept.left {
        said.push(format!("{} is named like a restore test's and is left alone: {}", clean(&name), clean(&why)));
    }
    said.iter().for_each(|line| context.events.log(Level::Warn, line));
    for name in swept.dropped {
        let line = format!("{}, which a killed restore test had left, was dropped", clean(&name));
        context.events.log(Level::Info, &line);
        said.push(line);
    }
    Ok(said)
}

/// A fault in which the database has the name that people know, and that speaks of no target that stays.
fn told(mut fault: Fault, scratch: &str, name: &str) -> Fault {
    let name = clean(name);
    let better = |text: &String| text.replace(scratch, &name);
    fault.what = better(&fault.what);
    fault.causes = fault.causes.iter().map(better).collect();
    fault.context.retain(|(title, _)| title != "Left");
    for (_, value) in &mut fault.context {
        *value = better(value);
    }
    for step in &mut fault.steps {
        step.text = better(&step.text);
        step.command = step.command.as_ref().map(better);
    }
    fault
}
