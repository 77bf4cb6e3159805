//! What a recovery to a moment would do, and whether it can: the backup, the files of the log from it on, the border at which the replay ends.

use super::backups::{self, Standing};
use super::conditions;
use super::identity::Identity;
use super::scan::{self, Seeker};
use super::survey;
use crate::archive::manifest::Kind;
use crate::domain::binlog::{BinlogReport, Clock, Halt, Held, Passed, Place, ReplayFacts};
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::recovery::{Bound, Micros, moment};
use crate::domain::size::grouped;
use crate::domain::spec::{JobSpec, ReplayBase, ReplaySpec, RestoreScope, RestoreSpec, Selection};
use crate::domain::text::clean;
use crate::domain::{Bytes, Code, Fault, Stamp};
use crate::engine::event::Event;
use crate::engine::{Context, restore};
use tokio_util::sync::CancellationToken;

/// Everything that is known before anything is changed.
pub(super) struct Known {
    /// The archive of the log.
    pub report: BinlogReport,
    /// The files that are read.
    pub logs: Vec<Held>,
    /// What is missing behind them, if the archive goes on there.
    pub missing: Option<String>,
    /// Where the replay begins.
    pub from: Place,
    /// The backup that is restored first.
    pub backup: Option<Standing>,
    /// What lies between.
    pub facts: ReplayFacts,
}

/// Finds out what there is; blocks.
pub(super) fn look(spec: &ReplaySpec, cancel: &CancellationToken) -> Result<Known, Fault> {
    let mut report = survey::survey(&spec.binlog_dir)?;
    survey::conclude(&mut report, None, Stamp(jiff::Timestamp::now().as_millisecond()));
    let backup = match &spec.base {
        ReplayBase::There(_) => None,
        ReplayBase::Backup { archive: Some(archive), .. } => Some(named(archive)?),
        ReplayBase::Backup { archive: None, dir, .. } => Some(newest(spec, dir)?),
    };
    let from = match (&spec.base, &backup) {
        (ReplayBase::There(place), _) => place.clone(),
        (_, Some(backup)) => backup.place.clone(),
        _ => return Err(Fault::internal("a replay without a beginning")),
    };
    let (logs, missing) = scan::chain(&report, &from)?;
    let only = only(spec, backup.as_ref());
    let alive = || if cancel.is_cancelled() { Err(Fault::new(Code::Cancelled, "cancelled")) } else { Ok(()) };
    let known = backup.as_ref().map(|backup| backup.databases.iter().cloned().collect());
    let mut seeker = Seeker::new(&spec.target, spec.bound, only, spec.renamed(), known);
    scan::seek(&report, &logs, &from, &mut seeker, &alive)?;
    let facts = seeker.facts;
    Ok(Known { report, logs, missing, from, backup, facts })
}

/// The one database whose changes are replayed: the one that was asked for, or that the backup is of.
fn only<'a>(spec: &'a ReplaySpec, backup: Option<&'a Standing>) -> Option<&'a str> {
    spec.database.as_deref().or_else(|| match backup {
        Some(Standing { kind: Kind::Single, databases, .. }) => databases.first().map(String::as_str),
        _ => None,
    })
}

fn named(archive: &std::path::Path) -> Result<Standing, Fault> {
    backups::read(archive)?.map(|(standing, _)| standing).ok_or_else(|| {
        Fault::new(Code::Usage, "the backup does not say where in the binary log it stands")
            .at("Archive", archive.display())
            .because("it is not of MySQL or MariaDB, or the server wrote no binary log, or the user could not ask for its position")
            .step(
                "Give the backup's user the right to ask for it (MySQL: REPLICATION CLIENT; MariaDB: BINLOG MONITOR), and make a new one.",
            )
    })
}

