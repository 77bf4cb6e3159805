//! What a restore would do, and what it would destroy.

use super::database::{self, Entry, Needs};
use super::{cluster, record, select, source};
use crate::archive::manifest::{self, Status};
use crate::archive::reader::Archive;
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::size::grouped;
use crate::domain::spec::{JobSpec, RestoreScope, RestoreSpec, Selection, What};
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::Context;
use crate::server::{Server, Supplies};
use std::collections::HashSet;
use std::sync::Arc;

/// Looks at archive and target; nothing is changed.
pub async fn plan(spec: &RestoreSpec, context: &Context) -> Result<Plan, Fault> {
    let server = context.server()?;
    let archive = source::open(&spec.archive).await?;
    let info = server.info().await?;
    let resumed = record::look(spec).await?;
    if let Some(manifest) = &resumed {
        manifest.fits(spec, &archive, &info)?;
    }
    let asked = spec;
    let spec = &resumed.as_ref().map_or_else(|| spec.clone(), |manifest| manifest.spec(spec));
    let existing = server.databases().await?;
    let supplies = server.supplies().await?;
    // A cluster restore makes every database that is missing.
    let making = RestoreSpec { create: true, ..spec.clone() };
    let mut draft = Draft {
        spec,
        server: server.as_ref(),
        archive: &archive,
        existing: &existing,
        resumed: resumed.as_ref(),
        plan: empty(spec, &archive, &info),
    };
    draft.archive_checks();
    draft.server_checks(&info);
    match &spec.scope {
        RestoreScope::Single { database, target, selection } => {
            let database = source::database(&archive, database.as_deref())?;
            draft.plan.title = format!("Restore {} to {} on {}", text::clean(&database.name), text::clean(target), spec.connection.label());
            draft.database(database, target, selection, Entry::Flags, supplies.as_ref(), &HashSet::new()).await?;
            if !draft.plan.destroys.is_empty() {
                draft.plan.confirm = Some(target.clone());
            }
        }
        RestoreScope::Cluster { include, exclude, .. } => {
            draft.plan.title = format!("Restore a cluster to {}", spec.connection.label());
            let globals = source::globals(&archive).await?;
            let made = roles_in(&globals.iter().map(|object| object.sql.as_str()).collect::<Vec<_>>().join("\n"));
            draft.spec = &making;
            for database in cluster::wanted(&archive, include, exclude)? {
                if let Some(why) = &database.failed {
                    draft.check(
                        CheckState::Warning,
                        "archive",
                        format!("{} is not in it: {}", text::clean(&database.name), text::clean(why)),
                        None,
                    );
                    continue;
                }
                let entry = cluster::entry(&database.name, spec, existing.iter().any(|one| one.name == database.name));
                draft.database(database, &database.name, &Selection::default(), entry, supplies.as_ref(), &made).await?;
            }
            // What goes on was confirmed when it was begun; what would be dropped now is a question of its own.
            if resumed.is_none() || !draft.plan.destroys.is_empty() {
                draft.plan.confirm = Some(spec.connection.confirm_name());
            }
        }
    }
    draft.plan.spec = JobSpec::Restore(asked.clone());
    if let (Some(manifest), Some(path)) = (&resumed, &asked.care.resume) {
        let begun = format!("{}, begun {}", text::clean(&path.display().to_string()), text::clean(&manifest.started));
        draft.plan.facts.push(("Goes on with".into(), begun));
    }
    Ok(draft.plan)
}

