//! Short news in the footer. Errors stay until a key is pressed; the rest goes by itself.

use crate::domain::Stamp;
use crate::engine::event::Level;

/// A piece of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// How weighty.
    pub level: Level,
    /// Verb, object, result.
    pub text: String,
    /// When it goes by itself.
    pub until: Option<Stamp>,
}

impl Toast {
    /// News that goes after a while: four seconds, a warning eight; an error stays.
    pub fn new(level: Level, text: impl Into<String>, now: Stamp) -> Self {
        let until = match level {
            Level::Debug | Level::Info => Some(Stamp(now.0.saturating_add(4_000))),
            Level::Warn => Some(Stamp(now.0.saturating_add(8_000))),
            Level::Error => None,
        };
        Self { level, text: text.into(), until }
    }
}
