//! Finds passwords: PGPASSWORD or MYSQL_PWD, the password file or the option file of MySQL's clients, the configuration, `--password-file`, what was typed. Never shows one.

use super::environment::Environment;
use super::layers::{Origin, Resolved, Value, Values};
use super::passfile::{self, Found};
use super::settings::Key;
use crate::domain::{Code, Connection, Fault, redact};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// No password is longer; what is, is the wrong file.
const LONGEST: u64 = 64 * 1024;

/// What a connection can be looked up in. Has no Debug: it holds secrets.
#[derive(Default)]
pub struct Secrets {
    /// From `PGPASSWORD`, for PostgreSQL alone.
    from_environment: Option<SecretString>,
    /// From `MYSQL_PWD`, for MySQL and MariaDB alone.
    from_mysql_pwd: Option<SecretString>,
    passfile: Option<PathBuf>,
    /// From configuration, by the section's name, with the place that it stands at.
    configured: BTreeMap<Option<String>, (SecretString, String)>,
    files: BTreeMap<Option<String>, PathBuf>,
    /// What came through a pipe, which can be read once only.
    piped: Mutex<BTreeMap<PathBuf, SecretString>>,
    /// Typed by a person in this run, by address and user.
    typed: Mutex<BTreeMap<String, SecretString>>,
}

/// A password, if one was found, and what a person should know about the search.
pub struct Looked {
    /// The password.
    pub password: Option<SecretString>,
    /// Where it is from, for people: `from PGPASSWORD`; or that there is none.
    pub source: String,
    /// A file that was ignored, and why.
    pub warning: Option<String>,
}

impl Secrets {
    /// From environment and configuration.
    pub fn new(resolved: &Resolved, environment: &Environment) -> Self {
        let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".pgpass"));
        let mut secrets = Self {
            from_environment: environment.get("PGPASSWORD").map(SecretString::from),
            from_mysql_pwd: environment.get("MYSQL_PWD").map(SecretString::from),
            passfile: environment.get("PGPASSFILE").map(PathBuf::from).or_else(home),
            ..Self::default()
        };
        let mut add = |name: Option<String>, values: &Values| {
            // What was written for all clients gives way to a file that was named for this program.
            let named = values.contains_key(&Key::PasswordFile);
            let weak = |value: &&Value| !(named && matches!(value.origin, Origin::OptionFile(..)));
            if let Some(value) = values.get(&Key::Password).filter(weak) {
                secrets.configured.insert(name.clone(), (SecretString::from(value.text.as_str()), value.origin.to_string()));
            }
            if let Some(value) = values.get(&Key::PasswordFile) {
                secrets.files.insert(name, PathBuf::from(&value.text));
            }
        };
        for (name, values) in &resolved.servers {
            add(Some(name.clone()), values);
        }
        add(resolved.text(Key::Server).map(str::to_owned), &resolved.values);
        secrets
    }

    /// The password of a connection: what was typed in this run, then environment, password file, configuration, `--password-file`.
    pub fn look_up(&self, connection: &Connection) -> Result<Looked, Fault> {
        let looked = self.search(connection)?;
        if let Some(password) = &looked.password {
            // A text without the connection's own names says nothing any more, so a password that is one of them is left to its shapes.
            let names = [&connection.user, &connection.database, &connection.host];
            if !names.iter().any(|name| name.contains(password.expose_secret())) {
                redact::learn(password);
            }
        }
        Ok(looked)
    }

    fn search(&self, connection: &Connection) -> Result<Looked, Fault> {
        let found = |password: SecretString, source: String, warning| Ok(Looked { password: Some(password), source, warning });
        // Typed after whatever was found had been rejected.
        if let Some(password) = self.typed.lock().unwrap_or_else(PoisonError::into_inner).get(&place(connection)) {
            return found(password.clone(), "typed".into(), None);
        }
        let mysql = connection.product.is_mysql();
        let (variable, name) = if mysql { (&self.from_mysql_pwd, "MYSQL_PWD") } else { (&self.from_environment, "PGPASSWORD") };
        if let Some(password) = variable {
            return found(password.clone(), format!("from {name}"), None);
        }
        let mut warning = None;
        if let Some(path) = self.passfile.as_ref().filter(|_| !mysql) {
            match passfile::look_up(path, connection) {
                Found::Password(password) => return found(password, format!("from {}", path.display()), None),
                Found::Ignored(why) => warning = Some(why),
                Found::Nothing => {}
            }
        }
        if let Some((password, place)) = self.configured.get(&connection.name) {
            return found(password.clone(), format!("from {place}"), warning);
        }
        if let Some(path) = self.files.get(&connection.name) {
            return found(self.read(path)?, format!("from {}", path.display()), warning);
        }
        Ok(Looked { password: None, source: "none was found".into(), warning })
    }

    /// Remembers what a person typed, for this run.
    pub fn remember(&self, connection: &Connection, password: SecretString) {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).insert(place(connection), password);
    }

    /// The first line of a file that only its owner may read. A file is read each time, so that a new password counts; a pipe once.
    fn read(&self, path: &Path) -> Result<SecretString, Fault> {
        let mut piped = self.piped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(password) = piped.get(path) {
            return Ok(password.clone());
        }
        let (password, kind) = read_file(path)?;
        if kind == Kind::Pipe {
            piped.insert(path.to_owned(), password.clone());
        }
        Ok(password)
    }
}

fn place(connection: &Connection) -> String {
    format!("{}@{}", connection.user, connection.address())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Pipe,
}

fn read_file(path: &Path) -> Result<(SecretString, Kind), Fault> {
    let shown = path.display();
    let cannot = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let code = if missing { Code::FileMissing } else { Code::FilePermission };
        let look = format!("ls -ld {}", shell_words::quote(&shown.to_string()));
        Fault::new(code, "cannot read the password file").at("File", &shown).because(error).step_run("Look at it:", look)
    };
    let mut file = File::open(path).map_err(cannot)?;
    let meta = file.metadata().map_err(cannot)?;
    if meta.is_file() && meta.permissions().mode() & 0o077 != 0 {
        return Err(Fault::new(Code::FilePermission, "the password file can be read by others")
            .at("File", &shown)
            .at("Mode", format!("{:04o}", meta.permissions().mode() & 0o7777))
            .step_run("Let only its owner read it:", format!("chmod 600 {}", shell_words::quote(&shown.to_string()))));
    }
    let mut content = Zeroizing::new(Vec::new());
    file.by_ref().take(LONGEST).read_to_end(&mut content).map_err(cannot)?;
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let wrong = |why: &str| {
        Fault::new(Code::Config, "the password file holds no password")
            .at("File", &shown)
            .because(why)
            .step("Its first line must be the password and nothing else, in UTF-8.")
    };
    match std::str::from_utf8(line) {
        Ok("") => Err(wrong("its first line is empty")),
        Ok(_) if content.len() as u64 == LONGEST => Err(wrong("it is far too long")),
        Ok(password) => Ok((SecretString::from(password), if meta.is_file() { Kind::Plain } else { Kind::Pipe })),
        Err(_) => Err(wrong("its first line is not UTF-8")),
    }
}