fn empty(spec: &RestoreSpec, archive: &Archive, info: &ServerInfo) -> Plan {
    let head = &archive.manifest().head;
    Plan {
        spec: JobSpec::Restore(spec.clone()),
        title: String::new(),
        items: Vec::new(),
        checks: Vec::new(),
        destroys: Vec::new(),
        confirm: None,
        total: Bytes(0),
        facts: vec![
            ("Archive".into(), text::clean(&spec.archive.display().to_string())),
            ("Made".into(), format!("{} by {}", text::clean(&head.created), text::clean(&head.tool))),
            ("From".into(), text::clean(&format!("{} {} on {}", head.source.product, head.source.version, head.source.address))),
            ("To".into(), format!("{} at {}", info.title(), spec.connection.address())),
            ("Size".into(), format!("{} compressed, {} of rows", Bytes(archive.bytes()), Bytes(head.row_bytes))),
            ("Sessions".into(), spec.effort.jobs.to_string()),
            ("Proof".into(), if spec.prove { "every table, index and sequence afterwards" } else { "none" }.into()),
        ],
    }
}

/// A plan as it grows.
struct Draft<'a> {
    spec: &'a RestoreSpec,
    server: &'a dyn Server,
    archive: &'a Arc<Archive>,
    existing: &'a [DatabaseInfo],
    /// The manifest of the restore that is gone on with.
    resumed: Option<&'a record::Manifest>,
    plan: Plan,
}

