//! What a base backup would do. Changes nothing anywhere.

use super::logged::{self, Log};
use super::{make, parent};
use crate::domain::codec::Codec;
use crate::domain::fault::{Code, Fault};
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::recovery::BaseKind;
use crate::domain::server::ServerInfo;
use crate::domain::size::Bytes;
use crate::domain::spec::{BaseSpec, Checkpoint, Depth, JobSpec};
use crate::engine::Context;
use crate::engine::backup::halt::Halt;
use crate::engine::backup::plan::{check, refuse};
use crate::engine::backup::{checks, name};
use crate::engine::event::Event;
use crate::server::base::BaseFacts;
use jiff::Zoned;

/// The OID of the tablespace in which everything is that was not put elsewhere.
const DEFAULT_TABLESPACE: u32 = 1663;

/// Checks connection, rights, sessions, log, folder and room, and looks for what an incremental one builds on. A check that fails is in the plan.
pub async fn plan(spec: &BaseSpec, context: &Context) -> Result<Plan, Fault> {
    let server = context.server()?;
    let halt = Halt::under(&context.cancel);
    let asked = async { Ok((server.info().await?, server.base_facts().await?)) };
    let (info, facts) = halt.or(asked).await.map_err(|fault| fault.at("Host", spec.connection.address()))?;
    make::suits(&facts)?;
    let total: u64 = facts.tablespaces.iter().filter_map(|(_, _, bytes)| *bytes).sum();
    let log = logged::place(spec, &facts, info.in_recovery);
    let mut all = vec![checks::connection(&spec.connection, &info)];
    all.extend(checks::pooler(&info));
    all.extend([rights(spec, &info, &facts), senders(&facts), level(&facts)]);
    all.extend(info.in_recovery.then(standby));
    all.extend([logging(&log, &info), checks::folder(&spec.dir)]);
    let mut built_on = None;
    if spec.kind != BaseKind::Full {
        match halt.or(parent::look(spec, &info, &facts)).await {
            Ok(known) => {
                let known = known.map(|known| (known.parent.path.clone(), known.way));
                if let Some((path, way)) = &known {
                    all.push(check(CheckState::Ok, "earlier backup", format!("{}, by {}", path.display(), way.words()), None));
                }
                built_on = known;
            }
            Err(fault) if fault.code == Code::Cancelled => return Err(fault),
            Err(fault) => {
                let cure = fault.steps.first().map(|step| match &step.command {
                    Some(command) => format!("{} {command}", step.text),
                    None => step.text.clone(),
                });
                all.push(refuse(fault.code, "earlier backup", fault.what.clone(), cure));
            }
        }
    }
    let estimate = estimate(total, spec);
    let unknown = facts.tablespaces.iter().any(|(_, _, bytes)| bytes.is_none());
    all.push(checks::space(&spec.dir, estimate));
    all.push(if facts.checksums {
        check(CheckState::Ok, "page checksums", "every page is checked in passing", None)
    } else {
        let cure = Some("Switch them on while the server is stopped: pg_checksums --enable -D DATA_DIRECTORY".to_owned());
        check(CheckState::Warning, "page checksums", "the server has none, so damage on its disks would go unnoticed", cure)
    });
    for check in &all {
        context.events.post(Event::Checked(check.clone()));
    }
    let path = name::free(&spec.dir, &name::stem(name::Subject::Base, &Zoned::now(), &spec.name_time)?, spec.compression.codec);
    let target = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let items = facts.tablespaces.iter().map(|(oid, name, bytes)| PlanItem {
        name: if *oid == DEFAULT_TABLESPACE {
            "data directory".to_owned()
        } else {
            format!("tablespace {}", crate::domain::text::clean(name))
        },
        target: target.clone(),
        bytes: bytes.map(Bytes),
        tables: None,
        note: String::new(),
        destroys: false,
    });
    let mut facts_told = vec![
        ("Server", info.title()),
        ("Archive size", if unknown { "unknown: the role may not ask for sizes".to_owned() } else { format!("about {}", Bytes(estimate)) }),
        ("Compression", spec.compression.to_string()),
        ("Jobs", format!("{} threads", spec.jobs.max(1))),
        ("Memory", format!("at most {} in flight", Bytes(spec.memory))),
        ("Checkpoint", if spec.checkpoint == Checkpoint::Fast { "at once" } else { "spread over the server's usual time" }.to_owned()),
        (
            "Checked afterwards",
            match spec.verify {
                None => "nothing",
                Some(Depth::Quick) => "structure and sizes (quick)",
                Some(Depth::Full) => "every byte (full)",
            }
            .to_owned(),
        ),
    ];
    if let Some((path, way)) = built_on {
        facts_told.push(("Builds on", format!("{} ({})", path.display(), way.words())));
    }
    let items = items.collect();
    Ok(Plan {
        title: title(spec),
        items,
        checks: all,
        total: Bytes(total),
        facts: facts_told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..Plan::of(JobSpec::Base(spec.clone()))
    })
}

