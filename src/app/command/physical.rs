//! The words of jobs about a whole server: base backups, recoveries, checks of its log.

use super::{Words, exact};
use crate::app::setup::Setup;
use crate::app::when;
use crate::domain::recovery::{BaseKind, Bound, Target, TargetAction, TimelineChoice};
use crate::domain::spec::{BaseSpec, CheckLogSpec, Checkpoint, Depth, NameTime, RecoverSpec, Start};

impl Words {
    pub(super) fn base(&mut self, spec: &BaseSpec, setup: &Setup) {
        self.word("backup");
        self.word("base");
        self.flag("--backup-dir", spec.dir.to_string_lossy());
        match spec.kind {
            BaseKind::Full => {}
            BaseKind::Differential => self.flag("--type", "differential"),
            BaseKind::Incremental => self.flag("--type", "incremental"),
        }
        if let Some(label) = &spec.label {
            self.flag("--label", label.clone());
        }
        if spec.checkpoint == Checkpoint::Spread {
            self.flag("--checkpoint", "spread");
        }
        if let Some(dir) = &spec.wal_dir {
            self.flag("--archive-dir", dir.to_string_lossy());
        }
        self.flag("--compression", spec.compression.to_string());
        self.flag("--jobs", spec.jobs.to_string());
        if spec.memory != setup.effort.memory {
            self.flag("--memory", exact(spec.memory));
        }
        match spec.verify {
            None => self.word("--no-verify"),
            Some(Depth::Quick) => self.flag("--verify", "quick"),
            Some(Depth::Full) => self.flag("--verify", "full"),
        }
        match &spec.name_time {
            NameTime::Local => {}
            NameTime::Utc => self.flag("--timestamp", "utc"),
            NameTime::Pattern(pattern) => self.flag("--timestamp", pattern.clone()),
        }
    }

    pub(super) fn recover(&mut self, spec: &RecoverSpec) {
        self.word("restore");
        self.word("pitr");
        match &spec.base {
            Some(base) => self.flag("--base-backup", base.to_string_lossy()),
            None => self.flag("--backup-dir", spec.dir.to_string_lossy()),
        }
        if let Some(dir) = &spec.wal_dir {
            self.flag("--wal-archive", dir.to_string_lossy());
        }
        match &spec.target {
            Target::Latest => {}
            Target::Immediate => self.word("--target-immediate"),
            Target::Time(at) => self.flag("--target-time", when::utc_micros(*at)),
            Target::Xid(xid) => self.flag("--target-xid", xid.to_string()),
            Target::Lsn(lsn) => self.flag("--target-lsn", lsn.to_string()),
            Target::Name(name) => self.flag("--target-name", name.clone()),
        }
        if spec.bound == Bound::Exclusive {
            self.word("--target-exclusive");
        }
        match spec.timeline {
            TimelineChoice::Latest => {}
            TimelineChoice::Current => self.flag("--timeline", "current"),
            TimelineChoice::Of(timeline) => self.flag("--timeline", timeline.to_string()),
        }
        match spec.action {
            TargetAction::Pause => {}
            TargetAction::Promote => self.flag("--target-action", "promote"),
            TargetAction::Shutdown => self.flag("--target-action", "shutdown"),
        }
        self.flag("--target-dir", spec.target_dir.to_string_lossy());
        for (from, to) in &spec.map_tablespaces {
            self.flag("--map-tablespace", format!("{}={}", from.display(), to.display()));
        }
        if let Some(dir) = &spec.bin_dir {
            self.flag("--bin-dir", dir.to_string_lossy());
        }
        if spec.start == Start::Yes {
            self.word("--start");
        }
        if let Some(port) = spec.port {
            self.flag("--start-port", port.to_string());
        }
        self.flag("--jobs", spec.jobs.to_string());
    }

    pub(super) fn check_log(&mut self, spec: &CheckLogSpec) {
        self.word("wal");
        self.word("verify");
        self.flag("--archive-dir", spec.wal_dir.to_string_lossy());
        self.flag("--backup-dir", spec.dir.to_string_lossy());
        for span in &spec.segments {
            self.flag("--segments", span.to_string());
        }
        self.flag("--jobs", spec.jobs.to_string());
    }
}
