//! Logs to a socket of the host: syslog's datagrams and journald's own protocol.

use super::format::{self, Format};
use super::record::Record;
use jiff::tz::TimeZone;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::Level;

/// Where syslog listens.
pub const SYSLOG: &str = "/dev/log";
/// Where journald listens (systemd, "Native Journal Protocol").
pub const JOURNALD: &str = "/run/systemd/journal/socket";

/// The facility: system daemons (RFC 5424, table 1).
const FACILITY: u8 = 3;
/// The longest datagram to syslog; rsyslog takes 8 KiB unless told otherwise.
const DATAGRAM: usize = 8 << 10;
/// How long a full socket is waited for; only the log's own thread waits.
const WAIT: Duration = Duration::from_millis(200);

/// The protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 3164 as glibc's `syslog(3)` writes it to the local socket.
    Syslog(Format),
    /// Fields, one a line.
    Journald,
}

/// A socket that is connected again when its other end was restarted.
pub struct Socket {
    path: PathBuf,
    protocol: Protocol,
    socket: Option<UnixDatagram>,
}

impl Socket {
    /// Connects, so that what is in the way is known at once.
    pub fn open(path: PathBuf, protocol: Protocol) -> io::Result<Self> {
        let socket = Some(connect(&path)?);
        Ok(Self { path, protocol, socket })
    }

    /// Sends a line.
    pub fn send(&mut self, record: &Record, run: &str) -> io::Result<()> {
        let datagram = match self.protocol {
            Protocol::Syslog(format) => syslog(record, format, run),
            Protocol::Journald => journald(record, run),
        };
        if let Some(socket) = &self.socket
            && socket.send(&datagram).is_ok()
        {
            return Ok(());
        }
        // The daemon was restarted, or is: a fresh connection is tried once.
        self.socket = None;
        let socket = connect(&self.path)?;
        socket.send(&datagram)?;
        self.socket = Some(socket);
        Ok(())
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(WAIT))?;
    socket.connect(path)?;
    Ok(socket)
}

/// Severities of syslog: 3 error, 4 warning, 6 informational, 7 debug.
const fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn syslog(record: &Record, format: Format, run: &str) -> Vec<u8> {
    let time = record.at.to_zoned(TimeZone::system()).strftime("%b %e %H:%M:%S");
    let text = match format {
        Format::Text => format!("{run} {}", format::body(record)),
        Format::Json => format::line(record, Format::Json, run),
    };
    let priority = FACILITY * 8 + severity(record.level);
    let mut line = format!("<{priority}>{time} dbbackup[{}]: {text}", std::process::id());
    let end = (0..=DATAGRAM.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    line.truncate(end);
    line.into_bytes()
}

fn journald(record: &Record, run: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let message = if record.repeated > 0 { format!("{} (repeated {} times)", record.text, record.repeated) } else { record.text.clone() };
    field(&mut out, "MESSAGE", &message);
    field(&mut out, "PRIORITY", &severity(record.level).to_string());
    field(&mut out, "SYSLOG_IDENTIFIER", "dbbackup");
    field(&mut out, "SYSLOG_PID", &std::process::id().to_string());
    field(&mut out, "DBBACKUP_RUN", run);
    field(&mut out, "DBBACKUP_ROOM", &record.room);
    if let Some(job) = record.job {
        field(&mut out, "DBBACKUP_JOB", &job.to_string());
    }
    if record.repeated > 0 {
        field(&mut out, "DBBACKUP_REPEATED", &record.repeated.to_string());
    }
    for (name, value) in &record.fields {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        field(&mut out, &format!("DBBACKUP_{name}"), &text);
    }
    out
}

/// `NAME=value`, or with the length in front of a value of several lines.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}
