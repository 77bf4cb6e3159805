//! What an archive of the log holds, what can be recovered, and switching archiving on and off: against servers that archive.

mod cleaning;
mod live;
mod switching;

use crate::support::eventually;
use crate::support::postgres::Postgres;
use std::path::PathBuf;

/// A server that archives by a copying command into a folder beside its data directory, as it is called from there.
pub fn archiving(major: u32) -> Postgres {
    Postgres::start(
        major,
        "archive_mode = on\narchive_command = 'mkdir -p ../wal && test ! -f ../wal/%f && cp -p %p ../wal/%f'\nwal_keep_size = '1GB'",
    )
}

fn archive(server: &Postgres) -> PathBuf {
    server.socket.join("wal")
}

/// Has the server write and archive some segments; gives the name of the last one.
pub fn write(server: &Postgres, segments: u32) -> String {
    let mut last = String::new();
    for _ in 0..segments {
        server.sql("postgres", "select pg_logical_emit_message(true, 'test', 'x')");
        last = server.sql("postgres", "select pg_walfile_name(pg_switch_wal())");
    }
    eventually("the server does not archive", || {
        server.sql("postgres", &format!("select coalesce(last_archived_wal >= '{last}', false) from pg_stat_archiver")) == "t"
    });
    last
}
