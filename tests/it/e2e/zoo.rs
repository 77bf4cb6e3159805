//! The zoo comes back whole.

use super::{Home, entry, fingerprints};
use crate::support::postgres::{Postgres, VERSIONS, server};
use crate::support::{compare, zoo};

fn comes_back(server: &'static Postgres) {
    let source = zoo::zoo(server);
    let home = Home::new();
    let archive = zoo::archive(server).display().to_string();
    let target = format!("zoo_copy_{}", server.major);
    home.on(server, &["restore", "single", &archive, "--target", &target, "--create", "--prove", "--jobs", "2"]).ok();
    compare::same_database((server, source), (server, &target));
    compare::same_text("a property of the database", &compare::properties(server, source), &compare::properties(server, &target));
    // What was restored can be backed up again, and is the same again.
    let again = home.backup(server, &target, &["--jobs", "1", "--compression", "lz4"]);
    let mut prints = [fingerprints(zoo::archive(server), source), fingerprints(&again, &target)];
    // Where a row of these lies depends on an OID.
    prints.iter_mut().for_each(|prints| prints.retain(|table, _| !table.contains("by_enum_")));
    assert_eq!(prints[0], prints[1]);
    // A trigger that explodes, and an event trigger that counts, must have stayed silent.
    assert_eq!(server.sql(&target, "select count(*) from trig.ddl_log"), server.sql(source, "select count(*) from trig.ddl_log"));
    assert!(!std::path::Path::new("/tmp/zoo-was-here").exists(), "a name was run as a command");
}

#[test]
fn the_zoo_of_15_comes_back_whole() {
    comes_back(server(15));
}

#[test]
fn the_zoo_of_17_comes_back_whole() {
    comes_back(server(17));
}

#[test]
fn the_zoo_of_an_older_server_comes_back_on_a_newer_one() {
    let (old, new) = (server(15), server(17));
    let source = zoo::zoo(old);
    let home = Home::new();
    zoo::zoo(new);
    let archive = zoo::archive(old).display().to_string();
    home.on(new, &["restore", "single", &archive, "--target", "zoo_from_15", "--create", "--prove"]).ok();
    compare::same_rows(&compare::rows(old, source), &compare::rows(new, "zoo_from_15"));
    compare::same_text("a sequence", &compare::sequences(old, source), &compare::sequences(new, "zoo_from_15"));
    compare::same_text("a large object", &compare::large_objects(old, source), &compare::large_objects(new, "zoo_from_15"));
}

#[test]
fn jobs_ranges_and_codecs_do_not_change_the_content() {
    let server = server(15);
    let source = zoo::zoo(server);
    let expected = fingerprints(zoo::archive(server), source);
    let home = Home::new();
    let runs: [&[&str]; 6] = [
        &["--jobs", "1", "--compression", "zstd:1"],
        &["--jobs", "4", "--compression", "zstd:1", "--chunk-size", "256KiB"],
        &["--jobs", "2", "--compression", "gzip:1"],
        &["--jobs", "2", "--compression", "lz4"],
        &["--jobs", "4", "--compression", "xz:0", "--chunk-size", "4MiB"],
        &["--jobs", "2", "--compression", "none"],
    ];
    for run in runs {
        // Every byte is read and judged below, by the same check that a backup makes of itself.
        let archive = home.backup(server, source, &[run, &["--no-verify"]].concat());
        assert_eq!(fingerprints(&archive, source), expected, "{run:?}");
        home.on(server, &["verify", &archive.display().to_string(), "--full"]).ok();
        std::fs::remove_file(archive).expect("removed");
    }
}

#[test]
fn every_row_of_the_zoo_is_in_its_manifest() {
    for major in VERSIONS {
        let server = server(major);
        let source = zoo::zoo(server);
        let manifest: serde_json::Value = serde_json::from_slice(&entry(zoo::archive(server), "manifest.json")).expect("JSON");
        let tables = manifest["databases"][0]["tables"].as_array().expect("tables");
        let mut compared = 0;
        for (relation, rows) in compare::rows(server, source) {
            let name = server.sql(source, &format!("select jsonb_build_object('schema', nspname, 'name', relname)::text || relkind::text from pg_class c join pg_namespace n on n.oid = relnamespace where c.oid = {}::regclass", literal(&relation)));
            let (name, kind) = name.split_at(name.len() - 1);
            if kind != "r" || relation.starts_with("zoo_config.") {
                continue;
            }
            let name: serde_json::Value = serde_json::from_str(name).expect("JSON");
            let found = tables.iter().find(|table| table["name"] == name).unwrap_or_else(|| panic!("{relation} is not in the manifest"));
            assert_eq!(found["rows"], rows.len(), "{relation}");
            compared += 1;
        }
        assert!(compared > 65, "only {compared} tables");
        // Of an extension's configuration tables only what its user put there.
        let settings =
            tables.iter().find(|table| table["name"]["schema"] == "zoo_config" && table["name"]["name"] == "settings").expect("settings");
        assert_eq!(settings["rows"], 2);
        assert!(!tables.iter().any(|table| table["name"]["name"] == "not_configuration"));
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
