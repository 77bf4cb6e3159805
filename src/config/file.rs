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
    /// The column of its value, from 1.
    pub column: usize,
}

/// What a file says.
#[derive(Default)]
pub struct Content {
    /// The settings.
    pub values: BTreeMap<Key, Written>,
    /// The `[servers.NAME]` sections.
    pub servers: BTreeMap<String, BTreeMap<Key, Written>>,
}

/// Reads a file, or nothing where there is none. Its first mistake is the fault, with a word of the others.
pub fn read(path: &Path) -> Result<Option<Content>, Fault> {
    let Some((content, mut mistakes)) = inspect(path)? else { return Ok(None) };
    if mistakes.is_empty() {
        return Ok(Some(content));
    }
    let more = mistakes.len() - 1;
    let first = mistakes.swap_remove(0);
    Err(if more == 0 {
        first
    } else {
        first.step_run(format!("{more} more of its lines are wrong; see all of them:"), "dbbackup config check")
    })
}

/// Reads a file with everything that is wrong with it, in the order of its lines; nothing where there is none.
pub fn inspect(path: &Path) -> Result<Option<(Content, Vec<Fault>)>, Fault> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Fault::new(Code::Config, "cannot read the configuration file").at("File", path.display()).because(error));
        }
    };
    let (content, mut mistakes) = parse(&text, path);
    let secret = content.values.contains_key(&Key::Password) || content.servers.values().any(|keys| keys.contains_key(&Key::Password));
    let mode = std::fs::metadata(path).map(|meta| meta.permissions().mode()).unwrap_or(0);
    if secret && mode & 0o077 != 0 {
        mistakes.push(
            Fault::new(Code::FilePermission, "the configuration file holds a password and can be read by others")
                .at("File", path.display())
                .at("Mode", format!("{:04o}", mode & 0o7777))
                .step_run("Let only its owner read it:", format!("chmod 600 {}", shell_words::quote(&path.display().to_string()))),
        );
    }
    Ok(Some((content, mistakes)))
}

/// Reads the text of a file; `path` is for faults. What is right is in the content whatever else is wrong.
pub fn parse(text: &str, path: &Path) -> (Content, Vec<Fault>) {
    let mut reader = Reader { text, path, mistakes: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        reader.mistake(at, reader.fault(at, "the file is not TOML").because(error.message()));
    }
    let mut content = Content::default();
    for (section, value) in table.get_ref() {
        let (name, at) = (section.get_ref().as_ref(), section.span().start);
        let Some(keys) = value.get_ref().as_table() else {
            let known = SETTINGS.iter().find(|setting| setting.parts().1 == name);
            let fault = reader.fault(at, format!("{name} must stand in a section"));
            reader.mistake(at, known.into_iter().fold(fault, |fault, known| fault.step(format!("Write it under [{}].", known.parts().0))));
            continue;
        };
        if name == "servers" {
            for (server, value) in keys {
                let (server_name, at) = (server.get_ref().as_ref(), server.span().start);
                match value.get_ref().as_table() {
                    Some(keys) => {
                        let section = reader.section("connection", keys, &format!("servers.{server_name}"));
                        content.servers.insert(server_name.to_owned(), section);
                    }
                    None => reader.mistake(at, reader.fault(at, format!("servers.{server_name} must be a section"))),
                }
            }
        } else if SETTINGS.iter().any(|setting| setting.parts().0 == name) {
            content.values.extend(reader.section(name, keys, name));
        } else {
            let mut sections: Vec<&str> = SETTINGS.iter().map(|setting| setting.parts().0).collect();
            sections.push("servers");
            reader.mistake(at, reader.unknown(at, &format!("section [{name}]"), nearest(name, sections)));
        }
    }
    // A file is read section by section, but people read lines.
    reader.mistakes.sort_by_key(|(at, _)| *at);
    (content, reader.mistakes.into_iter().map(|(_, fault)| fault).collect())
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    mistakes: Vec<(usize, Fault)>,
}

impl Reader<'_> {
    fn mistake(&mut self, at: usize, fault: Fault) {
        self.mistakes.push((at, fault));
    }

    fn section(&mut self, section: &str, keys: &DeTable<'_>, shown: &str) -> BTreeMap<Key, Written> {
        let mut out = BTreeMap::new();
        for (key, value) in keys {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            let may_stand = |setting: &&Setting| setting.parts().0 == section && (shown == section || setting.is_of_connection());
            let known = || SETTINGS.iter().filter(may_stand);
            let Some(setting) = known().find(|setting| setting.parts().1 == name) else {
                let elsewhere = || SETTINGS.iter().find(|setting| setting.parts().1 == name);
                let fault = match (nearest(name, known().map(|setting| setting.parts().1)), elsewhere()) {
                    (None, Some(other)) if shown == section => {
                        self.fault(at, format!("unknown key {shown}.{name}")).step(format!("Did you mean {}?", other.name))
                    }
                    (near, _) => self.unknown(at, &format!("key {shown}.{name}"), near),
                };
                self.mistake(at, fault);
                continue;
            };
            let at = value.span().start;
            match self.value(setting, value) {
                Ok(written) => {
                    out.insert(setting.key, written);
                }
                Err(fault) => self.mistake(at, fault),
            }
        }
        out
    }

    fn value(&self, setting: &Setting, value: &Spanned<DeValue<'_>>) -> Result<Written, Fault> {
        let at = value.span().start;
        let text = match (value.get_ref(), setting.kind) {
            (DeValue::String(text), _) => text.to_string(),
            (DeValue::Integer(number), kind) if kind != Kind::Switch => number.to_string(),
            (DeValue::Boolean(switch), Kind::Switch | Kind::Verify) => switch.to_string(),
            _ => {
                let fault = self.fault(at, format!("{} has a value of the wrong type", setting.name));
                return Err(fault.because(format!("wanted is {}", setting.kind.expects())));
            }
        };
        setting.check(&text).map_err(|why| {
            let fault = self.fault(at, format!("{} has a wrong value", setting.name));
            if setting.kind == Kind::Secret { fault } else { fault.because(why) }
        })?;
        let (line, column) = self.place(at);
        Ok(Written { text, line, column })
    }

    fn unknown(&self, at: usize, what: &str, nearest: Option<&str>) -> Fault {
        let fault = self.fault(at, format!("unknown {what}"));
        match nearest {
            Some(name) => fault.step(format!("Did you mean {name}?")),
            None => fault.step_run("See all keys with their meaning:", "dbbackup config init --path -"),
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
