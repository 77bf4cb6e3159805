//! Dumps of pg_dump and pg_dumpall: recognised by what is in them, looked through before anything is touched, restored by the stock programs,
//! and compared by means that owe nothing to either.

use super::Home;
use crate::support::compare::Content;
use crate::support::postgres::{Postgres, server};
use crate::support::{compare, program, zoo};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Has a program of the server's write a dump of a database.
fn dump(server: &Postgres, program: &str, database: Option<&str>, args: &[&str], to: &Path) -> PathBuf {
    let mut command = Command::new(server.bin.join(program));
    command.arg("-h").arg(&server.socket).args(["-p", &server.port.to_string(), "-U", "postgres"]).args(args).arg("-f").arg(to);
    command.args(database.into_iter().flat_map(|name| ["-d", name]));
    let out = command.output().expect(program);
    assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    to.to_owned()
}

/// Runs a stock program in a folder.
fn stock(dir: &Path, words: &[&str]) {
    let out = Command::new(words[0]).args(&words[1..]).current_dir(dir).output().expect(words[0]);
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Names of temporary things in a folder.
fn temporary(dir: &Path) -> Vec<String> {
    program::names(dir).into_iter().filter(|name| name.starts_with("dbbackup-")).collect()
}

/// Restores a dump under a new name and gives that.
fn comes_back(home: &Home, server: &Postgres, source: &Content, file: &Path, more: &[&str]) {
    let stem = file.file_name().expect("a name").to_string_lossy().replace(['.', ' '], "_");
    let target = format!("back_{}_{stem}", server.major);
    let work = home.path().join("work");
    std::fs::create_dir_all(&work).expect("a folder");
    let (file, work_text) = (file.display().to_string(), work.display().to_string());
    let mut args = vec!["restore", "single", &file, "--target", &target, "--create", "--workdir", &work_text];
    args.extend(more);
    let outcome = home.on(server, &args).ok();
    assert!(outcome.text().contains("not proven"), "{}", outcome.text());
    assert_eq!(temporary(&work), Vec::<String>::new(), "{file}");
    source.is_in(server, &target);
}

/// A database that has rows, keys, a sequence and a large object, and is restored in no time.
fn small(server: &Postgres) -> String {
    let name = server.database("small_dump");
    server.sql(
        &name,
        "create table a (id serial primary key, v text, b bytea); insert into a (v, b) select E'x\\ty\\\\' || i, decode(md5(i::text), 'hex') \
         from generate_series(1, 5000) i; create table c (a int references a, \"odd \"\" name\" text); insert into c select i, null from generate_series(1, 100) i; \
         create index on a (v); select lo_from_bytea(4711, 'large object');",
    );
    name
}

#[test]
fn archives_of_pg_dump_come_back_whole() {
    let server = server(15);
    let zoo = zoo::zoo(server);
    let home = Home::new();
    let at = |name: &str| home.path().join(name);
    // Names say nothing: these lie.
    comes_back(
        &home,
        server,
        &Content::of(server, zoo),
        &dump(server, "pg_dump", Some(zoo), &["-Fc"], &at("custom.sql")),
        &["--jobs", "1"],
    );
    // In parallel pg_restore cannot restore a trigger that a partition has of its own state: it does not wait for it to be there.
    let source = "zoo_of_dumps";
    server.sql("postgres", &format!("create database {source} template template0"));
    let file = at("custom.sql").display().to_string();
    home.on(server, &["restore", "single", &file, "--target", source, "--jobs", "1"]).ok();
    server.sql(source, "drop trigger cloned on part.measure");
    let held = Content::of(server, source);
    comes_back(&home, server, &held, &dump(server, "pg_dump", Some(source), &["-Fc", "-Z0"], &at("raw.tar.gz")), &["--jobs", "2"]);
    let folder = dump(server, "pg_dump", Some(source), &["-Fd", "-j2"], &at("folder"));
    comes_back(&home, server, &held, &folder, &["--jobs", "3"]);
    comes_back(&home, server, &held, &dump(server, "pg_dump", Some(source), &["-Ft"], &at("dump.txt")), &[]);
    // Compressed or packed by someone else.
    let small = small(server);
    let held = Content::of(server, &small);
    dump(server, "pg_dump", Some(&small), &["-Fd"], &at("other"));
    stock(home.path(), &["tar", "-cf", "packed", "other"]);
    stock(home.path(), &["zstd", "-q", "packed", "-o", "packed zst"]);
    comes_back(&home, server, &held, &at("packed zst"), &["--jobs", "2"]);
    for (flag, name) in [("-Fc", "c"), ("-Ft", "t")] {
        dump(server, "pg_dump", Some(&small), &[flag], &at(name));
        stock(home.path(), &["gzip", name]);
        comes_back(&home, server, &held, &at(&format!("{name}.gz")), &[]);
    }
}

/// Foreign keys between an extension's tables are there before their rows are, and pg_restore, which begins with the largest table, does not know.
#[test]
fn rows_of_an_extension_that_refer_to_each_other_come_in_order() {
    let server = server(15);
    let name = server.database("configured");
    server.sql(
        &name,
        "create extension zoo_config; insert into zoo_config.settings (name, builtin) values ('parent', false); \
         insert into zoo_config.a_counters select i::text, i, (select max(id) from zoo_config.settings) from generate_series(1, 20000) i; \
         create table largest as select i, md5(i::text) as word from generate_series(1, 200000) i",
    );
    let home = Home::new();
    let held = Content::of(server, &name);
    for (flag, file) in [("-Fd", "configured folder"), ("-Fc", "configured custom")] {
        let file = dump(server, "pg_dump", Some(&name), &[flag, "-Z0"], &home.path().join(file));
        comes_back(&home, server, &held, &file, &["--jobs", "2"]);
        // Into definitions that are there already, as into those that are made on the way.
        let (target, text) = (format!("{name}_{}", &flag[1..]), file.display().to_string());
        home.on(server, &["restore", "single", &text, "--target", &target, "--create", "--schema-only"]).ok();
        home.on(server, &["restore", "single", &text, "--target", &target, "--data-only", "--jobs", "2"]).ok();
        assert_eq!(server.sql(&target, "select count(*) from zoo_config.a_counters"), "20000");
    }
}

#[test]
fn scripts_of_pg_dump_come_back_whole_however_they_are_compressed() {
    let server = server(17);
    let source = zoo::zoo(server);
    let home = Home::new();
    let plain = dump(server, "pg_dump", Some(source), &[], &home.path().join("plain"));
    comes_back(&home, server, &Content::of(server, source), &plain, &[]);
    let source = &small(server);
    let held = Content::of(server, source);
    dump(server, "pg_dump", Some(source), &[], &home.path().join("plain.dump"));
    for (words, ending) in [(&["gzip", "-k"][..], "gz"), (&["zstd", "-q"], "zst"), (&["xz", "-k", "-1"], "xz"), (&["lz4", "-qm"], "lz4")] {
        stock(home.path(), &[words, &["plain.dump"]].concat());
        let file = home.path().join(format!("plain.dump.{ending}"));
        comes_back(&home, server, &held, &file, &[]);
    }
}

#[test]
fn what_a_dump_is_stands_in_lists() {
    let server = server(15);
    let name = server.database("listed");
    server.sql(&name, "create table t (a int primary key); insert into t select generate_series(1, 10)");
    let home = Home::new();
    dump(server, "pg_dump", Some(&name), &["-Fc"], &home.backups().join("a"));
    dump(server, "pg_dump", Some(&name), &["-Fd"], &home.backups().join("b"));
    dump(server, "pg_dump", Some(&name), &[], &home.backups().join("c"));
    std::fs::write(home.backups().join("d"), "something else").expect("written");
    let dir = home.backups().display().to_string();
    let list = program::run(&mut program::dbbackup(home.path(), &["restore", "list", "--backup-dir", &dir])).ok().stdout;
    for kind in ["pg_dump custom 1.14", "pg_dump directory 1.14", "pg_dump plain"] {
        assert!(list.contains(kind), "{kind} is not in\n{list}");
    }
    assert_eq!(list.lines().count(), 4, "{list}");
    let custom = home.backups().join("a").display().to_string();
    let show = program::run(&mut program::dbbackup(home.path(), &["archive", "show", &custom])).ok().stdout;
    assert!(show.contains(&name) && show.contains("pg_dump 15") && show.contains("public.t"), "{show}");
    let entries = program::run(&mut program::dbbackup(home.path(), &["archive", "list", &custom])).ok().stdout;
    assert!(entries.contains("TABLE DATA") && entries.contains("public.t"), "{entries}");
}

#[test]
fn a_dump_that_is_cut_off_is_refused_before_anything_is_touched() {
    let server = server(15);
    let name = small(server);
    let home = Home::new();
    let at = |name: &str| home.path().join(name);
    let custom = dump(server, "pg_dump", Some(&name), &["-Fc"], &at("custom"));
    let tar = dump(server, "pg_dump", Some(&name), &["-Ft"], &at("tar"));
    let plain = dump(server, "pg_dump", Some(&name), &[], &at("plain"));
    for words in [&["gzip", "-k", "plain"][..], &["zstd", "-q", "plain"], &["xz", "-0", "-k", "plain"], &["lz4", "-qm", "plain"]] {
        stock(home.path(), words);
    }
    let target = format!("{name}_copy");
    let refused = |file: &Path, codes: &[i32]| {
        let text = file.display().to_string();
        let outcome = home.on(server, &["restore", "single", &text, "--target", &target, "--create"]);
        assert!(codes.contains(&outcome.code), "{}: {} {}", file.display(), outcome.code, outcome.text());
        assert!(!super::exists(server, &target), "{text}");
        outcome.text()
    };
    let short = at("short");
    for file in [custom, tar, plain.clone(), at("plain.gz"), at("plain.zst"), at("plain.xz"), at("plain.lz4")] {
        let whole = std::fs::read(&file).expect("a file");
        for part in [3, whole.len() * 9 / 10, whole.len() - 20] {
            std::fs::write(&short, &whole[..part]).expect("written");
            let said = refused(&short, &[65]);
            assert!(said.contains("TRUNCATED_BACKUP") || said.contains("FOREIGN_FILE"), "{} at {part}: {said}", file.display());
        }
    }
    // Cut at the end of a line, between two statements: only the last words tell.
    let whole = std::fs::read_to_string(&plain).expect("text");
    let end = whole.find("-- PostgreSQL database dump complete").expect("the end");
    std::fs::write(&short, &whole[..end]).expect("written");
    assert!(refused(&short, &[65]).contains("--force"));
    let text = short.display().to_string();
    home.on(server, &["restore", "single", &text, "--target", &target, "--create", "--force"]).ok();
    server.sql("postgres", &format!("drop database \"{target}\""));
    // A folder of which a file is missing, or cut.
    let folder = dump(server, "pg_dump", Some(&name), &["-Fd"], &at("folder"));
    let mut files: Vec<_> = program::names(&folder).into_iter().filter(|name| name.ends_with(".gz")).collect();
    files.sort_by_key(|name| std::fs::metadata(folder.join(name)).expect("a file").len());
    let file = folder.join(files.last().expect("a file"));
    let bytes = std::fs::read(&file).expect("a file");
    std::fs::write(&file, &bytes[..bytes.len() - 9]).expect("written");
    assert!(refused(&folder, &[65]).contains("TRUNCATED_BACKUP"));
    std::fs::remove_file(&file).expect("removed");
    assert!(refused(&folder, &[65]).contains("is missing"));
    std::fs::write(&short, "").expect("written");
    assert!(refused(&short, &[65]).contains("TRUNCATED_BACKUP"));
    refused(Path::new("/etc/hostname"), &[65]);
    refused(&at("not there"), &[66]);
}

#[test]
fn a_script_runs_nothing_but_sql() {
    let server = server(15);
    let home = Home::new();
    let name = server.database("script");
    // All of this is data to psql, and passes.
    server.sql(
        &name,
        "create function f() returns text language sql as $f$ select '\\! touch\n\\! touch /tmp/never\n'::text $f$; \
         create table t (a text); insert into t values (E'\\\\! touch'), (E'\\\\.'), (E'x\\n\\\\! touch /tmp/never\\ny');",
    );
    let plain = dump(server, "pg_dump", Some(&name), &[], &home.path().join("plain"));
    let held = Content::of(server, &name);
    comes_back(&home, server, &held, &plain, &[]);
    let inserts = dump(server, "pg_dump", Some(&name), &["--inserts"], &home.path().join("inserts"));
    comes_back(&home, server, &held, &inserts, &[]);
    let honest = std::fs::read_to_string(&plain).expect("text");
    let witness = home.path().join("witness");
    let order = format!("\\! touch {}", witness.display());
    let after_copy = honest.find("\n\\.\n").expect("a COPY") + 4;
    let with = |at: usize, what: &str| format!("{}{what}{}", &honest[..at], &honest[at..]);
    let first_statement = honest.find("SET ").expect("a SET");
    let hostile = home.path().join("hostile.sql");
    let target = format!("{name}_hostile");
    for (text, how) in [
        (with(0, &format!("{order}\n")), "at the start"),
        (with(after_copy, &format!("{order}\n")), "after a COPY"),
        (with(first_statement, &format!("SELECT 1; {order}\nSELECT ")), "in a line"),
        (with(first_statement, &format!("SELECT 'a' {order}\n;")), "in a statement"),
        (with(first_statement, "\\connect postgres\n"), "elsewhere"),
    ] {
        std::fs::write(&hostile, text).expect("written");
        let file = hostile.display().to_string();
        let outcome = home.on(server, &["restore", "single", &file, "--target", &target, "--create", "--force"]).fails(65, "in line ");
        assert!(!witness.exists() && !super::exists(server, &target), "{how}: {}", outcome.text());
    }
    // Quoting that changes on the way misleads who only reads; psql itself is restricted.
    let misled = format!("SELECT set_config('standard_conforming_' || 'strings', 'off', false);\nSELECT 'a\\', ' {order}\n';\n");
    std::fs::write(&hostile, with(first_statement, &misled)).expect("written");
    let file = hostile.display().to_string();
    let outcome = home.on(server, &["restore", "single", &file, "--target", &target, "--create", "--force"]);
    assert_ne!(outcome.code, 0, "{}", outcome.text());
    assert!(!witness.exists() && !super::exists(server, &target), "{}", outcome.text());
}

#[test]
fn what_the_server_refuses_is_told_with_line_and_sqlstate_and_undone() {
    let server = server(17);
    let home = Home::new();
    let name = server.database("refused");
    let role = server.role("refused_owner");
    server.sql(&name, &format!("create table t (a int); insert into t values (1); alter table t owner to {role}"));
    let plain = dump(server, "pg_dump", Some(&name), &[], &home.path().join("plain"));
    let custom = dump(server, "pg_dump", Some(&name), &["-Fc"], &home.path().join("custom"));
    server.sql(&name, &format!("alter table t owner to postgres; drop role {role}"));
    let target = format!("{name}_copy");
    let restore = |file: &Path, more: &[&str]| {
        let text = file.display().to_string();
        home.on(server, &[&["restore", "single", &text, "--target", &target, "--create"], more].concat())
    };
    let said = restore(&plain, &[]).fails(1, "MISSING_OBJECT").text();
    let line = std::fs::read_to_string(&plain).expect("text").lines().position(|line| line.contains("OWNER TO")).expect("a line") + 1;
    assert!(said.contains("42704") && said.contains(&format!("line {line} ")), "line {line}: {said}");
    assert!(!super::exists(server, &target), "{said}");
    let said = restore(&custom, &[]).fails(1, "MISSING_OBJECT").text();
    assert!(said.contains("42704") && said.contains("TABLE t") && said.contains("partly restored"), "{said}");
    server.sql("postgres", &format!("drop database \"{target}\""));
    restore(&custom, &["--continue-on-error"]).fails(1, "PARTIAL");
    assert_eq!(server.sql(&target, "select a from t"), "1");
    for file in [&plain, &custom] {
        server.sql("postgres", &format!("drop database \"{target}\""));
        restore(file, &["--no-owner", "--no-acl"]).ok();
        assert_eq!(server.sql(&target, "select a from t"), "1");
    }
    restore(&custom, &[]).fails(1, "TARGET_NOT_EMPTY");
}

#[test]
fn a_wrong_password_and_a_program_that_is_too_old_are_told() {
    let server = server(15);
    let home = Home::new();
    let name = server.database("secret");
    server.sql(&name, "create table t (a int); insert into t values (1)");
    let plain = dump(server, "pg_dump", Some(&name), &["-Fc"], &home.path().join("custom"));
    let file = plain.display().to_string();
    let role = server.login_with_password("right", "superuser");
    let target = format!("{name}_copy");
    let with = |password: &str| {
        let mut command = program::dbbackup(home.path(), &["restore", "single", &file, "--target", &target, "--create", "--batch"]);
        command.args(["--host", "127.0.0.1", "--port", &server.port.to_string(), "--user", &role]).env("PGPASSWORD", password);
        command.env("DBBACKUP_PG_BIN", &server.bin);
        program::run(&mut command)
    };
    with("wrong").fails(77, "AUTH_FAILED");
    let outcome = with("right").ok();
    assert!(!outcome.commands.iter().any(|line| line.contains("right")), "{:?}", outcome.commands);
    assert_eq!(server.sql(&target, "select a from t"), "1");
    // The same dump in a version of the format that no program here knows how to read.
    let mut bytes = std::fs::read(&plain).expect("a file");
    bytes[6] = 17;
    std::fs::write(&plain, bytes).expect("written");
    with("right").fails(65, "FORMAT_TOO_NEW");
}

#[test]
fn a_cancelled_restore_leaves_no_program_and_no_session() {
    let server = server(15);
    let home = Home::new();
    let name = server.database("stopped");
    server.sql(
        &name,
        "create function slow(i int) returns int language plpgsql immutable as $$ begin return i; end $$; \
         create table v (id int check (public.slow(id) > 0)); insert into v values (1); \
         create or replace function slow(i int) returns int language plpgsql immutable as $$ begin perform pg_sleep(600); return i; end $$",
    );
    for (form, flags) in [("plain", &[][..]), ("custom", &["-Fc"]), ("folder", &["-Fd"])] {
        let file = dump(server, "pg_dump", Some(&name), flags, &home.path().join(form)).display().to_string();
        let target = format!("{name}_{form}");
        let mut command = program::on(server, home.path(), &["restore", "single", &file, "--target", &target, "--create", "--jobs", "2"]);
        let mut running = program::start(&mut command);
        let asleep = format!("select count(*) from pg_stat_activity where datname = '{target}' and wait_event = 'PgSleep'");
        assert!(running.until(|| server.sql("postgres", &asleep) == "1"), "{form}: it never slept");
        let pids = tools(&home.path().display().to_string());
        assert!(!pids.is_empty(), "{form}: no program was seen");
        running.signal(rustix::process::Signal::INT);
        let outcome = running.finish().fails(130, "CANCELLED");
        assert!(outcome.text().contains("Nothing is left"), "{form}: {}", outcome.text());
        for pid in pids {
            // An orphan that is over waits for whoever adopted it to look.
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            assert!(state.is_empty() || state.contains(") Z "), "{form}: {state}");
        }
        assert_eq!(super::sessions(server, &target), 0);
        assert!(!super::exists(server, &target), "{form}");
    }
}

/// Process ids of pg_restore and psql that were started in a folder.
fn tools(dir: &str) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let at_home = std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == Path::new(dir));
        at_home && (line.contains("/pg_restore ") || line.contains("/psql "))
    })
    .collect()
}

