//! What a restore would do, and everything that can be known before the first object is touched.
//!
//! Questions are asked at the same time, each within a limit, and told as they are answered (`checklist`). One file answers one kind of
//! question; `rehearsal` tries the definitions out in scratch databases. Nothing here changes what exists at the target.

mod archive;
mod capacity;
mod checklist;
mod conditions;
mod locale;
mod rehearsal;
mod server;
mod subject;
mod supplies;
mod target;
mod trial;

pub use supplies::package;

use super::{product, record, source};
use crate::archive::reader::Archive;
use crate::domain::plan::{Check, Plan};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::spec::{JobSpec, RestoreScope, RestoreSpec};
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::Context;
use crate::server::{Made, Server, Supplies};
use checklist::Checklist;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use subject::{Needs, Subject};

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long trying out the definitions may take.
const REHEARSAL_LIMIT: Duration = Duration::from_secs(900);

/// What all questions know.
struct Facts<'a> {
    spec: &'a RestoreSpec,
    context: &'a Context,
    server: &'a Arc<dyn Server>,
    archive: &'a Arc<Archive>,
    info: &'a ServerInfo,
    existing: &'a [DatabaseInfo],
    supplies: Option<Supplies>,
    /// The manifest of the restore that is gone on with.
    resumed: Option<&'a record::Manifest>,
    subjects: Vec<Subject<'a>>,
    /// Roles that the globals make.
    made_roles: BTreeSet<String>,
    /// Tablespaces that the globals make, with their folders.
    made_tablespaces: Vec<(String, String)>,
    /// What the checks made and could not remove again, one line each.
    left: Mutex<Vec<String>>,
}

impl Facts<'_> {
    /// What any of the databases needs.
    fn needed(&self, of: fn(&Needs) -> &BTreeSet<String>) -> BTreeSet<&str> {
        self.subjects.iter().flat_map(|subject| of(&subject.needs)).map(String::as_str).collect()
    }

    /// The databases that need something, by name.
    fn who(&self, needs: impl Fn(&Needs) -> bool) -> String {
        checklist::list(self.subjects.iter().filter(|subject| needs(&subject.needs)).map(|subject| subject.database.name.as_str()))
    }

    /// A cluster restore makes every database that is missing.
    fn makes_databases(&self) -> bool {
        self.spec.create || matches!(self.spec.scope, RestoreScope::Cluster { .. })
    }

    /// The server runs on this host, as far as its address tells.
    fn is_local(&self) -> bool {
        let connection = &self.spec.connection;
        connection.is_socket()
            || connection.host == "localhost"
            || connection.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The data directory, where it is on this host. An address of this host may also be the near end of a tunnel: where the directory
    /// tells which port its server listens on, it must be ours.
    fn local_data_directory(&self) -> Option<&str> {
        let directory = self.info.data_directory.as_deref().filter(|_| self.is_local())?;
        let path = std::path::Path::new(directory);
        if !path.is_dir() {
            return None;
        }
        // Its fourth line is the port (PostgreSQL's pidfile.h). Only who may read it can compare.
        let pid_file = std::fs::read_to_string(path.join("postmaster.pid")).unwrap_or_default();
        let port = pid_file.lines().nth(3).and_then(|line| line.trim().parse::<u16>().ok());
        port.is_none_or(|port| port == self.spec.connection.port).then_some(directory)
    }
}

/// Looks at archive and target. What exists at the target is not changed: the rehearsal makes scratch databases of its own and drops them.
pub async fn plan(spec: &RestoreSpec, context: &Context) -> Result<Plan, Fault> {
    let (archive, info, existing, supplies) = limited("the server", context, look(spec, context)).await?;
    let server = context.server()?;
    let resumed = record::look(spec).await?;
    if let Some(manifest) = &resumed {
        manifest.fits(spec, &archive, &info)?;
    }
    let asked = spec;
    let spec = &resumed.as_ref().map_or_else(|| spec.clone(), |manifest| manifest.spec(spec));
    let (subjects, failed) = subject::all(spec, context, &archive, &info, &existing).await?;
    context.alive()?;
    let mut facts = Facts {
        spec,
        context,
        server,
        archive: &archive,
        info: &info,
        existing: &existing,
        supplies,
        resumed: resumed.as_ref(),
        subjects,
        made_roles: BTreeSet::new(),
        made_tablespaces: Vec::new(),
        left: Mutex::default(),
    };
    if matches!(spec.scope, RestoreScope::Cluster { .. }) {
        for object in source::globals(&archive).await? {
            for made in server.made_by(&object) {
                match made {
                    Made::Role(name) => drop(facts.made_roles.insert(name)),
                    Made::Tablespace(name, folder) => facts.made_tablespaces.push((name, folder)),
                }
            }
        }
    }
    let list = Checklist::new(context, spec.care.force);
    let mut plan = empty(spec, &archive, &info);
    plan.total = Bytes(facts.subjects.iter().map(|subject| subject.needs.rows).sum());
    ask(&facts, &list, &failed, &mut plan).await?;
    match &spec.scope {
        RestoreScope::Single { target, .. } => {
            let name = facts.subjects.first().map(|subject| text::clean(&subject.database.name)).unwrap_or_default();
            plan.title = format!("Restore {name} to {} on {}", text::clean(target), spec.connection.label());
            plan.confirm = (!plan.destroys.is_empty()).then(|| target.clone());
        }
        RestoreScope::Cluster { .. } => {
            plan.title = format!("Restore a cluster to {}", spec.connection.label());
            // What goes on was confirmed when it was begun; what would be dropped now is a question of its own.
            let asks = resumed.is_none() || !plan.destroys.is_empty();
            plan.confirm = asks.then(|| spec.connection.confirm_name());
        }
    }
    plan.spec = JobSpec::Restore(asked.clone());
    if let (Some(manifest), Some(path)) = (&resumed, &asked.care.resume) {
        let begun = format!("{}, begun {}", text::clean(&path.display().to_string()), text::clean(&manifest.started));
        plan.facts.push(("Goes on with".into(), begun));
    }
    Ok(plan)
}

