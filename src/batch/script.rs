//! From what was typed and configured to a job.

use crate::cli::backup::{self, Backup, Base, Type};
use crate::cli::restore::{Options, Parts, Restore};
use crate::cli::verify::Verify;
use crate::cli::{Cli, Command};
use crate::config::connection::Host;
use crate::config::layers::Resolved;
use crate::config::settings::Key;
use crate::domain::recovery::BaseKind;
use crate::domain::schema::TableName;
use crate::domain::spec::{
    BackupSpec, BaseSpec, Binlog, Care, Checkpoint, Depth, Enough, JobSpec, Journal, OnFailure, Rehearse, RestoreScope, RestoreSpec,
    RestoreTest, Retries, Sample, Scope, Selection, VerifyMode, VerifySpec, What,
};
use crate::domain::{Code, Fault, Product};
use std::path::PathBuf;

/// The job that a command asks for; none for a command that asks for something else.
pub fn job(cli: &Cli, resolved: &Resolved, host: Host) -> Result<Option<JobSpec>, Fault> {
    match &cli.command {
        Some(Command::Backup(backup)) => self::backup(backup, resolved, host).map(Some),
        Some(Command::Restore(restore)) => self::restore(restore, resolved, host),
        Some(Command::Verify(verify)) => Ok(Some(JobSpec::Verify(VerifySpec {
            archives: verify.archives.clone(),
            depth: if verify.quick { Depth::Quick } else { Depth::Full },
            jobs: resolved.effort(host).jobs,
            restore_test: restore_test(verify, resolved, host)?,
        }))),
        _ => Ok(None),
    }
}

fn restore_test(verify: &Verify, resolved: &Resolved, host: Host) -> Result<Option<Box<RestoreTest>>, Fault> {
    if !verify.restore_test {
        return Ok(None);
    }
    let sample = if verify.all { Sample::All } else { Sample::Three };
    Ok(Some(Box::new(RestoreTest { connection: resolved.connection()?, sample, effort: resolved.effort(host) })))
}

fn parallel(resolved: &Resolved) -> u32 {
    resolved.parsed(Key::ClusterParallelism).unwrap_or(1)
}

fn base(base: &Base, resolved: &Resolved, host: Host) -> Result<JobSpec, Fault> {
    let effort = resolved.effort(host);
    Ok(JobSpec::Base(BaseSpec {
        connection: resolved.connection()?,
        dir: backup_dir(resolved),
        kind: match base.kind {
            Type::Full => BaseKind::Full,
            Type::Differential => BaseKind::Differential,
            Type::Incremental => BaseKind::Incremental,
        },
        label: base.label.clone(),
        compression: resolved.compression()?,
        jobs: effort.jobs,
        memory: effort.memory,
        verify: match resolved.verify() {
            VerifyMode::Off => None,
            VerifyMode::Auto | VerifyMode::Quick => Some(Depth::Quick),
            VerifyMode::Full => Some(Depth::Full),
        },
        name_time: resolved.name_time(),
        checkpoint: match base.checkpoint {
            backup::Checkpoint::Fast => Checkpoint::Fast,
            backup::Checkpoint::Spread => Checkpoint::Spread,
        },
        wal_dir: resolved.path(Key::WalDir),
    }))
}

fn backup(backup: &Backup, resolved: &Resolved, host: Host) -> Result<JobSpec, Fault> {
    let scope = match backup {
        Backup::Base(base) => return self::base(base, resolved, host),
        Backup::Single { databases, .. } => Scope::Single { databases: databases.clone() },
        Backup::Cluster { include, exclude, .. } => {
            Scope::Cluster { include: include.clone(), exclude: exclude.clone(), parallel: parallel(resolved) }
        }
    };
    Ok(JobSpec::Backup(BackupSpec {
        connection: resolved.connection()?,
        scope,
        dir: backup_dir(resolved),
        compression: resolved.compression()?,
        effort: resolved.effort(host),
        verify: resolved.verify(),
        name_time: resolved.name_time(),
    }))
}

/// The backup folder.
pub fn backup_dir(resolved: &Resolved) -> PathBuf {
    resolved.path(Key::BackupDir).unwrap_or_else(|| PathBuf::from("."))
}

