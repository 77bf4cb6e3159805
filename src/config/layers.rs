//! Lays the layers over each other: defaults, files, environment, a chosen server's section, flags. Each value knows where it came from.

use super::environment::Environment;
use super::file;
use super::paths::Paths;
use super::settings::{Key, Kind, SETTINGS, Setting};
use crate::domain::text::nearest;
use crate::domain::{Code, Fault};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// Nobody set it, and it follows from this machine's processors and memory.
    Host,
    /// A line of a file.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A line of a file's section of the chosen server.
    Section(String, PathBuf, usize),
    /// A flag.
    Flag(&'static str),
}

impl Origin {
    /// The strength of its layer.
    pub const fn rank(&self) -> u8 {
        match self {
            Origin::Default | Origin::Host => 0,
            Origin::File(..) => 1,
            Origin::Environment(_) => 2,
            Origin::Section(..) => 3,
            Origin::Flag(_) => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Host => f.write_str("this machine"),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Section(server, path, line) => write!(f, "[servers.{server}] {}:{line}", path.display()),
            Origin::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// A value with its origin. Its text is checked already. Secrets are among them: print through [`super::print`].
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// The text.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

/// A set of values, one layer over the other.
pub type Values = BTreeMap<Key, Value>;

/// Everything that was configured.
#[derive(Default)]
pub struct Resolved {
    /// What holds, with defaults.
    pub values: Values,
    /// The `[servers.NAME]` sections laid over the files' `[connection]`.
    pub servers: BTreeMap<String, Values>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

/// Reads and lays all layers.
pub fn resolve(paths: &Paths, environment: &Environment, flags: &[(Key, String)]) -> Result<Resolved, Fault> {
    let mut values: Values = SETTINGS
        .iter()
        .filter_map(|setting| Some((setting.key, Value { text: setting.default?.to_owned(), origin: Origin::Default })))
        .collect();
    let mut sections: BTreeMap<String, Values> = BTreeMap::new();
    let mut files = Vec::new();
    for (_, path) in paths.files() {
        let Some(content) = file::read(&path)? else {
            if paths.given.as_ref() == Some(&path) {
                return Err(Fault::new(Code::Config, "the configuration file does not exist")
                    .at("File", path.display())
                    .step_run("Write one with every key explained:", format!("dbbackup config init --config {}", path.display())));
            }
            continue;
        };
        let origin = |line| Origin::File(path.clone(), line);
        values.extend(content.values.into_iter().map(|(key, written)| (key, Value { text: written.text, origin: origin(written.line) })));
        for (name, keys) in content.servers {
            let origin = |line| Origin::Section(name.clone(), path.clone(), line);
            let section: Vec<_> =
                keys.into_iter().map(|(key, written)| (key, Value { text: written.text, origin: origin(written.line) })).collect();
            sections.entry(name.clone()).or_default().extend(section);
        }
        files.push(path);
    }
    let servers = sections.iter().map(|(name, section)| {
        let mut all = values.clone();
        for key in [Key::Password, Key::PasswordFile] {
            all.remove(&key);
        }
        all.extend(section.clone());
        (name.clone(), all)
    });
    let servers: BTreeMap<String, Values> = servers.collect();
    for setting in SETTINGS {
        let own = setting.variable();
        let names = own.as_deref().into_iter().chain(setting.also.iter().copied());
        if let Some((name, text)) = names.into_iter().find_map(|name| Some((name, environment.get(name)?))) {
            set(&mut values, setting, text, Origin::Environment(name.to_owned()))?;
        }
    }
    for (key, text) in flags {
        let setting = Setting::of(*key);
        set(&mut values, setting, text, Origin::Flag(setting.flag.unwrap_or(setting.name)))?;
    }
    if let Some(chosen) = values.get(&Key::Server).cloned() {
        let section = sections.get(&chosen.text).ok_or_else(|| unknown_server(&chosen.text, &sections))?;
        // A password belongs to the server that it was written for.
        for key in [Key::Password, Key::PasswordFile] {
            if values.get(&key).is_some_and(|value| matches!(value.origin, Origin::File(..))) {
                values.remove(&key);
            }
        }
        // The section was asked for by name, so it is stronger than what happens to be in the environment; flags are stronger still.
        for (key, value) in section {
            if values.get(key).is_none_or(|known| known.origin.rank() < value.origin.rank()) {
                values.insert(*key, value.clone());
            }
        }
    }
    Ok(Resolved { values, servers, files })
}

fn set(values: &mut Values, setting: &Setting, text: &str, origin: Origin) -> Result<(), Fault> {
    setting.check(text).map_err(|why| {
        let code = if matches!(origin, Origin::Flag(_)) { Code::Usage } else { Code::Config };
        let fault = Fault::new(code, format!("wrong value of {origin}"));
        if setting.kind == Kind::Secret { fault } else { fault.because(why) }
    })?;
    values.insert(setting.key, Value { text: text.to_owned(), origin });
    Ok(())
}

fn unknown_server(name: &str, sections: &BTreeMap<String, Values>) -> Fault {
    let fault = Fault::new(Code::Usage, format!("no section [servers.{name}] in any configuration file"));
    match nearest(name, sections.keys().map(String::as_str)) {
        Some(known) => fault.step(format!("Did you mean --server {known}?")),
        None if sections.is_empty() => fault.step_run("See which files are read:", "dbbackup config path"),
        None => fault.step(format!("Known servers: {}", sections.keys().cloned().collect::<Vec<_>>().join(", "))),
    }
}

impl Resolved {
    /// A value's text.
    pub fn text(&self, key: Key) -> Option<&str> {
        self.values.get(&key).map(|value| value.text.as_str())
    }

    /// A value that is a path.
    pub fn path(&self, key: Key) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// A switch; false where nobody set it.
    pub fn switch(&self, key: Key) -> bool {
        self.text(key).is_some_and(|text| super::settings::switch(text) == Ok(true))
    }

    /// A value that reads as a type; none where nobody set it. Values are checked when they are laid, so none is malformed here.
    pub fn parsed<T: std::str::FromStr>(&self, key: Key) -> Option<T> {
        self.text(key).and_then(|text| text.parse().ok())
    }
}
