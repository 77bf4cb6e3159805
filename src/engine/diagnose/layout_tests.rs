//! The text of the report against the layout that is documented.

use crate::domain::diagnosis::text::render;
use crate::domain::diagnosis::*;
use crate::domain::{Bytes, Code, Fault};

const GB: u64 = 1_000_000_000;

/// The example of the layout, as it is documented.
const EXAMPLE: &str = "\
═══════════════════════════════════════════════════════════
  DBBACKUP ERROR DIAGNOSTICS REPORT
═══════════════════════════════════════════════════════════

Error Type: CRITICAL
Category: locks
Severity: 2/3

Message:
  out of shared memory: max_locks_per_transaction exceeded

Root Cause:
  Lock table capacity too low (12,800 total locks). Likely cause:
  max_locks_per_transaction (128) too low for this database size

System Context:
  Disk Space: 45.3 GB / 100.0 GB (45.3% used)
  Memory: 3.2 GB / 8.0 GB (40.0% used)
  File Descriptors: 234 / 4096

Database Context:
  Version: PostgreSQL 14.10
  Connections: 15 / 100
  Max Locks: 128 per transaction
  Total Lock Capacity: ~12,800
  Shared Memory: 128MB

Recommendations:
  Current lock capacity: 12,800 locks (max_locks_per_transaction × max_connections)
  ⚠ max_locks_per_transaction is low (128)
  • Increase: ALTER SYSTEM SET max_locks_per_transaction = 4096;
  • Then restart PostgreSQL: sudo systemctl restart postgresql

Suggested Action:
  Fix: ALTER SYSTEM SET max_locks_per_transaction = 4096; then
  RESTART PostgreSQL

═══════════════════════════════════════════════════════════
Report generated: 2026-01-30 18:15:03 CET
═══════════════════════════════════════════════════════════
";

fn example() -> Diagnosis {
    let usage = Usage { total: Bytes(100 * GB), used: Bytes(45_300_000_000), free: Bytes(54_700_000_000), ..Usage::default() };
    let locks = Locks { per_transaction: 128, max_connections: 100, max_prepared: 0 };
    let about = About {
        version: "PostgreSQL 14.10".into(),
        version_num: 140_010,
        max_connections: 100,
        locks,
        shared_buffers: "128MB".into(),
        ..About::default()
    };
    let fault = Fault::new(Code::LockTableFull, "out of shared memory: max_locks_per_transaction exceeded");
    Diagnosis {
        version: FORMAT,
        generated: "2026-01-30 18:15:03 CET".into(),
        error: Some((&fault).into()),
        host: HostFacts {
            disks: vec![Disk { uses: vec!["backup".into()], path: "/backup".into(), usage: Fact::Known(usage) }],
            memory: Fact::Known(Memory { total: Bytes(8 * GB), used: Bytes(3_200_000_000), group: None }),
            files: Fact::Known(Files { own: 234, own_limit: 4096, system: 2000, system_limit: 1_000_000 }),
            ..HostFacts::default()
        },
        server: Some(ServerFacts { about: Fact::Known(about), connections: Fact::Known(15), ..ServerFacts::default() }),
        ..Diagnosis::default()
    }
}

#[test]
fn the_report_is_laid_out_as_documented() {
    assert_eq!(render(&super::judge(example())), EXAMPLE);
}
