//! The program in a real terminal: what it draws, how it ends, and that the terminal is left as it was.

mod log;
mod recovery;
pub mod terminal;

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use terminal::{Terminal, environment, program};

/// A word of the tabs.
const TABS: &str = "Archives";
/// The head of the list of keys.
const HELP: &str = "Keys here";

fn start(variables: &[(&str, &str)]) -> Terminal {
    let terminal = Terminal::start(program(variables), (80, 24));
    terminal.wait_for(TABS);
    terminal
}

/// Escape and a letter at once would be Alt with that letter.
fn close_help_and_leave(terminal: &mut Terminal) {
    terminal.press("\x1b");
    terminal.wait("help to go", |screen| !screen.contents().contains(HELP));
    terminal.press("q");
}

#[test]
fn opens_takes_keys_and_leaves_the_terminal_as_it_was() {
    let mut terminal = start(&[]);
    terminal.wait("the alternate screen", |screen| screen.alternate_screen() && screen.bracketed_paste());
    assert!(!terminal.is_cooked());
    terminal.press("?");
    terminal.wait_for(HELP);
    close_help_and_leave(&mut terminal);
    assert!(terminal.ends_well().success());
    assert!(terminal.raw().contains("\x1b[?2026h"), "frames are synchronized");
    assert!(!terminal.raw().contains("\x1b[?1000h"), "the mouse stays the terminal's");
}

#[test]
fn every_size_is_survived() {
    let mut terminal = start(&[]);
    for (cols, rows) in [(200, 60), (40, 10), (20, 5), (3, 2), (1, 1), (1, 50), (300, 1), (80, 24)] {
        terminal.resize(cols, rows);
        terminal.press("?");
        terminal.press("\x1b");
    }
    // Escape and a key right behind it are one key with Alt, so that it depends on time what is open by now, and what is still on its way.
    terminal.leave(HELP, TABS);
    assert!(terminal.ends_well().success());
}

#[test]
fn an_idle_screen_writes_nothing() {
    let minute = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|now| now.as_secs() / 60).expect("a time");
    let terminal = start(&[]);
    let deadline = Instant::now() + Duration::from_secs(30);
    // Answers come in, news goes after a few seconds: then it is quiet.
    while terminal.bytes_within(Duration::from_millis(1500)) > 0 {
        assert!(Instant::now() < deadline, "it never gets quiet: {}", terminal.contents());
    }
    let quiet = |terminal: &Terminal| {
        let before = minute();
        (terminal.bytes_within(Duration::from_secs(2)), before == minute())
    };
    let (mut bytes, mut same_minute) = quiet(&terminal);
    if !same_minute {
        // The clock was drawn; it is not drawn again for a minute.
        (bytes, same_minute) = quiet(&terminal);
    }
    assert!(same_minute);
    assert_eq!(bytes, 0, "an idle screen writes nothing");
}

#[test]
fn a_panic_of_the_screen_gives_the_terminal_back_and_says_where_the_report_is() {
    let folder = TempDir::new().expect("a folder");
    let variables = [("DBBACKUP_TEST_PANIC", "ui"), ("TMPDIR", folder.path().to_str().expect("a path")), ("PGPASSWORD", "Pl4nted-s3cret")];
    let mut terminal = start(&variables);
    terminal.press("?");
    assert_eq!(terminal.ends_well().exit_code(), 70);
    let report = std::fs::read_dir(folder.path()).expect("the folder").next().expect("a report").expect("a report").path();
    let shown = terminal.contents().replace('\n', "");
    assert!(shown.contains("internal error") && shown.contains(report.to_str().expect("a path")), "{shown}");
    let told = std::fs::read_to_string(report).expect("the report");
    assert!(told.contains("over ********") && !told.contains("Pl4nted"), "{told}");
    assert!(!terminal.raw().contains("Pl4nted"), "a panic that quotes a password shows it");
}

#[test]
fn a_panic_of_a_worker_leaves_the_screen_alone() {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = start(&[("DBBACKUP_TEST_PANIC", "worker"), ("TMPDIR", folder.path().to_str().expect("a path"))]);
    terminal.press("?");
    terminal.wait_for(HELP);
    terminal.wait("still drawn", |screen| screen.alternate_screen());
    close_help_and_leave(&mut terminal);
    assert!(terminal.ends_well().success());
    assert!(!terminal.raw().contains("stack backtrace") && !terminal.raw().contains("panicked at"));
    assert!(std::fs::read_dir(folder.path()).expect("the folder").next().is_some(), "a report was written");
}