/// The newest backup that shows a moment before the target.
fn newest(spec: &ReplaySpec, dir: &std::path::Path) -> Result<Standing, Fault> {
    let (found, unread) = backups::list(dir, Identity::read(&spec.binlog_dir)?.as_ref())?;
    let holds = |backup: &Standing| match (&spec.database, backup.kind) {
        (Some(database), _) => backup.databases.contains(database),
        (None, kind) => kind == Kind::Cluster,
    };
    let before = |backup: &Standing| match &spec.target {
        // Its moment is told to the millisecond, which was not over.
        Halt::Time(at) => Micros::from(backup.taken).0 + 999 <= at.0,
        Halt::Position(place) => backup.place <= *place,
        Halt::Gtid(gtid) => backup.gtid.as_ref().is_none_or(|set| !gtid.is_in(set)),
        Halt::Latest => true,
    };
    let fitting = found.iter().filter(|backup| backup.complete && holds(backup));
    fitting.clone().rfind(|backup| before(backup)).cloned().ok_or_else(|| {
        let mut fault =
            Fault::new(Code::FileMissing, "there is no backup from which the log leads to the target").at("Folder", dir.display());
        fault = match fitting.clone().next() {
            Some(oldest) => fault
                .because(format!("the oldest one is of {}, at {}", moment::both(oldest.taken.into()), oldest.place))
                .step("Name a later target, or a folder with older backups (--backup-dir)."),
            None => {
                let what = match &spec.database {
                    Some(name) => format!("no complete backup of {} there says where in this binary log it stands", clean(name)),
                    None => "no complete backup of a whole server there says where in this binary log it stands".to_owned(),
                };
                let singles = spec.database.is_none() && found.iter().any(|backup| backup.complete);
                let fault = fault.because(what);
                if singles { fault.step("There are backups of single databases: name one with --database.") } else { fault }
            }
        };
        fault = unread.into_iter().fold(fault, |fault, line| fault.because(line));
        fault.step_run("See what there is:", format!("dbbackup restore list --backup-dir {}", super::quoted(dir)))
    })
}

/// The spec with what was chosen in it, so that the run does what the plan says whatever comes meanwhile.
fn settled(spec: &ReplaySpec, known: &Known) -> ReplaySpec {
    let mut settled = spec.clone();
    let (ReplayBase::Backup { archive, restore, .. }, Some(backup)) = (&mut settled.base, &known.backup) else { return settled };
    *archive = Some(backup.path.clone());
    restore.archive.clone_from(&backup.path);
    restore.binlog = spec.binlog;
    let database = only(spec, Some(backup)).map(str::to_owned);
    if let Some(database) = &database {
        restore.scope = RestoreScope::Single {
            database: (backup.kind == Kind::Cluster).then(|| database.clone()),
            target: spec.rename.clone().unwrap_or_else(|| database.clone()),
            selection: Selection::default(),
        };
    }
    settled.database = database;
    settled
}

/// The restore that comes first.
pub(super) fn restored(spec: &ReplaySpec) -> Option<&RestoreSpec> {
    match &spec.base {
        ReplayBase::Backup { restore, .. } => Some(restore),
        ReplayBase::There(_) => None,
    }
}

