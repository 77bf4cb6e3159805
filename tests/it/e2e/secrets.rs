//! A password that was planted is found nowhere: not in command lines, output, logs, events, reports, archives or files left behind,
//! whatever goes wrong.

use super::{Home, slow_database};
use crate::support::postgres::{Postgres, server};
use crate::support::program::{self, Outcome};
use crate::support::proxy::{Mood, Proxy};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What is searched for. The whole password has characters besides that have to be escaped.
const NEEDLE: &str = "Pl4nted-s3cret";
const SECRET: &str = r"Pl4nted-s3cret:%41\'";

/// A role with the password, a place for the files that hold it, and a home in which it must not be.
struct Scene {
    server: &'static Postgres,
    home: Home,
    planted: TempDir,
    /// For backups, as text.
    dir: String,
    user: String,
    database: String,
}

impl Scene {
    fn new() -> Self {
        let server = server(17);
        let home = Home::new();
        std::fs::create_dir(home.path().join("tmp")).expect("a folder");
        let user = server.login_with_password(SECRET, "superuser");
        Self {
            dir: home.backups().display().to_string(),
            server,
            home,
            planted: tempfile::tempdir().expect("a folder"),
            user,
            database: slow_database(server, "planted"),
        }
    }

    /// A file outside of the home.
    fn plant(&self, name: &str, content: &str, mode: u32) -> String {
        let path = self.planted.path().join(name);
        std::fs::write(&path, content).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        path.display().to_string()
    }

    /// The program on a server, without a password, with everything that it can write down written down.
    fn to(&self, port: u16, args: &[&str]) -> Command {
        let mut command = program::dbbackup(self.home.path(), args);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--user", &self.user, "--batch", "--log-level", "trace"]);
        command.args(["--log-file", "log.txt", "--save-debug-log", "debug.json"]);
        command.env("TMPDIR", self.home.path().join("tmp"));
        command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.server.bin.display()));
        command
    }

    fn command(&self, args: &[&str]) -> Command {
        self.to(self.server.port, args)
    }

    /// The same with the password in the environment.
    fn with(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command.env("PGPASSWORD", SECRET);
        command
    }

    fn backup(&self) -> [&str; 5] {
        ["backup", "single", &self.database, "--backup-dir", &self.dir]
    }

    /// Checks that a run has shown it nowhere.
    #[track_caller]
    fn silent(&self, outcome: Outcome) -> Outcome {
        assert!(!outcome.commands.is_empty() && !outcome.commands.iter().any(|line| line.contains(NEEDLE)), "{:?}", outcome.commands);
        assert!(!outcome.text().contains(NEEDLE), "{}", outcome.text());
        let files = files(self.home.path());
        for path in &files {
            let bytes = std::fs::read(path).expect("a file");
            assert!(!holds(&bytes, NEEDLE), "the password is in {}: {}", path.display(), String::from_utf8_lossy(&bytes));
        }
        for name in ["log.txt", "debug.json"] {
            assert!(files.iter().any(|path| path.ends_with(name)), "no {name}: {files:?}");
        }
        outcome
    }
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    memchr::memmem::find(bytes, needle.as_bytes()).is_some()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