#[test]
fn signals_end_it_in_good_order() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 143), (Signal::INT, 130)] {
        let mut terminal = start(&[]);
        terminal.signal(signal);
        assert_eq!(terminal.ends_well().exit_code(), code, "{signal:?}");
    }
}

#[test]
fn ctrl_z_stops_it_and_fg_brings_it_back() {
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    environment(&mut command, &[("PS1", "shell$ "), ("BIN", env!("CARGO_BIN_EXE_dbbackup"))]);
    let mut shell = Terminal::start(command, (80, 24));
    shell.wait_for("shell$");
    shell.press("$BIN --host 127.0.0.1 --port 1\r");
    shell.wait_for(TABS);
    shell.press("\x1a");
    shell.wait("the shell", |screen| !screen.alternate_screen() && screen.contents().contains("Stopped"));
    shell.press("fg\r");
    shell.wait("the screen again", |screen| screen.alternate_screen() && screen.contents().contains(TABS));
    shell.press("?");
    shell.wait_for(HELP);
    close_help_and_leave(&mut shell);
    shell.wait("the shell", |screen| !screen.alternate_screen());
    shell.press("exit 7\r");
    assert_eq!(shell.ends_well().exit_code(), 7);
}

#[test]
fn without_colours_the_selection_is_still_seen() {
    let mut terminal = start(&[("NO_COLOR", "1")]);
    terminal.wait("something inverse or bold", |screen| {
        let (rows, cols) = screen.size();
        (0..rows.get()).any(|row| (0..cols.get()).any(|col| screen.cell(row, col).is_some_and(|cell| cell.inverse() || cell.bold())))
    });
    let raw = terminal.raw();
    for colour in ["\x1b[3", "\x1b[4", "\x1b[9"] {
        for found in raw.match_indices(colour) {
            let sequence: String = raw[found.0..].chars().take(12).collect();
            let end = sequence.find('m').unwrap_or(sequence.len());
            assert!(!sequence[..end].contains("8;") && !matches!(&sequence[2..end], "30" | "31" | "32" | "33" | "34"), "{sequence:?}");
        }
    }
    terminal.press("q");
    assert!(terminal.ends_well().success());
}

#[test]
fn the_console_and_a_locale_without_utf8_get_ascii() {
    for variables in [&[("TERM", "linux")][..], &[("LANG", "C")], &[("LC_ALL", "POSIX")]] {
        let mut terminal = start(variables);
        terminal.press("?");
        terminal.wait_for(HELP);
        let strange: Vec<char> = terminal.contents().chars().filter(|c| !c.is_ascii()).collect();
        assert!(strange.is_empty(), "{variables:?}: {strange:?}");
        assert!(!terminal.raw().contains("8;2;"), "no true colour");
        close_help_and_leave(&mut terminal);
        assert!(terminal.ends_well().success());
    }
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let mut terminal = Terminal::start(program(&[("TERM", "dumb")]), (80, 24));
    assert_eq!(terminal.ends_well().exit_code(), 64);
    assert!(terminal.contents().contains("needs a terminal"), "{}", terminal.contents());
    assert!(!terminal.raw().contains('\x1b'));
}

#[test]
fn a_command_leaves_its_error_on_the_normal_screen() {
    let mut command = program(&[]);
    command.args(["backup", "single", "shop"]);
    let mut terminal = Terminal::start(command, (100, 24));
    assert_eq!(terminal.ends_well().exit_code(), 69);
    let shown = terminal.contents();
    assert!(shown.contains("Backup failed") && shown.contains("CONNECTION_REFUSED"), "{shown}");
}

#[test]
fn a_password_is_asked_for_without_echo_where_one_is_wanted() {
    let server = crate::support::postgres::server(15);
    let user = server.login_with_password("open sesame", "");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dbbackup"));
    command.args(["--host", "127.0.0.1", "--port", &server.port.to_string(), "--user", &user]);
    environment(&mut command, &[]);
    let mut terminal = Terminal::start(command, (80, 24));
    terminal.wait_for(&format!("Password for {user}"));
    terminal.press("open sesame\r");
    terminal.wait("the screen with the server's version", |screen| screen.contents().contains("PostgreSQL 15."));
    assert!(!terminal.raw().contains("sesame"), "the password is not echoed");
    terminal.press("q");
    assert!(terminal.ends_well().success());
}

