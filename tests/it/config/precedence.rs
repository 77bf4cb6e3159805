//! Flags beat the environment, that beats --config, that the user's file, that the system's, that the default: for every setting there is.
//! All cases are made from the table; a new setting is tested without being named here.

use super::Home;
use dbbackup::cli::parse;
use dbbackup::config::environment::Environment;
use dbbackup::config::layers::{Origin, resolve};
use dbbackup::config::per_run::PER_RUN;
use dbbackup::config::product;
use dbbackup::config::settings::{Key, Kind, SETTINGS, Setting};
use dbbackup::domain::Product;
use std::collections::BTreeSet;
use std::process::Command;

/// Valid values, two that follow each other are different.
fn values(setting: &Setting) -> [String; 5] {
    let of = |words: &[&str]| std::array::from_fn(|at| words[at % words.len()].to_owned());
    match setting.kind {
        Kind::Text | Kind::Secret => of(&["a", "b", "c", "d", "e"]),
        Kind::Path => of(&["/a", "/b", "/c", "/d", "/e"]),
        Kind::Number(low, _) => std::array::from_fn(|at| (low + 3 + at as u64).to_string()),
        Kind::Size(low) => std::array::from_fn(|at| (low * (at as u64 + 2)).to_string()),
        Kind::Switch => of(&["true", "false"]),
        Kind::Word(words) => of(words),
        Kind::Levels => of(&["debug", "info,engine=debug", "warn", "error", "trace"]),
        Kind::Compression => of(&["lz4", "zstd:5", "gzip:2", "none", "xz:3"]),
        Kind::Verify => of(&["off", "quick", "full", "auto", "off"]),
        Kind::Timestamp => of(&["utc", "%Y", "local", "%Y%m", "utc"]),
        Kind::SslMode => of(&["require", "disable", "verify-ca", "allow", "verify-full"]),
    }
}

fn line(setting: &Setting, text: &str) -> String {
    let (section, key) = setting.parts();
    let text = match setting.kind {
        Kind::Number(..) | Kind::Switch => text.to_owned(),
        _ => format!("{text:?}"),
    };
    // The sections that the values of connection.server name.
    let servers = if setting.key == Key::Server { "[servers.a]\n[servers.b]\n[servers.c]\n[servers.d]\n[servers.e]\n" } else { "" };
    format!("[{section}]\n{key} = {text}\n{servers}")
}

/// The settings that a real command line with this flag holds.
fn typed(setting: &Setting, text: &str) -> Vec<(Key, String)> {
    let flag = format!("--{}={text}", setting.flag.expect("a flag"));
    let commands: [&[&str]; 7] = [
        &["backup", "cluster"],
        &["restore", "cluster", "a"],
        &["restore", "single", "a", "--target", "b"],
        &["verify", "a"],
        &["wal", "archive", "a", "b"],
        &["wal", "restore", "a", "b"],
        &["restore", "pitr", "--target-dir", "a"],
    ];
    let parsed = commands.iter().find_map(|command| {
        let words = ["dbbackup"].iter().chain(*command).copied().chain([flag.as_str()]);
        parse::parse(words).ok()
    });
    parsed.unwrap_or_else(|| panic!("no command takes {flag}")).settings
}

#[test]
fn every_layer_of_every_setting_beats_the_ones_below() {
    for setting in SETTINGS {
        let [system, user, given, variable, flag] = values(setting);
        let mut home = Home::new();
        let shown = |home: &Home, environment: &Environment, flags: &[(Key, String)]| {
            let resolved = resolve(&home.paths, environment, flags).unwrap_or_else(|fault| panic!("{}: {fault:?}", setting.name));
            resolved.values.get(&setting.key).map(|value| (value.text.clone(), value.origin.clone()))
        };
        let none = Environment::default();
        let start = shown(&home, &none, &[]);
        assert_eq!(start, setting.default.map(|default| (default.to_owned(), Origin::Default)), "{}", setting.name);
        let place = home.write("system.toml", &line(setting, &system));
        assert_eq!(shown(&home, &none, &[]), Some((system, Origin::File(place, 2))), "{}", setting.name);
        let place = home.write("user.toml", &line(setting, &user));
        assert_eq!(shown(&home, &none, &[]), Some((user, Origin::File(place, 2))), "{}", setting.name);
        let place = home.write("given.toml", &line(setting, &given));
        home.paths.given = Some(place.clone());
        assert_eq!(shown(&home, &none, &[]), Some((given, Origin::File(place, 2))), "{}", setting.name);
        let mut environment = none;
        for product in Product::ALL {
            let mut environment = Environment::default();
            let engine = [(Key::Engine, product.word().to_owned())];
            let flags = if setting.key == Key::Engine { &[][..] } else { &engine };
            for name in product::variables(setting, product).into_iter().rev() {
                environment = environment.with(&name, &variable);
                assert_eq!(shown(&home, &environment, flags), Some((variable.clone(), Origin::Environment(name))), "{}", setting.name);
            }
            // What another product's clients are told is not for this one.
            let foreign = setting.also.iter().filter(|name| name.starts_with(if product.is_mysql() { "PG" } else { "MYSQL_" }));
            for name in foreign {
                let environment = Environment::of([(name, variable.as_str())]);
                let origin = shown(&home, &environment, flags).map(|(_, origin)| origin);
                assert!(!matches!(origin, Some(Origin::Environment(_))), "{name} for {product}");
            }
        }
        if let Some(name) = setting.variable() {
            environment = environment.with(&name, &variable);
        }
        if let Some(name) = setting.flag {
            let wanted = Some((flag.clone(), Origin::Flag(name)));
            assert_eq!(shown(&home, &environment, &typed(setting, &flag)), wanted, "{}", setting.name);
        }
    }
}