#[test]
fn a_password_works_from_every_source_and_shows_nowhere() {
    let scene = Scene::new();
    let passfile =
        scene.plant("pgpass", &format!("127.0.0.1:*:*:{}:{}\n", scene.user, SECRET.replace('\\', r"\\").replace(':', r"\:")), 0o600);
    let config = scene.plant("config.toml", &format!("[connection]\npassword = {SECRET:?}\n"), 0o600);
    let file = scene.plant("password", &format!("{SECRET}\nnot this\n"), 0o600);
    // A pg_dump that tells what it was given, and then is the real one.
    let told = scene.planted.path().join("told");
    let real = scene.server.bin.join("pg_dump");
    let script = format!(
        "#!/bin/sh\n{{ echo \"== $*\"; tr '\\0' '\\n' </proc/$$/environ; }} >>'{}'\nexec '{}' \"$@\"\n",
        told.display(),
        real.display()
    );
    scene.plant("pg_dump", &script, 0o700);
    let mut archive = PathBuf::new();
    for (source, flags, variable) in [
        ("environment", &[][..], ("PGPASSWORD", SECRET)),
        ("password file", &[], ("PGPASSFILE", passfile.as_str())),
        ("configuration", &["--config", &config], ("PGPASSFILE", "/nonexistent")),
        ("flag", &["--password-file", &file], ("PGPASSFILE", "/nonexistent")),
    ] {
        let mut status = scene.command(&["status"]);
        status.args(flags).env(variable.0, variable.1);
        let outcome = scene.silent(program::run(&mut status));
        assert!(outcome.code == 0 && outcome.stdout.contains("17."), "{source}: {}", outcome.text());
        let mut backup = scene.command(&scene.backup());
        backup.args(flags).env(variable.0, variable.1).env("DBBACKUP_PG_BIN", scene.planted.path());
        archive = scene.silent(program::run(&mut backup)).ok().archive();
    }
    // The program gets it in its environment, where nobody but its user reads it, and only where it logs in.
    let told = std::fs::read_to_string(&told).expect("what pg_dump was given");
    let runs: Vec<&str> = told.split("== ").skip(1).collect();
    let (versions, dumps): (Vec<&str>, Vec<&str>) = runs.iter().partition(|run| run.starts_with("--version"));
    assert!(versions.len() >= 4 && dumps.len() >= 4, "{runs:?}");
    assert!(versions.iter().all(|run| !run.contains(NEEDLE)), "a program that is asked for its version needs no password");
    for run in dumps {
        let given: Vec<&str> = run.lines().filter(|line| line.contains(NEEDLE)).collect();
        assert_eq!(given, [format!("PGPASSWORD={SECRET}")]);
    }
    let target = format!("{}_copy", scene.database);
    let archive = archive.display().to_string();
    for json in [&["--json"][..], &[]] {
        let mut restore = scene.with(&["restore", "single", &archive, "--target", &target, "--create", "--prove"]);
        scene.silent(program::run(restore.args(json))).ok();
        scene.server.sql("postgres", &format!("drop database {target}"));
    }
    // Neither in the archive's entries, once they are unpacked.
    scene.silent(program::run(&mut scene.command(&["archive", "extract", &archive, "--to", "unpacked"]))).ok();
    for args in [&["config", "show", "--origin"][..], &["config", "show", "--json"]] {
        let outcome = program::run(program::dbbackup(scene.home.path(), args).args(["--config", &config]).env("PGPASSWORD", SECRET)).ok();
        assert!(!outcome.text().contains(NEEDLE) && outcome.text().contains("********"), "{}", outcome.text());
    }
}

/// A server that asks for a password in plain text, and says it back.
fn parrot() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    // The thread ends with the test's process.
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut heard = [0; 4096];
            let _ = client.read(&mut heard);
            let _ = client.write_all(b"R\0\0\0\x08\0\0\0\x03");
            let length = client.read(&mut heard).unwrap_or(0);
            let word = String::from_utf8_lossy(&heard[..length]).trim_matches(|c: char| c.is_control()).to_owned();
            let word = &word[word.find(NEEDLE).unwrap_or(0)..];
            let fields = [
                "SFATAL".to_owned(),
                "C28P01".into(),
                format!("Mno such password: {word}; postgres://me:{word}@db01/shop"),
                format!("Dpassword='{word}' was refused, {word}"),
                format!("Htry something else than {word}"),
            ];
            let body = fields.map(|field| field + "\0").concat() + "\0";
            let _ = client.write_all(&[b"E", &(body.len() as u32 + 4).to_be_bytes()[..], body.as_bytes()].concat());
        }
    });
    port
}

/// A folder with a pg_dump that is this script.
fn false_pg_dump(scene: &Scene, script: &str) -> PathBuf {
    scene.plant("pg_dump", &format!("#!/bin/sh\ncase $1 in --version) echo 'pg_dump (PostgreSQL) 17.99';; *) {script};; esac\n"), 0o700);
    scene.planted.path().to_owned()
}

/// A way to fail, and what it has to say.
type Way = (&'static str, &'static str, fn(&Scene) -> Outcome);