/// Waits for the server's answers, but not for ever.
async fn limited<T>(who: &str, context: &Context, answer: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let answered = tokio::time::timeout(LIMIT, crate::engine::unless_cancelled(context, answer)).await;
    let late = || Fault::new(Code::ConnectTimeout, format!("{who} did not answer within {} s", LIMIT.as_secs()));
    answered
        .unwrap_or_else(|_| Err(late().step("See what the server is busy with (pg_stat_activity, SHOW PROCESSLIST), and run this again.")))
}

/// Archive and server, as they are.
async fn look(spec: &RestoreSpec, context: &Context) -> Result<(Arc<Archive>, ServerInfo, Vec<DatabaseInfo>, Option<Supplies>), Fault> {
    let server = context.server()?;
    let archive = source::open(&spec.archive).await?;
    let info = server.info().await?;
    product::fits(&archive.manifest().head, &info)?;
    let existing = server.databases().await?;
    let supplies = server.supplies().await?;
    Ok((archive, info, existing, supplies))
}

/// Asks all questions at the same time; the plan has the answers in the order of the questions.
async fn ask(facts: &Facts<'_>, list: &Checklist<'_>, failed: &[(String, String)], plan: &mut Plan) -> Result<(), Fault> {
    let spec = facts.spec;
    // What is known already is told first.
    let mut checks: Vec<Check> = list.answer(server::connection(facts));
    if let Some(check) = crate::engine::backup::checks::pooler(facts.info) {
        checks.extend(list.answer(vec![checklist::given(check)]));
    }
    for note in facts.subjects.iter().flat_map(|subject| &subject.needs.notes) {
        checks.extend(list.answer(vec![checklist::warn("selection", note, None)]));
    }
    let answers = [
        server::rights(facts),
        server::version(facts),
        supplies::extensions(facts),
        supplies::roles(facts),
        supplies::tablespaces(facts),
        capacity::space(facts),
        capacity::locks(facts),
        capacity::connections(facts),
        capacity::folder(&super::foreign::base(spec)),
    ];
    let conditions = limited("the server", facts.context, conditions::look(facts)).await?;
    let known: Vec<Check> = answers.into_iter().chain([conditions]).flat_map(|found| list.answer(found)).collect();
    let archive = async {
        list.at_work(archive::NAME, "being checked");
        let depth = spec.care.verify_first;
        archive::check(facts.archive, depth, spec.effort.jobs, failed, &facts.context.cancel, list).await.map(|found| list.answer(found))
    };
    let targets = async {
        list.at_work(target::NAME, "being looked at");
        // What is destroyed must be known: without an answer there is no plan.
        let mut targets = limited("the target databases", facts.context, target::look(facts)).await?;
        let checks = list.answer(std::mem::take(&mut targets.found));
        Ok::<_, Fault>((checks, targets))
    };
    let trials = async {
        let (found, refused) = locale::check(facts);
        let mut checks = list.answer(found);
        if spec.care.rehearse == crate::domain::spec::Rehearse::Off {
            checks.extend(list.answer(vec![checklist::unknown(rehearsal::NAME, "left out: --rehearse off", None)]));
        } else {
            list.at_work(rehearsal::NAME, "definitions are being tried out");
            checks.extend(list.answer(rehearsal::rehearse(facts, list, REHEARSAL_LIMIT, &refused).await));
        }
        checks
    };
    let (archive, targets, trials) = tokio::join!(archive, targets, trials);
    facts.context.alive().map_err(|mut fault| {
        let left = std::mem::take(&mut *facts.left.lock().unwrap_or_else(PoisonError::into_inner));
        fault.context.extend(left.into_iter().map(|thing| ("Left".to_owned(), thing)));
        fault
    })?;
    let (target_checks, targets) = targets?;
    checks.splice(0..0, archive?);
    checks.extend(known);
    checks.extend(target_checks);
    checks.extend(trials);
    plan.checks = checks;
    plan.items = targets.items;
    plan.destroys = targets.destroys;
    Ok(())
}

fn empty(spec: &RestoreSpec, archive: &Archive, info: &ServerInfo) -> Plan {
    let head = &archive.manifest().head;
    Plan {
        facts: vec![
            ("Archive".into(), text::clean(&spec.archive.display().to_string())),
            ("Made".into(), format!("{} by {}", text::clean(&head.created), text::clean(&head.tool))),
            ("From".into(), text::clean(&format!("{} {} on {}", head.source.product, head.source.version, head.source.address))),
            ("To".into(), format!("{} at {}", info.title(), spec.connection.address())),
            ("Size".into(), format!("{} compressed, {} of rows", Bytes(archive.bytes()), Bytes(head.row_bytes))),
            ("Sessions".into(), spec.effort.jobs.to_string()),
            ("Work folder".into(), "none needed: rows go straight from the archive to the server".into()),
            ("Proof".into(), if spec.prove { "every table, index and sequence afterwards" } else { "none" }.into()),
        ],
        ..Plan::of(JobSpec::Restore(spec.clone()))
    }
}