/// A chosen server's section stands between environment and flags.
#[test]
fn every_setting_of_a_connection_may_stand_in_a_section_of_a_server() {
    let mut tried = 0;
    for setting in SETTINGS.iter().filter(|setting| setting.is_of_connection()) {
        let [file, section, _, variable, flag] = values(setting);
        let home = Home::new();
        let in_section = line(setting, &section).replace("[connection]", "[servers.shop]");
        home.write("user.toml", &format!("{}{in_section}", line(setting, &file)));
        let environment = setting.variable().map_or_else(Environment::default, |name| Environment::default().with(&name, &variable));
        let mut flags = vec![(Key::Server, "shop".to_owned())];
        let shown = |flags: &[(Key, String)]| {
            let resolved = resolve(&home.paths, &environment, flags).expect("valid");
            assert_eq!(resolved.servers["shop"][&setting.key].text, section, "{}", setting.name);
            resolved.values[&setting.key].text.clone()
        };
        assert_eq!(shown(&flags), section, "{}", setting.name);
        if setting.flag.is_some() {
            flags.extend(typed(setting, &flag));
            assert_eq!(shown(&flags), flag, "{}", setting.name);
        }
        tried += 1;
    }
    assert!(tried >= 15, "{tried}");
}

/// The same by the program itself: it says what holds, and where it came from.
#[test]
fn the_program_shows_every_layer_of_every_setting() {
    let home = Home::new();
    let folder = home.dir.path().join("config/dbbackup");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("config.toml");
    let show = |variables: &[(String, String)], flags: &[String]| {
        let out = Command::new(env!("CARGO_BIN_EXE_dbbackup"))
            .env_clear()
            .env("HOME", home.dir.path())
            .env("XDG_CONFIG_HOME", home.dir.path().join("config"))
            .envs(variables.iter().cloned())
            .args(flags)
            .args(["config", "show", "--json"])
            .output()
            .expect("the program");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice::<serde_json::Value>(&out.stdout).expect("JSON")
    };
    // What chooses the form of the answer is not asked for in another form, and a server needs its section.
    let asked: Vec<&Setting> = SETTINGS.iter().filter(|setting| !matches!(setting.key, Key::Json | Key::Server | Key::Password)).collect();
    let mut text = String::new();
    let mut section = "";
    for setting in &asked {
        if setting.parts().0 != section {
            section = setting.parts().0;
            text.push_str(&format!("[{section}]\n"));
        }
        text.push_str(line(setting, &values(setting)[1]).lines().nth(1).expect("a line"));
        text.push('\n');
    }
    std::fs::write(&file, text).expect("a file");
    let said = |answer: &serde_json::Value, setting: &Setting| {
        let entry = &answer[setting.name];
        (entry["value"].as_str().unwrap_or_default().to_owned(), entry["origin"].as_str().unwrap_or_default().to_owned())
    };
    let answer = show(&[], &[]);
    for setting in &asked {
        let (value, origin) = said(&answer, setting);
        assert_eq!(value, values(setting)[1], "{}", setting.name);
        assert!(origin.starts_with(&format!("{}:", file.display())), "{}: {origin}", setting.name);
    }
    let variables: Vec<(String, String)> =
        asked.iter().filter_map(|setting| Some((setting.variable()?, values(setting)[3].clone()))).collect();
    let answer = show(&variables, &[]);
    for setting in &asked {
        let wanted = (values(setting)[3].clone(), format!("environment {}", setting.variable().expect("a variable")));
        assert_eq!(said(&answer, setting), wanted, "{}", setting.name);
    }
    let command = parse::command();
    let before = |flag: &str| command.get_arguments().any(|arg| arg.get_long() == Some(flag));
    let flags: Vec<&&Setting> = asked.iter().filter(|setting| setting.flag.is_some_and(before)).collect();
    assert!(flags.len() > 25, "{}", flags.len());
    let words: Vec<String> = flags.iter().map(|setting| format!("--{}={}", setting.flag.unwrap_or_default(), values(setting)[4])).collect();
    let answer = show(&variables, &words);
    for setting in flags {
        let wanted = (values(setting)[4].clone(), format!("--{}", setting.flag.expect("a flag")));
        assert_eq!(said(&answer, setting), wanted, "{}", setting.name);
    }
}

/// Every flag is a setting, or stands on the list of those that belong to one run, which has no other entry.
#[test]
fn every_flag_is_a_setting_or_says_why_it_is_none() {
    fn walk(command: &clap::Command, flags: &mut BTreeSet<String>) {
        flags.extend(command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned));
        command.get_subcommands().for_each(|sub| walk(sub, flags));
    }
    let mut command = parse::command();
    command.build();
    let mut flags = BTreeSet::new();
    walk(&command, &mut flags);
    for flag in &flags {
        let setting = SETTINGS.iter().any(|setting| setting.flag == Some(flag));
        let per_run = PER_RUN.iter().any(|(name, _)| name == flag);
        assert!(setting != per_run, "--{flag} is a setting: {setting}, of one run: {per_run}");
    }
    for (name, why) in PER_RUN {
        assert!(flags.contains(*name) && !why.is_empty(), "there is no flag --{name}");
    }
    for setting in SETTINGS {
        match setting.flag {
            Some(flag) => assert!(flags.contains(flag), "{} has no flag --{flag}", setting.name),
            None => assert_eq!(setting.kind, Kind::Secret, "{} has no flag", setting.name),
        }
    }
}

#[test]
fn the_page_of_settings_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let fresh = dbbackup::config::document::document();
    if std::env::var_os("DBBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(path, &fresh).expect("docs/configuration.md can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == fresh, "docs/configuration.md is not what the table says: run the tests with DBBACKUP_WRITE_DOCS=1");
}