impl Draft<'_> {
    fn check(&mut self, state: CheckState, name: &str, detail: impl Into<String>, cure: Option<String>) {
        self.plan.checks.push(Check { state, name: name.into(), detail: detail.into(), cure, code: None });
    }

    /// A check without which nothing is begun: the run ends with this code.
    fn refuse(&mut self, code: Code, name: &str, detail: impl Into<String>, cure: Option<String>) {
        self.plan.checks.push(Check { state: CheckState::Failed, name: name.into(), detail: detail.into(), cure, code: Some(code) });
    }

    fn archive_checks(&mut self) {
        let head = self.archive.manifest().head.clone();
        let detail =
            format!("{} tables, {} rows, {} frames", grouped(head.tables), grouped(head.rows), grouped(self.archive.frames().len() as u64));
        match head.status {
            Status::Complete => self.check(CheckState::Ok, "archive", detail, None),
            Status::Partial => self.check(CheckState::Warning, "archive", format!("{detail}; some databases are not in it"), None),
        }
    }

    fn server_checks(&mut self, info: &ServerInfo) {
        if info.in_recovery {
            let cure = "Restore to the primary server.".to_owned();
            self.refuse(Code::ServerUnavailable, "server", "it is a standby, which takes no writes", Some(cure));
        } else {
            self.check(CheckState::Ok, "server", info.title(), None);
        }
        self.plan.checks.extend(crate::engine::backup::checks::pooler(info));
        let from = self.archive.manifest().head.source.version_num / 10_000;
        if from > info.major() {
            let detail =
                format!("the backup is of version {from}, the target is {}: statements that it does not know will fail", info.major());
            self.check(CheckState::Warning, "version", detail, Some(format!("Restore to PostgreSQL {from} or newer.")));
        }
        let needed = self.spec.effort.jobs + 1;
        let free = info.max_connections.saturating_sub(info.connections);
        if info.max_connections > 0 && free < needed {
            let detail = format!("{needed} are needed, {free} of {} are free", info.max_connections);
            self.check(CheckState::Warning, "connections", detail, Some(format!("Use fewer: --jobs {}", free.saturating_sub(1).max(1))));
        }
    }

    /// One database: what it needs, and what becomes of the target.
    async fn database(
        &mut self,
        database: &manifest::Database,
        target: &str,
        selection: &Selection,
        entry: Entry,
        supplies: Option<&Supplies>,
        made: &HashSet<String>,
    ) -> Result<(), Fault> {
        let objects = source::objects(self.archive, database).await?;
        let chosen = select::choose(objects, database, selection)?;
        let entries = || chosen.tables.iter().filter_map(|(at, _)| database.tables.get(*at));
        let bytes = Bytes(entries().map(|entry| entry.bytes).sum());
        self.plan.total += bytes;
        for note in &chosen.notes {
            self.check(CheckState::Warning, "selection", note, None);
        }
        if let Some(supplies) = supplies {
            self.supplies(database, &database::needs(&chosen, self.spec), supplies, made);
        }
        let begun = self.resumed.and_then(|manifest| manifest.words(target));
        let (note, destroys) = match begun {
            Some(words) => (words, false),
            None => self.target(database, target, selection, entry, supplies).await?,
        };
        self.plan.items.push(PlanItem {
            name: database.name.clone(),
            target: target.to_owned(),
            bytes: Some(bytes),
            tables: Some(chosen.tables.len() as u64),
            note,
            destroys,
        });
        Ok(())
    }

    /// Whether the target can take it; what it is now, and whether that is lost.
    async fn target(
        &mut self,
        database: &manifest::Database,
        target: &str,
        selection: &Selection,
        entry: Entry,
        supplies: Option<&Supplies>,
    ) -> Result<(String, bool), Fault> {
        let name = text::clean(target);
        let part = !selection.include.is_empty() || !selection.exclude.is_empty() || selection.rename.is_some();
        let clean = self.spec.clean && entry == Entry::Flags;
        if clean && (part || selection.what == What::DataOnly) {
            let cure = "Leave --clean out, and drop the objects that are in the way yourself; or restore under another name with --as.";
            self.refuse(Code::Usage, "target", "--clean replaces a whole database, but only a part is restored", Some(cure.into()));
        }
        let Some(there) = self.existing.iter().find(|one| one.name == target) else {
            let may = supplies.is_none_or(|supplies| supplies.may_create);
            match (self.spec.create || self.spec.clean, may) {
                (false, _) => self.fault(&database::missing(target)),
                (true, false) => {
                    let cure =
                        Some(format!("ALTER ROLE {} CREATEDB, or make the database beforehand.", text::clean(&self.spec.connection.user)));
                    self.refuse(Code::PermissionDenied, "target", "the role may not create databases", cure);
                }
                (true, true) => self.check(CheckState::Ok, "target", format!("{name} will be made"), None),
            }
            return Ok(("new".into(), false));
        };
        let bytes = Bytes(there.bytes.unwrap_or(0));
        if clean && !part && selection.what != What::DataOnly {
            if target == self.spec.connection.database || matches!(target, "template0" | "template1") {
                let cure = Some("Log in to another database (--database template1), or restore under another name (--target).".to_owned());
                self.refuse(
                    Code::ServerUnavailable,
                    "target",
                    format!("{name} cannot be dropped: we are logged in to it, or it is a template"),
                    cure,
                );
            }
            if there.sessions > 0 {
                self.check(CheckState::Warning, "sessions", format!("{} sessions in {name} will be ended", there.sessions), None);
            }
            self.plan.destroys.push(format!("{name} ({bytes})"));
            return Ok((format!("EXISTS, {bytes}: will be dropped"), true));
        }
        if !there.allow_connections {
            self.refuse(Code::PermissionDenied, "target", format!("{name} allows no connections"), None);
            return Ok(("exists".into(), false));
        }
        if part || selection.what == What::DataOnly {
            self.check(CheckState::Ok, "target", format!("{name} exists; the parts are added to it"), None);
            return Ok((format!("exists, {bytes}: added to"), false));
        }
        let (objects, bytes) = self.server.weigh(target).await?;
        let nothing = database.objects == 0 && database.tables.is_empty();
        if objects > 0 && !(entry == Entry::InPlace && nothing) {
            self.fault(&database::not_empty(target, objects, bytes));
        } else {
            self.check(CheckState::Ok, "target", format!("{name} exists and is empty"), None);
        }
        Ok(("exists, filled in place".into(), false))
    }

    fn fault(&mut self, fault: &Fault) {
        let cure =
            fault.steps.iter().map(|step| format!("{} {}", step.text, step.command.as_deref().unwrap_or_default()).trim().to_owned());
        let detail = match fault.causes.last() {
            Some(cause) => format!("{}: {cause}", fault.what),
            None => fault.what.clone(),
        };
        self.refuse(Code::TargetNotEmpty, "target", detail, Some(cure.collect::<Vec<_>>().join(" ")));
    }

    fn supplies(&mut self, database: &manifest::Database, needs: &Needs, supplies: &Supplies, made: &HashSet<String>) {
        let name = text::clean(&database.name);
        let list = |names: Vec<&String>| names.into_iter().map(|name| text::clean(name)).collect::<Vec<_>>().join(", ");
        let mut lacking: Vec<&String> =
            needs.extensions.iter().filter(|wanted| !supplies.extensions.iter().any(|(there, _)| there == *wanted)).collect();
        lacking.sort();
        if !lacking.is_empty() {
            let packages: Vec<String> = lacking.iter().map(|extension| package(extension)).collect();
            let cure = format!("Install them on the server's host: apt-get install {}", packages.join(" "));
            self.refuse(
                Code::MissingObject,
                "extensions",
                format!("{name} needs {}, which the target does not have", list(lacking)),
                Some(cure),
            );
        } else if !needs.extensions.is_empty() {
            self.check(CheckState::Ok, "extensions", format!("{name}: all {} are there", needs.extensions.len()), None);
        }
        let mut lacking: Vec<&String> = needs.roles.iter().filter(|role| !supplies.roles.contains(role) && !made.contains(*role)).collect();
        lacking.sort();
        if !lacking.is_empty() {
            let cure = "Create them, give them other names (--map-role OLD=NEW), or leave owners and rights out (--no-owner --no-acl).";
            self.refuse(
                Code::MissingObject,
                "roles",
                format!("{name} needs {}, which the target does not have", list(lacking)),
                Some(cure.into()),
            );
        }
        let mut lacking: Vec<&String> = needs.tablespaces.iter().filter(|one| !supplies.tablespaces.contains(one)).collect();
        lacking.sort();
        if !lacking.is_empty() && made.is_empty() {
            let cure = "Create them, or put everything into the default one: --no-tablespaces";
            self.refuse(Code::MissingObject, "tablespaces", format!("{name} needs {}", list(lacking)), Some(cure.into()));
        }
    }
}

