//! What the tests of the binary log stand on: servers of their own, whose log nobody else writes to, and the program on them.

use crate::support::mysql::{Kind, Mysql};
use crate::support::program::{self, Outcome};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The server whose log is archived.
pub fn source(kind: Kind) -> &'static Mysql {
    static SERVERS: [OnceLock<Mysql>; 2] = [const { OnceLock::new() }; 2];
    SERVERS[kind as usize].get_or_init(|| Mysql::start_with(kind, extra(kind)))
}

/// The server that is recovered to.
pub fn target(kind: Kind) -> &'static Mysql {
    static SERVERS: [OnceLock<Mysql>; 2] = [const { OnceLock::new() }; 2];
    SERVERS[kind as usize].get_or_init(|| Mysql::start_with(kind, &["--server-id=2"]))
}

/// MariaDB compresses what is larger than so many bytes in all its sessions; MySQL where a session says so.
pub const fn extra(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Mariadb => &["--log-bin-compress=1", "--log-bin-compress-min-len=100"],
        Kind::Mysql => &[],
    }
}

/// The program on a server.
pub fn on(server: &Mysql, home: &Path, words: &[&str]) -> Command {
    let mut command = program::dbbackup(home, words);
    command.args(server.flags());
    command
}

/// Archives up to the end of a server's log.
#[track_caller]
pub fn archive(server: &Mysql, home: &Path, dir: &Path) -> Outcome {
    program::run(&mut on(server, home, &["binlog", "archive", "--once", "--binlog-dir", &dir.display().to_string()])).ok()
}

/// The names of a server's logs.
pub fn logs(server: &Mysql) -> Vec<String> {
    server.sql("", "show binary logs").lines().map(|line| line.split('\t').next().expect("a name").to_owned()).collect()
}

/// Where a server writes: `binlog.000002:1544`.
pub fn end(server: &Mysql) -> String {
    let all = server.sql("", "show binary logs");
    let mut last = all.lines().last().expect("a log").split('\t').map(str::to_owned);
    format!("{}:{}", last.next().expect("a name"), last.next().expect("its bytes"))
}

/// The file of a server, without the mark of one that was not closed.
pub fn written(server: &Mysql, log: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(server.data.join(log)).expect("the server's file");
    bytes[21] &= !1;
    bytes
}

/// An archived file as the server wrote it.
pub fn archived(dir: &Path, log: &str) -> Vec<u8> {
    let bytes = std::fs::read(dir.join(format!("{log}.zst"))).unwrap_or_else(|error| panic!("{log}: {error}"));
    zstd::decode_all(&bytes[..]).expect("a whole file")
}
