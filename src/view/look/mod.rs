//! Semantic roles, glyphs and colour depth. Screens name roles, never colours.

pub mod ascii;
mod colour;
mod theme;

use ratatui::style::Style;

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None (`NO_COLOR`): state is said by bold, reverse, glyphs and words.
    Mono,
    /// The sixteen of every terminal.
    Ansi16,
    /// The palette of 256.
    Ansi256,
    /// All of them.
    True,
}

/// Which characters the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks, arrows, rules.
    Unicode,
    /// What every terminal has.
    Ascii,
}

/// What a text means; a theme says how that looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// What is settled or secondary.
    Muted,
    /// Headlines.
    Title,
    /// The one accent.
    Accent,
    /// The line under the cursor.
    Selected,
    /// The tab that is open.
    Tab,
    /// Rules between parts.
    Rule,
    /// Good.
    Ok,
    /// Wants attention.
    Warn,
    /// Failed or destructive.
    Bad,
    /// Keys in footer and help.
    Key,
    /// The full part of a bar.
    Bar,
    /// The rest of it.
    Track,
    /// A field that can be typed into.
    Field,
}

impl Role {
    /// All roles, in the order of the theme files.
    pub const ALL: [Role; 14] = [
        Role::Text,
        Role::Muted,
        Role::Title,
        Role::Accent,
        Role::Selected,
        Role::Tab,
        Role::Rule,
        Role::Ok,
        Role::Warn,
        Role::Bad,
        Role::Key,
        Role::Bar,
        Role::Track,
        Role::Field,
    ];

    /// The word in theme files.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Text => "text",
            Role::Muted => "muted",
            Role::Title => "title",
            Role::Accent => "accent",
            Role::Selected => "selected",
            Role::Tab => "tab",
            Role::Rule => "rule",
            Role::Ok => "ok",
            Role::Warn => "warn",
            Role::Bad => "bad",
            Role::Key => "key",
            Role::Bar => "bar",
            Role::Track => "track",
            Role::Field => "field",
        }
    }
}

/// How everything looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The characters.
    pub glyphs: Glyphs,
    styles: [Style; 14],
}

impl Look {
    /// The look of a theme (`default-dark`, `default-light`, `colour-blind`, `high-contrast`, `mono`, or the user's own), at a depth.
    /// `overrides` is the text of the user's theme file, or empty. What is wrong with theme or overrides comes back as a sentence to be
    /// shown ([`crate::app::action::Action::Notice`]); it never keeps the program from starting.
    pub fn load(theme: &str, depth: Depth, glyphs: Glyphs, overrides: &str) -> (Look, Option<String>) {
        let (styles, problem) = theme::styles(theme, depth, overrides);
        (Look { glyphs, styles }, problem)
    }

    /// The style of a role.
    pub const fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }
}

/// The names of the themes that are compiled in.
pub fn themes() -> impl Iterator<Item = &'static str> {
    theme::EMBEDDED.iter().map(|(name, _)| *name)
}
