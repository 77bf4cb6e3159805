//! What a server is told so that it recovers to a target: settings, and the label of its base backup. Text only.

use crate::domain::recovery::{Bound, Target, TargetAction, moment};
use crate::domain::wal::Timeline;
use std::path::Path;

/// Settings that steer a recovery. What a backup has of them belongs to another one.
const STEERING: &[&str] = &[
    "restore_command",
    "archive_cleanup_command",
    "recovery_end_command",
    "recovery_min_apply_delay",
    "recovery_target",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_xid",
    "recovery_target_lsn",
    "recovery_target_inclusive",
    "recovery_target_timeline",
    "recovery_target_action",
];

/// How the server recovers.
#[derive(Clone, Debug)]
pub struct Orders<'a> {
    /// The command by which it asks for segments.
    pub restore_command: String,
    /// Where it stops.
    pub target: &'a Target,
    /// Whether what stands at the target is recovered.
    pub bound: Bound,
    /// The timeline that it goes to; none: that of the base backup.
    pub timeline: Option<Timeline>,
    /// What it does at the target.
    pub action: TargetAction,
}

/// A value as a configuration file takes it (`GUC_scanstr`: quotes are doubled, backslashes escape).
pub fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// A value as a line of pg_ctl's options takes it: for the shell that pg_ctl starts the server with.
pub fn option(name: &str, value: &str) -> String {
    format!("-c {}", shell_words::quote(&format!("{name}={value}")))
}

/// The command that fetches a segment with this program. A percent sign in a path is doubled, because the server replaces what follows one.
pub fn restore_command(program: &Path, archive: &Path) -> String {
    let word = |path: &Path| shell_words::quote(&path.to_string_lossy()).replace('%', "%%");
    format!("{} wal restore %f %p --archive-dir {}", word(program), word(archive))
}

/// The lines to append to `postgresql.auto.conf`, after [`without_steering`]. What steers a recovery is emptied before the target is set: the
/// server takes its settings in the order of the lines, and refuses two targets at a time.
pub fn settings(orders: &Orders<'_>) -> String {
    let mut out = String::from("# Recovery, by dbbackup: what follows steers it, and has no effect once it is over.\n");
    for name in ["archive_cleanup_command", "recovery_end_command", "recovery_target", "recovery_target_name", "recovery_target_time"] {
        out.push_str(&format!("{name} = ''\n"));
    }
    out.push_str("recovery_target_xid = ''\nrecovery_target_lsn = ''\nrecovery_min_apply_delay = 0\n");
    let mut set = |name: &str, value: &str| out.push_str(&format!("{name} = {}\n", quoted(value)));
    set("restore_command", &orders.restore_command);
    match orders.target {
        Target::Latest => {}
        Target::Immediate => set("recovery_target", "immediate"),
        Target::Time(at) => set("recovery_target_time", &moment::for_server(*at)),
        Target::Xid(xid) => set("recovery_target_xid", &xid.to_string()),
        Target::Lsn(lsn) => set("recovery_target_lsn", &lsn.to_string()),
        Target::Name(name) => set("recovery_target_name", name),
    }
    set("recovery_target_inclusive", if orders.bound == Bound::Exclusive { "off" } else { "on" });
    set("recovery_target_timeline", &orders.timeline.map_or_else(|| "current".to_owned(), |timeline| timeline.to_string()));
    set("recovery_target_action", word(orders.action));
    out
}

/// The lines that keep a second server from writing to the first one's archive, after [`without_steering`].
pub fn no_archive(major: u32) -> String {
    let mut out = String::from(
        "# A second server must not write to the first one's archive: its timeline would be taken for the newest. What it writes once it is a primary\n\
         # is kept until an archive is named: dbbackup pitr enable\narchive_command = '/bin/false'\n",
    );
    if major >= 15 {
        // With a library and a command, newer servers do not start.
        out.push_str("archive_library = ''\n");
    }
    out
}

/// An action as the server's setting says it.
pub const fn word(action: TargetAction) -> &'static str {
    match action {
        TargetAction::Pause => "pause",
        TargetAction::Promote => "promote",
        TargetAction::Shutdown => "shutdown",
    }
}

/// The lines of a `postgresql.auto.conf` that do not steer a recovery.
pub fn without_steering(conf: &str) -> String {
    let steers = |line: &str| {
        let name = line.trim_start().split(|c: char| c == '=' || c.is_whitespace()).next().unwrap_or_default();
        STEERING.iter().chain(&["archive_command", "archive_library"]).any(|known| known.eq_ignore_ascii_case(name))
    };
    conf.lines().filter(|line| !steers(line)).fold(String::new(), |out, line| out + line + "\n")
}

