//! The comparison that judges the others: it finds a copy made by pg_dump and pg_restore equal, and sees small differences.

use crate::support::postgres::{Postgres, server};
use crate::support::{compare, zoo};
use std::process::{Command, Stdio};

fn copy_by_pg_restore(server: &Postgres, source: &str, target: &str) {
    let tool = |name: &str| {
        let mut command = Command::new(server.bin.join(name));
        command.arg("-h").arg(&server.socket).args(["-p", &server.port.to_string(), "-U", "postgres"]);
        command
    };
    let mut dump = tool("pg_dump").args(["-Fc", "-Z0", "-d", source]).stdout(Stdio::piped()).spawn().expect("pg_dump");
    let restore = tool("pg_restore").args(["-e", "-d", target]).stdin(dump.stdout.take().expect("a pipe")).output().expect("pg_restore");
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    assert!(dump.wait().expect("pg_dump").success());
}

#[test]
fn the_comparison_sees_what_differs() {
    let server = server(17);
    let source = zoo::zoo(server);
    let target = server.database("yardstick");
    copy_by_pg_restore(server, source, &target);
    let content = compare::Content::of(server, source);
    content.is_in(server, &target);
    let differs = |change: &str, undo: &str| {
        server.sql(&target, change);
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| content.is_in(server, &target))).is_err();
        assert!(found, "not seen: {change}");
        server.sql(&target, undo);
    };
    differs(
        "update shapes.many set v = v || '!' where id = (select min(id) from shapes.many where v is not null)",
        "update shapes.many set v = rtrim(v, '!')",
    );
    differs("comment on constraint parent_child on cons.parent is 'x'", "comment on constraint parent_child on cons.parent is null");
    differs("select setval('seq.never_called', 1, true)", "select setval('seq.never_called', 1, false)");
    differs("select lo_put(4200001, 0, 'x')", "select lo_truncate(lo_open(4200001, 131072), 0)");
    differs("comment on large object 4200001 is 'x'", "comment on large object 4200001 is null");
    content.is_in(server, &target);
}
