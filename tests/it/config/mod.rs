//! Configuration: layers, origins, faults with their place, secrets.

mod mistakes;
mod mysql;
mod passfile_psql;
mod precedence;

use dbbackup::config::connection::Host;
use dbbackup::config::environment::Environment;
use dbbackup::config::layers::{Origin, Resolved, resolve};
use dbbackup::config::passfile;
use dbbackup::config::paths::Paths;
use dbbackup::config::print::{self, Origins};
use dbbackup::config::secrets::Secrets;
use dbbackup::config::settings::{Key, SETTINGS};
use dbbackup::domain::{Code, Compression, Connection, Fault};
use secrecy::ExposeSecret;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Home {
    dir: TempDir,
    paths: Paths,
}

impl Home {
    fn new() -> Self {
        let dir = TempDir::new().expect("a folder");
        let paths = Paths { system: dir.path().join("system.toml"), user: Some(dir.path().join("user.toml")), ..Paths::default() };
        Self { dir, paths }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        self.write_with(name, text, 0o600)
    }

    fn write_with(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn resolve(&self, environment: &Environment, flags: &[(Key, &str)]) -> Result<Resolved, Fault> {
        let flags: Vec<_> = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        resolve(&self.paths, environment, &flags)
    }
}

fn refused(result: Result<Resolved, Fault>) -> Fault {
    match result {
        Ok(_) => panic!("this should have been refused"),
        Err(fault) => fault,
    }
}

#[test]
fn each_layer_covers_the_ones_below_key_by_key() {
    let mut home = Home::new();
    home.write("system.toml", "[connection]\nhost = \"system\"\nport = 1\nuser = \"system\"\n[backup]\njobs = 2\nlevel = 7\n");
    home.write("user.toml", "[connection]\nhost = \"user\"\nport = 2\n");
    home.paths.given = Some(home.write("given.toml", "\n[connection]\nhost = \"given\"\n"));
    let environment = Environment::of([("PGPORT", "3"), ("PGHOST", "env"), ("DBBACKUP_HOST", "own"), ("VERIFY_AFTER_BACKUP", "false")]);
    let resolved = home.resolve(&environment, &[(Key::Jobs, "9")]).expect("valid");
    let origin = |key: Key| resolved.values[&key].origin.clone();
    assert_eq!(resolved.connection().expect("one").address(), "own:3");
    assert_eq!(origin(Key::Host), Origin::Environment("DBBACKUP_HOST".into()), "our own variable comes first");
    assert_eq!(origin(Key::User), Origin::File(home.paths.system.clone(), 4));
    assert_eq!((resolved.text(Key::Jobs), origin(Key::Jobs)), (Some("9"), Origin::Flag("jobs")));
    assert_eq!(origin(Key::Timestamp), Origin::Default);
    assert_eq!(resolved.verify(), dbbackup::domain::spec::VerifyMode::Off);
    assert_eq!(resolved.compression(), Ok("zstd:7".parse().expect("a codec")), "a level in a file beats the default codec's own");
    let without = home.resolve(&Environment::default(), &[]).expect("valid");
    assert_eq!(without.connection().expect("one").address(), "given:2");
    assert_eq!(without.values[&Key::Host].origin, Origin::File(home.dir.path().join("given.toml"), 3));
}

#[test]
fn a_codec_with_its_level_beats_a_level_of_a_weaker_layer() {
    let home = Home::new();
    home.write("user.toml", "[backup]\nlevel = 19\n");
    let with = |flags: &[(Key, &str)]| home.resolve(&Environment::default(), flags).expect("valid").compression();
    assert_eq!(with(&[(Key::Compression, "gzip:2")]), Ok("gzip:2".parse::<Compression>().expect("a codec")));
    assert_eq!(with(&[(Key::Compression, "zstd")]), Ok("zstd:19".parse::<Compression>().expect("a codec")));
    assert_eq!(with(&[(Key::Compression, "gzip")]).expect_err("gzip has no level 19").code, Code::Usage);
}

#[test]
fn a_chosen_server_beats_the_environment_and_loses_to_flags() {
    let home = Home::new();
    home.write(
        "user.toml",
        "[connection]\nuser = \"me\"\n[servers.shop]\nhost = \"db02\"\nport = 5433\n[servers.other]\nhost = \"db03\"\n",
    );
    let environment = Environment::of([("PGHOST", "env"), ("PGUSER", "env")]);
    let resolved = home.resolve(&environment, &[(Key::Server, "shop"), (Key::Port, "7")]).expect("valid");
    let connections = resolved.connections().expect("all");
    let all: Vec<_> = connections.iter().map(|it| (it.name.as_deref(), it.address(), it.user.as_str())).collect();
    assert_eq!(all, [(Some("shop"), "db02:7".into(), "env"), (Some("other"), "db03:5432".into(), "me")]);
    let fault = refused(home.resolve(&environment, &[(Key::Server, "shpo")]));
    assert!(fault.code == Code::Usage && fault.steps[0].text.contains("shop"), "{fault:?}");
}

#[test]
fn a_socket_counts_when_it_is_as_strong_as_the_host() {
    let home = Home::new();
    let address = |environment: &Environment, flags: &[(Key, &str)]| {
        home.resolve(environment, flags).expect("valid").connection().expect("one").address()
    };
    assert_eq!(address(&Environment::default(), &[(Key::Socket, "/run/pg")]), "/run/pg/.s.PGSQL.5432");
    let socket = Environment::of([("DBBACKUP_SOCKET", "/run/pg")]);
    assert_eq!(address(&socket, &[(Key::Host, "db01")]), "db01:5432");
    assert_eq!(address(&Environment::of([("PGHOST", "/tmp"), ("PGPORT", "6")]), &[]), "/tmp/.s.PGSQL.6");
}

#[test]
fn what_is_unknown_or_wrong_is_refused_with_its_place_and_the_nearest_name() {
    let home = Home::new();
    for (text, place, says) in [
        ("[backup]\njbos = 4\n", "user.toml:2:1", "Did you mean jobs?"),
        ("[bakup]\njobs = 4\n", "user.toml:1:2", "Did you mean backup?"),
        ("[servers.x]\nhots = 4\n", "user.toml:2:1", "Did you mean host?"),
        ("[backup]\n  jobs = \"many\"\n", "user.toml:2:10", "not a number"),
        ("[backup]\njobs = [1]\n", "user.toml:2:8", "wrong type"),
        ("[backup\n", "user.toml:1:", "not TOML"),
        ("jobs = 4\n", "user.toml:1:1", "[backup]"),
        ("[servers.x]\nserver = \"y\"\n", "user.toml:2:1", "unknown"),
    ] {
        home.write("user.toml", text);
        let fault = refused(home.resolve(&Environment::default(), &[]));
        let shown = fault.render("x");
        assert_eq!(fault.code, Code::Config, "{text}");
        assert!(shown.contains(place) && shown.contains(says), "{text}: {shown}");
    }
    home.write("user.toml", "");
    let fault = refused(home.resolve(&Environment::of([("DBBACKUP_JOBS", "x")]), &[]));
    assert!(fault.code == Code::Config && fault.what.contains("DBBACKUP_JOBS"), "{fault:?}");
}

#[test]
fn a_file_with_a_password_that_others_can_read_is_refused() {
    let home = Home::new();
    let path = home.write_with("user.toml", "[servers.shop]\npassword = \"geheim\"\n", 0o644);
    let fault = refused(home.resolve(&Environment::default(), &[]));
    assert_eq!(fault.code, Code::FilePermission);
    assert_eq!(fault.steps[0].command.as_deref(), Some(format!("chmod 600 {}", path.display()).as_str()));
    assert!(!fault.render("x").contains("geheim"));
    home.write("user.toml", "[servers.shop]\npassword = \"geheim\"\n");
    assert!(home.resolve(&Environment::default(), &[]).is_ok());
}

fn none() -> print::Password {
    print::Password { is_there: false, source: "none was found".into() }
}

#[test]
fn what_nobody_set_is_shown_as_it_will_hold_here() {
    let home = Home::new();
    home.write("user.toml", "[backup]\njobs = 3\n");
    let resolved = home.resolve(&Environment::default(), &[]).expect("valid").on(Host { processors: 8, memory: 64 << 30 });
    let shown = |key: &str| print::text(&resolved, Some(print::find(key).expect("a setting")), Origins::Shown, &none());
    assert!(shown("backup.jobs").starts_with("3  (") && shown("backup.jobs").contains("user.toml:2"), "{}", shown("backup.jobs"));
    assert_eq!(shown("backup.memory"), "512 MB  (this machine)\n");
    assert_eq!(shown("backup.chunk_size"), "2.1 MB  (this machine)\n");
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let home = Home::new();
    home.write("user.toml", "[connection]\npassword = \"geheim\"\n");
    let resolved = home.resolve(&Environment::default(), &[]).expect("valid");
    let password = print::Password { is_there: true, source: "from user.toml:2".into() };
    let text = print::text(&resolved, None, Origins::Shown, &password);
    assert!(text.contains(print::MASK) && text.contains("user.toml:2") && !text.contains("geheim"), "{text}");
    let one = print::find("connection.password").expect("a setting");
    assert_eq!(print::text(&resolved, Some(one), Origins::Hidden, &password), format!("{}\n", print::MASK));
    assert!(!print::json(&resolved, None, None).to_string().contains("geheim"));
}

#[test]
fn the_file_that_init_writes_is_read_back_with_every_key() {
    let home = Home::new();
    let template = print::template();
    for setting in SETTINGS {
        assert!(template.contains(&format!("# {} = ", setting.parts().1)), "{}", setting.name);
    }
    // With its comment signs taken off, each line with a value must be valid.
    let open = |line: &str| {
        let line = line.strip_prefix("# ").filter(|line| line.contains(" = ") && !line.ends_with("= \"\"") && !line.ends_with("= "));
        line.map(str::to_owned)
    };
    let opened: String = template
        .lines()
        .filter_map(|line| if line.starts_with('[') { Some(line.to_owned()) } else { open(line) })
        .filter(|line| !line.starts_with("host = \"db02\""))
        .map(|line| line + "\n")
        .collect();
    home.write("user.toml", &opened);
    let resolved = home.resolve(&Environment::default(), &[]).unwrap_or_else(|fault| panic!("{fault:?}\n{opened}"));
    assert_eq!(resolved.text(Key::Port), Some("5432"));
    assert!(matches!(resolved.values[&Key::Port].origin, Origin::File(..)));
}

fn connection(host: &str, port: u16, user: &str) -> Connection {
    Connection { host: host.into(), port, user: user.into(), ..Connection::default() }
}

/// What is found in a password file of this content and mode.
fn in_passfile(home: &Home, content: &str, mode: u32, host: &str) -> passfile::Found {
    let path = home.write("pgpass", content);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
    passfile::look_up(&path, &connection(host, 5432, "me"))
}

#[test]
fn a_password_file_serves_sockets_and_other_databases_or_says_why_not() {
    let home = Home::new();
    let look = |content: &str, host: &str| match in_passfile(&home, content, 0o600, host) {
        passfile::Found::Password(password) => Some(password.expose_secret().to_owned()),
        _ => None,
    };
    let both = "localhost:*:*:*:by-name\n/var/run/postgresql:*:*:*:by-path\n/tmp:*:*:*:tmp\n";
    assert_eq!(look(both, "/var/run/postgresql").as_deref(), Some("by-name"));
    assert_eq!(look(both, "/tmp").as_deref(), Some("tmp"));
    assert_eq!(look("localhost:*:*:*:by-name\n", "/tmp").as_deref(), Some("by-name"));
    assert_eq!(look("localhost:*:*:*:by-name\n", "/elsewhere"), None);
    assert_eq!(look("db01:*:shop:me:one\n", "db01").as_deref(), Some("one"), "one role has one password");
    assert_eq!(look("db01:*:shop:me:one\ndb01:*:postgres:*:two\n", "db01").as_deref(), Some("two"), "the database of the session first");
    assert_eq!(look("db01:*:shop:you:one\n", "db01"), None);
    for mode in [0o640, 0o604, 0o660, 0o610] {
        let passfile::Found::Ignored(why) = in_passfile(&home, "*:*:*:*:x\n", mode, "db01") else { panic!("{mode:o} is not ignored") };
        assert!(why.contains(&format!("chmod 600 {}", home.dir.path().join("pgpass").display())), "{why}");
    }
    assert!(
        matches!(passfile::look_up(Path::new("/dev/null"), &connection("x", 1, "me")), passfile::Found::Ignored(why) if why.contains("plain"))
    );
    assert!(matches!(passfile::look_up(Path::new("/nonexistent/x"), &connection("x", 1, "me")), passfile::Found::Nothing));
}

#[test]
fn a_password_is_for_the_server_that_it_was_written_for() {
    let home = Home::new();
    home.write(
        "user.toml",
        "[connection]\npassword = \"of-the-first\"\npassword_file = \"/nonexistent\"\n[servers.shop]\nhost = \"db02\"\n",
    );
    for flags in [&[][..], &[(Key::Server, "shop")]] {
        let resolved = home.resolve(&Environment::default(), flags).expect("valid");
        let shop = resolved.connections().expect("connections").into_iter().find(|one| one.name.as_deref() == Some("shop")).expect("shop");
        let looked = Secrets::new(&resolved, &Environment::of([("PGPASSFILE", "/nonexistent")])).look_up(&shop).expect("a search");
        assert!(looked.password.is_none() && looked.source == "none was found", "{flags:?}: {}", looked.source);
    }
}

#[test]
fn a_password_file_may_be_a_pipe_which_is_read_once() {
    let home = Home::new();
    let mut child = std::process::Command::new("echo").arg("through-a-pipe").stdout(std::process::Stdio::piped()).spawn().expect("echo");
    let pipe = std::os::fd::AsRawFd::as_raw_fd(child.stdout.as_ref().expect("a pipe"));
    let path = format!("/dev/fd/{pipe}");
    let variables = Environment::of([("PGPASSFILE", "/nonexistent")]);
    let secrets = Secrets::new(&home.resolve(&variables, &[(Key::PasswordFile, &path)]).expect("valid"), &variables);
    for _ in 0..2 {
        let password = secrets.look_up(&connection("db01", 5432, "me")).expect("a search").password.expect("a password");
        assert_eq!(password.expose_secret(), "through-a-pipe");
    }
    child.wait().expect("echo");
    for (content, why) in [("", "empty"), ("\nsecond\n", "empty"), (&"x".repeat(70_000), "too long")] {
        let file = home.write("password", content).display().to_string();
        let secrets = Secrets::new(&home.resolve(&variables, &[(Key::PasswordFile, &file)]).expect("valid"), &variables);
        let fault = secrets.look_up(&connection("db01", 5432, "me")).err().expect("no password");
        assert!(fault.code == Code::Config && fault.root_cause().contains(why), "{fault:?}");
    }
}

/// Whether a type has Debug: an inherent constant hides one of a trait.
struct Probe<T>(std::marker::PhantomData<T>);
trait Without {
    const DEBUG: bool = false;
}
impl<T> Without for Probe<T> {}
impl<T: std::fmt::Debug> Probe<T> {
    const DEBUG: bool = true;
}

#[test]
fn what_holds_a_secret_cannot_be_printed() {
    use dbbackup::config::{file, layers, secrets};
    use dbbackup::server::postgres::Postgres;
    const { assert!(Probe::<String>::DEBUG, "the probe finds it where it is") };
    for (name, debug) in [
        ("Environment", Probe::<Environment>::DEBUG),
        ("Value", Probe::<layers::Value>::DEBUG),
        ("Resolved", Probe::<layers::Resolved>::DEBUG),
        ("Content", Probe::<file::Content>::DEBUG),
        ("Secrets", Probe::<Secrets>::DEBUG),
        ("Looked", Probe::<secrets::Looked>::DEBUG),
        ("Found", Probe::<passfile::Found>::DEBUG),
        ("Postgres", Probe::<Postgres>::DEBUG),
    ] {
        assert!(!debug, "{name} holds secrets and has Debug");
    }
    // What the driver and the secrets' own type say of themselves.
    let mut driver = tokio_postgres::Config::new();
    driver.password("Pl4nted");
    assert!(!format!("{driver:?}{:?}", secrecy::SecretString::from("Pl4nted")).contains("Pl4nted"));
}

#[test]
fn passwords_are_looked_for_in_order() {
    let home = Home::new();
    let passfile = home.write("pgpass", "db01:*:*:*:from-passfile\n");
    let password_file = home.write("password", "from-file\nsecond line\n");
    home.write("user.toml", "[connection]\npassword = \"from-config\"\n");
    let passfile_text = passfile.display().to_string();
    let look = |variables: &Environment, host: &str, flags: &[(Key, &str)]| {
        let resolved = home.resolve(variables, flags).expect("valid");
        let looked = Secrets::new(&resolved, variables).look_up(&connection(host, 5432, "me"))?;
        Ok::<_, Fault>((looked.password.map(|password| password.expose_secret().to_owned()), looked.warning))
    };
    let all = Environment::of([("PGPASSWORD", "from-env"), ("PGPASSFILE", &passfile_text)]);
    let found = |host, variables: &Environment, flags: &[(Key, &str)]| look(variables, host, flags).expect("a search").0;
    assert_eq!(found("db01", &all, &[]).as_deref(), Some("from-env"));
    let some = Environment::of([("PGPASSFILE", &passfile_text)]);
    assert_eq!(found("db01", &some, &[]).as_deref(), Some("from-passfile"));
    assert_eq!(found("db02", &some, &[]).as_deref(), Some("from-config"));
    std::fs::set_permissions(&passfile, std::fs::Permissions::from_mode(0o640)).expect("its mode");
    let (password, warning) = look(&some, "db01", &[]).expect("a search");
    assert_eq!(password.as_deref(), Some("from-config"), "a file that others may read is ignored");
    assert!(warning.expect("a warning").contains("chmod 600"));
    home.write("user.toml", "");
    let path = password_file.display().to_string();
    assert_eq!(found("db02", &some, &[(Key::PasswordFile, &path)]).as_deref(), Some("from-file"));
    std::fs::set_permissions(&password_file, std::fs::Permissions::from_mode(0o644)).expect("its mode");
    let fault = look(&some, "db02", &[(Key::PasswordFile, &path)]).expect_err("others may read it");
    assert!(fault.code == Code::FilePermission && !fault.render("x").contains("from-file"));
}

#[test]
fn a_configuration_file_that_was_named_must_be_there() {
    let mut home = Home::new();
    home.paths.given = Some(Path::new("/nonexistent/x.toml").into());
    assert_eq!(refused(home.resolve(&Environment::default(), &[])).code, Code::Config);
}
