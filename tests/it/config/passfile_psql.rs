//! The password file, compared with psql: whatever libpq picks from a file for a connection, we pick.
//!
//! psql is sent to a server that asks for a password in plain text and keeps it. An address beside the host makes it look every host up
//! in the file that it is given, whatever that host is.

use crate::support::postgres::bin;
use dbbackup::config::passfile::{Wanted, find};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Asks whoever comes for a password.
struct Asking {
    port: u16,
    told: Receiver<Option<Vec<u8>>>,
    dir: tempfile::TempDir,
}

/// A message behind its length.
fn message(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    client.read_exact(&mut length).ok()?;
    let mut content = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?.checked_sub(4)?];
    client.read_exact(&mut content).ok()?;
    Some(content)
}

/// What a client says when it is asked (documentation, "Message Formats": AuthenticationCleartextPassword, PasswordMessage).
fn ask(mut client: TcpStream) -> Option<Vec<u8>> {
    message(&mut client)?;
    client.write_all(b"R\0\0\0\x08\0\0\0\x03").ok()?;
    let mut kind = [0];
    client.read_exact(&mut kind).ok()?;
    let mut password = message(&mut client)?;
    assert_eq!((kind, password.pop()), (*b"p", Some(0)));
    Some(password)
}

impl Asking {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (tell, told) = channel();
        // The thread ends with the test's process, or when nobody listens any more.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if tell.send(ask(client)).is_err() {
                    break;
                }
            }
        });
        Self { port, told, dir: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, content: &[u8], mode: u32) -> PathBuf {
        let path = self.dir.path().join("pgpass");
        let _ = std::fs::remove_file(&path);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).expect("a file");
        file.write_all(content).expect("its content");
        path
    }

    /// The password that psql picks.
    fn psql(&self, content: &[u8], (host, database, user): (&str, &str, &str)) -> Option<Vec<u8>> {
        let mut psql = Command::new(bin(17).join("psql"));
        psql.args(["-X", "-w", "-c", "select 1"]).env_clear().env("LC_ALL", "C").env("PGPASSFILE", self.file(content, 0o600));
        psql.env("PGHOST", host).env("PGHOSTADDR", "127.0.0.1").env("PGPORT", self.port.to_string());
        psql.env("PGDATABASE", database).env("PGUSER", user).env("PGSSLMODE", "disable").env("PGGSSENCMODE", "disable");
        psql.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let said = psql.output().expect("psql").stderr;
        let told = self.told.recv_timeout(Duration::from_secs(30));
        told.unwrap_or_else(|_| panic!("psql did not come: {}", String::from_utf8_lossy(&said)))
    }

    fn ours(&self, content: &[u8], (host, database, user): (&str, &str, &str)) -> Option<Vec<u8>> {
        // libpq takes an empty password for none.
        let found = find(content, Wanted { host, port: self.port, database: Some(database), user });
        found.map(|password| password.to_vec()).filter(|password| !password.is_empty())
    }

    /// Compares both, and tells.
    #[track_caller]
    fn same(&self, content: &[u8], connection: (&str, &str, &str)) -> Option<Vec<u8>> {
        let (psql, ours) = (self.psql(content, connection), self.ours(content, connection));
        let show = |found: &Option<Vec<u8>>| found.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert_eq!(show(&ours), show(&psql), "ours and psql's for {connection:?} in {:?}", String::from_utf8_lossy(content));
        psql
    }
}