const WAYS: &[Way] = &[
    ("a wrong password", "AUTH_FAILED", |at| {
        let other = at.server.login_with_password("another", "superuser");
        program::run(at.with(&at.backup()).args(["--user", &other]))
    }),
    ("nobody there", "CONNECTION_REFUSED", |at| program::run(at.to(1, &at.backup()).env("PGPASSWORD", SECRET))),
    ("a server that goes away", "SERVER_UNAVAILABLE", |at| {
        let proxy = Proxy::start(at.server.port);
        let slow = ["--compression", "xz:3", "--chunk-size", "128KiB", "--memory", "16MiB", "--jobs", "1"];
        let mut run = program::start(at.to(proxy.port, &at.backup()).args(slow).env("PGPASSWORD", SECRET));
        assert!(run.until(|| files(&at.home.backups()).iter().any(|path| path.metadata().is_ok_and(|meta| meta.len() > 100_000))));
        proxy.turn(Mood::Cut);
        run.finish()
    }),
    ("a server that says the password back", "AUTH_FAILED", |at| {
        program::run(at.to(parrot(), &["status", "--ssl-mode", "disable"]).env("PGPASSWORD", SECRET))
    }),
    ("a program that says the password back", "PGPASSWORD=********", |at| {
        let bin = false_pg_dump(at, "echo \"PGPASSWORD=$PGPASSWORD\" >&2; exit 1");
        program::run(at.with(&at.backup()).env("DBBACKUP_PG_BIN", bin))
    }),
    ("a full disk", "DISK_FULL", |at| {
        let program = at.with(&at.backup());
        let mut small = Command::new("unshare");
        small.arg("--mount");
        if !rustix::process::geteuid().is_root() {
            small.args(["--user", "--map-root-user"]);
        }
        small.args(["sh", "-c", "mount -t tmpfs -o size=1m none backups || exit 99; exec \"$@\"", "sh"]).arg(program.get_program());
        small.args(program.get_args()).env_clear().current_dir(at.home.path());
        small.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        program::run(&mut small)
    }),
    ("cancelled", "CANCELLED", |at| {
        // A folder of its own, where nothing is before the run has begun.
        let dir = at.home.path().join("cancelled");
        std::fs::create_dir(&dir).expect("a folder");
        let args = ["backup", "single", &at.database, "--backup-dir", &dir.display().to_string(), "--compression", "xz:6", "--jobs", "1"];
        let mut run = program::start(&mut at.with(&args));
        assert!(run.until(|| files(&dir).iter().any(|path| path.metadata().is_ok_and(|meta| meta.len() > 0))));
        run.signal(rustix::process::Signal::INT);
        run.finish()
    }),
    ("a target that is not empty", "TARGET_NOT_EMPTY", |at| {
        let archive = program::run(&mut at.with(&at.backup())).ok().archive().display().to_string();
        program::run(&mut at.with(&["restore", "single", &archive, "--target", &at.database]))
    }),
    ("a restore that is killed", "", |at| {
        let archive = program::run(&mut at.with(&at.backup())).ok().archive().display().to_string();
        let target = format!("{}_cut", at.database);
        let mut run = program::start(&mut at.with(&["restore", "single", &archive, "--target", &target, "--create", "--jobs", "1"]));
        let manifest = |dir: &Path| files(dir).iter().any(|path| path.to_string_lossy().contains("/restore-manifest-"));
        assert!(run.until(|| manifest(&at.home.backups())), "it ended before: {:?}", files(&at.home.backups()));
        run.signal(rustix::process::Signal::KILL);
        run.finish()
    }),
    ("a bug", "INTERNAL", |at| program::run(at.with(&at.backup()).env("DBBACKUP_TEST_PANIC", "worker"))),
    ("a database that is not there", "DATABASE_MISSING", |at| {
        program::run(at.with(&["backup", "single", "no_such_database", "--backup-dir", "backups"]).arg("--json"))
    }),
    ("TLS that the server has not", "TLS_FAILED", |at| program::run(at.with(&["status"]).args(["--ssl-mode", "require"]))),
    ("a folder that is none", "OUTPUT_UNWRITABLE", |at| {
        program::run(&mut at.with(&["backup", "single", &at.database, "--backup-dir", &at.plant("a_file", "x", 0o600)]))
    }),
    ("a limit of connections", "TOO_MANY_CONNECTIONS", |at| {
        let full = at.server.login_with_password(SECRET, "connection limit 0");
        program::run(at.with(&["status", "--json"]).args(["--user", &full]))
    }),
    ("no rights", "INCOMPLETE", |at| {
        let poor = at.server.login_with_password(SECRET, "");
        program::run(at.with(&at.backup()).args(["--user", &poor]))
    }),
    ("a file of passwords that others can read", "chmod 600 ", |at| {
        let path = at.plant("pgpass", &format!("*:*:*:*:{NEEDLE}\n"), 0o644);
        let outcome = program::run(at.command(&["status"]).env("PGPASSFILE", &path));
        assert!(outcome.text().contains(&format!("chmod 600 {path}")), "{}", outcome.text());
        outcome
    }),
];

