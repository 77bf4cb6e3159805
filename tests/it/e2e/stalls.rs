//! Networks that swallow everything: each wait ends, with a reason, and what makes progress is left in peace.

use super::faults::bytes_in;
use super::{Home, exists, sessions, slow_database};
use crate::support::postgres::{Postgres, server};
use crate::support::program;
use crate::support::proxy::{Mood, Proxy};
use rustix::process::Signal;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No run may take longer on a busy machine, whose limits are one or two seconds.
const SOON: Duration = Duration::from_secs(20);

/// The program, led through a proxy.
fn through(server: &Postgres, port: u16, home: &Home, args: &[&str]) -> Command {
    let mut command = program::dbbackup(home.path(), args);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--user", "postgres", "--batch"]);
    command.args(["--connect-timeout", "1", "--network-timeout", "1"]);
    command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", server.bin.display()));
    command
}

#[test]
fn a_server_that_says_nothing_at_login_has_a_limit() {
    let server = server(17);
    let home = Home::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("its address").port();
    for mode in ["disable", "require"] {
        let begun = Instant::now();
        let outcome = program::run(&mut through(server, port, &home, &["status", "--ssl-mode", mode])).fails(69, "CONNECT_TIMEOUT");
        assert!(outcome.text().contains("no answer within 1 s"), "{}", outcome.text());
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
}

#[test]
fn a_server_that_says_nothing_after_a_handshake_or_a_password_has_a_limit() {
    let server = server(17);
    let home = Home::new();
    // It agrees to TLS, or asks for a password, and then is silent.
    for (mode, answer) in [("require", &b"S"[..]), ("disable", b"R\0\0\0\x08\0\0\0\x03")] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let greeter = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client");
            client.write_all(answer).expect("an answer");
            let mut rest = Vec::new();
            // Reads until the other side gives up.
            let _ = std::io::Read::read_to_end(&mut client, &mut rest);
            rest.len()
        });
        let begun = Instant::now();
        let mut command = through(server, port, &home, &["status", "--ssl-mode", mode]);
        command.env("PGPASSWORD", "secret");
        program::run(&mut command).fails(69, "CONNECT_TIMEOUT");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        assert!(greeter.join().expect("a thread") > 0, "it was spoken to");
    }
}

#[test]
fn rows_that_stop_coming_end_the_backup_with_the_reason() {
    let server = server(15);
    let name = slow_database(server, "stalls");
    for (mood, reason) in [
        (Mood::Stall, "the server does not answer a new session either"),
        (Mood::StallOld, "the server sends, and nothing arrives here"),
        (Mood::Cut, "SERVER_UNAVAILABLE"),
    ] {
        let home = Home::new();
        let dir = home.backups().display().to_string();
        let proxy = Proxy::start(server.port);
        let backup = [
            "backup",
            "single",
            &name,
            "--backup-dir",
            &dir,
            "--compression",
            "xz:3",
            "--chunk-size",
            "128KiB",
            "--memory",
            "16MiB",
            "--jobs",
            "1",
        ];
        let mut run = program::start(&mut through(server, proxy.port, &home, &backup));
        assert!(run.until(|| bytes_in(&home.backups()) > 200_000), "it ended too early: {}", run.finish().text());
        proxy.turn(mood);
        let begun = Instant::now();
        let outcome = run.finish().fails(69, "SERVER_UNAVAILABLE");
        assert!(outcome.text().contains(reason), "{mood:?}: {}", outcome.text());
        assert!(begun.elapsed() < SOON, "{mood:?}: {:?}", begun.elapsed());
        assert_eq!(super::lookalikes(&home.backups()), Vec::<String>::new());
    }
}