#[test]
fn every_rule_is_that_of_psql() {
    let asking = Asking::start();
    let port = asking.port;
    let shop = ("db01", "shop", "me");
    let long = format!("{}:*:*:*:no\ndb01:*:*:*:{}\n", "x".repeat(5000), "y".repeat(900));
    for (content, connection, password) in [
        (format!("db01:{port}:shop:me:exact"), shop, Some("exact")),
        ("*:*:*:*:any\n".into(), shop, Some("any")),
        ("db01:1:*:*:port\ndb01:*:other:*:database\ndb01:*:*:you:user\ndb02:*:*:*:host\n".into(), shop, None),
        ("*:*:*:*:first\ndb01:*:shop:me:second\n".into(), shop, Some("first")),
        ("# db01:*:*:*:comment\n#*:*:*:*:x\n\n   \ndb01:*:*:*:after\n".into(), shop, Some("after")),
        (" db01:*:*:*:indented\n".into(), shop, None),
        ("DB01:*:*:*:case\n".into(), shop, None),
        ("db01:*:*:*:with:colon\n".into(), shop, Some("with")),
        (r"db01:*:*:*:es\:ca\\ped\x\".into(), shop, Some(r"es:ca\pedx\")),
        ("db01:*:*:*:carriage\r\n".into(), shop, Some("carriage")),
        ("db01:*:*:*:blanks \n".into(), shop, Some("blanks ")),
        ("db01:*:*:*:\ndb01:*:*:*:never\n".into(), shop, None),
        ("db01:*:*:me\n*:*:*:*:whole\n".into(), shop, Some("whole")),
        ("::1:*:*:*:plain\n".into(), ("::1", "shop", "me"), Some("plain")),
        (r"\:\:1:*:*:*:escaped".into(), ("::1", "shop", "me"), Some("escaped")),
        (r"\*:*:*:*:a star".into(), shop, None),
        (r"\*:*:*:*:a star".into(), ("*", "shop", "me"), Some("a star")),
        ("**:*:*:*:stars".into(), shop, None),
        (r"db01:*:sh\op:m\e:needless".into(), shop, Some("needless")),
        (r"db01:*:*:back\\up:slash".into(), ("db01", "shop", r"back\up"), Some("slash")),
        (r"db01:*:*:back\up:slash".into(), ("db01", "shop", r"back\up"), None),
        ("db01:*:a:b:me:colon\n".into(), ("db01", "a:b", "me"), Some("colon")),
        ("localhost:*:*:*:name\n".into(), ("localhost", "shop", "me"), Some("name")),
        ("localhost:*:*:*:name\n".into(), ("127.0.0.1", "shop", "me"), None),
        ("localhost:*:*:*:name\n".into(), ("/somewhere/else", "shop", "me"), None),
        ("/somewhere/else:*:*:*:folder\n".into(), ("/somewhere/else", "shop", "me"), Some("folder")),
        ("db01:*:*:*:p\u{e4}ss\n".into(), shop, Some("p\u{e4}ss")),
        ("db01:*:*:*:cut\0tail\ndb01:*:*:*:second\n".into(), shop, Some("cutdb01")),
        (long, shop, Some("y".repeat(900).leak())),
    ] {
        let found = asking.same(content.as_bytes(), connection);
        assert_eq!(found.as_deref().map(String::from_utf8_lossy).as_deref(), password, "{connection:?} in {content:?}");
    }
    // Lines in another encoding, before the one that matches and in it.
    asking.same(b"db\xe4:*:*:*:x\ndb01:*:*:*:p\xe4ss\n", shop);
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        of[(self.0 >> 33) as usize % of.len()]
    }
}

/// A field that is, or is nearly, what a connection has.
fn field(dice: &mut Dice, value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace(':', "\\:");
    let all: String = value.chars().flat_map(|c| ['\\', c]).collect();
    let (longer, shorter) = (format!("{value}x"), value[..value.len() - 1].to_owned());
    let slash = format!("{value}\\");
    dice.pick(&["*", "*", "*", "*", &escaped, &escaped, &escaped, &escaped, value, value, &all, &longer, &shorter, "\\*", &slash, ""])
        .to_owned()
}

#[test]
fn generated_files_are_read_as_psql_reads_them() {
    let asking = Asking::start();
    let port = asking.port.to_string();
    let mut dice = Dice(20_261_123);
    let mut found = 0;
    for _ in 0..150 {
        let connection = (
            dice.pick(&["db01", "a:b", "::1", "*", "x\\", "/tmp2", "#db", "localhost"]),
            dice.pick(&["shop", "a:b", "*", " ", "s\\:"]),
            dice.pick(&["me", "m:e", "\\", "*", "me "]),
        );
        let mut content = String::new();
        for line in 0..4 {
            content += dice.pick(&["", "", "", "", "#", " "]);
            for value in [connection.0, &port, connection.1, connection.2] {
                content += &field(&mut dice, value);
                content += dice.pick(&[":", ":", ":", ":", ":", ":", ":", ":", ":", ":", ":", ":", ":", ":", ":", "::"]);
            }
            content += &format!("{}{line}", dice.pick(&["pw", "p:w", "p\\:w", "p\\\\w", "\\p", " p", "\\"]));
            content += dice.pick(&["", "", "\\", ":", ":x"]);
            content += dice.pick(&["\n", "\n", "\n", "\r\n", "\n\n", "\r", ""]);
        }
        found += usize::from(asking.same(content.as_bytes(), connection).is_some());
    }
    assert!((30..=140).contains(&found), "{found} of 150 files had a password");
}