/// Those that fail before there is a log.
const EARLY: &[Way] = &[
    ("a password file that others can read", "FILE_PERMISSION", |at| {
        let path = at.plant("password", &format!("{NEEDLE}\n"), 0o640);
        let outcome = program::run(&mut at.command(&["status", "--password-file", &path]));
        assert!(outcome.text().contains(&format!("chmod 600 {path}")), "{}", outcome.text());
        outcome
    }),
    ("a configuration that others can read", "FILE_PERMISSION", |at| {
        let path = at.plant("config 1.toml", &format!("[connection]\npassword = \"{NEEDLE}\"\n"), 0o644);
        let outcome = program::run(&mut at.command(&["status", "--config", &path]));
        assert!(outcome.text().contains(&format!("chmod 600 '{path}'")), "{}", outcome.text());
        outcome
    }),
    ("a password without quotes", "CONFIG", |at| {
        let path = at.plant("config.toml", &format!("[connection]\npassword = {NEEDLE}\n"), 0o600);
        program::run(&mut at.command(&["status", "--config", &path]))
    }),
    ("a password that is a list", "CONFIG", |at| {
        let path = at.plant("config.toml", &format!("[connection]\npassword = [\"{NEEDLE}\"]\n"), 0o600);
        program::run(&mut at.command(&["status", "--json", "--config", &path]))
    }),
];

#[test]
fn no_failure_shows_a_password() {
    let scene = Scene::new();
    for (what, said, way) in WAYS.iter().chain(EARLY) {
        let early = EARLY.iter().any(|(name, ..)| name == what);
        let outcome = way(&scene);
        assert_ne!(outcome.code, 0, "{what}: {}", outcome.text());
        assert!(outcome.text().contains(said), "{what}: {said} is not said: {}", outcome.text());
        if early {
            assert!(!outcome.text().contains(NEEDLE), "{what}: {}", outcome.text());
        }
        scene.silent(outcome);
    }
    let log = std::fs::read_to_string(scene.home.path().join("log.txt")).expect("the log");
    assert!(log.contains("********"), "what was said back is in the log, without the password");
    assert!(!files(&scene.home.path().join("tmp")).is_empty(), "the bug left a report");
}