#[test]
fn a_rejected_password_is_typed_anew_on_home_and_holds_for_the_run() {
    let server = crate::support::postgres::server(15);
    let role = server.login_with_password("the right one", "");
    let mut command = program(&[("PGPASSWORD", "the wrong one")]);
    command.args(["--port", &server.port.to_string(), "--host", "127.0.0.1", "--user", &role]);
    let mut terminal = Terminal::start(command, (80, 24));
    terminal.wait_for("types the password");
    terminal.press("p");
    terminal.wait_for("kept for this run only");
    terminal.press("the right one\r");
    terminal.wait_for("connections");
    assert!(!terminal.raw().contains("the right one"));
    // Whatever else asks the server has it, too.
    terminal.press("2");
    terminal.wait_for("▸ [ ]");
    terminal.press("q");
    assert!(terminal.ends_well().success());
}

#[test]
fn a_password_is_asked_for_in_batch_on_a_terminal_too_and_given_up_with_ctrl_c() {
    let server = crate::support::postgres::server(15);
    let user = server.login_with_password("open sesame", "");
    for (args, keys, code) in
        [(&["status"][..], "open sesame\r", 0), (&["list", "--batch"], "open se\x03", 130), (&["status"], "no sesame\r", 77)]
    {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dbbackup"));
        command.args(args);
        command.args(["--host", "127.0.0.1", "--port", &server.port.to_string(), "--user", &user]);
        environment(&mut command, &[]);
        let mut terminal = Terminal::start(command, (80, 24));
        terminal.wait_for(&format!("Password for {user}"));
        terminal.press(keys);
        assert_eq!(terminal.ends_well().exit_code(), code, "{args:?}: {}", terminal.contents());
        assert!(!terminal.raw().contains("sesame") && !terminal.raw().contains("open se"), "{args:?}: {}", terminal.contents());
        assert_eq!(terminal.contents().contains("PostgreSQL"), code == 0, "{args:?}: {}", terminal.contents());
    }
}

#[test]
fn a_backup_in_a_terminal_shows_itself_and_leaves_the_path_as_the_last_line() {
    let server = crate::support::postgres::server(15);
    let name = server.database("watched");
    server.sql(&name, "create table t as select g as a, repeat('x', 100) as b from generate_series(1, 20000) g");
    let folder = TempDir::new().expect("a folder");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dbbackup"));
    command.args(["--port", &server.port.to_string(), "--socket", server.socket.to_str().expect("a path")]);
    command.args(["backup", "single", &name, "--backup-dir", folder.path().to_str().expect("a path")]);
    environment(&mut command, &[("PATH", &format!("{}:/usr/bin:/bin", server.bin.display()))]);
    let mut terminal = Terminal::start(command, (160, 40));
    assert!(terminal.ends_well().success(), "{}", terminal.contents());
    assert!(terminal.raw().contains("\x1b[?1049h"), "the job was shown on the full screen");
    let shown = terminal.contents();
    let path = shown.trim_end().lines().last().expect("a line").trim().to_owned();
    assert!(std::path::Path::new(&path).is_file() && shown.contains("[ OK ] backup of"), "{shown}");
}

/// A backup of several databases, over a line that is slow: little is written, and still enough to see that it goes on.
#[test]
fn a_busy_screen_on_a_slow_line_writes_little() {
    const A_SECOND: usize = 4096;
    let seconds = 4;
    let server = crate::support::postgres::server(15);
    let names: Vec<String> = (0..3).map(|nth| server.database(&format!("slowline{nth}"))).collect();
    for name in &names {
        // Digests do not compress: the press is busy with them for as long as the test looks on.
        server.sql(
            name,
            "create table t as select g, md5(g::text) || md5((g * 7)::text) || md5((g * 13)::text) as b from generate_series(1, 400000) g",
        );
    }
    let folder = TempDir::new().expect("a folder");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dbbackup"));
    command.args(["--port", &server.port.to_string(), "--socket", server.socket.to_str().expect("a path")]);
    command.args(["backup", "cluster", "--include", "slowline*", "--cluster-parallelism", "3", "--jobs", "2"]);
    command.args(["--compression", "zstd:19", "--chunk-size", "256kB", "--backup-dir", folder.path().to_str().expect("a path")]);
    let path = format!("{}:/usr/bin:/bin", server.bin.display());
    environment(&mut command, &[("PATH", &path), ("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22"), ("COLORTERM", "truecolor")]);
    let mut terminal = Terminal::start(command, (100, 30));
    terminal.wait_for("● data");
    // A frame that paints every cell.
    let whole = 100 * 30;
    let bytes = terminal.bytes_within(Duration::from_secs(seconds));
    assert!(terminal.contents().contains("● data"), "it was busy to the end:\n{}", terminal.contents());
    let limit = A_SECOND * usize::try_from(seconds).expect("few") + whole;
    assert!(bytes <= limit, "{bytes} bytes in {seconds} s, {limit} are allowed");
    assert!(bytes > 500, "it goes on: {bytes} bytes");
    terminal.press("\x03");
    assert_eq!(terminal.ends_well().exit_code(), 130, "{}", terminal.contents());
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "nothing is left behind");
}