#[test]
fn a_session_over_a_unix_socket_is_watched_and_cancelled_too() {
    let server = server(15);
    let name = slow_database(server, "local_stalls");
    let home = Home::new();
    let (dir, folder) = (home.backups().display().to_string(), home.path().join("sockets"));
    std::fs::create_dir(&folder).expect("a folder");
    let proxy = Proxy::before(&server.socket.join(format!(".s.PGSQL.{}", server.port)), &folder);
    let folder = folder.display().to_string();
    let start = |network: &str| {
        let mut command = program::on(server, home.path(), &["backup", "single", &name, "--backup-dir", &dir, "--compression", "xz:3"]);
        command.args(["--host", &folder, "--jobs", "1", "--chunk-size", "128KiB", "--memory", "16MiB", "--connect-timeout", "1"]);
        let mut run = program::start(command.args(["--network-timeout", network]));
        assert!(run.until(|| bytes_in(&home.backups()) > 200_000), "it ended too early: {}", run.finish().text());
        run
    };
    // What is cancelled is cancelled on the server.
    let run = start("600");
    run.signal(Signal::INT);
    run.finish().fails(130, "CANCELLED");
    let run = start("1");
    proxy.turn(Mood::StallOld);
    let begun = Instant::now();
    let outcome = run.finish().fails(69, "SERVER_UNAVAILABLE");
    assert!(outcome.text().contains("the server sends, and nothing arrives here"), "{}", outcome.text());
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_planning_that_is_stopped_says_so_and_leaves_nothing_at_work_on_the_server() {
    let server = server(17);
    let name = slow_database(server, "planned");
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    let dir = home.backups().display().to_string();
    let mut holder = server.psql(&name);
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("psql");
    // Who asks for the objects of this database waits; nobody needs this table to log in.
    holder.stdin.as_mut().expect("a pipe").write_all(b"begin; lock table pg_catalog.pg_largeobject_metadata;\n").expect("a lock");
    let waits = || {
        let sql = format!("select count(*) from pg_stat_activity where datname = '{name}' and wait_event_type = 'Lock'");
        server.sql("postgres", &sql) != "0"
    };
    for (args, noun, signal, code) in [
        (&["backup", "single", &name, "--backup-dir", &dir][..], "backup", Signal::INT, "CANCELLED"),
        (&["restore", "single", &archive, "--target", &name], "restore", Signal::TERM, "TERMINATED"),
    ] {
        let json: &[&str] = if signal == Signal::TERM { &["--json"] } else { &[] };
        let mut run = program::start(program::on(server, home.path(), args).args(json));
        assert!(run.until(waits), "it waited for no lock: {}", run.finish().text());
        run.signal(signal);
        let begun = Instant::now();
        let outcome = run.finish().fails(if signal == Signal::TERM { 143 } else { 130 }, code);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        // The request is on its way to the session; the lock would be waited for much longer.
        while waits() {
            assert!(begun.elapsed() < Duration::from_secs(8), "{noun}: the server still works on a question of ours");
        }
        let said = format!("the {noun} was stopped while it was planned; nothing of it was begun");
        assert!(outcome.text().contains(&said), "{}", outcome.text());
        assert!(signal == Signal::TERM || outcome.text().contains("Nothing is left behind."), "{}", outcome.text());
    }
    drop(holder.stdin.take());
    holder.wait().expect("psql");
}

/// The program where no name can be looked up: the resolver's only server takes questions, notes that there was one, and never answers.
fn nameless(home: &Home, asked: &std::path::Path, args: &[&str]) -> Command {
    let resolver = home.path().join("resolv.conf");
    std::fs::write(&resolver, "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n").expect("a file");
    let nss = home.path().join("nsswitch.conf");
    std::fs::write(&nss, "hosts: dns\n").expect("a file");
    let script = "ip link set lo up && mount --bind \"$1\" /etc/resolv.conf && mount --bind \"$2\" /etc/nsswitch.conf || exit 99; asked=$3; shift 3; \
         rm -f \"$asked.ready\"; mkfifo \"$asked.ready\"; \
         perl -MIO::Socket::INET -e 'alarm 60; my $s = IO::Socket::INET->new(LocalAddr => \"127.0.0.1:53\", Proto => \"udp\") or die; \
             print \"ready\\n\"; close STDOUT; $s->recv(my $q, 512); open my $f, \">\", $ARGV[0]; close $f; $s->recv($q, 512) while 1' \"$asked\" \
             2>/dev/null </dev/null >\"$asked.ready\" & read -r _ <\"$asked.ready\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", script, "sh"]).args([&resolver, &nss, asked]).arg(env!("CARGO_BIN_EXE_dbbackup")).args(args);
    command.args(["--host", "db.nowhere.example", "--port", "5432", "--user", "postgres", "--batch"]);
    program::clean(&mut command, home.path());
    command
}