#[test]
fn a_work_folder_that_is_kept_is_named_and_one_without_room_is_refused() {
    let server = server(15);
    let home = Home::new();
    let name = server.database("unpacked");
    server.sql(&name, "create table t (a int); insert into t select generate_series(1, 1000)");
    dump(server, "pg_dump", Some(&name), &["-Fc"], &home.path().join("dump"));
    stock(home.path(), &["gzip", "dump"]);
    let file = home.path().join("dump.gz").display().to_string();
    let work = home.path().join("work");
    std::fs::create_dir(&work).expect("a folder");
    let dead = work.join(format!("dbbackup-work-{}-0123456789ab", i32::MAX));
    std::fs::create_dir(&dead).expect("a folder");
    let (work_text, target) = (work.display().to_string(), format!("{name}_copy"));
    let args = ["restore", "single", &file, "--target", &target, "--create", "--workdir", &work_text];
    let plan = home.on(server, &[&args[..], &["--dry-run"]].concat()).ok().stdout;
    assert!(plan.contains(&work_text) && plan.contains("of a run that is no more"), "{plan}");
    assert!(!dead.exists());
    let outcome = home.on(server, &[&args[..], &["--keep-temp"]].concat()).ok();
    let kept = temporary(&work);
    assert_eq!(kept.len(), 1);
    assert!(outcome.stdout.contains(&kept[0]), "{}", outcome.stdout);
    let missing = home.path().join("missing").display().to_string();
    let target = format!("{name}_other");
    home.on(server, &["restore", "single", &file, "--target", &target, "--create", "--workdir", &missing]).fails(73, "--workdir");
    home.on(server, &["restore", "single", &file, "--target", &target, "--create", "--workdir", "/proc"]).fails(74, "work folder");
    assert!(!super::exists(server, &target));
}

