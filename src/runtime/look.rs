//! What the terminal can show, found out from the environment.

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

/// The least time between two frames: 30 a second, 10 over a slow line.
pub fn frame_gap(environment: &Environment) -> Duration {
    let remote = ["SSH_CONNECTION", "SSH_TTY"].into_iter().any(|name| environment.get(name).is_some());
    Duration::from_millis(if remote { 100 } else { 33 })
}
