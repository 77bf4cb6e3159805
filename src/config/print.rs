//! Prints configuration: values, origins, a commented file. Secrets are masked.

use super::layers::{Resolved, Value};
use super::settings::{Key, Kind, SETTINGS, Setting};
use crate::domain::text::{clean, nearest};
use crate::domain::{Code, Fault};

/// What stands for a secret.
pub const MASK: &str = "********";

/// Whether origins are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Values only.
    Hidden,
    /// With where each came from.
    Shown,
}

/// Where the password really comes from: a password file and the environment are no settings, and win over those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// Whether there is one.
    pub is_there: bool,
    /// For people: `from PGPASSWORD`.
    pub source: String,
}

fn shown(setting: &Setting, value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(_) if setting.kind == Kind::Secret => MASK.to_owned(),
        Some(value) => clean(&value.text),
    }
}

/// The setting that a person named, or the nearest name.
pub fn find(name: &str) -> Result<&'static Setting, Fault> {
    let by_flag = || SETTINGS.iter().find(|setting| setting.flag == Some(name.trim_start_matches("--")));
    Setting::named(name).or_else(by_flag).ok_or_else(|| {
        let fault = Fault::new(Code::Usage, format!("no setting is named {name:?}"));
        match nearest(name, SETTINGS.iter().map(|setting| setting.name)) {
            Some(known) => fault.step(format!("Did you mean {known}?")),
            None => fault.step_run("See all:", "dbbackup config show"),
        }
    })
}

/// The settings as lines `key = value`, or one value alone.
pub fn text(resolved: &Resolved, one: Option<&Setting>, origins: Origins, password: &Password) -> String {
    let shown = |setting: &Setting, value| match setting.key {
        Key::Password if password.is_there => MASK.to_owned(),
        _ => shown(setting, value),
    };
    let origin = |setting: &Setting| match (origins, resolved.values.get(&setting.key)) {
        (Origins::Hidden, _) => None,
        (Origins::Shown, _) if setting.key == Key::Password => Some(clean(&password.source)),
        (Origins::Shown, Some(value)) => Some(value.origin.to_string()),
        (Origins::Shown, None) => Some("not set".to_owned()),
    };
    if let Some(setting) = one {
        let value = shown(setting, resolved.values.get(&setting.key));
        return match origin(setting) {
            Some(origin) => format!("{value}  ({origin})\n"),
            None => format!("{value}\n"),
        };
    }
    let mut out = String::new();
    for setting in SETTINGS {
        let line = format!("{:<28} = {}", setting.name, shown(setting, resolved.values.get(&setting.key)));
        match origin(setting) {
            Some(origin) => out.push_str(&format!("{line:<56}  # {origin}\n")),
            None => out.push_str(&format!("{}\n", line.trim_end())),
        }
    }
    for name in resolved.servers.keys() {
        out.push_str(&format!("[servers.{}]\n", clean(name)));
    }
    out
}

/// The same as JSON; without a password looked up, what the configuration says of it.
pub fn json(resolved: &Resolved, one: Option<&Setting>, password: Option<&Password>) -> serde_json::Value {
    let entry = |setting: &Setting| {
        let value = resolved.values.get(&setting.key);
        if let (Key::Password, Some(password)) = (setting.key, password) {
            return serde_json::json!({ "value": password.is_there.then_some(MASK), "origin": clean(&password.source) });
        }
        serde_json::json!({
            "value": value.map(|value| shown(setting, Some(value))),
            "origin": value.map_or_else(|| "not set".to_owned(), |value| value.origin.to_string()),
        })
    };
    match one {
        Some(setting) => entry(setting),
        None => SETTINGS.iter().map(|setting| (setting.name.to_owned(), entry(setting))).collect::<serde_json::Map<_, _>>().into(),
    }
}

/// A file with every key, explained and commented out.
pub fn template() -> String {
    let mut out = String::from(
        "# dbbackup configuration. Read in this order, later ones win key by key: /etc/dbbackup/config.toml, the user's own,\n\
         # --config FILE, environment, flags. `dbbackup config show --origin` says what holds and why.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        let (part, key) = setting.parts();
        if part != section {
            section = part;
            out.push_str(&format!("\n[{section}]\n"));
        }
        let quoted = match setting.kind {
            Kind::Number(..) | Kind::Switch => setting.default.unwrap_or_default().to_owned(),
            _ => toml::Value::from(setting.default.unwrap_or_default()).to_string(),
        };
        let flag = setting.flag.map(|flag| format!("--{flag}"));
        let ways: Vec<String> = flag.into_iter().chain(setting.variable()).collect();
        let ways = if ways.is_empty() { String::new() } else { format!(" ({})", ways.join(", ")) };
        let expects = setting.kind.expects();
        out.push_str(&format!("# {}{ways}\n#   {expects}\n# {key} = {quoted}\n", setting.doc));
    }
    out.push_str(
        "\n# Any number of further servers, chosen by --server NAME; keys as in [connection].\n# [servers.shop]\n# host = \"db02\"\n",
    );
    out
}