fn restore(restore: &Restore, resolved: &Resolved, host: Host) -> Result<Option<JobSpec>, Fault> {
    let (archive, scope, create, clean, options) = match restore {
        Restore::List { .. } => return Ok(None),
        Restore::Pitr(recover) => return super::recover::job(recover, resolved, host).map(Some),
        Restore::Single(single) => {
            // clap has made sure that one of the two is there, or a manifest that says it.
            let target = single.target.as_ref().or(single.database.as_ref()).cloned().unwrap_or_default();
            let selection =
                Selection { what: what(&single.parts), include: single.include.clone(), exclude: single.exclude.clone(), rename: None };
            let scope = RestoreScope::Single { database: single.database.clone(), target, selection };
            (&single.archive.archive, scope, single.create, single.clean, &single.options)
        }
        Restore::Table(table) => {
            let product = resolved.connection()?.product;
            let read = |text: &str| table_name(text, product);
            let name = read(&table.table)?;
            let rename = table.rename.as_deref().map(read).transpose()?;
            let selection = Selection {
                what: what(&table.parts),
                include: vec![glob_of(&name)],
                exclude: Vec::new(),
                rename: rename.map(|rename| (name, rename)),
            };
            let scope = RestoreScope::Single { database: table.database.clone(), target: table.target.clone(), selection };
            (&table.archive.archive, scope, false, false, &table.options)
        }
        Restore::Cluster(cluster) => {
            let scope =
                RestoreScope::Cluster { include: cluster.include.clone(), exclude: cluster.exclude.clone(), parallel: parallel(resolved) };
            (&cluster.archive.archive, scope, false, cluster.clean, &cluster.options)
        }
    };
    let Options { map_role, .. } = options;
    let care = self::care(restore, options, resolved);
    Ok(Some(JobSpec::Restore(RestoreSpec {
        connection: resolved.connection()?,
        archive: archive.clone(),
        scope,
        create,
        clean,
        no_owner: resolved.switch(Key::NoOwner),
        no_acl: resolved.switch(Key::NoAcl),
        no_tablespaces: resolved.switch(Key::NoTablespaces),
        map_roles: map_role.clone(),
        effort: resolved.effort(host),
        prove: resolved.switch(Key::Prove),
        toast_compression: resolved.text(Key::ToastCompression).map(str::to_owned),
        continue_on_error: resolved.switch(Key::ContinueOnError),
        binlog: resolved.text(Key::Binlog).and_then(Binlog::of_word).unwrap_or_default(),
        care,
    })))
}

/// What is done about bad luck; a table goes into a database that is there, which no failure drops.
fn care(restore: &Restore, options: &Options, resolved: &Resolved) -> Care {
    let on_failure = match restore {
        Restore::Single(_) | Restore::Cluster(_) => resolved.text(Key::OnFailure).and_then(OnFailure::of_word).unwrap_or_default(),
        Restore::Table(_) | Restore::List { .. } | Restore::Pitr(_) => OnFailure::Keep,
    };
    let enough = match restore {
        Restore::Cluster(_) if resolved.switch(Key::RequireAll) => Enough::All,
        Restore::Cluster(_) => resolved.parsed(Key::SuccessThreshold).map_or_else(Enough::default, Enough::Percent),
        Restore::Single(_) | Restore::Table(_) | Restore::List { .. } | Restore::Pitr(_) => Enough::default(),
    };
    Care {
        verify_first: if resolved.text(Key::VerifyFirst) == Some("full") { Depth::Full } else { Depth::Quick },
        rehearse: match resolved.text(Key::Rehearse) {
            Some("on") => Rehearse::On,
            Some("off") => Rehearse::Off,
            _ => Rehearse::Auto,
        },
        force: options.force,
        on_failure,
        enough,
        retries: resolved.parsed(Key::Retries).map_or_else(Retries::default, Retries),
        resume: options.resume_from_manifest.clone(),
        journal: Journal::Kept,
        workdir: resolved.path(Key::Workdir),
        keep_temp: resolved.switch(Key::KeepTemp),
    }
}

const fn what(parts: &Parts) -> What {
    match (parts.schema_only, parts.data_only) {
        (true, _) => What::SchemaOnly,
        (_, true) => What::DataOnly,
        _ => What::All,
    }
}

/// A glob that matches this name and no other: what means something in a glob is put in brackets.
fn glob_of(name: &TableName) -> String {
    let mut out = String::new();
    let whole = if name.schema.is_empty() { name.name.clone() } else { format!("{}.{}", name.schema, name.name) };
    for c in whole.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!') {
            out.push('[');
            out.push(c);
            out.push(']');
        } else {
            out.push(c);
        }
    }
    out
}

/// Reads `schema.table`, or `table` alone for MySQL, which has no schemas; either part may stand in double quotes, a quote in it doubled, as in SQL. What is not quoted is taken as it is.
pub fn table_name(text: &str, product: Product) -> Result<TableName, Fault> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => parts.last_mut().expect("there is always one").extend(chars.next()),
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            c => parts.last_mut().expect("there is always one").push(c),
        }
    }
    if product.is_mysql() {
        return match <[String; 1]>::try_from(parts) {
            Ok([name]) if !quoted && !name.is_empty() => Ok(TableName::new("", name)),
            _ => Err(Fault::new(Code::Usage, format!("{text:?} is no table name")).step_run(
                format!("{product} has no schemas: write the table's name alone, in double quotes when it holds a dot:"),
                "orders",
            )),
        };
    }
    match <[String; 2]>::try_from(parts) {
        Ok([schema, name]) if !quoted && !schema.is_empty() && !name.is_empty() => Ok(TableName { schema, name }),
        _ => Err(Fault::new(Code::Usage, format!("{text:?} is no table name"))
            .step_run("Write it with its schema, in double quotes what holds a dot:", "public.orders")),
    }
}