#[test]
fn a_name_that_is_never_looked_up_holds_nothing_up() {
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let asked = home.path().join("asked");
    for args in [&["status"][..], &["list"], &["backup", "single", "shop", "--backup-dir", &dir]] {
        let begun = Instant::now();
        let outcome = program::run(nameless(&home, &asked, args).args(["--connect-timeout", "1"])).fails(69, "CONNECT_TIMEOUT");
        assert!(outcome.text().contains("no answer within 1 s"), "{}", outcome.text());
        assert!(begun.elapsed() < SOON, "{args:?}: {:?}", begun.elapsed());
        assert!(asked.exists(), "nobody was asked");
        std::fs::remove_file(&asked).expect("the mark");
    }
    // Nor does Ctrl-C wait for it.
    let mut command = nameless(&home, &asked, &["backup", "single", "shop", "--backup-dir", &dir]);
    let mut run = program::start(command.args(["--connect-timeout", "600"]));
    assert!(run.until(|| asked.exists()), "it ended too early: {}", run.finish().text());
    run.signal(Signal::INT);
    let begun = Instant::now();
    run.finish().fails(130, "CANCELLED");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn rows_that_are_not_taken_are_sent_again_or_end_the_restore_with_the_reason() {
    let server = server(15);
    let name = slow_database(server, "unheard");
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    for mood in [Mood::StallOld, Mood::Stall] {
        let proxy = Proxy::start(server.port);
        let copy = server.database("unheard_copy");
        let retries = if mood == Mood::StallOld { "2" } else { "0" };
        let restore = ["restore", "single", &archive, "--target", &copy, "--jobs", "1", "--retries", retries];
        let mut run = program::start(&mut through(server, proxy.port, &home, &restore));
        assert!(run.until(|| server.sql(&copy, "select count(*) from pg_class where relname = 'big'") == "1"), "it ended too early");
        proxy.turn(mood);
        let begun = Instant::now();
        // Where new sessions get through, one takes the place of that which is dead; its locks are not in the way.
        let outcome = if mood == Mood::StallOld { run.finish().ok() } else { run.finish().fails(69, "SERVER_UNAVAILABLE") };
        assert!(outcome.text().contains("no byte has moved for"), "{mood:?}: {}", outcome.text());
        assert!(begun.elapsed() < SOON, "{mood:?}: {:?}", begun.elapsed());
        if mood == Mood::StallOld {
            assert_eq!(server.sql(&copy, "select count(*) from big"), server.sql(&name, "select count(*) from big"));
        }
    }
}

#[test]
fn cancelling_through_a_stalled_proxy_ends_within_seconds() {
    let server = server(17);
    let name = slow_database(server, "stuck");
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let proxy = Proxy::start(server.port);
    let mut command = through(server, proxy.port, &home, &["backup", "single", &name, "--backup-dir", &dir, "--compression", "xz:3"]);
    // A later limit: it is not the watch over silent sessions that ends this run.
    command.args(["--chunk-size", "128KiB", "--memory", "16MiB"]).env("DBBACKUP_NETWORK_TIMEOUT", "600");
    let mut run = program::start(&mut command);
    assert!(run.until(|| bytes_in(&home.backups()) > 200_000), "it ended too early: {}", run.finish().text());
    proxy.turn(Mood::Stall);
    run.signal(Signal::INT);
    let begun = Instant::now();
    run.finish().fails(130, "CANCELLED");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_statement_at_work_may_take_longer_than_the_limit() {
    let server = server(15);
    let name = slow_database(server, "patient");
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let mut holder = server.psql(&name);
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("psql");
    holder.stdin.as_mut().expect("a pipe").write_all(b"begin; lock table big;\n").expect("a lock");
    let asked = || {
        let sql = format!("select count(*) from pg_stat_activity where datname = '{name}' and wait_event_type = 'Lock'");
        server.sql("postgres", &sql) != "0"
    };
    let proxy = Proxy::start(server.port);
    let mut run = program::start(&mut through(server, proxy.port, &home, &["backup", "single", &name, "--backup-dir", &dir]));
    assert!(run.until(asked), "it waited for no lock: {}", run.finish().text());
    // Three times the limit passes while nothing moves but the questions about it.
    let begun = Instant::now();
    assert!(run.until(|| begun.elapsed() > Duration::from_secs(4)), "it ended while it waited: {}", run.finish().text());
    assert!(asked(), "it still waits");
    drop(holder.stdin.take());
    holder.wait().expect("psql");
    run.finish().ok();
    assert!(exists(server, &name) && sessions(server, &name) < 9);
    assert!(proxy.passed() > 0);
}

#[test]
fn a_pg_dump_that_never_comes_to_anything_has_a_limit() {
    let server = server(15);
    let name = slow_database(server, "frozen");
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let program = home.path().join("pg_dump");
    std::fs::write(&program, "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'pg_dump (PostgreSQL) 15.18'; exit; }\nexec tail -f /dev/null\n")
        .expect("a program");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("permissions");
    let mut command = through(server, server.port, &home, &["backup", "single", &name, "--backup-dir", &dir]);
    let begun = Instant::now();
    let outcome = program::run(command.env("DBBACKUP_PG_BIN", home.path())).fails(69, "SERVER_UNAVAILABLE");
    assert!(outcome.text().contains("the server has no session of it"), "{}", outcome.text());
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}