fn title(spec: &BaseSpec) -> String {
    let kind = match spec.kind {
        BaseKind::Full => "Base backup",
        BaseKind::Differential => "Differential base backup",
        BaseKind::Incremental => "Incremental base backup",
    };
    crate::domain::text::clean(&format!("{kind} of {} to {}", spec.connection.label(), spec.dir.display()))
}

/// What the archive will take, by experience: pages compress to a third, and an increment is rarely more than a fifth of everything.
fn estimate(total: u64, spec: &BaseSpec) -> u64 {
    let packed = match spec.compression.codec {
        Codec::None => total,
        Codec::Lz4 => total / 2,
        Codec::Zstd | Codec::Gzip | Codec::Xz => total / 3,
    };
    if spec.kind == BaseKind::Full { packed } else { packed / 5 }
}

fn rights(spec: &BaseSpec, info: &ServerInfo, facts: &BaseFacts) -> Check {
    let user = &spec.connection.user;
    if facts.may_replicate || info.superuser {
        return check(CheckState::Ok, "replication right", format!("{user} may open replication sessions"), None);
    }
    let cure = format!("ALTER ROLE {} REPLICATION;", crate::server::postgres::quote::ident(user));
    refuse(Code::PermissionDenied, "replication right", format!("{user} may not open replication sessions"), Some(cure))
}

fn senders(facts: &BaseFacts) -> Check {
    let (most, used) = facts.senders;
    let detail = format!("{used} of {most} in use (max_wal_senders)");
    if used < most {
        return check(CheckState::Ok, "replication sessions", detail, None);
    }
    let cure = "ALTER SYSTEM SET max_wal_senders = 20; then restart the server.".to_owned();
    refuse(Code::TooManyConnections, "replication sessions", detail, Some(cure))
}

fn level(facts: &BaseFacts) -> Check {
    if facts.wal_level != "minimal" {
        return check(CheckState::Ok, "wal_level", facts.wal_level.clone(), None);
    }
    let cure = "ALTER SYSTEM SET wal_level = replica; then restart the server.".to_owned();
    refuse(Code::Config, "wal_level", "minimal: the log does not say enough to recover from", Some(cure))
}

/// What differs where the server is a standby.
fn standby() -> Check {
    let detail = "the server is a standby: it must not be promoted meanwhile, full_page_writes must be on at its primary, and the primary archives the log; \
                  where it writes little, have it end the last segment: SELECT pg_switch_wal();";
    check(CheckState::Ok, "standby", detail, None)
}

fn logging(log: &Log, info: &ServerInfo) -> Check {
    match log {
        Log::Folder(dir) if !dir.is_dir() => refuse(
            Code::WalArchiveMissing,
            "archive of the log",
            format!("{} is not there", dir.display()),
            Some("Give the folder into which the server archives: --archive-dir.".to_owned()),
        ),
        Log::Folder(dir) => check(CheckState::Ok, "archive of the log", dir.display().to_string(), None),
        Log::Server => check(CheckState::Ok, "archive of the log", "the server archives it; its word is taken for what has arrived", None),
        Log::Sent => check(
            CheckState::Warning,
            "archive of the log",
            "nobody archives it: what the backup needs is put into it, and no later moment can be recovered",
            Some(if info.in_recovery {
                "Name the folder into which the primary archives: --archive-dir.".to_owned()
            } else {
                "Switch archiving on: dbbackup pitr enable".to_owned()
            }),
        ),
    }
}
