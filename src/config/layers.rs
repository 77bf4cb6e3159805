//! Lays the layers over each other: defaults, MySQL's option file, files, environment, a chosen server's section, flags. Each value knows where it came from.

use super::environment::Environment;
use super::file;
use super::paths::Paths;
use super::product;
use super::settings::{Key, Kind, SETTINGS, Setting};
use crate::domain::text::nearest;
use crate::domain::{Code, Fault, Product};
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
    /// A line of an option file of MySQL's own clients.
    OptionFile(PathBuf, usize),
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
            Origin::OptionFile(..) => 1,
            Origin::File(..) => 2,
            Origin::Environment(_) => 3,
            Origin::Section(..) => 4,
            Origin::Flag(_) => 5,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Host => f.write_str("this machine"),
            Origin::File(path, line) | Origin::OptionFile(path, line) => write!(f, "{}:{line}", path.display()),
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
    let mut written = Values::new();
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
        written.extend(content.values.into_iter().map(|(key, written)| (key, Value { text: written.text, origin: origin(written.line) })));
        for (name, keys) in content.servers {
            let origin = |line| Origin::Section(name.clone(), path.clone(), line);
            let section: Vec<_> =
                keys.into_iter().map(|(key, written)| (key, Value { text: written.text, origin: origin(written.line) })).collect();
            sections.entry(name.clone()).or_default().extend(section);
        }
        files.push(path);
    }
    let mut servers = BTreeMap::new();
    for (name, section) in &sections {
        let product = product::of(if section.contains_key(&Key::Engine) { section } else { &written });
        let mut common = product::meant(written.clone(), product);
        for key in [Key::Password, Key::PasswordFile] {
            common.remove(&key);
        }
        let mut all = product::base(product, paths)?;
        all.extend(common);
        all.extend(section.clone());
        product::local(&mut all, paths);
        servers.insert(name.clone(), all);
    }
    let product = product_of(&written, &sections, environment, flags);
    let mut values = product::base(product, paths)?;
    values.extend(product::meant(written, product));
    for setting in SETTINGS {
        let names = product::variables(setting, product);
        if let Some((name, text)) = names.into_iter().find_map(|name| environment.get(&name).map(|text| (name, text))) {
            set(&mut values, setting, text, Origin::Environment(name))?;
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
    product::local(&mut values, paths);
    Ok(Resolved { values, servers, files })
}

/// The product that is meant, which has to be known before the layers are laid: its defaults are the lowest of them.
fn product_of(written: &Values, sections: &BTreeMap<String, Values>, environment: &Environment, flags: &[(Key, String)]) -> Product {
    let flag = |key: Key| flags.iter().rev().find(|(known, _)| *known == key).map(|(_, text)| text.as_str());
    let variable = |key: Key| Setting::of(key).variable().and_then(|name| environment.get(&name));
    let file = |values: &Values, key: Key| values.get(&key).map(|value| value.text.clone());
    let stated = |key: Key| variable(key).map(str::to_owned).or_else(|| file(written, key));
    let section = flag(Key::Server).map(str::to_owned).or_else(|| stated(Key::Server)).and_then(|name| sections.get(&name));
    let word = flag(Key::Engine).map(str::to_owned).or_else(|| file(section?, Key::Engine)).or_else(|| stated(Key::Engine));
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
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
