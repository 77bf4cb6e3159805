//! Reads a configuration file: which setting has which value on which line; what is unknown is refused with the nearest name.

use super::settings::{Key, Kind, SETTINGS, Setting};
use crate::domain::text::nearest;
use crate::domain::{Code, Fault};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value as written.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// Its text.
    pub text: String,
    /// The line, from 1.
    pub line: usize,
}

/// What a file says.
#[derive(Default)]
pub struct Content {
    /// The settings.
    pub values: BTreeMap<Key, Written>,
    /// The `[servers.NAME]` sections.
    pub servers: BTreeMap<String, BTreeMap<Key, Written>>,
}

/// Reads a file, or nothing where there is none.
pub fn read(path: &Path) -> Result<Option<Content>, Fault> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Fault::new(Code::Config, "cannot read the configuration file").at("File", path.display()).because(error));
        }
    };
    let content = parse(&text, path)?;
    let secret = content.values.contains_key(&Key::Password) || content.servers.values().any(|keys| keys.contains_key(&Key::Password));
    let mode = std::fs::metadata(path).map(|meta| meta.permissions().mode()).unwrap_or(0);
    if secret && mode & 0o077 != 0 {
        return Err(Fault::new(Code::FilePermission, "the configuration file holds a password and can be read by others")
            .at("File", path.display())
            .at("Mode", format!("{:04o}", mode & 0o7777))
            .step_run("Let only its owner read it:", format!("chmod 600 {}", shell_words::quote(&path.display().to_string()))));
    }
    Ok(Some(content))
}

/// Reads the text of a file; `path` is for faults.
pub fn parse(text: &str, path: &Path) -> Result<Content, Fault> {
    let reader = Reader { text, path };
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        reader.fault(at, "the file is not TOML").because(error.message())
    })?;
    let mut content = Content::default();
    for (section, value) in table.get_ref() {
        let (name, at) = (section.get_ref().as_ref(), section.span().start);
        let Some(keys) = value.get_ref().as_table() else {
            let mut known: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
            known.retain(|known| known.ends_with(&format!(".{name}")));
            let fault = reader.fault(at, format!("{name} must stand in a section"));
            return Err(match known.first() {
                Some(known) => fault.step(format!("Write it under [{}].", known.split('.').next().unwrap_or_default())),
                None => fault,
            });
        };
        if name == "servers" {
            for (server, value) in keys {
                let server_name = server.get_ref().as_ref();
                let Some(keys) = value.get_ref().as_table() else {
                    return Err(reader.fault(server.span().start, format!("servers.{server_name} must be a section")));
                };
                let section = reader.section("connection", keys, &format!("servers.{server_name}"))?;
                content.servers.insert(server_name.to_owned(), section);
            }
        } else if SETTINGS.iter().any(|setting| setting.parts().0 == name) {
            content.values.extend(reader.section(name, keys, name)?);
        } else {
            let mut sections: Vec<&str> = SETTINGS.iter().map(|setting| setting.parts().0).collect();
            sections.push("servers");
            return Err(reader.unknown(at, &format!("section [{name}]"), nearest(name, sections)));
        }
    }
    Ok(content)
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Reader<'_> {
    fn section(&self, section: &str, keys: &DeTable<'_>, shown: &str) -> Result<BTreeMap<Key, Written>, Fault> {
        let mut out = BTreeMap::new();
        for (key, value) in keys {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            let may_stand = |setting: &&Setting| setting.parts().0 == section && (shown == section || setting.is_of_connection());
            let known = || SETTINGS.iter().filter(may_stand);
            let setting = known().find(|setting| setting.parts().1 == name);
            let Some(setting) = setting else {
                return Err(self.unknown(at, &format!("key {shown}.{name}"), nearest(name, known().map(|setting| setting.parts().1))));
            };
            out.insert(setting.key, self.value(setting, value)?);
        }
        Ok(out)
    }

    fn value(&self, setting: &Setting, value: &Spanned<DeValue<'_>>) -> Result<Written, Fault> {
        let at = value.span().start;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Boolean(switch) => switch.to_string(),
            _ => return Err(self.fault(at, format!("{} has a value of the wrong type", setting.name))),
        };
        setting.check(&text).map_err(|why| {
            let fault = self.fault(at, format!("{} has a wrong value", setting.name));
            if setting.kind == Kind::Secret { fault } else { fault.because(why) }
        })?;
        Ok(Written { text, line: self.place(at).0 })
    }

    fn unknown(&self, at: usize, what: &str, nearest: Option<&str>) -> Fault {
        let fault = self.fault(at, format!("unknown {what}"));
        match nearest {
            Some(name) => fault.step(format!("Did you mean {name}?")),
            None => fault.step_run("See all keys with their meaning:", "dbbackup config show --origin"),
        }
    }

    fn fault(&self, at: usize, what: impl Into<String>) -> Fault {
        let (line, column) = self.place(at);
        Fault::new(Code::Config, what).at("File", format!("{}:{line}:{column}", self.path.display()))
    }

    /// Line and column, from 1.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        (line, before.chars().rev().take_while(|c| *c != '\n').count() + 1)
    }
}
