//! Recovery on the screen of a live server: from an archive without a base backup to a moment that can be recovered.

use super::terminal::{Terminal, environment};
use crate::pitr_look::{archiving, write};
use portable_pty::CommandBuilder;
use tempfile::TempDir;

#[test]
fn a_live_servers_archive_leads_to_a_base_backup_and_to_a_plan_of_recovery() {
    let server = archiving(15);
    let last = write(&server, 3);
    let folder = TempDir::new().expect("a folder");
    let backups = folder.path().join("backups");
    std::fs::create_dir(&backups).expect("a folder");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dbbackup"));
    command.args(["--port", &server.port.to_string(), "--socket", server.socket.to_str().expect("a path")]);
    command.args(["--backup-dir", backups.to_str().expect("a path")]);
    environment(&mut command, &[("PATH", &format!("{}:/usr/bin:/bin", server.bin.display())), ("TZ", "UTC")]);
    let mut terminal = Terminal::start(command, (120, 40));
    terminal.wait_for("connections");
    terminal.press("6");
    terminal.wait_for("there is no base backup");
    terminal.wait_for(&last);
    terminal.press("7");
    terminal.wait_for("PER HOUR, last 48");
    // The command that it offers has a key of its own, too.
    terminal.press("2");
    terminal.wait_for("OPTIONS");
    terminal.press("B");
    terminal.wait_for("Nothing is destroyed.");
    terminal.press("\r");
    terminal.wait_for("before compression");
    write(&server, 2);
    // The archive has grown since the backup told that it is worth a look.
    terminal.press("6");
    terminal.wait_for("✓ any moment from");
    terminal.press("R");
    terminal.wait_for("✓ recoverable");
    terminal.press("\r");
    terminal.wait_for("a folder is needed");
    let target = folder.path().join("recovered");
    terminal.press(target.to_str().expect("a path"));
    terminal.press("\r");
    terminal.wait_for("Recover everything that is archived");
    terminal.wait_for("Enter starts it");
    assert!(!target.exists(), "a plan makes nothing");
    terminal.press("q");
    assert!(terminal.ends_well().success());
}
