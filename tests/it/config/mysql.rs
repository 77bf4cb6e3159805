//! What MySQL and MariaDB have of their own: defaults, variables, option files, words for TLS. Compared with their own programs.

use super::{Home, refused};
use crate::support::mysql::Kind;
use crate::support::mysql_model;
use dbbackup::config::environment::Environment;
use dbbackup::config::layers::Origin;
use dbbackup::config::option_file;
use dbbackup::config::secrets::Secrets;
use dbbackup::config::settings::Key;
use dbbackup::domain::{Code, Connection, Product, SslMode};
use secrecy::ExposeSecret;
use std::process::Command;

fn password(home: &Home, environment: &Environment, flags: &[(Key, &str)]) -> (Option<String>, String) {
    let resolved = home.resolve(environment, flags).expect("valid");
    let looked = Secrets::new(&resolved, environment).look_up(&resolved.connection().expect("one")).expect("a search");
    (looked.password.map(|password| password.expose_secret().to_owned()), looked.source)
}

#[test]
fn each_product_has_its_own_defaults() {
    let home = Home::new();
    let of = |word: &str| home.resolve(&Environment::default(), &[(Key::Engine, word)]).expect("valid").connection().expect("one");
    for product in Product::ALL {
        assert_eq!(of(product.word()), Connection::to(product));
    }
    assert_eq!((of("mariadb").port, of("mariadb").user.as_str(), of("mariadb").database.as_str()), (3306, "root", ""));
    let by_variable = home.resolve(&Environment::of([("DBBACKUP_ENGINE", "mysql")]), &[]).expect("valid");
    assert_eq!(by_variable.connection(), Ok(Connection::to(Product::Mysql)));
}

#[test]
fn what_was_written_for_one_product_is_not_said_to_another() {
    let home = Home::new();
    home.write(
        "user.toml",
        "[connection]\nhost = \"db01\"\nport = 5433\nuser = \"pg\"\ndatabase = \"app\"\n\
         [servers.shop]\nengine = \"mysql\"\n[servers.kiosk]\nengine = \"mariadb\"\nport = 3307\nuser = \"backup\"\n[servers.old]\nuser = \"x\"\n",
    );
    let environment =
        Environment::of([("PGPORT", "1"), ("PGUSER", "wrong"), ("PGDATABASE", "wrong"), ("PGPASSWORD", "wrong"), ("MYSQL_PWD", "right")]);
    for flags in [&[(Key::Server, "shop")][..], &[(Key::Engine, "mysql")]] {
        let connection = home.resolve(&environment, flags).expect("valid").connection().expect("one");
        assert_eq!((connection.product, connection.host.as_str(), connection.port), (Product::Mysql, "db01", 3306), "{flags:?}");
        assert_eq!((connection.user.as_str(), connection.database.as_str()), ("root", ""));
        assert_eq!(password(&home, &environment, flags), (Some("right".to_owned()), "from MYSQL_PWD".to_owned()));
    }
    let resolved = home.resolve(&Environment::default(), &[]).expect("valid");
    let all = resolved.connections().expect("all");
    let shown: Vec<_> = all.iter().map(|c| (c.label(), c.product, c.port, c.user.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("db01:5433".to_owned(), Product::Postgres, 5433, "pg"),
            ("kiosk".to_owned(), Product::Mariadb, 3307, "backup"),
            ("old".to_owned(), Product::Postgres, 5433, "x"),
            ("shop".to_owned(), Product::Mysql, 3306, "root"),
        ]
    );
    let swapped = Environment::of([
        ("MYSQL_PWD", "wrong"),
        ("MYSQL_HOST", "wrong"),
        ("MYSQL_TCP_PORT", "2"),
        ("MYSQL_UNIX_PORT", "/wrong"),
        ("PGPASSWORD", "right"),
    ]);
    assert_eq!(home.resolve(&swapped, &[]).expect("valid").connection().expect("one").address(), "db01:5433");
    assert_eq!(password(&home, &swapped, &[]).0.as_deref(), Some("right"));
}

