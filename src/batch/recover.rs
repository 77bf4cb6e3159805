//! From what was typed after `restore pitr` to a job.

use super::script::backup_dir;
use crate::cli::recover::Recover;
use crate::config::connection::Host;
use crate::config::layers::Resolved;
use crate::config::settings::Key;
use crate::domain::recovery::{Bound, Target, TargetAction, moment};
use crate::domain::spec::{JobSpec, RecoverSpec, Start};
use crate::domain::{Code, Fault};
use std::path::{Path, PathBuf};

/// The job; an error where what was typed cannot be meant.
pub fn job(recover: &Recover, resolved: &Resolved, host: Host) -> Result<JobSpec, Fault> {
    let connection = resolved.connection()?;
    if connection.product.is_mysql() {
        return super::replay::job(recover, resolved, host, connection);
    }
    if recover.mysql.target_gtid.is_some() || recover.mysql.target_position.is_some() || recover.mysql.from.is_some() {
        return Err(Fault::new(Code::Usage, "places and GTIDs of a binary log are for MySQL and MariaDB")
            .step("Say which one it is: --engine mysql or --engine mariadb."));
    }
    let target_dir = recover.target_dir.clone().ok_or_else(|| {
        Fault::new(Code::Usage, "where the data directory is to be made has to be said")
            .step_run("Give an empty folder, or one that is not there yet:", "--target-dir /var/lib/postgresql/15/restored")
            .step("MySQL and MariaDB need none: say which one it is (--engine mysql or --engine mariadb).")
    })?;
    let target = target(recover, resolved)?;
    let refused = |what: &str, step: &str| Err(Fault::new(Code::Usage, what).step(step));
    if target == Target::Latest && recover.target_exclusive {
        return refused(
            "--target-exclusive says nothing without a target",
            "Say where to stop: --target-time, --target-xid or --target-lsn.",
        );
    }
    if recover.target_exclusive && matches!(target, Target::Immediate | Target::Name(_)) {
        return refused("nothing stands at this target that could be left out", "Leave --target-exclusive out.");
    }
    if target == Target::Latest && matches!(recover.target_action, Some(TargetAction::Pause | TargetAction::Shutdown)) {
        return refused(
            "where the log ends, the server becomes a primary: --target-action needs a target",
            "Say where to stop (--target-time …), or leave --target-action out.",
        );
    }
    let action = match (&target, recover.target_action) {
        (Target::Latest, _) => TargetAction::Promote,
        (_, action) => action.unwrap_or_default(),
    };
    Ok(JobSpec::Recover(RecoverSpec {
        base: recover.base_backup.clone(),
        dir: backup_dir(resolved),
        wal_dir: recover.wal_archive.clone().or_else(|| resolved.path(Key::WalDir)).map(whole),
        target_dir: whole(target_dir),
        target,
        bound: if recover.target_exclusive { Bound::Exclusive } else { Bound::Inclusive },
        timeline: recover.timeline.unwrap_or_default(),
        action,
        map_tablespaces: recover.map_tablespace.clone(),
        bin_dir: recover.bin_dir.clone().map(whole),
        start: if recover.start { Start::Yes } else { Start::No },
        port: recover.start_port,
        jobs: resolved.effort(host).jobs,
    }))
}

fn target(recover: &Recover, resolved: &Resolved) -> Result<Target, Fault> {
    // clap has made sure that there is one of them at most.
    Ok(if let Some(text) = &recover.target_time {
        Target::Time(moment::parse(text, resolved.text(Key::PitrTimezone))?)
    } else if let Some(xid) = recover.target_xid {
        Target::Xid(xid)
    } else if let Some(lsn) = recover.target_lsn {
        Target::Lsn(lsn)
    } else if let Some(name) = &recover.target_name {
        Target::Name(name.clone())
    } else if recover.target_immediate {
        Target::Immediate
    } else {
        Target::Latest
    })
}

/// A path from the root: the server does not know in which folder this was typed.
fn whole(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or_else(|_| Path::new("/").join(path))
}