/// Finds out what it would do.
pub async fn plan(spec: &ReplaySpec, context: &Context) -> Result<Plan, Fault> {
    let server = context.server()?;
    if !spec.connection.product.is_mysql() {
        return Err(Fault::new(Code::Usage, "only MySQL and MariaDB are recovered by replaying a binary log"));
    }
    let (asked, cancel) = (spec.clone(), context.cancel.clone());
    let looked = tokio::task::spawn_blocking(move || look(&asked, &cancel));
    let known = looked.await.map_err(|error| Fault::internal("looking through the log broke off").caused_by(&error))??;
    let settled = settled(spec, &known);
    let conditions = conditions::look(&settled, &known, &**server).await?;
    let mut plan = match restored(&settled) {
        Some(inner) => restore::plan(inner, context).await?,
        None => {
            let label = spec.database.clone().unwrap_or_else(|| spec.connection.label());
            let _ = server.info().await?;
            Plan {
                destroys: vec![format!("{label}: {} transactions change what is there", grouped(known.facts.transactions))],
                confirm: Some(label),
                ..Plan::of(JobSpec::Replay(spec.clone()))
            }
        }
    };
    for check in checks(&settled, &known).into_iter().chain(conditions) {
        context.events.post(Event::Checked(check.clone()));
        plan.checks.push(check);
    }
    plan.items.push(PlanItem {
        name: format!("binary log from {}", known.from),
        target: words(&spec.target, spec.bound),
        bytes: Some(Bytes(known.facts.bytes)),
        tables: None,
        note: format!("{} transactions in {} files", grouped(known.facts.transactions), known.facts.logs),
        destroys: false,
    });
    plan.total = Bytes(plan.total.0 + known.facts.bytes);
    plan.facts.extend(facts(&settled, &known));
    plan.title = format!("Recover {} to {}", settled.database.as_deref().unwrap_or("all databases"), words(&spec.target, spec.bound));
    plan.spec = JobSpec::Replay(settled);
    Ok(plan)
}

pub(super) fn check(state: CheckState, name: &str, detail: String, cure: Option<&str>, code: Option<Code>) -> Check {
    Check { state, name: name.to_owned(), detail, cure: cure.map(str::to_owned), code }
}

fn checks(spec: &ReplaySpec, known: &Known) -> Vec<Check> {
    let facts = &known.facts;
    let last = known.logs.last();
    let mut checks = vec![reach(spec, known)];
    if let (Some(missing), Some(last)) = (&known.missing, last)
        && checks[0].state == CheckState::Failed
    {
        checks.push(check(
            CheckState::Failed,
            "binary log",
            format!("it is not whole from {} on: behind {} is missing {missing}", known.from, last.log),
            Some("Put the missing file into the archive (from the server, another copy), or begin with a backup that was made after the gap."),
            Some(Code::FileMissing),
        ));
    } else {
        checks.push(check(
            CheckState::Ok,
            "binary log",
            format!("whole from {} to the target, {} files", known.from, facts.logs),
            None,
            None,
        ));
    }
    if let (Halt::Time(at), Some(Passed { clock: Clock::Seconds, .. })) = (&spec.target, &facts.end.next)
        && at.0 % 1_000_000 != 0
    {
        checks.push(check(
            CheckState::Warning,
            "precision",
            "this server's log says in which second a transaction was committed, not when in it: none of the target's second is replayed"
                .to_owned(),
            Some("For the border within that second name a transaction or a place: --target-gtid, --target-position."),
            None,
        ));
    }
    if facts.statements > 0 {
        let shown = facts.statement.as_deref().unwrap_or_default();
        checks.push(check(
            CheckState::Warning,
            "format of the log",
            format!("{} changes are logged as statements, whose result can differ: {shown}", grouped(facts.statements)),
            Some("Compare what such statements changed. For the future: binlog_format = ROW."),
            None,
        ));
    }
    if !facts.strange.is_empty() {
        checks.push(check(
            CheckState::Failed,
            "databases",
            format!("the log changes databases that the backup does not have: {}", clean(&facts.strange.join(", "))),
            Some("Recover one database (--database NAME), or begin with a backup of the whole server that has them."),
            Some(Code::NotInArchive),
        ));
    }
    checks
}

