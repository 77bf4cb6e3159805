//! Files that somebody has tampered with, or that are something else: the program says so, soon and in little memory, and writes
//! nothing where it should not.

use super::{Home, exists};
use crate::support::postgres::{Postgres, server};
use crate::support::program::{self, Outcome};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const BLOCK: usize = 512;
/// What any of these runs may take; they take a fraction of it on an idle machine.
const SOON: Duration = Duration::from_secs(60);
const MEMORY: u64 = 256 << 20;

/// Runs the program on a file in every way that reads one. All answers are judged; that of the full check is given.
#[track_caller]
fn every_way(home: &Home, server: &Postgres, path: &Path, what: &str) -> Outcome {
    let path = path.display().to_string();
    let to = home.path().join("out");
    let to_text = to.display().to_string();
    // Tests beside this one have targets of their own.
    let target = format!("hostile{}", home.path().file_name().expect("a name").to_string_lossy());
    let run = |args: &[&str]| {
        let began = Instant::now();
        let outcome = home.on(server, args);
        let told = format!("{what}: {args:?}: exit code {}\n{}", outcome.code, outcome.text());
        assert!(began.elapsed() < SOON, "too slow: {told}");
        assert!(outcome.peak < MEMORY, "{} MiB: {told}", outcome.peak >> 20);
        assert!(matches!(outcome.code, 0 | 65 | 66), "{told}");
        assert!(!outcome.text().contains("panicked at"), "{told}");
        assert!(!outcome.text().contains(['\u{1b}', '\u{7}', '\u{202e}']), "a name steers the terminal: {told}");
        if outcome.code != 0 && args[0] != "verify" {
            // One error; before a restore the check that found it stands in the list of checks besides.
            let most = if args[0] == "restore" { 2 } else { 1 };
            assert!((1..=most).contains(&outcome.text().matches("[FAIL]").count()), "{told}");
        }
        outcome
    };
    run(&["archive", "show", &path]);
    run(&["archive", "list", &path]);
    run(&["archive", "cat", &path, "public.t"]);
    run(&["archive", "extract", &path, "--to", &to_text]);
    run(&["verify", &path, "--quick"]);
    let checked = run(&["verify", &path, "--full"]);
    if checked.code != 0 {
        // The restore itself reads the definitions just as a rehearsal does, which would make a database and drop it each time.
        let restored = run(&["restore", "single", &path, "--target", &target, "--create", "--rehearse", "off"]);
        // Where only the locator is lost, or a total that no row depends on, all rows are there: then they are the right ones.
        if restored.code == 0 {
            let rows = "select count(*), md5(string_agg(v, ',' order by id)) from";
            let made = server.sql("postgres", &format!("{rows} (select i as id, md5(i::text) as v from generate_series(1, 6000) i) t"));
            assert_eq!(server.sql(&target, &format!("{rows} t")), made, "{what}");
        }
    }
    if exists(server, &target) {
        server.sql("postgres", &format!("drop database \"{target}\""));
    }
    // Whatever came out lies in the folder that was named.
    let _ = std::fs::remove_dir_all(&to);
    let mut left = Vec::new();
    walk(home.path(), &mut left);
    // The run's own log is looked at as well: what a name in an archive says must not steer whoever reads it.
    let logs = program::logs(home.path());
    for log in left.iter().filter(|path| path.is_file() && path.starts_with(&logs)) {
        let text = std::fs::read_to_string(log).expect("text");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{what}: {}", log.display());
    }
    left.retain(|path| path.is_file() && !path.starts_with(home.backups()) && !path.starts_with(&logs));
    assert!(left.is_empty(), "{what}: written elsewhere: {left:?}");
    checked
}

fn walk(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), found);
        }
        found.push(entry.path());
    }
}

/// An uncompressed archive taken apart. What is changed is signed again by [`Forgery::bytes`], so that no checksum gives it away.
struct Forgery {
    frames: Vec<u8>,
    manifest: Value,
    /// The tar header of the manifest.
    header: Vec<u8>,
}