#[test]
fn what_sessions_and_errors_of_others_say_is_shown_without_passwords() {
    let scene = Scene::new();
    // A session holds a lock while it changes a password; an error has a connection string in it.
    let (said, error) = ("Sess10n-s3cret", "Err0r-s3cret");
    let statement = format!("begin; lock table big; select pg_sleep(60) /* alter role x password '{said}' */");
    let mut holder = scene.server.psql(&scene.database).args(["-c", &statement]).spawn().expect("psql");
    let locks = "select count(*) from pg_locks where relation = 'big'::regclass and granted and mode = 'AccessExclusiveLock'";
    crate::support::eventually("nobody locks", || scene.server.sql(&scene.database, locks) == "1");
    let mut blocked = scene.backup().to_vec();
    blocked.extend(["--lock-timeout", "1", "--debug-locks", "--json"]);
    let text = format!("could not connect to postgres://me:{error}@db01/shop: bad password=\"{error}\"");
    let told = [&blocked[..], &["diagnose", "--error", &text], &["diagnose", "--json", "--error", &text, "--output", "report.txt"]]
        .map(|args| program::run(&mut scene.with(args)));
    holder.kill().expect("its end");
    holder.wait().expect("its end");
    assert!(told[0].text().contains("LOCK_TIMEOUT"), "{}", told[0].text());
    assert!(told[1].text().contains("bad password=\"********\""), "{}", told[1].text());
    assert!(scene.home.path().join("report.txt").is_file(), "{}", told[2].text());
    for outcome in told {
        assert!(![said, error, NEEDLE].iter().any(|secret| outcome.text().contains(secret)), "{}", outcome.text());
    }
    for path in files(scene.home.path()) {
        let bytes = std::fs::read(&path).expect("a file");
        assert!(
            ![said, error, NEEDLE].iter().any(|secret| holds(&bytes, secret)),
            "{}: {}",
            path.display(),
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn passwords_in_definitions_are_in_the_archive_and_in_no_error() {
    let server = server(15);
    let (name, role) = (server.database("mapped"), server.role("mapped_away"));
    let secret = "F0reign-s3cret";
    server.sql(
        &name,
        &format!(
            "create foreign data wrapper w; create server s foreign data wrapper w; \
             create user mapping for {role} server s options (user 'u', password '{secret}')"
        ),
    );
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    server.sql(&name, &format!("drop user mapping for {role} server s; drop role {role}"));
    let target = format!("{name}_copy");
    for json in [&["--json"][..], &[]] {
        let mut args =
            vec!["restore", "single", &archive, "--target", &target, "--create", "--continue-on-error", "--force", "--on-failure", "drop"];
        args.extend(["--log-file", "log.txt", "--log-level", "trace", "--save-debug-log", "debug.json"]);
        args.extend(json);
        let outcome = home.on(server, &args);
        assert!(outcome.code != 0 && outcome.text().contains(&role), "{}", outcome.text());
        assert!(!outcome.text().contains(secret), "{}", outcome.text());
        for path in files(home.path()).iter().filter(|path| **path != Path::new(&archive)) {
            assert!(!holds(&std::fs::read(path).expect("a file"), secret), "{}", path.display());
        }
    }
}

#[test]
fn no_core_is_written() {
    let home = Home::new();
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("its address").port().to_string();
    let mut run =
        program::start(&mut program::dbbackup(home.path(), &["status", "--host", "127.0.0.1", "--port", &port, "--connect-timeout", "5"]));
    let none = |line: &str| line.strip_prefix("Max core file size").is_some_and(|rest| rest.split_whitespace().take(2).eq(["0", "0"]));
    assert!(run.until_it(|run| run.proc("limits").lines().any(none)), "cores are limited while it runs");
    run.signal(rustix::process::Signal::ABORT);
    let outcome = run.finish();
    assert_eq!(outcome.code, -6, "{}", outcome.text());
    assert!(!program::names(home.path()).iter().any(|name| name.contains("core")), "{:?}", program::names(home.path()));
}

#[test]
fn the_origin_of_the_password_is_that_of_the_password_which_is_used() {
    let home = Home::new();
    let show = |variables: &[(&str, &str)]| {
        let mut command = program::dbbackup(home.path(), &["config", "show", "--origin", "connection.password", "--host", "db01"]);
        program::run(command.envs(variables.iter().copied())).ok().stdout
    };
    assert_eq!(show(&[]), "  (none was found)\n");
    let passfile = home.path().join("pass file");
    std::fs::write(&passfile, "db01:*:*:*:Pl4nted-in-a-file\n").expect("a file");
    let path = passfile.display().to_string();
    std::fs::set_permissions(&passfile, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    assert_eq!(show(&[("PGPASSFILE", &path)]), format!("********  (from {path})\n"));
    assert_eq!(show(&[("PGPASSFILE", &path), ("PGPASSWORD", "Pl4nted")]), "********  (from PGPASSWORD)\n");
    std::fs::set_permissions(&passfile, std::fs::Permissions::from_mode(0o644)).expect("its mode");
    let ignored = show(&[("PGPASSFILE", &path)]);
    assert!(ignored.contains("none was found") && ignored.contains("chmod 600") && !ignored.contains("Pl4nted"), "{ignored}");
}