#[test]
fn the_option_file_stands_below_our_own_files() {
    let mut home = Home::new();
    home.paths.options = Some(home.write("my.cnf", "[client]\nhost = opt\nport=3310\nuser='opt user'\npassword=\"it's # \\\\ \"  # why\nssl-mode=VERIFY_IDENTITY\nssl_ca=/ca\n[mysqldump]\nuser=other\n"));
    let none = Environment::default();
    let mysql = (Key::Engine, "mysql");
    let resolved = home.resolve(&none, &[mysql]).expect("valid");
    let connection = resolved.connection().expect("one");
    assert_eq!((connection.address().as_str(), connection.user.as_str()), ("opt:3310", "opt user"));
    assert_eq!((connection.ssl_mode, connection.ssl_root_cert), (SslMode::VerifyFull, Some("/ca".into())));
    assert_eq!(resolved.values[&Key::Port].origin, Origin::OptionFile(home.dir.path().join("my.cnf"), 3));
    let (text, source) = password(&home, &none, &[mysql]);
    assert_eq!(text.as_deref(), Some("it's # \\ "));
    assert!(source.ends_with("my.cnf:5"), "{source}");
    home.write("user.toml", "[connection]\nengine = \"mysql\"\nport = 3311\n[servers.shop]\nhost = \"shop\"\n");
    assert_eq!(home.resolve(&none, &[]).expect("valid").connection().expect("one").address(), "opt:3311");
    let environment = Environment::of([("MYSQL_HOST", "env"), ("MYSQL_PWD", "env")]);
    assert_eq!(home.resolve(&environment, &[]).expect("valid").connection().expect("one").address(), "env:3311");
    assert_eq!(password(&home, &environment, &[]).1, "from MYSQL_PWD");
    let flags = [(Key::Server, "shop"), (Key::Port, "3312")];
    assert_eq!(home.resolve(&environment, &flags).expect("valid").connection().expect("one").address(), "shop:3312");
    let file = home.write("pw", "named\n");
    assert_eq!(password(&home, &none, &[mysql, (Key::PasswordFile, &file.display().to_string())]).0.as_deref(), Some("named"));
    let postgres = home.resolve(&none, &[(Key::Engine, "postgres")]).expect("valid");
    assert_eq!(postgres.connection(), Ok(Connection::default()), "an option file of MySQL's clients says nothing to PostgreSQL");
}

#[test]
fn an_option_file_that_others_may_read_is_refused_for_its_password() {
    let mut home = Home::new();
    let mysql = [(Key::Engine, "mysql")];
    let none = Environment::default();
    home.paths.options = Some(home.write_with("my.cnf", "[client]\nuser=u\npassword=sesame\n", 0o644));
    let fault = refused(home.resolve(&none, &mysql));
    assert_eq!(fault.code, Code::FilePermission);
    assert!(format!("{fault:?}").contains("chmod 600") && !format!("{fault:?}").contains("sesame"));
    home.paths.options = Some(home.write_with("open.cnf", "[client]\nuser=u\n", 0o644));
    assert_eq!(home.resolve(&none, &mysql).expect("nothing to hide").connection().expect("one").user, "u");
    home.paths.options = Some(home.write_with("wide.cnf", "[client]\nuser=u\n", 0o666));
    assert_eq!(refused(home.resolve(&none, &mysql)).code, Code::FilePermission);
    home.paths.options = Some(home.write("wrong.cnf", "[client]\nport=many\n"));
    assert_eq!(refused(home.resolve(&none, &mysql)).code, Code::Config);
    assert!(home.resolve(&none, &[]).is_ok(), "PostgreSQL does not care");
}