#[test]
fn a_dump_of_a_whole_server_comes_back_on_another_one() {
    let from = Postgres::start(15, "");
    let to = Postgres::start(15, "");
    let home = Home::new();
    let odd = "odd \"name'\\";
    from.sql("postgres", "create role bob");
    from.sql("postgres", "create database plain");
    from.sql("postgres", &format!("create database \"{}\"", odd.replace('"', "\"\"")));
    from.sql(
        "plain",
        "create table t (a int, b text); insert into t select i, E'\\\\! x' from generate_series(1, 100) i; alter table t owner to bob",
    );
    from.sql(odd, "create table u (a int); insert into u values (1)");
    let file = dump(&from, "pg_dumpall", None, &[], &home.path().join("everything")).display().to_string();
    let plan = home.on(&to, &["restore", "cluster", &file, "--dry-run"]).ok().stdout;
    assert!(plan.contains("pg_dumpall plain") && plan.contains("plain"), "{plan}");
    let asked = home.on(&to, &["restore", "cluster", &file]).fails(64, "--confirm");
    let name = asked.text().split("--confirm ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a name").to_owned();
    home.on(&to, &["restore", "cluster", &file, "--confirm", &name]).ok();
    for database in ["plain", odd] {
        compare::same_text("the schema", &compare::schema(&from, database), &compare::schema(&to, database));
        compare::same_rows(&compare::rows(&from, database), &compare::rows(&to, database));
    }
    // What is there already is not touched.
    home.on(&to, &["restore", "cluster", &file, "--confirm", &name]).fails(1, "TARGET_NOT_EMPTY");
    home.on(&to, &["restore", "single", &file, "--target", "x", "--create"]).fails(64, "restore cluster");
}

