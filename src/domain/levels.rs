//! `--log-level`: how much each room says. `info,engine=debug`.

use super::text::nearest;
use std::str::FromStr;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// And what is worth a look.
    Warn,
    /// And what happened.
    Info,
    /// And how.
    Debug,
    /// Everything.
    Trace,
}

/// The words for it.
const WORDS: [(&str, Loudness); 6] = [
    ("off", Loudness::Off),
    ("error", Loudness::Error),
    ("warn", Loudness::Warn),
    ("info", Loudness::Info),
    ("debug", Loudness::Debug),
    ("trace", Loudness::Trace),
];

/// The rooms that can be named, as docs/ARCHITECTURE.md has them.
pub const ROOMS: [&str; 9] = ["archive", "batch", "config", "engine", "runtime", "server", "storage", "system", "view"];

/// What is said of everything, and of single rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// Of everything that is not named.
    pub base: Loudness,
    /// Of single rooms, in the order in which they were named.
    pub rooms: Vec<(&'static str, Loudness)>,
}

impl Default for Levels {
    fn default() -> Self {
        Self { base: Loudness::Info, rooms: Vec::new() }
    }
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Self::default();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                None => levels.base = loudness(part)?,
                Some((name, level)) => {
                    let name = name.trim();
                    let room = ROOMS.iter().find(|room| **room == name).ok_or_else(|| {
                        let meant = nearest(name, ROOMS).map(|room| format!("; did you mean {room}?")).unwrap_or_default();
                        format!("{name:?} is none of {}{meant}", ROOMS.join(", "))
                    })?;
                    levels.rooms.push((room, loudness(level.trim())?));
                }
            }
        }
        Ok(levels)
    }
}

fn loudness(text: &str) -> Result<Loudness, String> {
    let names = || WORDS.iter().map(|(word, _)| *word);
    WORDS.iter().find(|(word, _)| *word == text).map(|(_, level)| *level).ok_or_else(|| {
        let meant = nearest(text, names()).map(|word| format!("; did you mean {word}?")).unwrap_or_default();
        format!("{text:?} is none of {}{meant}", names().collect::<Vec<_>>().join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_for_all_and_for_single_rooms() {
        assert_eq!("warn".parse(), Ok(Levels { base: Loudness::Warn, rooms: Vec::new() }));
        let levels: Levels = "error, engine=debug,server=off".parse().expect("levels");
        assert_eq!(levels, Levels { base: Loudness::Error, rooms: vec![("engine", Loudness::Debug), ("server", Loudness::Off)] });
        assert_eq!("engine=trace".parse::<Levels>().map(|levels| levels.base), Ok(Loudness::Info));
    }

    #[test]
    fn what_is_not_known_is_answered_with_the_nearest() {
        assert!("inof".parse::<Levels>().is_err_and(|why| why.contains("did you mean info?")));
        assert!("info,engin=debug".parse::<Levels>().is_err_and(|why| why.contains("did you mean engine?")));
        assert!("".parse::<Levels>().is_err());
    }
}