/// The Debian package that has an extension's files.
fn package(extension: &str) -> String {
    match extension {
        "postgis" | "postgis_topology" | "postgis_raster" | "postgis_sfcgal" | "postgis_tiger_geocoder" => "postgresql-postgis".into(),
        "vector" => "postgresql-NN-pgvector".into(),
        "timescaledb" => "timescaledb-2-postgresql-NN".into(),
        "plpython3u" => "postgresql-plpython3-NN".into(),
        "plperl" | "plperlu" => "postgresql-plperl-NN".into(),
        "pltcl" | "pltclu" => "postgresql-pltcl-NN".into(),
        "uuid-ossp" | "pgcrypto" | "hstore" | "citext" | "ltree" | "pg_trgm" | "btree_gin" | "btree_gist" | "unaccent" | "tablefunc"
        | "postgres_fdw" | "dblink" | "intarray" | "cube" | "earthdistance" | "fuzzystrmatch" | "file_fdw" | "pg_stat_statements" => {
            "postgresql-contrib".into()
        }
        other => format!("postgresql-NN-{}", text::clean(other).replace('_', "-")),
    }
}

/// Names of roles that a script of globals makes.
fn roles_in(sql: &str) -> HashSet<String> {
    sql.lines()
        .filter_map(|line| line.strip_prefix("CREATE ROLE ").or_else(|| line.strip_prefix("CREATE USER ")))
        .map(|rest| match rest.strip_prefix('"') {
            Some(quoted) => quoted.trim_end_matches([';', ' ']).trim_end_matches('"').replace("\"\"", "\""),
            None => rest.trim_end_matches(';').split_whitespace().next().unwrap_or_default().to_owned(),
        })
        .collect()
}
