//! From what was typed after `restore pitr` to a job for MySQL and MariaDB.

use super::script::backup_dir;
use crate::cli::recover::Recover;
use crate::config::connection::Host;
use crate::config::layers::Resolved;
use crate::config::settings::Key;
use crate::domain::binlog::Halt;
use crate::domain::recovery::{Bound, moment};
use crate::domain::spec::{Binlog, Care, JobSpec, ReplayBase, ReplaySpec, RestoreScope, RestoreSpec, Retries};
use crate::domain::{Code, Connection, Fault};
use std::path::PathBuf;

/// The job; an error where what was typed cannot be meant.
pub fn job(recover: &Recover, resolved: &Resolved, host: Host, connection: Connection) -> Result<JobSpec, Fault> {
    let refused = |what: &str, step: &str| Err(Fault::new(Code::Usage, what).step(step));
    let postgres = [
        ("--target-dir", recover.target_dir.is_some()),
        ("--wal-archive", recover.wal_archive.is_some()),
        ("--target-xid", recover.target_xid.is_some()),
        ("--target-lsn", recover.target_lsn.is_some()),
        ("--target-name", recover.target_name.is_some()),
        ("--target-immediate", recover.target_immediate),
        ("--timeline", recover.timeline.is_some()),
        ("--target-action", recover.target_action.is_some()),
        ("--map-tablespace", !recover.map_tablespace.is_empty()),
        ("--bin-dir", recover.bin_dir.is_some()),
        ("--start", recover.start),
    ];
    if let Some((flag, _)) = postgres.iter().find(|(_, given)| *given) {
        return refused(
            &format!("{flag} is for PostgreSQL: MySQL and MariaDB are recovered on a running server"),
            "Leave it out; where to stop is said by --target-time, --target-gtid or --target-position.",
        );
    }
    let asked = &recover.mysql;
    // clap has made sure that there is one of them at most.
    let target = match (&recover.target_time, &asked.target_gtid, &asked.target_position) {
        (Some(text), ..) => Halt::Time(moment::parse(text, resolved.text(Key::PitrTimezone))?),
        (_, Some(gtid), _) => Halt::Gtid(gtid.clone()),
        (_, _, Some(place)) => Halt::Position(place.clone()),
        _ => Halt::Latest,
    };
    if target == Halt::Latest && recover.target_exclusive {
        return refused(
            "--target-exclusive says nothing without a target",
            "Say where to stop: --target-time, --target-gtid or --target-position.",
        );
    }
    if asked.target.is_some() && asked.database.is_none() && asked.from.is_some() {
        return refused("a name for which database?", "Say which database is replayed under it: --database NAME.");
    }
    let binlog = resolved.text(Key::Binlog).and_then(Binlog::of_word).unwrap_or_default();
    let base = match &asked.from {
        Some(place) => ReplayBase::There(place.clone()),
        None => ReplayBase::Backup {
            archive: recover.base_backup.clone(),
            dir: backup_dir(resolved),
            restore: RestoreSpec {
                connection: connection.clone(),
                archive: recover.base_backup.clone().unwrap_or_default(),
                scope: RestoreScope::Cluster {
                    include: Vec::new(),
                    exclude: Vec::new(),
                    parallel: resolved.parsed(Key::ClusterParallelism).unwrap_or(2),
                },
                create: true,
                clean: asked.clean,
                no_owner: resolved.switch(Key::NoOwner),
                no_acl: resolved.switch(Key::NoAcl),
                no_tablespaces: resolved.switch(Key::NoTablespaces),
                map_roles: Vec::new(),
                effort: resolved.effort(host),
                prove: resolved.switch(Key::Prove),
                toast_compression: None,
                continue_on_error: false,
                binlog,
                care: Care {
                    retries: resolved.parsed(Key::Retries).map_or_else(Retries::default, Retries),
                    workdir: resolved.path(Key::Workdir),
                    keep_temp: resolved.switch(Key::KeepTemp),
                    ..Care::default()
                },
            },
        },
    };
    Ok(JobSpec::Replay(ReplaySpec {
        connection,
        base,
        binlog_dir: whole(super::binlog::dir(resolved)?),
        target,
        bound: if recover.target_exclusive { Bound::Exclusive } else { Bound::Inclusive },
        database: asked.database.clone(),
        rename: asked.target.clone(),
        binlog,
    }))
}

fn whole(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
