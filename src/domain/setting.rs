//! What the value of a setting must look like. Knows which texts will do, not which settings there are.

use super::spec::{NameTime, VerifyMode};
use super::text::nearest;
use super::{Bytes, Compression, SslMode};

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A file or folder.
    Path,
    /// Never shown.
    Secret,
    /// A number from .0 to .1.
    Number(u64, u64),
    /// A size of at least so many bytes.
    Size(u64),
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// How much each part logs.
    Levels,
    /// A codec with its level.
    Compression,
    /// What is verified after a backup.
    Verify,
    /// The time in file names.
    Timestamp,
    /// libpq's sslmode.
    SslMode,
}

impl Kind {
    /// Why a text is no value of this kind.
    pub fn check(&self, text: &str) -> Result<(), String> {
        match *self {
            Kind::Text | Kind::Path | Kind::Secret => Ok(()),
            Kind::Number(low, high) => match text.parse::<u64>() {
                Ok(number) if (low..=high).contains(&number) => Ok(()),
                Ok(number) => Err(format!("{number} is not between {low} and {high}")),
                Err(_) => Err(format!("{text:?} is not a number")),
            },
            Kind::Size(low) => match text.parse::<Bytes>()? {
                Bytes(bytes) if bytes < low => Err(format!("{text} is too small: at least {} KiB", low >> 10)),
                Bytes(_) => Ok(()),
            },
            Kind::Switch => switch(text).map(|_| ()),
            Kind::Word(words) if words.contains(&text) => Ok(()),
            Kind::Word(words) => {
                let nearest = nearest(text, words.iter().copied());
                let meant = nearest.map(|word| format!("; did you mean {word}?")).unwrap_or_default();
                Err(format!("{text:?} is none of {}{meant}", words.join(", ")))
            }
            Kind::Levels => text.parse::<super::levels::Levels>().map(|_| ()),
            Kind::Compression => text.parse::<Compression>().map(|_| ()),
            Kind::Verify => verify(text).map(|_| ()),
            Kind::Timestamp => timestamp(text).map(|_| ()),
            Kind::SslMode => text.parse::<SslMode>().map(|_| ()),
        }
    }

    /// The words to choose from, where there is a short list of them.
    pub const fn words(&self) -> &'static [&'static str] {
        match self {
            Kind::Word(words) => words,
            Kind::Switch => &["true", "false"],
            Kind::Levels => &["error", "warn", "info", "debug", "trace"],
            Kind::Verify => &["auto", "quick", "full", "off"],
            Kind::Timestamp => &["local", "utc"],
            Kind::SslMode => &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
            Kind::Compression => &["zstd:3", "gzip:6", "lz4", "xz:6", "none"],
            Kind::Text | Kind::Path | Kind::Secret | Kind::Number(..) | Kind::Size(_) => &[],
        }
    }

    /// What will do, in words.
    pub fn expects(&self) -> String {
        match self {
            Kind::Text => "any text".to_owned(),
            Kind::Path => "a file or folder".to_owned(),
            Kind::Secret => "a secret".to_owned(),
            Kind::Number(low, high) => format!("a number from {low} to {high}"),
            Kind::Size(low) => format!("a size such as 512MB, at least {} KiB", low >> 10),
            Kind::Levels => "off, error, warn, info, debug or trace, and for parts: info,engine=debug".to_owned(),
            Kind::Compression => "zstd:1-19, gzip:1-9, lz4, xz:0-9 or none".to_owned(),
            Kind::Timestamp => "local, utc or a pattern such as %Y%m%d_%H%M%S".to_owned(),
            Kind::SslMode => format!("{}; or DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY", self.words().join(", ")),
            Kind::Switch | Kind::Word(_) | Kind::Verify => self.words().join(", "),
        }
    }
}

/// Reads a switch.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// Reads what is verified after a backup; `true` and `false` are `VERIFY_AFTER_BACKUP`'s words.
pub fn verify(text: &str) -> Result<VerifyMode, String> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(VerifyMode::Auto),
        "quick" => Ok(VerifyMode::Quick),
        "full" => Ok(VerifyMode::Full),
        "off" => Ok(VerifyMode::Off),
        other => match switch(other) {
            Ok(true) => Ok(VerifyMode::Auto),
            Ok(false) => Ok(VerifyMode::Off),
            Err(_) => Err(format!("{text:?} is none of auto, quick, full, off")),
        },
    }
}

/// Reads the time in file names.
pub fn timestamp(text: &str) -> Result<NameTime, String> {
    match text {
        "local" => Ok(NameTime::Local),
        "utc" => Ok(NameTime::Utc),
        pattern if pattern.contains('/') => Err(format!("{pattern:?}: a file name holds no slash")),
        pattern if pattern.contains('%') => {
            jiff::fmt::strtime::format(pattern, &jiff::Zoned::new(jiff::Timestamp::UNIX_EPOCH, jiff::tz::TimeZone::UTC))
                .map(|_| NameTime::Pattern(pattern.to_owned()))
                .map_err(|error| format!("{pattern:?}: {error}"))
        }
        other => Err(format!("{other:?} is neither local nor utc nor a pattern such as %Y%m%d_%H%M%S")),
    }
}
