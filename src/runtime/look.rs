//! What the terminal can show, found out from the environment.

use crate::app::setup::Clipboard;
use crate::config::environment::Environment;
use crate::view::look::{Depth, Glyphs};
use std::time::Duration;

/// How many colours there are. `no_color` is the flag; the variable is <https://no-color.org>'s.
pub fn depth(environment: &Environment, no_color: bool) -> Depth {
    if no_color || environment.get("NO_COLOR").is_some() {
        return Depth::Mono;
    }
    let term = environment.get("TERM").unwrap_or_default();
    match environment.get("COLORTERM") {
        // The console of Linux has sixteen colours whatever the session around it says.
        _ if term == "linux" => Depth::Ansi16,
        Some("truecolor" | "24bit") => Depth::True,
        _ if term.contains("direct") => Depth::True,
        _ if term.contains("256color") => Depth::Ansi256,
        _ => Depth::Ansi16,
    }
}

/// Which characters there are: what the locale says, as setlocale(3) reads it; the console's font has no box of ours.
pub fn glyphs(environment: &Environment) -> Glyphs {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.get(name)).unwrap_or("C");
    let locale = locale.to_ascii_lowercase();
    let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
    if is_utf8 && environment.get("TERM") != Some("linux") { Glyphs::Unicode } else { Glyphs::Ascii }
}

/// Whether a text can be put on the terminal's clipboard: consoles have none, and GNU screen keeps the sequence to itself.
pub fn clipboard(environment: &Environment) -> Clipboard {
    let term = environment.get("TERM").unwrap_or("dumb");
    let deaf = matches!(term, "linux" | "dumb" | "vt100" | "vt220") || (term.starts_with("screen") && environment.get("TMUX").is_none());
    if deaf { Clipboard::None } else { Clipboard::Terminal }
}

/// How often and how much is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The least time between two frames.
    pub gap: Duration,
    /// The most bytes a second while nobody presses a key; none: whatever there is.
    pub rate: Option<u32>,
}

impl Pace {
    /// The time to wait after a frame of so many bytes; never long enough to look stuck.
    pub fn after(self, bytes: usize) -> Duration {
        let line = self.rate.map_or(0.0, |rate| (bytes as f64 / f64::from(rate.max(1))).min(1.0));
        self.gap.max(Duration::from_secs_f64(line))
    }
}

/// The pace: 30 frames a second, or 10 and 4 KiB over a slow line.
pub fn pace(environment: &Environment) -> Pace {
    match ["SSH_CONNECTION", "SSH_TTY"].into_iter().any(|name| environment.get(name).is_some()) {
        true => Pace { gap: Duration::from_millis(100), rate: Some(4096) },
        false => Pace { gap: Duration::from_millis(33), rate: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_line_waits_for_what_was_written() {
        let pace = Pace { gap: Duration::from_millis(100), rate: Some(4096) };
        assert_eq!(pace.after(10), Duration::from_millis(100));
        assert_eq!(pace.after(2048), Duration::from_millis(500));
        assert_eq!(pace.after(100_000), Duration::from_secs(1));
        assert_eq!(Pace { gap: Duration::from_millis(33), rate: None }.after(100_000), Duration::from_millis(33));
    }
}