/// A label without what says that it is of an incremental backup: with that the server would not start on files that were put together.
pub fn whole_label(label: &str) -> String {
    label.lines().filter(|line| !line.starts_with("INCREMENTAL FROM ")).fold(String::new(), |out, line| out + line + "\n")
}

/// A configuration for a server whose own lies elsewhere (as Debian has it), with the least that its log can be replayed with: `limits` are
/// those that `pg_controldata` tells.
pub fn least_configuration(limits: &[(String, String)]) -> String {
    let mut out = String::from(
        "# Made by dbbackup: the server's own configuration lay outside of its data directory, and is not in the base backup.\n",
    );
    for (name, value) in limits {
        out.push_str(&format!("{name} = {value}\n"));
    }
    out.push_str("listen_addresses = 'localhost'\n");
    out
}

/// Who may connect, where the server's own list is not in the base backup: on this host, by the names of its users or with a password.
pub const LEAST_HBA: &str = "# Made by dbbackup: the server's own list is not in the base backup.\nlocal all all peer\n\
    host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n";

/// Reads the limits that replay needs from what `pg_controldata` prints.
pub fn limits(text: &str) -> Vec<(String, String)> {
    const NAMES: [(&str, &str); 5] = [
        ("max_connections setting", "max_connections"),
        ("max_worker_processes setting", "max_worker_processes"),
        ("max_wal_senders setting", "max_wal_senders"),
        ("max_prepared_xacts setting", "max_prepared_transactions"),
        ("max_locks_per_xact setting", "max_locks_per_transaction"),
    ];
    let line = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let (_, setting) = NAMES.iter().find(|(known, _)| *known == name.trim())?;
        value.trim().parse::<u32>().ok().map(|value| ((*setting).to_owned(), value.to_string()))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::recovery::Micros;

    #[test]
    fn a_command_survives_the_file_the_server_and_the_shell() {
        let command = restore_command(Path::new("/opt/o'clock/db backup"), Path::new("/wal/100%\\new"));
        let line = quoted(&command);
        // As the server reads its file, then replaces what follows percent signs, then hands over to a shell.
        let read = line[1..line.len() - 1].replace("''", "'").replace("\\\\", "\\");
        let words = shell_words::split(&read.replace("%f", "SEG").replace("%p", "PATH").replace("%%", "%")).expect("a command");
        assert_eq!(words, ["/opt/o'clock/db backup", "wal", "restore", "SEG", "PATH", "--archive-dir", "/wal/100%\\new"]);
    }

    #[test]
    fn what_another_recovery_was_told_is_left_out() {
        let conf = "# hello\nwork_mem = '4MB'\nrecovery_target_time = 'x'\n  Restore_Command='cp'\narchive_command = 'cp'\nrecovery_prefetch = off\n";
        assert_eq!(without_steering(conf), "# hello\nwork_mem = '4MB'\nrecovery_prefetch = off\n");
        let orders = Orders {
            restore_command: "x %f %p".to_owned(),
            target: &Target::Time(Micros(1_769_778_179_184_500)),
            bound: Bound::Exclusive,
            timeline: Some(Timeline(3)),
            action: TargetAction::Promote,
        };
        let text = settings(&orders);
        let at = |line: &str| text.find(line).unwrap_or_else(|| panic!("{line} in {text}"));
        assert!(at("recovery_target_name = ''") < at("recovery_target_time = '2026-01-30 13:02:59.1845+00'"));
        assert!(text.contains("recovery_target_inclusive = 'off'") && text.contains("recovery_target_timeline = '3'"));
        assert!(text.contains("recovery_target_action = 'promote'"));
        assert!(no_archive(15).contains("archive_library = ''") && !no_archive(14).contains("archive_library"));
    }

    #[test]
    fn a_label_and_limits_are_read() {
        let label =
            "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nINCREMENTAL FROM LSN: 0/1\nINCREMENTAL FROM TLI: 1\nLABEL: x\n";
        assert_eq!(whole_label(label), "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nLABEL: x\n");
        let told = "pg_control version number:            1300\nmax_connections setting:              200\nmax_prepared_xacts setting:           4\n";
        assert_eq!(
            limits(told),
            [("max_connections".to_owned(), "200".to_owned()), ("max_prepared_transactions".to_owned(), "4".to_owned())]
        );
    }
}