/// Whether the archive leads to the target.
fn reach(spec: &ReplaySpec, known: &Known) -> Check {
    let end = &known.facts.end;
    let until = |passed: &Option<Passed>| match passed {
        Some(passed) => format!("{} ({})", passed.at.log, moment::both(passed.committed)),
        None => "the beginning".to_owned(),
    };
    let short = |what: String| {
        let cure = "Archive up to now (`dbbackup binlog archive --once`), or leave the target out to replay everything that is archived.";
        check(CheckState::Failed, "target", what, Some(cure), Some(Code::NotInArchive))
    };
    match &spec.target {
        Halt::Latest => check(CheckState::Ok, "target", format!("the end of the archive: {}", until(&end.last)), None, None),
        // A quiet server writes nothing, until its log is rotated: then the next file says that the moment is over.
        Halt::Time(at) if end.next.is_none() && known.facts.reached.is_none_or(|reached| reached <= *at) => check(
            CheckState::Failed,
            "target",
            format!("nothing that was written after {} is archived: the log ends with {}", moment::both(*at), until(&end.last)),
            Some(
                "If the moment is over: FLUSH BINARY LOGS on the server, and `dbbackup binlog archive --once`. Or leave the target out, to replay everything that is archived.",
            ),
            Some(Code::NotInArchive),
        ),
        Halt::Gtid(gtid) => {
            let met = match spec.bound {
                Bound::Inclusive => end.last.as_ref().and_then(|last| last.gtid.as_ref()) == Some(gtid),
                Bound::Exclusive => end.next.as_ref().and_then(|next| next.gtid.as_ref()) == Some(gtid),
            };
            if met {
                check(CheckState::Ok, "target", format!("transaction {gtid} is archived"), None, None)
            } else {
                short(format!("transaction {gtid} is not in the log from {} on, which ends with {}", known.from, until(&end.last)))
            }
        }
        Halt::Position(place) if *place < known.from => check(
            CheckState::Failed,
            "target",
            format!("{place} lies before the beginning, {}", known.from),
            Some("Name an older backup with --base-backup."),
            Some(Code::NotInArchive),
        ),
        Halt::Position(place)
            if end.next.is_none() && end.last.as_ref().is_none_or(|last| (&last.at.log, last.end) < (&place.log, place.offset)) =>
        {
            short(format!("the archived log ends before {place}"))
        }
        target => check(CheckState::Ok, "target", format!("{} lies in the archived log", words(target, spec.bound)), None, None),
    }
}

/// A target in words.
pub fn words(target: &Halt, bound: Bound) -> String {
    let before = if bound == Bound::Exclusive { "just before " } else { "" };
    match target {
        Halt::Latest => "the end of the archive".to_owned(),
        Halt::Time(at) => format!("{before}{}", moment::both(*at)),
        Halt::Gtid(gtid) => format!("{before}transaction {gtid}"),
        Halt::Position(place) => format!("{before}{place}"),
    }
}

/// A transaction in words.
pub fn told(passed: &Passed) -> String {
    let gtid = passed.gtid.as_ref().map_or_else(String::new, |gtid| format!("{gtid}, "));
    let within = match passed.clock {
        Clock::Micros => "committed",
        Clock::Seconds => "committed within the second",
    };
    format!("{gtid}{} to {}, {within} {}", passed.at, passed.end, moment::both(passed.committed))
}

fn facts(spec: &ReplaySpec, known: &Known) -> Vec<(String, String)> {
    let end = &known.facts.end;
    let mut facts = Vec::new();
    if let Some(backup) = &known.backup {
        facts.push(("Backup".to_owned(), format!("{}, of {}", backup.path.display(), moment::both(backup.taken.into()))));
    }
    facts.push(("Log from".to_owned(), known.from.to_string()));
    facts.push(("Stops at".to_owned(), words(&spec.target, spec.bound)));
    facts.push(("Last replayed".to_owned(), end.last.as_ref().map_or_else(|| "nothing: the backup itself".to_owned(), told)));
    facts.push(("First not".to_owned(), end.next.as_ref().map_or_else(|| "none: the archive ends".to_owned(), told)));
    facts.push(("Log archive".to_owned(), known.report.dir.display().to_string()));
    if spec.database.is_some() {
        facts.push(("Left out".to_owned(), "changes of other databases; users and rights, which are the whole server's".to_owned()));
    }
    facts
}
