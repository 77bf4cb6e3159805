//! The words of a recovery of MySQL and MariaDB.

use super::Words;
use crate::app::when;
use crate::domain::binlog::Halt;
use crate::domain::recovery::Bound;
use crate::domain::spec::{Binlog, ReplayBase, ReplaySpec};

impl Words {
    pub(super) fn replay(&mut self, spec: &ReplaySpec) {
        self.word("restore");
        self.word("pitr");
        self.flag("--binlog-dir", spec.binlog_dir.to_string_lossy());
        match &spec.base {
            ReplayBase::There(place) => self.flag("--from", place.to_string()),
            ReplayBase::Backup { archive, dir, restore } => {
                match archive {
                    Some(archive) => self.flag("--base-backup", archive.to_string_lossy()),
                    None => self.flag("--backup-dir", dir.to_string_lossy()),
                }
                if restore.clean {
                    self.word("--clean");
                }
            }
        }
        match &spec.target {
            Halt::Latest => {}
            Halt::Time(at) => self.flag("--target-time", when::utc_micros(*at)),
            Halt::Gtid(gtid) => self.flag("--target-gtid", gtid.to_string()),
            Halt::Position(place) => self.flag("--target-position", place.to_string()),
        }
        if spec.bound == Bound::Exclusive {
            self.word("--target-exclusive");
        }
        if let Some(database) = &spec.database {
            self.flag("--database", database.clone());
        }
        if let Some(name) = &spec.rename {
            self.flag("--target", name.clone());
        }
        if spec.binlog == Binlog::Off {
            self.flag("--binlog", spec.binlog.word());
        }
    }
}