#[test]
fn localhost_is_the_socket_unless_a_port_is_asked_for() {
    let mut home = Home::new();
    let socket = home.write("mysqld.sock", "");
    let shown = socket.display().to_string();
    home.paths.sockets = vec!["/nonexistent/s".into(), socket];
    let address = |home: &Home, environment: &Environment, flags: &[(Key, &str)]| {
        let flags: Vec<_> = [(Key::Engine, "mariadb")].iter().chain(flags).copied().collect();
        home.resolve(environment, &flags).expect("valid").connection().expect("one").address()
    };
    let none = Environment::default();
    assert_eq!(address(&home, &none, &[]), shown);
    assert_eq!(address(&home, &none, &[(Key::Host, "localhost")]), shown);
    assert_eq!(address(&home, &none, &[(Key::Host, "127.0.0.1")]), "127.0.0.1:3306");
    assert_eq!(address(&home, &none, &[(Key::Port, "3307")]), "localhost:3307");
    assert_eq!(address(&home, &Environment::of([("MYSQL_TCP_PORT", "3308")]), &[]), "localhost:3308");
    assert_eq!(address(&home, &Environment::of([("MYSQL_UNIX_PORT", "/other")]), &[]), "/other");
    assert_eq!(home.resolve(&none, &[]).expect("valid").connection(), Ok(Connection::default()));
    home.paths.options = Some(home.write("my.cnf", "[client]\nsocket=/from/options\n[client-mariadb]\nuser=maria\n"));
    assert_eq!(address(&home, &none, &[]), "/from/options");
    home.paths.options = Some(home.write("my.cnf", "[client]\nsocket=/from/options\nhost=far\n"));
    assert_eq!(address(&home, &none, &[]), "far:3306");
}

#[test]
fn the_words_of_mysql_for_tls_are_understood() {
    let words = [
        ("DISABLED", SslMode::Disable),
        ("preferred", SslMode::Prefer),
        ("REQUIRED", SslMode::Require),
        ("VERIFY_CA", SslMode::VerifyCa),
        ("verify_identity", SslMode::VerifyFull),
        ("verify-full", SslMode::VerifyFull),
    ];
    for (word, mode) in words {
        assert_eq!(word.parse(), Ok(mode), "{word}");
    }
    assert!("".parse::<SslMode>().is_err() && "VERIFY".parse::<SslMode>().is_err());
}

/// The stock program that prints what an option file says.
#[test]
fn option_files_are_read_as_the_stock_clients_read_them() {
    let home = Home::new();
    let dir = home.dir.path();
    home.write("more.cnf", "[client]\nuser=from_include\n[other]\nport=9\n");
    std::fs::create_dir(dir.join("d")).expect("a folder");
    home.write("d/a.cnf", "[client]\nconnect-timeout = 7\n");
    home.write("d/b.txt", "[client]\nconnect-timeout = 8\n");
    let text = format!(
        "# comment\n; comment\n[mysqld]\nport=1\n[ client ]\nport=2\n[client]\n  host = spaced out  \nport=3306 # why\nsocket='/a b'\n\
         ssl-ca=\"quo\\\"ted\"\nssl-cert=a\\sb\\tc\\\\d\\qe\nssl-key='half\nloose-ssl_mode=REQUIRED\nuser=semi;colon\nbind_address='a#b'#c\ncompress\n\
         init-command=''\n!include {0}/more.cnf\nlocal-infile=x='y'\n!includedir {0}/d\n",
        dir.display()
    );
    let file = home.write("my.cnf", &text);
    let ours = option_file::read(&file, &["client"]).unwrap_or_else(|fault| panic!("{fault:?}"));
    let dashed = |name: &str| name.replace('_', "-").replace("loose-", "");
    let ours: Vec<String> = ours
        .iter()
        .map(|option| option.value.as_ref().map_or(format!("--{}", option.name), |value| format!("--{}={value}", option.name)))
        .collect();
    assert!(ours.len() >= 14, "{ours:?}");
    for kind in Kind::ALL {
        let mut program = Command::new(mysql_model::prefix(kind).join("usr/bin/my_print_defaults"));
        let out = program.arg(format!("--defaults-file={}", file.display())).arg("client").output().expect("the stock program");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let theirs: Vec<String> = String::from_utf8(out.stdout)
            .expect("text")
            .lines()
            .map(|line| {
                let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
                value.map_or(dashed(name), |value| format!("{}={value}", dashed(name)))
            })
            .collect();
        assert_eq!(ours, theirs, "{kind:?}");
    }
}