impl Forgery {
    fn of(archive: &[u8]) -> Self {
        let locator = archive.len() - BLOCK;
        assert_eq!(&archive[locator..locator + 8], b"dbbackup");
        let offset = u64::from_le_bytes(archive[locator + 16..locator + 24].try_into().expect("8 bytes")) as usize;
        let size = octal(&archive[offset + 124..offset + 136]);
        let manifest = serde_json::from_slice(&archive[offset + BLOCK..][..size]).expect("JSON");
        Self { frames: archive[..offset].to_vec(), manifest, header: archive[offset..offset + BLOCK].to_vec() }
    }

    /// Replaces text of the same length in the frames, wherever it is.
    fn replace(&mut self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len());
        let mut count = 0;
        for at in 0..self.frames.len().saturating_sub(from.len()) {
            if self.frames[at..].starts_with(from.as_bytes()) {
                self.frames[at..at + to.len()].copy_from_slice(to.as_bytes());
                count += 1;
            }
        }
        assert!(count > 0, "{from} is not there");
        self.manifest = serde_json::from_str(&self.manifest.to_string().replace(from, to)).expect("JSON");
    }

    /// Makes checksums right where frames were changed.
    fn sign(&mut self) {
        for frame in self.manifest["frames"].as_array_mut().expect("frames") {
            let number = |key: &str| frame[key].as_u64().expect("a number") as usize;
            let bytes = &mut self.frames[number("offset")..][..number("length")];
            let mut at = 0;
            while at < bytes.len() {
                let size = octal(&bytes[at + 124..at + 136]);
                check_header(&mut bytes[at..at + BLOCK]);
                at = at.saturating_add(BLOCK + size.div_ceil(BLOCK) * BLOCK);
            }
            frame["sha256"] = hex(bytes).into();
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.with_manifest(&self.manifest.to_string())
    }

    fn with_manifest(&self, text: &str) -> Vec<u8> {
        let mut entry = self.header.clone();
        entry[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        check_header(&mut entry);
        entry.extend(text.as_bytes());
        entry.resize(entry.len().next_multiple_of(BLOCK), 0);
        let end = [0; 2 * BLOCK];
        let mut locator = b"dbbackup\x01\0\0\0\0\0\0\0".to_vec();
        for number in [self.frames.len(), entry.len(), entry.len(), end.len()] {
            locator.extend((number as u64).to_le_bytes());
        }
        locator.extend(Sha256::digest(&entry));
        locator.extend(Sha256::digest(end));
        locator.extend(Sha256::digest(&locator));
        locator.resize(BLOCK, 0);
        [&self.frames[..], &entry, &end, &locator].concat()
    }
}

fn octal(field: &[u8]) -> usize {
    let digits: String = field.iter().map(|byte| char::from(*byte)).take_while(char::is_ascii_digit).collect();
    usize::from_str_radix(&digits, 8).expect("octal digits")
}

fn check_header(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path of the same length that leads out of the folder, from `root` or from where one is.
fn elsewhere(inside: &str, root: &str) -> String {
    let climb = "../".repeat((inside.len() - root.len()) / 3);
    let slashes = "/".repeat(inside.len() - root.len() - climb.len());
    format!("{root}{climb}{slashes}")
}

/// A database with a table of some chunks, and its archive, uncompressed.
fn original(home: &Home, server: &Postgres, codec: &str) -> (String, Vec<u8>) {
    let name = server.database("hostile");
    server.sql(&name, "create table t (id integer, v text); insert into t select i, md5(i::text) from generate_series(1, 6000) i");
    let archive = home.backup(server, &name, &["--compression", codec, "--chunk-size", "64KiB"]);
    let bytes = std::fs::read(&archive).expect("the archive");
    program::names(&home.backups()).iter().for_each(|name| std::fs::remove_file(home.backups().join(name)).expect("removed"));
    (name, bytes)
}

#[test]
fn tampered_archives_are_refused() {
    let server = server(15);
    let home = Home::new();
    let (name, archive) = original(&home, server, "none");
    let path = home.backups().join("x.tar");
    let inside = format!("databases/{name}/data/");
    let good = Forgery::of(&archive);
    std::fs::write(&path, good.bytes()).expect("written");
    every_way(&home, server, &path, "what is taken apart and put together is as good").ok();

    type Change<'a> = Box<dyn Fn(&mut Forgery) + 'a>;
    let frame = |forgery: &mut Forgery, number: usize, key: &str, value: Value| forgery.manifest["frames"][number][key] = value;
    let table = |forgery: &mut Forgery, key: &str, value: Value| forgery.manifest["databases"][0]["tables"][0][key] = value;
    let chunk = |forgery: &mut Forgery, key: &str, value: Value| {
        forgery.manifest["databases"][0]["tables"][0]["chunks"][0][key] = value;
    };
    let cases: Vec<(&str, Change<'_>)> = vec![
        ("names that climb out", Box::new(|it| it.replace(&inside, &elsewhere(&inside, "")))),
        ("names from the root", Box::new(|it| it.replace(&inside, &elsewhere(&inside, "/")))),
        ("names with dots within", Box::new(|it| it.replace("public.t/000000", "public.t/0../00"))),
        (
            "a size in a header",
            Box::new(|it| {
                let at = it.manifest["frames"][1]["offset"].as_u64().expect("a number") as usize;
                it.frames[at + 124..at + 135].copy_from_slice(b"77777777777");
                check_header(&mut it.frames[at..at + BLOCK]);
                let length = it.manifest["frames"][1]["length"].as_u64().expect("a number") as usize;
                it.manifest["frames"][1]["sha256"] = hex(&it.frames[at..at + length]).into();
            }),
        ),
        (
            "a flipped byte",
            Box::new(|it| {
                let at = it.manifest["frames"][2]["offset"].as_u64().expect("a number") as usize;
                it.frames[at + 600] ^= 1;
            }),
        ),
        ("a wrong checksum", Box::new(move |it| frame(it, 1, "sha256", "0".repeat(64).into()))),
        ("a checksum that is none", Box::new(move |it| frame(it, 1, "sha256", "zz".into()))),
        ("a huge plain length", Box::new(move |it| frame(it, 1, "plain", json!(1_u64 << 60)))),
        ("a huge length", Box::new(move |it| frame(it, 1, "length", json!(u64::MAX)))),
        ("a huge offset", Box::new(move |it| frame(it, 1, "offset", json!(u64::MAX - 5)))),
        ("a negative length", Box::new(move |it| frame(it, 1, "length", json!(-1)))),
        ("a length that is no number", Box::new(move |it| frame(it, 1, "length", json!([1])))),
        ("huge rows", Box::new(move |it| table(it, "rows", json!(u64::MAX)))),
        ("huge chunks", Box::new(move |it| chunk(it, "bytes", json!(u64::MAX)))),
        ("a chunk in no frame", Box::new(move |it| chunk(it, "frame", json!(4_000_000_000_u32)))),
        ("a chunk of another number", Box::new(move |it| chunk(it, "number", json!(77)))),
        ("a table that lies elsewhere", Box::new(move |it| table(it, "dir", "../../../../../tmp/x".into()))),
        (
            "a chunk that counts often",
            Box::new(|it| {
                let chunks = it.manifest["databases"][0]["tables"][0]["chunks"].as_array_mut().expect("chunks");
                let first = chunks[0].clone();
                chunks.resize(200_000, first);
            }),
        ),
        ("a format of tomorrow", Box::new(|it| it.manifest["format"] = json!(99))),
        ("a codec that is not that of the file", Box::new(|it| it.manifest["compression"]["codec"] = "zstd".into())),
        ("no databases", Box::new(|it| it.manifest["databases"] = json!({}))),
        ("no frames", Box::new(|it| it.manifest["frames"] = json!([]))),
    ];
    for (what, change) in cases {
        let mut forgery = Forgery::of(&archive);
        change(&mut forgery);
        if what.starts_with("name") {
            forgery.sign();
        }
        std::fs::write(&path, forgery.bytes()).expect("written");
        let outcome = every_way(&home, server, &path, what);
        assert!(matches!(outcome.code, 65 | 66), "{what} was not found: {}", outcome.text());
    }
    let text = good.manifest.to_string();
    let after_brace = |insert: &str| good.with_manifest(&format!("{{{insert},{}", &text[1..]));
    let nested = format!("\"format\":1,\"x\":{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let texts = [
        ("deep nesting where nobody looks", after_brace(&nested), 0),
        ("deep nesting that never ends", good.with_manifest(&"{\"a\":".repeat(300_000)), 65),
        ("no JSON", good.with_manifest("once upon a time"), 65),
        ("an empty manifest", good.with_manifest(""), 65),
        ("a long unknown field", after_brace(&format!("\"x\":\"{}\"", "y".repeat(20 << 20))), 0),
        ("names that steer a terminal", good.with_manifest(&text.replace("\"host\":\"", "\"host\":\"\\u001b]0;x\\u0007\\u202e")), 0),
    ];
    for (what, bytes, code) in texts {
        std::fs::write(&path, bytes).expect("written");
        assert_eq!(every_way(&home, server, &path, what).code, code, "{what}");
    }
}

#[test]
fn an_archive_cut_anywhere_is_no_archive() {
    let server = server(15);
    let home = Home::new();
    for codec in ["zstd", "none"] {
        let (_, archive) = original(&home, server, codec);
        let path = home.backups().join(if codec == "none" { "x.tar" } else { "x.tar.zst" });
        let cuts =
            (0..12).map(|part| archive.len() * part / 12).chain([1, 100, archive.len() - 600, archive.len() - 200, archive.len() - 1]);
        for cut in cuts {
            std::fs::write(&path, &archive[..cut]).expect("written");
            for how in ["--quick", "--full"] {
                let outcome = program::run(&mut program::dbbackup(home.path(), &["verify", &path.display().to_string(), how, "--batch"]));
                assert_eq!(outcome.code, 65, "{cut} of {}, {how}: {}", archive.len(), outcome.text());
                assert!(!outcome.text().contains("panicked at"), "{}", outcome.text());
            }
        }
        let outcome = every_way(&home, server, &path, "the last byte is missing");
        assert_eq!(outcome.code, 65);
        std::fs::remove_file(&path).expect("removed");
    }
}

#[test]
fn what_is_no_archive_is_said_to_be_none() {
    let server = server(15);
    let home = Home::new();
    let dir = home.backups();
    let run = |program: &str, args: &[&str]| {
        assert!(Command::new(program).args(args).current_dir(&dir).status().expect(program).success(), "{program}");
    };
    std::fs::write(dir.join("text"), "--\n-- PostgreSQL database dump\n--\n".repeat(100)).expect("written");
    std::fs::write(dir.join("empty.tar.zst"), "").expect("written");
    run("tar", &["-cf", "plain.tar", "text"]);
    run("tar", &["-czf", "plain.tar.gz", "text"]);
    run("tar", &["--zstd", "-cf", "plain.tar.zst", "text"]);
    run("sh", &["-c", "gzip -c text > text.gz; xz -c text > text.xz; zstd -q text -o text.zst"]);
    std::fs::copy(env!("CARGO_BIN_EXE_dbbackup"), dir.join("program")).expect("a copy");
    std::fs::create_dir(dir.join("folder.tar.zst")).expect("a folder");
    run("mkfifo", &["fifo.tar.zst"]);
    run("ln", &["-s", "nowhere", "link.tar.zst"]);
    let socket = std::os::unix::net::UnixListener::bind(dir.join("socket.tar.zst")).expect("a socket");
    let mut seen = 0;
    for name in program::names(&dir) {
        let outcome = every_way(&home, server, &dir.join(&name), &name);
        assert!(matches!(outcome.code, 65 | 66), "{name}: {}: {}", outcome.code, outcome.text());
        seen += 1;
    }
    assert_eq!(seen, 13);
    drop(socket);
    for device in ["/dev/zero", "/dev/null", "/dev/stdin"] {
        assert!(matches!(every_way(&home, server, Path::new(device), device).code, 65 | 66), "{device}");
    }
    assert_eq!(every_way(&home, server, &dir.join("not there"), "nothing").code, 66);
}
