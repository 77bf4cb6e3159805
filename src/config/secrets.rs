//! Finds passwords: PGPASSWORD, the password file, the configuration, `--password-file`. Never shows one.

use super::environment::Environment;
use super::layers::{Resolved, Values};
use super::passfile::{self, Found};
use super::settings::Key;
use crate::domain::{Code, Connection, Fault};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a connection can be looked up in. Has no Debug: it holds secrets.
#[derive(Default)]
pub struct Secrets {
    from_environment: Option<SecretString>,
    passfile: Option<PathBuf>,
    /// From configuration, by the section's name.
    configured: BTreeMap<Option<String>, SecretString>,
    files: BTreeMap<Option<String>, PathBuf>,
    /// Typed by a person in this run, by address and user.
    typed: Mutex<BTreeMap<String, SecretString>>,
}

/// A password, if one was found, and what a person should know about the search.
pub struct Looked {
    /// The password.
    pub password: Option<SecretString>,
    /// A file that was ignored, and why.
    pub warning: Option<String>,
}

impl Secrets {
    /// From environment and configuration.
    pub fn new(resolved: &Resolved, environment: &Environment) -> Self {
        let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".pgpass"));
        let mut secrets = Self {
            from_environment: environment.get("PGPASSWORD").map(SecretString::from),
            passfile: environment.get("PGPASSFILE").map(PathBuf::from).or_else(home),
            ..Self::default()
        };
        let mut add = |name: Option<String>, values: &Values| {
            if let Some(value) = values.get(&Key::Password) {
                secrets.configured.insert(name.clone(), SecretString::from(value.text.clone()));
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

    /// The password of a connection: environment, password file, configuration, `--password-file`, what was typed.
    pub fn look_up(&self, connection: &Connection) -> Result<Looked, Fault> {
        let found = |password: SecretString, warning| Ok(Looked { password: Some(password), warning });
        if let Some(password) = &self.from_environment {
            return found(password.clone(), None);
        }
        let mut warning = None;
        if let Some(path) = &self.passfile {
            match passfile::look_up(path, connection, &connection.database) {
                Found::Password(password) => return found(SecretString::from(password), None),
                Found::Ignored(why) => warning = Some(why),
                Found::Nothing => {}
            }
        }
        if let Some(password) = self.configured.get(&connection.name) {
            return found(password.clone(), warning);
        }
        if let Some(path) = self.files.get(&connection.name) {
            return found(read_file(path)?, warning);
        }
        let typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Looked { password: typed.get(&place(connection)).cloned(), warning })
    }

    /// Remembers what a person typed, for this run.
    pub fn remember(&self, connection: &Connection, password: SecretString) {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).insert(place(connection), password);
    }
}

fn place(connection: &Connection) -> String {
    format!("{}@{}", connection.user, connection.address())
}

/// The first line of a file that only its owner may read.
fn read_file(path: &Path) -> Result<SecretString, Fault> {
    let shown = path.display();
    let meta = std::fs::metadata(path)
        .map_err(|error| Fault::new(Code::FileMissing, "cannot read the password file").at("File", &shown).because(error))?;
    if meta.is_file() && meta.permissions().mode() & 0o077 != 0 {
        return Err(Fault::new(Code::FilePermission, "the password file can be read by others")
            .at("File", &shown)
            .step_run("Let only its owner read it:", format!("chmod 600 {}", shell_words::quote(&shown.to_string()))));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Fault::new(Code::FilePermission, "cannot read the password file").at("File", &shown).because(error))?;
    Ok(SecretString::from(text.lines().next().unwrap_or_default()))
}