/// A setting is changed in a real terminal: found by the palette, refused while wrong, saved with its file's comments, shown at once.
#[test]
fn a_setting_is_saved_to_the_users_file_from_the_palette_on() {
    use std::os::unix::fs::PermissionsExt;
    let home = TempDir::new().expect("a folder");
    let folder = home.path().join("dbbackup");
    std::fs::create_dir(&folder).expect("a folder");
    let file = folder.join("config.toml");
    std::fs::write(&file, "# of anna\n[backup]\njobs = 3   # enough\n").expect("a file");
    let mut terminal = start(&[("XDG_CONFIG_HOME", home.path().to_str().expect("a path")), ("DBBACKUP_VERIFY", "off")]);
    terminal.press(":sett");
    terminal.wait_for("commands");
    terminal.press("\r");
    terminal.wait_for("SETTING");
    terminal.press("/backup.jobs\r");
    terminal.wait_for("config.toml:3");
    terminal.press("\r\x15many");
    terminal.wait_for("not a number");
    terminal.press("\x155\r");
    terminal.wait_for("is saved; it counts from the next start");
    assert_eq!(std::fs::read_to_string(&file).expect("a text"), "# of anna\n[backup]\njobs = 5   # enough\n");
    assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
    terminal.press("/\x15backup.verify\r");
    terminal.wait_for("environment DBBACKUP_VERIFY");
    terminal.press("\r\x15full\r");
    terminal.wait_for("is saved, but environment DBBACKUP_VERIFY is stronger");
    assert!(std::fs::read_to_string(&file).expect("a text").contains("verify = \"full\""));
    terminal.press("/\x15output.theme\r");
    terminal.wait_for("default default-dark");
    terminal.press("\r\x15high-contrast\r");
    terminal.wait_for("output.theme is saved");
    terminal.press("\r\x15none-such\r");
    terminal.wait_for("there is no theme");
    terminal.press("q");
    assert!(terminal.ends_well().success());
}

/// The command goes to the terminal's clipboard by OSC 52, and is on the screen in any case; a console without one says so.
#[test]
fn the_command_is_copied_and_shown() {
    use std::io::Write;
    let server = crate::support::postgres::server(15);
    let name = server.database("copied");
    for (term, sent) in [("xterm-256color", true), ("screen", false)] {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dbbackup"));
        command.args(["--port", &server.port.to_string(), "--socket", server.socket.to_str().expect("a path"), "--backup-dir", "/b"]);
        environment(&mut command, &[("TERM", term)]);
        let mut terminal = Terminal::start(command, (160, 40));
        terminal.wait_for("PostgreSQL 15.");
        terminal.press("2");
        // The server may have more databases than the screen has lines.
        terminal.press(&format!("/{name}\r"));
        terminal.wait_for("1 shown");
        terminal.press("Y");
        terminal.wait_for("The same from a shell");
        let shown = terminal.contents();
        assert!(shown.contains("backup single") && shown.contains("--backup-dir /b"), "{shown}");
        assert_eq!(shown.contains("sent to the clipboard"), sent, "{shown}");
        let raw = terminal.raw();
        let copied = raw.split("\x1b]52;c;").nth(1).map(|rest| rest.split(['\x1b', '\x07']).next().unwrap_or_default().to_owned());
        assert_eq!(copied.is_some(), sent);
        if let Some(copied) = copied {
            let mut child = std::process::Command::new("base64")
                .arg("-d")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("base64");
            child.stdin.take().expect("its input").write_all(copied.as_bytes()).expect("a text");
            let text = String::from_utf8(child.wait_with_output().expect("its end").stdout).expect("a text");
            assert!(text.starts_with("dbbackup ") && text.contains("backup single") && !text.contains('\n'), "{text}");
        }
        terminal.press("\x1b");
        terminal.wait("the command to go", |screen| !screen.contents().contains("The same from a shell"));
        terminal.press("q");
        assert!(terminal.ends_well().success());
    }
}
