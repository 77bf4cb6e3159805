//! Everything that is wrong with the configuration, not only what is met first: each file, the environment, and what contradicts itself.

use super::environment::Environment;
use super::file::{self, Content, Written};
use super::layers::{Origin, Resolved, resolve};
use super::paths::Paths;
use super::settings::{Key, Kind, SETTINGS, Setting};
use crate::domain::text::nearest;
use crate::domain::{Code, Fault};
use std::collections::BTreeMap;
use std::path::Path;

/// What was found.
#[derive(Default)]
pub struct Findings {
    /// What is wrong, file by file in the order in which they are read, then the environment, then what follows from all of them.
    pub mistakes: Vec<Fault>,
    /// What is odd and does no harm.
    pub notes: Vec<String>,
    /// What holds, if nothing is wrong.
    pub resolved: Option<Resolved>,
}

/// Two settings of one section that exclude each other.
const PAIRS: &[(Key, Key, &str)] = &[
    (Key::Socket, Key::Host, "a server is reached by its socket or by its host"),
    (Key::Password, Key::PasswordFile, "there is one place for the password"),
    (Key::RequireAll, Key::SuccessThreshold, "require_all asks for all of them, whatever the threshold says"),
    (Key::Compression, Key::Level, "the codec has its level behind the colon already"),
    (Key::SslMode, Key::SslRootCert, "without TLS no certificate is looked at"),
];

/// Reads all layers and collects what is wrong with them.
pub fn check(paths: &Paths, environment: &Environment, flags: &[(Key, String)]) -> Findings {
    let mut found = Findings::default();
    for (_, path) in paths.files() {
        match file::inspect(&path) {
            Ok(Some((content, mistakes))) => {
                found.mistakes.extend(mistakes);
                contradictions(&content, &path, &mut found.mistakes);
            }
            // resolve() says that a file is missing that was named.
            Ok(None) => {}
            Err(fault) => found.mistakes.push(fault),
        }
    }
    for setting in SETTINGS {
        let own = setting.variable();
        for name in own.as_deref().into_iter().chain(setting.also.iter().copied()) {
            let Some(Err(why)) = environment.get(name).map(|text| setting.check(text)) else { continue };
            let fault = Fault::new(Code::Config, format!("{} has a wrong value", setting.name)).at("Variable", name);
            found.mistakes.push(if setting.kind == Kind::Secret { fault } else { fault.because(why) });
        }
    }
    found.notes.extend(unknown_variables(environment));
    if found.mistakes.is_empty() {
        match resolve(paths, environment, flags).and_then(|resolved| sound(&resolved).map(|()| resolved)) {
            Ok(resolved) => found.resolved = Some(resolved),
            Err(fault) => found.mistakes.push(fault),
        }
    }
    found
}

/// What can only be said when all layers are known.
fn sound(resolved: &Resolved) -> Result<(), Fault> {
    let as_config = |mut fault: Fault| {
        fault.code = Code::Config;
        fault
    };
    resolved.compression().map_err(as_config)?;
    resolved.connections().map_err(as_config)?;
    let key_origin = |key: Key| resolved.values.get(&key).map(|value| &value.origin).filter(|origin| **origin != Origin::Default);
    match (key_origin(Key::SslCert), key_origin(Key::SslKey)) {
        (Some(origin), None) => Err(alone("connection.ssl_cert", "connection.ssl_key", origin)),
        (None, Some(origin)) => Err(alone("connection.ssl_key", "connection.ssl_cert", origin)),
        _ => Ok(()),
    }
}

fn alone(is: &str, misses: &str, origin: &Origin) -> Fault {
    Fault::new(Code::Config, format!("{is} is set and {misses} is not: a client certificate needs both")).at("Set by", origin)
}

fn contradictions(content: &Content, path: &Path, mistakes: &mut Vec<Fault>) {
    one_section(&content.values, path, mistakes);
    for section in content.servers.values() {
        one_section(section, path, mistakes);
    }
}

fn one_section(values: &BTreeMap<Key, Written>, path: &Path, mistakes: &mut Vec<Fault>) {
    for (one, other, why) in PAIRS {
        let (Some(a), Some(b)) = (values.get(one), values.get(other)) else { continue };
        let excluded = match one {
            Key::RequireAll => a.text == "true",
            Key::Compression => a.text.contains(':'),
            Key::SslMode => a.text == "disable",
            _ => true,
        };
        if excluded {
            let (first, second, at) = if a.line <= b.line { (one, other, b) } else { (other, one, a) };
            mistakes.push(
                Fault::new(Code::Config, format!("{} contradicts {}", Setting::of(*second).name, Setting::of(*first).name))
                    .at("File", format!("{}:{}:{}", path.display(), at.line, at.column))
                    .because(format!("line {}: {why}", a.line.min(b.line)))
                    .step("Take one of the two out."),
            );
        }
    }
}

/// Variables that look like ours and are none.
fn unknown_variables(environment: &Environment) -> Vec<String> {
    let mut known: Vec<String> = SETTINGS.iter().filter_map(Setting::variable).collect();
    known.push("DBBACKUP_CONFIG".to_owned());
    let ours = environment.names().filter(|name| name.starts_with("DBBACKUP_") && !name.starts_with("DBBACKUP_TEST_"));
    ours.filter(|name| !known.iter().any(|known| known == name))
        .map(|name| match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("the variable {name} means nothing; did you mean {near}?"),
            None => format!("the variable {name} means nothing"),
        })
        .collect()
}
