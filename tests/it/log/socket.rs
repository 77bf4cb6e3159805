//! syslog and journald, with a socket of the test's own.

use super::logged;
use dbbackup::runtime::log::{Destination, Format, Protocol};
use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

fn listen(path: &std::path::Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    socket
}

fn receive(socket: &UnixDatagram) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 16];
    let length = socket.recv(&mut buffer).expect("a datagram");
    buffer.truncate(length);
    buffer
}

#[test]
fn syslog_gets_a_priority_a_time_a_tag_and_the_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let socket = listen(&path);
    logged(&Destination::Socket(path.clone(), Protocol::Syslog(Format::Text)), "info", |_| {
        tracing::error!(target: "dbbackup::engine", job = 2u64, code = "DISK_FULL", "it failed\nbadly");
        tracing::info!(target: "dbbackup::engine", "password=geheim {}", "x".repeat(20_000));
    });
    let text = String::from_utf8(receive(&socket)).expect("text");
    let pid = std::process::id();
    // Facility 3 (daemon), severity 3 (error): 27.
    assert!(text.starts_with("<27>"), "{text}");
    let (time, rest) = text[4..].split_at(15);
    assert!(time.as_bytes()[3] == b' ' && time.as_bytes()[6] == b' ' && time.as_bytes()[9] == b':', "{time}");
    assert_eq!(rest, format!(" dbbackup[{pid}]: 0123456789ab engine job 2: it failed\\x0abadly code=DISK_FULL"));
    let long = String::from_utf8(receive(&socket)).expect("text, not cut within a character");
    assert!(long.starts_with("<30>") && long.len() <= 8192, "{}", long.len());
    assert!(long.contains("password=********") && !long.contains("geheim"));
}

#[test]
fn syslog_that_is_restarted_gets_the_next_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let first = listen(&path);
    logged(&Destination::Socket(path.clone(), Protocol::Syslog(Format::Json)), "info", |log| {
        tracing::info!(target: "dbbackup::engine", "one");
        log.flush(super::LIMIT);
        assert!(String::from_utf8_lossy(&receive(&first)).contains("one"));
        drop(first);
        std::fs::remove_file(&path).expect("the socket goes");
        tracing::info!(target: "dbbackup::engine", "nobody hears this");
        log.flush(super::LIMIT);
        let second = listen(&path);
        tracing::info!(target: "dbbackup::engine", "two");
        log.flush(super::LIMIT);
        let said = String::from_utf8(receive(&second)).expect("text");
        let json: serde_json::Value = serde_json::from_str(said.split_once("]: ").expect("a tag").1).expect("JSON");
        assert!(json["message"].as_str().expect("a text").contains("1 lines are missing here"), "{said}");
        assert!(String::from_utf8_lossy(&receive(&second)).contains("two"));
    });
}

/// Reads journald's own protocol: `NAME=value\n`, or `NAME\n`, a length of 8 bytes, the value, `\n`.
fn fields(mut datagram: &[u8]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    while !datagram.is_empty() {
        let end = datagram.iter().position(|byte| *byte == b'\n').expect("a line");
        let line = std::str::from_utf8(&datagram[..end]).expect("text");
        datagram = &datagram[end + 1..];
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let length = u64::from_le_bytes(datagram[..8].try_into().expect("8 bytes")) as usize;
                let value = std::str::from_utf8(&datagram[8..8 + length]).expect("text").to_owned();
                assert_eq!(datagram[8 + length], b'\n');
                datagram = &datagram[8 + length + 1..];
                (line, value)
            }
        };
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{name}");
        out.insert(name.to_owned(), value);
    }
    out
}

#[test]
fn journald_gets_fields() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("socket");
    let socket = listen(&path);
    logged(&Destination::Socket(path.clone(), Protocol::Journald), "warn,engine=debug", |_| {
        tracing::debug!(target: "dbbackup::engine", job = 7u64, rows = 12u64, table = "a b", "read");
        tracing::info!(target: "dbbackup::server", "not said: this room is at warn");
        for _ in 0..5 {
            tracing::warn!(target: "dbbackup::server", "again");
        }
    });
    let first = fields(&receive(&socket));
    for (name, value) in [
        ("MESSAGE", "read"),
        ("PRIORITY", "7"),
        ("SYSLOG_IDENTIFIER", "dbbackup"),
        ("DBBACKUP_RUN", "0123456789ab"),
        ("DBBACKUP_ROOM", "engine"),
        ("DBBACKUP_JOB", "7"),
        ("DBBACKUP_ROWS", "12"),
        ("DBBACKUP_TABLE", "a b"),
    ] {
        assert_eq!(first.get(name).map(String::as_str), Some(value), "{first:?}");
    }
    assert_eq!(fields(&receive(&socket))["MESSAGE"], "again");
    let folded = fields(&receive(&socket));
    assert_eq!((folded["MESSAGE"].as_str(), folded["DBBACKUP_REPEATED"].as_str()), ("again (repeated 4 times)", "4"));
}
