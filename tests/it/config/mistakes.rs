//! `config check` and `config init` by the program: all mistakes at once, each with its place and the nearest name.

use super::Home;
use dbbackup::config::settings::SETTINGS;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Exit code, stdout, stderr.
fn run(home: &Home, variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_dbbackup"))
        .env_clear()
        .env("HOME", home.dir.path())
        .env("XDG_CONFIG_HOME", home.dir.path())
        .envs(variables.iter().copied())
        .args(arguments)
        .output()
        .expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (out.status.code().expect("a code"), text(out.stdout), text(out.stderr))
}

const WRONG: &str = "[backup]
jbos = 4
jobs = \"many\"
dir = [1]
compression = \"zstd:3\"
level = 4
[bakup]
x = 1
[servers.shop]
hots = \"db\"
host = \"db02\"
socket = \"/run\"
prove = true
[restore]
retries = 101
prove = 1
port = 7
[connection]
engine = \"postgers\"
password
";

#[test]
fn all_mistakes_are_said_at_once_with_their_places() {
    let home = Home::new();
    std::fs::create_dir(home.dir.path().join("dbbackup")).expect("a folder");
    let path = home.dir.path().join("dbbackup/config.toml");
    std::fs::write(&path, WRONG).expect("a file");
    let (code, out, said) = run(&home, &[("DBBACKUP_PORT", "x"), ("DBBACKUP_JBOS", "3")], &["config", "check"]);
    assert_eq!((code, out.as_str()), (78, ""), "{said}");
    for (place, words) in [
        ("2:1", "unknown key backup.jbos"),
        ("3:8", "not a number"),
        ("4:7", "wrong type"),
        ("6:9", "backup.level contradicts backup.compression"),
        ("7:2", "unknown section [bakup]"),
        ("10:1", "unknown key servers.shop.hots"),
        ("12:10", "connection.socket contradicts connection.host"),
        ("13:1", "unknown key servers.shop.prove"),
        ("15:11", "not between 0 and 100"),
        ("16:9", "wanted is true, false"),
        ("17:1", "unknown key restore.port"),
        ("20:", "not TOML"),
        ("19:10", "postgers"),
    ] {
        let line = said.lines().find(|line| line.starts_with(&format!("{}:{place}", path.display())));
        assert!(line.is_some_and(|line| line.contains(words)), "{place} {words}: {line:?}\n{said}");
    }
    for words in [
        "DBBACKUP_PORT: ",
        "Did you mean jobs?",
        "Did you mean backup?",
        "Did you mean host?",
        "connection.port",
        "did you mean DBBACKUP_JOBS?",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.lines().last().expect("a line").starts_with("[FAIL] 14 mistakes"), "{said}");
    let (code, out, _) = run(&home, &[], &["config", "check", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, answer["mistakes"].as_array().map(Vec::len)), (78, Some(13)));
    let (code, _, said) = run(&home, &[], &["list"]);
    assert!(code == 78 && said.contains("dbbackup config check"), "{said}");
}

#[test]
fn what_contradicts_over_layers_is_found_too() {
    let home = Home::new();
    for (variables, words) in [
        (&[("DBBACKUP_COMPRESSION", "gzip"), ("DBBACKUP_COMPRESSION_LEVEL", "12")][..], "no such level"),
        (&[("DBBACKUP_SSL_CERT", "/a")], "connection.ssl_key"),
        (&[("DBBACKUP_CONFIG", "/nonexistent/x.toml")], "does not exist"),
    ] {
        let (code, _, said) = run(&home, variables, &["config", "check"]);
        assert!(code == 78 && said.contains(words), "{variables:?}: {code} {said}");
    }
    let (code, out, said) = run(&home, &[("PGHOST", "db07")], &["config", "check"]);
    assert!(code == 0 && out.contains("db07:5432") && said.is_empty(), "{out}{said}");
}

#[test]
fn init_writes_every_key_for_its_owner_only_and_never_overwrites() {
    let home = Home::new();
    let (code, out, _) = run(&home, &[], &["config", "init"]);
    let path = home.dir.path().join("dbbackup/config.toml");
    assert_eq!((code, out.trim_end()), (0, path.to_str().expect("a path")));
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&home.dir.path().join("dbbackup"))), (0o600, 0o700));
    let text = std::fs::read_to_string(&path).expect("a text");
    for setting in SETTINGS {
        assert!(text.contains(setting.doc), "{}", setting.name);
        assert!(setting.flag.is_none_or(|flag| text.contains(&format!("--{flag}"))), "{}", setting.name);
    }
    std::fs::write(&path, "[backup]\njobs = 3\n").expect("a file");
    let (code, _, said) = run(&home, &[], &["config", "init"]);
    assert!(code == 73 && said.contains("--path -"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).expect("a text"), "[backup]\njobs = 3\n");
    let (code, printed, _) = run(&home, &[], &["config", "init", "--path", "-"]);
    assert!(code == 0 && printed == text);
    let other = home.dir.path().join("other.toml");
    assert_eq!(run(&home, &[], &["config", "init", "--path", other.to_str().expect("a path")]).0, 0);
    assert_eq!(mode(&other), 0o600);
    let (code, out, _) = run(&home, &[], &["config", "path"]);
    assert!(code == 0 && out.contains(&format!("user      {} (read)", path.display())) && out.starts_with("system"), "{out}");
}

#[test]
fn a_switch_is_turned_off_by_its_flag() {
    let home = Home::new();
    std::fs::create_dir(home.dir.path().join("dbbackup")).expect("a folder");
    std::fs::write(home.dir.path().join("dbbackup/config.toml"), "[output]\njson = true\n").expect("a file");
    assert!(run(&home, &[], &["config", "show", "output.json"]).1.starts_with('{'));
    assert_eq!(run(&home, &[], &["config", "show", "output.json", "--json=false"]).1, "false\n");
    assert_eq!(run(&home, &[], &["config", "show", "--json=maybe"]).0, 64);
}
