//! Starts a recovered server as the user to whom it belongs, and stops it. Knows how to run programs; what the server does is in its log.

use super::place::Owner;
use super::unpack::Maker;
use crate::domain::{Code, Fault};
use crate::server::postgres::install::Installation;
use crate::server::postgres::recovery::option;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server that can be started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Its programs.
    pub installation: Installation,
    /// Its data directory.
    pub data: PathBuf,
    /// To whom it belongs; none: whoever runs this.
    pub owner: Option<Owner>,
    /// Its port.
    pub port: u16,
    /// The folder of its socket.
    pub socket: PathBuf,
}

/// The name of the server's log within its data directory.
pub const LOG: &str = "dbbackup-recovery.log";

/// The longest path of a folder in which a socket has room (108 bytes with the name and the end).
const SOCKET_FOLDER: usize = 85;

/// A command as another user, who gets all groups that are theirs (a key's file may be readable by a group).
pub fn command(program: &Path, owner: Option<&Owner>) -> Command {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let tool = |name: &str| folders.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file());
    let mut command = match owner {
        None => Command::new(program),
        Some(owner) => match (tool("runuser"), tool("setpriv")) {
            (Some(runuser), _) => {
                let mut command = Command::new(runuser);
                command.args(["-u", &owner.name, "--"]).arg(program);
                command
            }
            (None, Some(setpriv)) => {
                let mut command = Command::new(setpriv);
                command.arg(format!("--reuid={}", owner.ids.0)).arg(format!("--regid={}", owner.ids.1)).arg("--init-groups").arg(program);
                command
            }
            (None, None) => {
                let mut command = Command::new(program);
                command.uid(owner.ids.0).gid(owner.ids.1);
                command
            }
        },
    };
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir("/").stdin(Stdio::null());
    command
}

/// Whether the user to whom the server belongs can do this with a path: `-r`, `-x`.
pub fn can(owner: Option<&Owner>, what: &str, path: &Path) -> bool {
    let mut test = command(Path::new("test"), owner);
    test.arg(what).arg(path).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A port of this host that nobody listens on.
pub fn free_port() -> Result<u16, Fault> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Fault::new(Code::of_io(&error), "no port of this host is free").because(error).step("Name one: --start-port N."))
}

/// Whether nobody listens on a port of this host.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// The folder for a server's socket: its data directory, unless a socket has no room there.
pub fn socket_folder(data: &Path, port: u16, maker: &Maker) -> Result<PathBuf, Fault> {
    let text = data.to_string_lossy();
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.'));
    if text.len() <= SOCKET_FOLDER && is_plain {
        return Ok(data.to_owned());
    }
    let folder = std::env::temp_dir().join(format!("dbbackup-{port}-{}", std::process::id()));
    maker.folder(&folder, 0o700)?;
    Ok(folder)
}

impl Launch {
    /// The log.
    pub fn log(&self) -> PathBuf {
        self.data.join(LOG)
    }

    /// How to connect, as a person types it.
    pub fn connect(&self) -> String {
        format!("psql -h {} -p {} -U postgres -d postgres", super::log::quoted(&self.socket), self.port)
    }

    /// A command of pg_ctl on it, as a person types it.
    pub fn by_hand(&self, what: &str) -> String {
        by_hand(&self.installation, &self.data, self.owner.as_ref(), what)
    }

    /// What the server is started with, beside its own settings: it listens on this host alone, and tells in English what it does.
    fn options(&self) -> String {
        let data = self.data.to_string_lossy();
        let port = self.port.to_string();
        let socket = self.socket.to_string_lossy();
        let (hba, ident) = (self.data.join("pg_hba.conf"), self.data.join("pg_ident.conf"));
        let mut options = vec![
            option("data_directory", &data),
            option("hba_file", &hba.to_string_lossy()),
            option("ident_file", &ident.to_string_lossy()),
            option("port", &port),
            option("listen_addresses", "localhost"),
            option("unix_socket_directories", &socket),
            option("external_pid_file", ""),
        ];
        options.extend(
            [
                ("logging_collector", "off"),
                ("log_destination", "stderr"),
                ("log_line_prefix", "%m [%p] "),
                ("log_min_messages", "warning"),
                ("lc_messages", "C"),
                ("hot_standby", "on"),
                ("ssl", "off"),
            ]
            .map(|(name, value)| option(name, value)),
        );
        if self.installation.major >= 15 {
            options.push(option("log_startup_progress_interval", "1s"));
        }
        options.join(" ")
    }

    /// Starts it; it goes on when this process ends. What becomes of it is in its log.
    pub fn start(&self) -> Result<(), Fault> {
        let mut command = command(&self.installation.program("pg_ctl"), self.owner.as_ref());
        let output =
            command.arg("start").arg("-W").arg("-s").arg("-D").arg(&self.data).arg("-l").arg(self.log()).arg("-o").arg(self.options());
        // The server inherits what is open: a pipe would stay open for as long as it runs.
        let status = output.stdout(Stdio::null()).stderr(Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Fault::new(Code::ServerUnavailable, "the recovered server cannot be started")
                .because(format!("pg_ctl ended with {status}"))
                .step_run("Try it by hand:", self.by_hand("start"))),
            Err(error) => Err(Fault::new(Code::ToolMissing, "the recovered server cannot be started").caused_by(&error)),
        }
    }

    /// Stops it as a restart would: sessions are ended, everything is on the disks.
    pub fn stop(&self) -> Result<(), Fault> {
        let mut command = command(&self.installation.program("pg_ctl"), self.owner.as_ref());
        let status = command
            .args(["stop", "-m", "fast", "-w", "-t", "60", "-s", "-D"])
            .arg(&self.data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() || !self.is_alive() => Ok(()),
            _ => Err(Fault::new(Code::ServerUnavailable, "the recovered server does not stop")
                .step_run("Stop it by hand:", self.by_hand("stop -m immediate"))),
        }
    }

    /// Whether its process is there.
    pub fn is_alive(&self) -> bool {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
    }
}

/// A command of pg_ctl on a data directory, as a person types it.
pub fn by_hand(installation: &Installation, data: &Path, owner: Option<&Owner>, what: &str) -> String {
    let user = owner.map_or_else(String::new, |owner| format!("sudo -u {} ", owner.name));
    format!("{user}{} -D {} {what}", super::log::quoted(&installation.program("pg_ctl")), super::log::quoted(data))
}