#[test]
fn a_dump_is_checked_for_what_can_be_checked_and_says_what_it_is() {
    let server = server(15);
    let name = small(server);
    let home = Home::new();
    let custom = dump(server, "pg_dump", Some(&name), &["-Fc"], &home.path().join("x.dump"));
    let plain = dump(server, "pg_dump", Some(&name), &[], &home.path().join("x.sql"));
    stock(home.path(), &["bzip2", "-k", "x.sql"]);
    let packed = home.path().join("x.sql.bz2");
    for (file, form) in [(&custom, "pg_dump custom"), (&plain, "pg_dump plain"), (&packed, "pg_dump plain, bzip2")] {
        let path = file.display().to_string();
        let full = home.on(server, &["verify", &path]).ok();
        assert!(full.stdout.contains(form) && full.stdout.contains("read from end to end"), "{}", full.text());
        assert!(full.stdout.contains("--target NAME --create"), "{}", full.text());
        let quick = home.on(server, &["verify", "--quick", &path]).ok();
        assert!(quick.stdout.contains("--full reads all of it"), "{}", quick.text());
        let cut = home.path().join("cut");
        let bytes = std::fs::read(file).expect("the dump");
        std::fs::write(&cut, &bytes[..bytes.len() * 2 / 3]).expect("a file");
        let outcome = home.on(server, &["verify", &cut.display().to_string()]);
        assert_eq!(outcome.code, 65, "{form}: {}", outcome.text());
        let tried = home.on(server, &["verify", "--restore-test", &path]).fails(65, "FOREIGN_FILE");
        assert!(tried.text().contains(&format!("dbbackup verify --full {path}")), "{}", tried.text());
    }
    comes_back(&home, server, &Content::of(server, &name), &packed, &[]);
}
