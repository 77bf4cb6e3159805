//! What private MySQL and MariaDB servers are made of: the programs, an empty data directory, certificates. The data directory takes seconds to
//! make, so that it is made once for each version and kept beside the unpacked servers.

use super::mysql::Kind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Where `scripts/servers` puts things.
fn kept() -> PathBuf {
    std::env::var_os("DBBACKUP_SERVERS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/servers"), PathBuf::from)
}

/// The folder below which a product's programs are: what `scripts/servers` unpacked, or this host itself.
pub fn prefix(kind: Kind) -> PathBuf {
    let folder = match kind {
        Kind::Mariadb => "mariadb1011",
        Kind::Mysql => "mysql97",
    };
    let mut found = [kept().join(folder), PathBuf::from("/")].into_iter().filter(|prefix| program(kind, prefix).exists());
    found.next().unwrap_or_else(|| panic!("no {kind:?}: run scripts/servers (make test does)"))
}

/// The server's program.
pub fn program(kind: Kind, prefix: &Path) -> PathBuf {
    prefix.join(match kind {
        Kind::Mariadb => "usr/sbin/mariadbd",
        Kind::Mysql => "usr/sbin/mysqld",
    })
}

/// The user that servers run as where the tests run as root.
fn user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("mysql")
}

/// Makes a folder and all in it the server's.
pub fn give(folder: &Path) {
    std::fs::create_dir_all(folder.join("tmp")).expect("a folder");
    if let Some(user) = user() {
        done("chown", Command::new("chown").args(["-R", &format!("{user}:")]).arg(folder).output());
    }
}

/// The arguments that tell a server where its things are and who it is.
pub fn places(prefix: &Path, data: &Path) -> Vec<String> {
    let usr = prefix.join("usr").display().to_string();
    let mut words = vec!["--no-defaults".to_owned(), format!("--basedir={usr}"), format!("--datadir={}", data.display())];
    words.extend([
        format!("--lc-messages-dir={usr}/share/mysql"),
        format!("--character-sets-dir={usr}/share/mysql/charsets"),
        format!("--plugin-dir={usr}/lib/mysql/plugin"),
    ]);
    words.extend(user().map(|user| format!("--user={user}")));
    words
}

/// Puts an empty data directory in place.
pub fn copy(kind: Kind, prefix: &Path, data: &Path) {
    static MODELS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    let model = MODELS[kind as usize].get_or_init(|| model(kind, prefix));
    done("cp", Command::new("cp").arg("-a").arg(model).arg(data).output());
}

/// The kept data directory of this very version, made when it is not there. Another run that needs it waits.
fn model(kind: Kind, prefix: &Path) -> PathBuf {
    let out = Command::new(program(kind, prefix)).args(["--no-defaults", "--version"]).output().expect("the server's program");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let version = text.split_whitespace().skip_while(|&word| word != "Ver").nth(1).expect("a version");
    let kept = kept();
    std::fs::create_dir_all(&kept).expect("a folder");
    let lock = std::fs::File::create(kept.join(".models.lock")).expect("a lock file");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
    let model = kept.join(format!("model-{version}"));
    if model.exists() {
        return model;
    }
    // A server's user may not reach the folder of the checkout, so that it is made elsewhere.
    let root = std::env::temp_dir().join(format!("dbbackup-test-{}-model-{}", std::process::id(), kind.word()));
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir(&root).expect("a temporary folder");
    give(&root);
    let data = root.join("data");
    let mut words = places(prefix, &data);
    let mut command = match kind {
        Kind::Mysql => {
            words.extend(["--initialize-insecure", "--innodb-redo-log-capacity=8M", "--innodb-use-native-aio=0"].map(str::to_owned));
            Command::new(program(kind, prefix))
        }
        Kind::Mariadb => {
            // Its script knows fewer options, and looks for a helper that only a whole installation has unless it is forced.
            words.retain(|word| !word.contains("-dir="));
            words.extend(
                ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--force"].map(str::to_owned),
            );
            words.push("--innodb-log-file-size=8M".to_owned());
            Command::new(prefix.join("usr/bin/mariadb-install-db"))
        }
    };
    done("an empty data directory", command.args(words).current_dir("/").env("LC_ALL", "C").output());
    // Without the file of its identity each copy gets one of its own.
    let _ = std::fs::remove_file(data.join("auto.cnf"));
    let unready = kept.join(format!("model-{version}.making"));
    let _ = std::fs::remove_dir_all(&unready);
    done("cp", Command::new("cp").arg("-a").arg(&data).arg(&unready).output());
    std::fs::rename(&unready, &model).expect("a finished model");
    let _ = std::fs::remove_dir_all(&root);
    model
}

/// Makes an authority and a certificate for `localhost` that it signed: `ca.crt`, `server.crt`, `server.key`.
pub fn certificates(folder: &Path) {
    let openssl = |args: &str| {
        let words = shell_words::split(args).expect("words");
        done("openssl", Command::new("openssl").args(words).current_dir(folder).output());
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.crt"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").expect("a file");
    openssl(&format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"));
    openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt");
}

#[track_caller]
fn done(what: &str, out: std::io::Result<Output>) {
    let out = out.expect(what);
    assert!(out.status.success(), "{what}: {}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}
