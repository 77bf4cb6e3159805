//! Theme files: roles to colours and modifiers. A file that cannot be read falls back to the default, with a sentence that says so.

use super::{Depth, Role, colour};
use ratatui::style::{Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The themes that are compiled in; the first is the default.
pub const EMBEDDED: [(&str, &str); 5] = [
    ("default-dark", include_str!("../../../themes/default-dark.toml")),
    ("default-light", include_str!("../../../themes/default-light.toml")),
    ("colour-blind", include_str!("../../../themes/colour-blind.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    roles: BTreeMap<String, Entry>,
    #[serde(default)]
    ansi16: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    mods: Vec<String>,
}

/// A style for every role, in the order of [`Role::ALL`].
pub fn styles(theme: &str, depth: Depth, overrides: &str) -> ([Style; 14], Option<String>) {
    let mut problem = None;
    // Without colours no theme's colours may reach a cell: the terminal library would reset bold and reverse with them.
    let wanted = if depth == Depth::Mono { "mono" } else { theme };
    let text = EMBEDDED.iter().find(|(name, _)| *name == wanted).map(|(_, text)| *text);
    if text.is_none() && overrides.is_empty() {
        let names: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
        problem = Some(format!("there is no theme {theme:?}: use {}", names.join(", ")));
    }
    let base = read(text.unwrap_or(EMBEDDED[0].1), depth).unwrap_or_default();
    let mut styles = [Style::new(); 14];
    for (at, role) in Role::ALL.into_iter().enumerate() {
        styles[at] = base.get(&role).copied().unwrap_or_default();
    }
    if !overrides.is_empty() && depth != Depth::Mono {
        match read(overrides, depth) {
            Ok(own) => own.into_iter().for_each(|(role, style)| styles[role as usize] = style),
            Err(reason) => problem = Some(format!("the theme cannot be read, so the default is shown: {reason}")),
        }
    }
    (styles, problem)
}

fn read(text: &str, depth: Depth) -> Result<BTreeMap<Role, Style>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
    let mut styles = BTreeMap::new();
    for (name, entry) in &file.roles {
        let role = Role::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| format!("there is no role {name:?}"))?;
        let entry = if depth == Depth::Ansi16 { file.ansi16.get(name).unwrap_or(entry) } else { entry };
        styles.insert(role, style(entry, depth)?);
    }
    Ok(styles)
}

fn style(entry: &Entry, depth: Depth) -> Result<Style, String> {
    let mut style = Style::new();
    if depth != Depth::Mono {
        if let Some(fg) = &entry.fg {
            style = style.fg(colour::read(fg, depth)?);
        }
        if let Some(bg) = &entry.bg {
            style = style.bg(colour::read(bg, depth)?);
        }
    }
    for name in &entry.mods {
        style = style.add_modifier(match name.as_str() {
            "bold" => Modifier::BOLD,
            "dim" => Modifier::DIM,
            "italic" => Modifier::ITALIC,
            "underlined" => Modifier::UNDERLINED,
            "reversed" => Modifier::REVERSED,
            other => return Err(format!("there is no modifier {other:?}: bold, dim, italic, underlined, reversed")),
        });
    }
    Ok(style)
}
